//===- TileGemm.cpp - Small matmuls inside kernels ------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "codegen/cpu/TileGemm.h"

using namespace mlir;
using namespace lns::cpu;

void lns::cpu::emitTileGemm(CodeBuilder &b, const TileGemm &gemm) {
  Value zero = b.index(0);
  b.loop(zero, gemm.panels, 1, [&](Value panel) {
    Value bStart = b.addI(gemm.bOffset, b.mulI(panel, gemm.bPanel));
    Value cColumn = b.addI(gemm.cOffset, b.mulI(panel, kLanes));
    Value first = gemm.firstTile ? gemm.firstTile(panel) : zero;
    Value last = gemm.tilesTo ? gemm.tilesTo(panel) : gemm.rowTiles;
    b.loop(first, last, 1, [&](Value tile) {
      Value aStart = b.addI(gemm.aOffset, b.mulI(tile, kTileRows * gemm.aRow));
      Value cStart = b.addI(cColumn, b.mulI(tile, kTileRows * gemm.cRow));
      SmallVector<Value> accs;
      for (int64_t i = 0; i < kTileRows; ++i)
        accs.push_back(gemm.accumulate
                           ? b.loadVector(gemm.c, b.addI(cStart, i * gemm.cRow))
                           : b.splat(0.0));
      accs = b.loop(
          gemm.depthFrom ? gemm.depthFrom(tile) : zero,
          gemm.depthTo ? gemm.depthTo(tile) : gemm.depth, kTileDepth, accs,
          [&](Value k, ValueRange carried) {
            SmallVector<Value> next(carried);
            Value aK = b.addI(aStart, b.mulI(k, gemm.aColumn));
            Value bK = b.addI(bStart, b.mulI(k, kLanes));
            for (int64_t step = 0; step < kTileDepth; ++step) {
              Value row = b.loadVector(gemm.b, b.addI(bK, step * kLanes));
              for (int64_t i = 0; i < kTileRows; ++i) {
                Value a = b.load(
                    gemm.a, b.addI(aK, i * gemm.aRow + step * gemm.aColumn));
                next[i] = b.fma(b.broadcast(a), row, next[i]);
              }
            }
            return next;
          });
      for (int64_t i = 0; i < kTileRows; ++i)
        b.storeVector(accs[i], gemm.c, b.addI(cStart, i * gemm.cRow));
    });
  });
}

void lns::cpu::emitPackRows(CodeBuilder &b, const PackRows &pack) {
  auto place = [&](Value row, Value column) {
    // Column j * 16 is the start of panel j.
    Value panel = b.addI(pack.targetOffset, b.mulI(column, pack.panelRows));
    return b.addI(panel, b.mulI(row, kLanes));
  };
  b.loop(b.index(0), pack.rows, 1, [&](Value row) {
    Value source = b.addI(pack.sourceOffset, b.mulI(row, pack.sourceRow));
    b.chunks(pack.columns, 1, [&](Value column, int64_t lanes) {
      Value x = b.loadVector(pack.source, b.addI(source, column), lanes);
      b.storeVector(b.padWithZeros(x), pack.target, place(row, column));
    });
  });
  b.loop(pack.rows, pack.clearedRows, 1, [&](Value row) {
    b.chunks(roundUp(pack.columns, kLanes), 1, [&](Value column, int64_t) {
      b.storeVector(b.splat(0.0), pack.target, place(row, column));
    });
  });
}

void lns::cpu::emitCopyRows(CodeBuilder &b, const CopyRows &copy) {
  int64_t targetRow = roundUp(copy.columns, kLanes);
  auto place = [&](Value row, Value column) {
    return b.addI(b.addI(copy.targetOffset, b.mulI(row, targetRow)), column);
  };
  b.loop(b.index(0), copy.rows, 1, [&](Value row) {
    Value source = b.addI(copy.sourceOffset, b.mulI(row, copy.sourceRow));
    b.chunks(copy.columns, 1, [&](Value column, int64_t lanes) {
      Value x = b.loadVector(copy.source, b.addI(source, column), lanes);
      if (copy.scale)
        x = b.mul(x, b.broadcast(copy.scale, lanes));
      b.storeVector(b.padWithZeros(x), copy.target, place(row, column));
    });
  });
  b.loop(copy.rows, copy.clearedRows, 1, [&](Value row) {
    b.chunks(targetRow, 1, [&](Value column, int64_t) {
      b.storeVector(b.splat(0.0), copy.target, place(row, column));
    });
  });
}

void lns::cpu::emitPackTransposed(CodeBuilder &b, const PackTransposed &pack) {
  int64_t depth = roundUp(pack.columns, kTileDepth);
  int64_t size = roundUp(pack.rows, kLanes) * depth;
  if (pack.rows % kLanes != 0 || depth != pack.columns)
    emitClear(b, pack.target, pack.targetOffset, b.index(size));
  b.loop(b.index(0), b.index(pack.rows), 1, [&](Value row) {
    Value source = b.addI(pack.sourceOffset, b.mulI(row, pack.sourceRow));
    Value panel = b.mulI(b.divI(row, kLanes), depth * kLanes);
    Value target =
        b.addI(b.addI(pack.targetOffset, panel), b.remI(row, kLanes));
    b.loop(b.index(0), b.index(pack.columns), 1, [&](Value column) {
      Value x = b.load(pack.source, b.addI(source, column));
      b.store(x, pack.target, b.addI(target, b.mulI(column, kLanes)));
    });
  });
}

void lns::cpu::emitClear(CodeBuilder &b, Value target, Value offset,
                         Value count) {
  b.loop(b.index(0), count, kLanes, [&](Value i) {
    b.storeVector(b.splat(0.0), target, b.addI(offset, i));
  });
}
