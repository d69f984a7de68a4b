//===- AttentionShape.cpp - Extents and scratch of attention kernels ------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "codegen/cpu/AttentionShape.h"

using namespace mlir;
using namespace lns::cpu;

void lns::cpu::forQueryBlocks(
    CodeBuilder &b, const AttentionShape &shape,
    llvm::function_ref<void(const QueryBlock &)> body) {
  Value time = b.index(shape.time);
  b.loop(b.index(0), time, kQueryBlock, [&](Value start) {
    QueryBlock block;
    block.start = start;
    block.rows = b.minI(b.index(kQueryBlock), b.subI(time, start));
    block.rowTiles = b.ceilDivI(block.rows, kTileRows);
    Value seen = shape.causal ? b.addI(start, block.rows) : time;
    block.keyPanels = b.ceilDivI(seen, kLanes);
    block.keys = b.mulI(block.keyPanels, kLanes);
    body(block);
  });
}

void lns::cpu::skipScores(CodeBuilder &b, const AttentionShape &shape,
                          const QueryBlock &block, TileGemm &gemm) {
  if (!shape.causal)
    return;
  gemm.firstTile = [&b, start = block.start](Value panel) {
    Value key = b.mulI(panel, kLanes);
    return b.divI(b.subI(b.maxI(key, start), start), kTileRows);
  };
}

void lns::cpu::skipKeys(CodeBuilder &b, const AttentionShape &shape,
                        const QueryBlock &block, TileGemm &gemm) {
  if (!shape.causal)
    return;
  gemm.depthTo = [&b, block](Value tile) {
    Value seen =
        b.addI(b.addI(block.start, b.mulI(tile, kTileRows)), kTileRows);
    return b.minI(block.keys, b.mulI(b.ceilDivI(seen, kTileDepth), kTileDepth));
  };
}

void lns::cpu::skipQueries(CodeBuilder &b, const AttentionShape &shape,
                           const QueryBlock &block, TileGemm &gemm) {
  if (!shape.causal)
    return;
  gemm.depthFrom = [&b, start = block.start](Value tile) {
    Value key = b.mulI(tile, kTileRows);
    Value row = b.subI(b.maxI(key, start), start);
    return b.mulI(b.divI(row, kTileDepth), kTileDepth);
  };
}

SmallVector<Value> lns::cpu::overSeenKeys(
    CodeBuilder &b, const AttentionShape &shape, const QueryBlock &block,
    Value row, ValueRange inits,
    llvm::function_ref<SmallVector<Value>(Value column, Value mask,
                                          ValueRange carried)>
        body) {
  Value seen =
      shape.causal ? b.addI(b.addI(block.start, row), 1) : b.index(shape.time);
  Value full = b.mulI(b.divI(seen, kLanes), kLanes);
  SmallVector<Value> carried = b.loop(b.index(0), full, kLanes, inits,
                                      [&](Value column, ValueRange values) {
                                        return body(column, Value(), values);
                                      });
  return b.loop(full, block.keys, kLanes, carried,
                [&](Value column, ValueRange values) {
                  return body(column, b.laneMask(b.subI(seen, column)), values);
                });
}
