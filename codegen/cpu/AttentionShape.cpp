//===- AttentionShape.cpp - Extents and scratch of attention kernels ------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "codegen/cpu/AttentionShape.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace lns::cpu;

AttentionArguments::AttentionArguments(CodeBuilder &b,
                                       const AttentionShape &shape,
                                       const KernelFrame &frame,
                                       unsigned startsBuffer)
    : scale(frame.floats[0]) {
  if (shape.capped) {
    cap = b.broadcast(frame.floats[1]);
    inverseCap = b.broadcast(b.div(b.real(1.0), frame.floats[1]));
  }
  if (shape.windowed)
    window = frame.ints[0];
  if (shape.documents)
    starts = frame.buffers[startsBuffer];
}

/// The first key that the query at a time sees, of a bounded block.
static Value getFirstSeen(CodeBuilder &b, const QueryBlock &block,
                          Value query) {
  Value first;
  if (block.window) {
    Value seen = b.addI(query, 1);
    first = b.subI(seen, b.minI(seen, block.window));
  }
  if (!block.starts)
    return first;
  Value start = b.loadIndex(block.starts, b.addI(block.sequence, query));
  return first ? b.maxI(first, start) : start;
}

/// How many of the block's queries are of documents that start at `key` or
/// before. Starts never fall, so those come first, and halving finds the end.
static Value countRowsUpTo(CodeBuilder &b, const QueryBlock &block, Value key) {
  static_assert(kQueryBlock < 64);
  Value first = b.addI(block.sequence, block.start);
  Value count = b.index(0);
  for (int64_t step = 32; step > 0; step /= 2) {
    // The row is looked at only where there is one; else the last is.
    Value more = b.minI(b.addI(count, step), block.rows);
    Value start = b.loadIndex(block.starts, b.addI(first, b.addI(more, -1)));
    Value isUp =
        arith::CmpIOp::create(b, b.loc, arith::CmpIPredicate::sle, start, key);
    count = b.select(isUp, more, count);
  }
  return count;
}

static Value roundDown(CodeBuilder &b, Value value, int64_t factor) {
  return b.mulI(b.divI(value, factor), factor);
}

void lns::cpu::forQueryBlocks(
    CodeBuilder &b, const AttentionShape &shape,
    const AttentionArguments &arguments, Value batch,
    llvm::function_ref<void(const QueryBlock &)> body) {
  Value time = b.index(shape.time);
  Value sequence = arguments.starts ? b.mulI(batch, shape.time) : Value();
  b.loop(b.index(0), time, kQueryBlock, [&](Value start) {
    QueryBlock block;
    block.start = start;
    block.rows = b.minI(b.index(kQueryBlock), b.subI(time, start));
    block.rowTiles = b.ceilDivI(block.rows, kTileRows);
    Value seen = shape.causal ? b.addI(start, block.rows) : time;
    block.window = arguments.window;
    block.starts = arguments.starts;
    block.sequence = sequence;
    block.firstKey = block.isBounded()
                         ? roundDown(b, getFirstSeen(b, block, start), kLanes)
                         : b.index(0);
    if (block.isBounded())
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
    if (block.isBounded())
      key = b.addI(key, block.firstKey);
    return b.divI(b.subI(b.maxI(key, block.start), block.start), kTileRows);
  };
  if (!block.isBounded())
    return;
  gemm.tilesTo = [&b, block](Value panel) {
    Value key = b.addI(b.mulI(panel, kLanes), block.firstKey);
    Value tiles = block.rowTiles;
    if (block.window) {
      // The panel's last key is seen by the window's queries from it on; as
      // every panel of the block is seen, the first of its queries comes before
      // those.
      Value end = b.addI(b.addI(key, block.window), kLanes - 1);
      tiles = b.minI(tiles, b.ceilDivI(b.subI(end, block.start), kTileRows));
    }
    if (block.starts) {
      Value rows = countRowsUpTo(b, block, b.addI(key, kLanes - 1));
      tiles = b.minI(tiles, b.ceilDivI(rows, kTileRows));
    }
    return tiles;
  };
}

void lns::cpu::skipKeys(CodeBuilder &b, const AttentionShape &shape,
                        const QueryBlock &block, TileGemm &gemm) {
  if (!shape.causal)
    return;
  gemm.depthTo = [&b, block](Value tile) {
    Value seen =
        b.addI(b.addI(block.start, b.mulI(tile, kTileRows)), kTileRows);
    if (block.isBounded())
      seen = b.subI(seen, block.firstKey);
    return b.minI(block.keys, b.mulI(b.ceilDivI(seen, kTileDepth), kTileDepth));
  };
  if (!block.isBounded())
    return;
  gemm.depthFrom = [&b, block](Value tile) {
    Value query = b.addI(block.start, b.mulI(tile, kTileRows));
    Value first = getFirstSeen(b, block, query);
    return roundDown(b, b.subI(first, block.firstKey), kTileDepth);
  };
}

void lns::cpu::skipQueries(CodeBuilder &b, const AttentionShape &shape,
                           const QueryBlock &block, TileGemm &gemm) {
  if (!shape.causal)
    return;
  auto getKey = [&b, block](Value tile) {
    Value key = b.mulI(tile, kTileRows);
    return block.isBounded() ? b.addI(key, block.firstKey) : key;
  };
  gemm.depthFrom = [&b, block, getKey](Value tile) {
    Value row = b.subI(b.maxI(getKey(tile), block.start), block.start);
    return roundDown(b, row, kTileDepth);
  };
  if (!block.isBounded())
    return;
  gemm.depthTo = [&b, block, getKey, depth = gemm.depth](Value tile) {
    auto limit = [&](Value depth, Value rows) {
      return b.minI(depth, b.mulI(b.ceilDivI(rows, kTileDepth), kTileDepth));
    };
    Value key = getKey(tile), to = depth;
    if (block.window) {
      Value end = b.addI(b.addI(key, block.window), kTileRows - 1);
      to = limit(to, b.subI(b.maxI(end, block.start), block.start));
    }
    if (block.starts)
      to = limit(to, countRowsUpTo(b, block, b.addI(key, kTileRows - 1)));
    return to;
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
  if (block.isBounded())
    seen = b.subI(seen, block.firstKey);
  Value full = roundDown(b, seen, kLanes);
  Value begin = b.index(0), first;
  SmallVector<Value> carried(inits);
  auto getMask = [&](Value column) {
    Value mask = b.laneMask(b.subI(seen, column));
    // What is before the first key is less than it, too.
    return block.isBounded()
               ? b.exclude(mask, b.laneMask(b.subI(first, column)))
               : mask;
  };
  if (block.isBounded()) {
    Value query = b.addI(block.start, row);
    first = b.subI(getFirstSeen(b, block, query), block.firstKey);
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
