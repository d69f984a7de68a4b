//===- matmul_cluster.cuh - Row ops behind a product ------------*- CUDA
//-*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// What printed epilogues use, beside the parts of row kernels: a cell's sums as
// Floats, cells that reach over a row's end, and sums over rows. A tile has a
// part of a row only, so its sum goes to memory, and a second kernel adds the
// tiles' in their order.
//
//===----------------------------------------------------------------------===//

#pragma once

#include "matmul_pair.cuh"
#include "row.cuh"

namespace lns {

using CellFloats = Floats<kCellColumns>;

/// The product's sums at the cell, and those `shift` columns on.
__device__ __forceinline__ CellFloats sumsAt(const Cell &cell) {
  CellFloats sums;
#pragma unroll
  for (int i = 0; i < kCellColumns; ++i)
    sums.at[i] = cell.value[i];
  return sums;
}
template <class Tile>
__device__ __forceinline__ CellFloats sumsAt(const Tile &tile, const Cell &cell,
                                             int shift) {
  CellFloats sums;
  tile.load(sums.at, cell, shift);
  return sums;
}
/// The same of a pair's second product.
template <class Tile>
__device__ __forceinline__ CellFloats secondSumsAt(const Tile &tile,
                                                   const Cell &cell,
                                                   int shift) {
  CellFloats sums;
  tile.loadSecond(sums.at, cell, shift);
  return sums;
}

/// The first `count` columns, zeros behind them.
template <class T>
__device__ __forceinline__ CellFloats loadSome(const T *from, int count) {
  CellFloats some;
  loadCell<false>(some.at, from, count);
  return some;
}
template <class T>
__device__ __forceinline__ void
storeSome(T *to, const Columns<T, kCellColumns> &columns, int count) {
  storeCell<false>(to, toFloats(columns).at, count);
}

/// Stores what the tile adds to sums over rows: number i of column tile t at
/// [i, t, row]. Columns that do not exist have added nothing.
template <class Tile, int N>
__device__ __forceinline__ void
storeRowSums(float *partials, const float (&sums)[N], const Cell &cell,
             const Tile &, long long rows, long long columns) {
  const long long tiles = (columns + Tile::kColumns - 1) / Tile::kColumns;
#pragma unroll
  for (int i = 0; i < N; ++i) {
    const float sum = Tile::sumOfRow(sums[i]);
    if (cell.count > 0 && cell.column % Tile::kColumns == 0)
      partials[(i * tiles + cell.column / Tile::kColumns) * rows + cell.row] =
          sum;
  }
}

/// Adds the tiles' sums of a row in order; of two results, blocks with y 1 have
/// the second. isRstd: from sums of squares to 1 / sqrt(mean + eps).
template <int THREADS>
__device__ __forceinline__ void
finishRowSums(const float *partials, float *first, float *second,
              float inverseWidth, float eps, long long rows, long long tiles,
              bool isRstd) {
  const long long row =
      blockIdx.x * static_cast<long long>(THREADS) + threadIdx.x;
  if (row >= rows)
    return;
  const float *next = partials + blockIdx.y * tiles * rows + row;
  float sum = 0.0f;
#pragma unroll 8
  for (long long tile = 0; tile < tiles; ++tile)
    sum += next[tile * rows];
  float *result = blockIdx.y == 0 ? first : second;
  result[row] = isRstd ? 1.0f / sqrtf(sum * inverseWidth + eps) : sum;
}

} // namespace lns
