//===- matmul_cluster.cuh - Row ops behind a product -----------*- CUDA -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// The kernels of clusters with one product or two (matmul_sum.cuh and
// matmul_group.cuh have those with more). A library may have computed
// the products' sums before, as f32 in memory: then the same kernel is only the
// epilogue.
//
// Below is what printed epilogues use, beside the parts of row kernels: a
// cell's sums as Floats, cells that reach over a row's end, and sums over rows.
// A tile has a part of a row only, so sums go to memory, and a second kernel
// adds the parts' in their order.
//
//===----------------------------------------------------------------------===//

#pragma once

#include "matmul_pair.cuh"
#include "row.cuh"

namespace lns {

/// Fills `Columns` of a tile, from `shift` on, with sums of an m x n product.
template <int Threads, bool Whole, int Columns, class Result>
__device__ __forceinline__ void
loadSums(const Result &result, int shift, const float *sums, long long rowBegin,
         long long columnBegin, long long m, long long n) {
  using Part = ResultTile<Result::kRows, Columns>;
#pragma unroll 4
  for (int pass = 0; pass < Part::template kPasses<Threads>; ++pass) {
    Cell cell =
        Part::template getCell<Threads>(pass, rowBegin, columnBegin, m, n);
    loadCell<Whole>(cell.value, sums + cell.row * n + cell.column, cell.count);
    result.store(cell.value, int(cell.row % Result::kRows),
                 int(cell.column % Columns) + shift);
  }
}

/// epilogue(a op(b)), or epilogue(sums) where `sums` is not null. Whole: n is a
/// multiple of eight. Grid: x the tiles.
template <class Config, bool Whole, class Epilogue>
__device__ __forceinline__ void
matmulCluster(const typename Config::A *a, const typename Config::B *b,
              const float *sums, long long m, long long n, long long k,
              const Epilogue &epilogue) {
  TilePlace<Config::kM, Config::kN> place(blockIdx.x, m, n);
  typename Config::Result result(dynamicShared());
  if (sums) {
    loadSums<Config::kThreads, Whole, Config::kN>(result, 0, sums, place.row,
                                                  place.column, m, n);
    __syncthreads();
  } else {
    typename Config::CopyA copyA(a, Config::kAKContiguous ? k : m, m, place.row,
                                 0, k);
    typename Config::CopyB copyB(b, Config::kBKContiguous ? k : n, n,
                                 place.column, 0, k);
    multiplyTiles<Config>(copyA, copyB, k);
  }
  result.template finish<Config::kThreads>(epilogue, place.row, place.column, m,
                                           n);
}

/// The same of two products, both m x n; Config is that of a product with tiles
/// twice as wide. Grid: x the tiles of kM x kN / 2.
template <class Config, bool Whole, class Epilogue>
__device__ __forceinline__ void
matmulClusterPair(const typename Config::A *a, const typename Config::B *first,
                  const typename Config::B *second, const float *firstSums,
                  const float *secondSums, long long m, long long n,
                  long long k, const Epilogue &epilogue) {
  static_assert(Config::kAKContiguous && Config::kBKContiguous,
                "all operands have rows of k");
  constexpr int kColumns = Config::kN / 2, kThreads = Config::kThreads;
  TilePlace<Config::kM, kColumns> place(blockIdx.x, m, n);
  typename Config::Result result(dynamicShared());
  if (firstSums) {
    loadSums<kThreads, Whole, kColumns>(result, 0, firstSums, place.row,
                                        place.column, m, n);
    loadSums<kThreads, Whole, kColumns>(result, kColumns, secondSums, place.row,
                                        place.column, m, n);
    __syncthreads();
  } else {
    typename Config::CopyA copyA(a, k, m, place.row, 0, k);
    PairCopy<typename Config::B, typename Config::T, Config::kN, Config::kK,
             Config::kAlignedB, kThreads>
        copyB(first, second, k, n, place.column);
    multiplyTiles<Config>(copyA, copyB, k);
  }
  PairTile<Config::kM, kColumns>(result).template finish<kThreads>(
      epilogue, place.row, place.column, m, n);
}

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

/// The columns whose terms are added up in a tile: as many for every tile, so
/// that a sum has the same bits behind any product that makes its terms.
constexpr int kRowSumColumns = 64;

/// Stores what the tile adds to sums over rows: number i of part p of the
/// columns at [i, p, row]. Columns that do not exist have added nothing.
template <class Tile, int N>
__device__ __forceinline__ void
storeRowSums(float *partials, const float (&sums)[N], const Cell &cell,
             const Tile &, long long rows, long long columns) {
  const long long parts = (columns + kRowSumColumns - 1) / kRowSumColumns;
#pragma unroll
  for (int i = 0; i < N; ++i) {
    const float sum = Tile::template sumOfRow<kRowSumColumns>(sums[i]);
    if (cell.count > 0 && cell.column % kRowSumColumns == 0)
      partials[(i * parts + cell.column / kRowSumColumns) * rows + cell.row] =
          sum;
  }
}

/// Adds the parts' sums of a row in order; of two results, blocks with y 1 have
/// the second. isRstd: from sums of squares to 1 / sqrt(mean + eps).
template <int THREADS>
__device__ __forceinline__ void
finishRowSums(const float *partials, float *first, float *second,
              float inverseWidth, float eps, long long rows, long long parts,
              bool isRstd) {
  const long long row =
      blockIdx.x * static_cast<long long>(THREADS) + threadIdx.x;
  if (row >= rows)
    return;
  const float *next = partials + blockIdx.y * parts * rows + row;
  float sum = 0.0f;
#pragma unroll 8
  for (long long part = 0; part < parts; ++part)
    sum += next[part * rows];
  float *result = blockIdx.y == 0 ? first : second;
  result[row] = isRstd ? 1.0f / sqrtf(sum * inverseWidth + eps) : sum;
}

} // namespace lns
