//===- TileGemm.h - Small matmuls inside kernels ----------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// C[M, N] = A[M, K] B[K, N], or C += A B, out of scratch. The inner tile is
// kTileRows rows by one vector of columns: six 16-lane accumulators are six
// AVX-512 or twelve AVX2 registers, enough to keep the multiply-add units busy
// with either.
//
// B lies in panels of kLanes columns, [N / 16][K][16], so that the inner loop
// reads it in order whatever N is. A is read one number at a time and may have
// any strides, so A^T costs nothing.
//
//===----------------------------------------------------------------------===//

#ifndef LNS_CODEGEN_CPU_TILEGEMM_H
#define LNS_CODEGEN_CPU_TILEGEMM_H

#include "codegen/cpu/CodeBuilder.h"
#include <functional>

namespace lns::cpu {

constexpr int64_t kTileRows = 6;
/// The depth K is a multiple of this.
constexpr int64_t kTileDepth = 4;

/// All buffers are flat f32 memrefs; offsets and strides count elements.
struct TileGemm {
  mlir::Value a, aOffset;
  int64_t aRow, aColumn; ///< A[i, k] = a[aOffset + i * aRow + k * aColumn]
  mlir::Value b, bOffset;
  int64_t bPanel; ///< from one panel to the next
  mlir::Value c, cOffset;
  int64_t cRow;
  mlir::Value rowTiles; ///< M / kTileRows
  mlir::Value panels;   ///< N / kLanes
  mlir::Value depth;    ///< K
  bool accumulate = false;

  /// What a triangular or a banded operand leaves out, where given: row tiles
  /// outside [firstTile(panel), tilesTo(panel)), and depth outside
  /// [depthFrom(tile), depthTo(tile)), in multiples of kTileDepth. C keeps its
  /// contents where tiles are left out.
  using Bound = std::function<mlir::Value(mlir::Value)>;
  Bound firstTile = nullptr, tilesTo = nullptr;
  Bound depthFrom = nullptr, depthTo = nullptr;
};

void emitTileGemm(CodeBuilder &b, const TileGemm &gemm);

/// Copies rows [0, rows) of a matrix with rows `sourceRow` apart into panels of
/// a B operand, [columns / 16][panelRows][16], and clears rows [rows,
/// clearedRows). Columns up to the next multiple of kLanes become zero.
struct PackRows {
  mlir::Value source, sourceOffset;
  int64_t sourceRow, columns;
  mlir::Value target, targetOffset;
  int64_t panelRows;
  mlir::Value rows, clearedRows;
};
void emitPackRows(CodeBuilder &b, const PackRows &pack);

/// Copies rows [0, rows) into an A operand, [.., roundUp(columns, 16)], times
/// `scale` if it is given, and clears rows [rows, clearedRows).
struct CopyRows {
  mlir::Value source, sourceOffset;
  int64_t sourceRow, columns;
  mlir::Value target, targetOffset;
  mlir::Value rows, clearedRows;
  mlir::Value scale;
};
void emitCopyRows(CodeBuilder &b, const CopyRows &copy);

/// Transposes a [rows, columns] matrix into panels of a B operand:
/// [rows / 16][depth][16] with depth = roundUp(columns, kTileDepth). What is
/// beyond the matrix becomes zero.
struct PackTransposed {
  mlir::Value source, sourceOffset;
  int64_t sourceRow, rows, columns;
  mlir::Value target, targetOffset;
};
void emitPackTransposed(CodeBuilder &b, const PackTransposed &pack);

/// target[0, count) = 0; count is a multiple of kLanes.
void emitClear(CodeBuilder &b, mlir::Value target, mlir::Value offset,
               mlir::Value count);

} // namespace lns::cpu

#endif // LNS_CODEGEN_CPU_TILEGEMM_H
