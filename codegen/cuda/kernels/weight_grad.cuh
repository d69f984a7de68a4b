//===- weight_grad.cuh - Gradients of weights and of gains -----*- CUDA -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// The gradient of a weight W is a product over tokens, D = a^T b, the only kind
// that is cut into slices. Where a gain g was folded into W, its gradient is
//
//   dg[k] = sum over j of W[j, k] D[j, k],
//
// and a tile of D is in shared memory, in f32: each thread adds up what it sees
// of its columns, a block its threads in order, and sumChunks (column_dot.cuh)
// the rows of tiles in order. The same bits in every run.
//
//===----------------------------------------------------------------------===//

#pragma once

#include "matmul.cuh"

namespace lns {

/// Of the gain's gradient, what a grid of tiles gives.
template <class T> struct GainTerms {
  const T *weight; ///< as large as the product; null: no terms are wanted
  float *partials; ///< [rows of tiles][columns]
  float alpha;
};

/// Stores the terms of the tile that begins at (rowBegin, columnBegin) of m x
/// n. All threads call it; what was in the tile is lost. Whole: n is a multiple
/// of eight.
template <int Threads, bool Whole, class Tile, class T>
__device__ __forceinline__ void
storeGainTerms(const Tile &tile, const GainTerms<T> &terms, long long rowBegin,
               long long columnBegin, long long m, long long n) {
  constexpr int kGroups = Threads / Tile::kLanesPerRow;
  static_assert(kGroups <= Tile::kRows, "a row for each thread of a column");
  if (!terms.weight)
    return;
  // Apart from the epilogue, which stores: several rows are read at once.
  float sums[kCellColumns] = {};
#pragma unroll 4
  for (int pass = 0; pass < Tile::template kPasses<Threads>; ++pass) {
    Cell cell =
        Tile::template getCell<Threads>(pass, rowBegin, columnBegin, m, n);
    float factor[kCellColumns];
    loadCell<Whole>(factor, terms.weight + cell.row * n + cell.column,
                    cell.count);
    tile.load(cell.value, cell, 0);
#pragma unroll
    for (int i = 0; i < kCellColumns; ++i)
      sums[i] = fmaf(factor[i], cell.value[i], sums[i]);
  }
  __syncthreads();
  tile.store(sums, int(threadIdx.x) / Tile::kLanesPerRow,
             int(threadIdx.x) % Tile::kLanesPerRow * kCellColumns);
  __syncthreads();
  float *partials = terms.partials + rowBegin / Tile::kRows * n;
  for (int column = int(threadIdx.x); column < Tile::kColumns;
       column += Threads) {
    float sum = *tile.at(0, column);
#pragma unroll
    for (int group = 1; group < kGroups; ++group)
      sum += *tile.at(group, column);
    if (columnBegin + column < n)
      partials[columnBegin + column] = terms.alpha * sum;
  }
}

/// As matmul; then stores the terms, if k is not cut.
template <class Config, bool Whole, class Epilogue, class T>
__device__ __forceinline__ void
weightGrad(const typename Config::A *a, const typename Config::B *b,
           long long m, long long n, long long k, long long slice,
           const Epilogue &epilogue, const GainTerms<T> &terms) {
  auto tile = matmul<Config>(a, b, m, n, k, slice, epilogue);
  TilePlace<Config::kM, Config::kN> place(blockIdx.x, m, n);
  storeGainTerms<Config::kThreads, Whole>(tile, terms, place.row, place.column,
                                          m, n);
}

/// As sumSlices; then stores the terms.
template <int Rows, int Columns, int Threads, bool Whole, class Epilogue,
          class T>
__device__ __forceinline__ void
sumWeightGrad(const float *slices, long long m, long long n, long long count,
              const Epilogue &epilogue, const GainTerms<T> &terms) {
  auto tile =
      sumSlices<Rows, Columns, Threads, Whole>(slices, m, n, count, epilogue);
  TilePlace<Rows, Columns> place(blockIdx.x, m, n);
  storeGainTerms<Threads, Whole>(tile, terms, place.row, place.column, m, n);
}

} // namespace lns
