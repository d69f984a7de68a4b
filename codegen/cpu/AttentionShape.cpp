//===- AttentionShape.cpp - Extents and scratch of attention kernels ------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "codegen/cpu/AttentionShape.h"

using namespace mlir;
using namespace lns::cpu;

AttentionArguments::AttentionArguments(CodeBuilder &b,
                                       const AttentionShape &shape,
                                       const KernelFrame &frame)
    : scale(frame.floats[0]) {
  if (shape.capped) {
    cap = b.broadcast(frame.floats[1]);
    inverseCap = b.broadcast(b.div(b.real(1.0), frame.floats[1]));
  }
  if (shape.windowed)
    window = frame.ints[0];
}

/// The first key that the query at a time sees through a window.
static Value getFirstSeen(CodeBuilder &b, Value query, Value window) {
  Value seen = b.addI(query, 1);
  return b.subI(seen, b.minI(seen, window));
}

static Value roundDown(CodeBuilder &b, Value value, int64_t factor) {
  return b.mulI(b.divI(value, factor), factor);
}

void lns::cpu::forQueryBlocks(
    CodeBuilder &b, const AttentionShape &shape, Value window,
    llvm::function_ref<void(const QueryBlock &)> body) {
  Value time = b.index(shape.time);
  b.loop(b.index(0), time, kQueryBlock, [&](Value start) {
    QueryBlock block;
    block.start = start;
    block.rows = b.minI(b.index(kQueryBlock), b.subI(time, start));
    block.rowTiles = b.ceilDivI(block.rows, kTileRows);
    Value seen = shape.causal ? b.addI(start, block.rows) : time;
    block.window = window;
    block.firstKey = window
                         ? roundDown(b, getFirstSeen(b, start, window), kLanes)
                         : b.index(0);
    if (window)
      seen = b.subI(seen, block.firstKey);
    block.keyPanels = b.ceilDivI(seen, kLanes);
    block.keys = b.mulI(block.keyPanels, kLanes);
    body(block);
  });
}

void lns::cpu::skipScores(CodeBuilder &b, const AttentionShape &shape,
                          const QueryBlock &block, TileGemm &gemm) {
  if (!shape.causal)
    return;
  gemm.firstTile = [&b, block](Value panel) {
    Value key = b.mulI(panel, kLanes);
    if (block.window)
      key = b.addI(key, block.firstKey);
    return b.divI(b.subI(b.maxI(key, block.start), block.start), kTileRows);
  };
  if (!block.window)
    return;
  // The panel's last key is seen by the window's queries from it on; as every
  // panel of the block is seen, the first of its queries comes before those.
  gemm.tilesTo = [&b, block](Value panel) {
    Value key = b.addI(b.mulI(panel, kLanes), block.firstKey);
    Value end = b.addI(b.addI(key, block.window), kLanes - 1);
    return b.minI(block.rowTiles,
                  b.ceilDivI(b.subI(end, block.start), kTileRows));
  };
}

void lns::cpu::skipKeys(CodeBuilder &b, const AttentionShape &shape,
                        const QueryBlock &block, TileGemm &gemm) {
  if (!shape.causal)
    return;
  gemm.depthTo = [&b, block](Value tile) {
    Value seen =
        b.addI(b.addI(block.start, b.mulI(tile, kTileRows)), kTileRows);
    if (block.window)
      seen = b.subI(seen, block.firstKey);
    return b.minI(block.keys, b.mulI(b.ceilDivI(seen, kTileDepth), kTileDepth));
  };
  if (!block.window)
    return;
  gemm.depthFrom = [&b, block](Value tile) {
    Value query = b.addI(block.start, b.mulI(tile, kTileRows));
    Value first = getFirstSeen(b, query, block.window);
    return roundDown(b, b.subI(first, block.firstKey), kTileDepth);
  };
}

void lns::cpu::skipQueries(CodeBuilder &b, const AttentionShape &shape,
                           const QueryBlock &block, TileGemm &gemm) {
  if (!shape.causal)
    return;
  auto getKey = [&b, block](Value tile) {
    Value key = b.mulI(tile, kTileRows);
    return block.window ? b.addI(key, block.firstKey) : key;
  };
  gemm.depthFrom = [&b, block, getKey](Value tile) {
    Value row = b.subI(b.maxI(getKey(tile), block.start), block.start);
    return roundDown(b, row, kTileDepth);
  };
  if (!block.window)
    return;
  gemm.depthTo = [&b, block, getKey, depth = gemm.depth](Value tile) {
    Value end = b.addI(b.addI(getKey(tile), block.window), kTileRows - 1);
    Value rows = b.subI(b.maxI(end, block.start), block.start);
    return b.minI(depth, b.mulI(b.ceilDivI(rows, kTileDepth), kTileDepth));
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
  if (block.window)
    seen = b.subI(seen, block.firstKey);
  Value full = roundDown(b, seen, kLanes);
  Value begin = b.index(0), first;
  SmallVector<Value> carried(inits);
  auto getMask = [&](Value column) {
    Value mask = b.laneMask(b.subI(seen, column));
    // What is before the first key is less than it, too.
    return block.window ? b.exclude(mask, b.laneMask(b.subI(first, column)))
                        : mask;
  };
  if (block.window) {
    Value query = b.addI(block.start, row);
    first = b.subI(getFirstSeen(b, query, block.window), block.firstKey);
    Value whole = b.minI(b.mulI(b.ceilDivI(first, kLanes), kLanes), full);
    carried = b.loop(begin, whole, kLanes, carried,
                     [&](Value column, ValueRange values) {
                       return body(column, getMask(column), values);
                     });
    begin = whole;
  }
  carried = b.loop(begin, full, kLanes, carried,
                   [&](Value column, ValueRange values) {
                     return body(column, Value(), values);
                   });
  return b.loop(full, block.keys, kLanes, carried,
                [&](Value column, ValueRange values) {
                  return body(column, getMask(column), values);
                });
}
