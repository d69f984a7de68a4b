//===- matmul_pair.cuh - Two products of one input -------------*- CUDA -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// a first^T and a second^T, two results of one shape, and an epilogue that has
// the sums of both. A tile of b is half rows of `first` and half rows of
// `second`, so a tile of a is read once for both, and all else is as in a
// single product.
//
//===----------------------------------------------------------------------===//

#pragma once

#include "matmul.cuh"

namespace lns {

/// TileCopy of two operands, both [outer, k]: Outer / 2 rows of each.
template <class Source, class T, int Outer, int K, bool Aligned, int Threads>
class PairCopy {
public:
  using Layout = TileLayout<T, Outer, K>;

  __device__ __forceinline__ PairCopy(const Source *first, const Source *second,
                                      long long k, long long outer,
                                      long long outerBegin)
      : stride(kRowsPerPass * k) {
    int row = int(threadIdx.x) / Layout::kChunks;
    int chunk = int(threadIdx.x) % Layout::kChunks;
    int column = chunk * Layout::kPerChunk;
    target = Layout::offset(row, chunk);
    // One pass has all rows, or all passes have rows of one operand.
    int rowInHalf = row % kHalf;
    long long left = outer - outerBegin;
    rowsLeft = (left < kHalf ? int(left) : kHalf) - rowInHalf;
    columnsLeft = int(k) - column;
    long long place = (outerBegin + rowInHalf) * k + column;
    next[0] = (row < kHalf ? first : second) + place;
    next[1] = second + place;
  }

  __device__ __forceinline__ void copy(unsigned char *tile) {
#pragma unroll
    for (int pass = 0; pass < kPasses; ++pass) {
      constexpr int kPerHalf = kPasses == 1 ? 1 : kPasses / 2;
      int inHalf = pass % kPerHalf;
      const Source *source = next[pass / kPerHalf] + inHalf * stride;
      unsigned char *to =
          tile + target + pass * kRowsPerPass * Layout::kChunks * 16;
      bool inRange = inHalf * kRowsPerPass < rowsLeft && columnsLeft > 0;
      copyChunk<Layout::kPerChunk, Aligned, T>(to, source,
                                               inRange ? columnsLeft : 0);
    }
    next[0] += K;
    next[1] += K;
    columnsLeft -= K;
  }

private:
  static constexpr int kHalf = Outer / 2;
  static constexpr int kRowsPerPass = Threads / Layout::kChunks;
  static constexpr int kPasses = Outer / kRowsPerPass;
  static_assert(Threads % Layout::kChunks == 0 && Outer % kRowsPerPass == 0 &&
                    (kPasses == 1 || kPasses % 2 == 0),
                "threads divide both halves evenly");
  static_assert(kRowsPerPass % 8 == 0, "the permutation repeats every 8 rows");

  const Source *next[2];     ///< of the first and the second half of passes
  long long stride;          ///< from pass to pass
  int rowsLeft, columnsLeft; ///< from this thread's first chunk on
  int target;                ///< where that chunk goes
};

/// What an epilogue sees as its tile: a ResultTile whose left half is the first
/// product's and whose right half the second's.
template <int Rows, int Columns> class PairTile {
public:
  using One = ResultTile<Rows, Columns>;
  using Both = ResultTile<Rows, 2 * Columns>;
  static constexpr int kRows = Rows, kColumns = Columns;

  explicit __device__ __forceinline__ PairTile(const Both &both) : both(both) {}

  /// The first product's sums `shift` columns on in the cell's row.
  __device__ __forceinline__ void load(float (&value)[kCellColumns],
                                       const Cell &cell, int shift) const {
    both.load(value, int(cell.row % Rows), int(cell.column % Columns) + shift);
  }
  /// The second's.
  __device__ __forceinline__ void
  loadSecond(float (&value)[kCellColumns], const Cell &cell, int shift) const {
    load(value, cell, Columns + shift);
  }

  template <int Part>
  static __device__ __forceinline__ float sumOfRow(float value) {
    return One::template sumOfRow<Part>(value);
  }

  template <int Threads, class Epilogue>
  __device__ __forceinline__ void
  finish(const Epilogue &epilogue, long long rowBegin, long long columnBegin,
         long long m, long long n) const {
#pragma unroll 1
    for (int pass = 0; pass < One::template kPasses<Threads>; ++pass) {
      Cell cell =
          One::template getCell<Threads>(pass, rowBegin, columnBegin, m, n);
      load(cell.value, cell, 0);
      epilogue(cell, *this);
    }
  }

private:
  Both both;
};

} // namespace lns
