//===- matmul.cuh - Matrix products ----------------------------*- CUDA -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// c[m, n] = epilogue(sum over k of op(a)[m, k] op(b)[k, n]), every tensor
// row-major and dense. A block computes one tile of c: both operands' tiles
// travel through shared memory in a ring of stages that are copied ahead, and
// registers for the next piece of k are loaded while this one is multiplied.
//
// Where c has few tiles and k is long, the grid's z cuts k into slices. Their
// sums are stored apart (StoreSlice), and sumSlices adds them in order and has
// the epilogue: same bits in every run.
//
// MatmulConfig::Accumulator is how a tile is multiplied, on tensor cores or by
// multiply-add; all else is common to both.
//
//===----------------------------------------------------------------------===//

#pragma once

#include "matmul_epilogue.cuh"
#include "matmul_fma.cuh"
#include "matmul_mma.cuh"
#include "matmul_tile.cuh"

namespace lns {

template <bool Condition, class T, class U> struct Choose { using Type = T; };
template <class T, class U> struct Choose<false, T, U> { using Type = U; };

/// a is stored as [m, k], TransA: as [k, m]; b as [k, n], TransB: as [n, k].
/// Aligned says that the operand's rows start at multiples of 16 bytes and that
/// it has the type that tiles have: bf16 if either operand is, else f32.
/// M x N is the tile of a block of WarpsM x WarpsN warps, K its depth.
template <class TA, class TB, bool TransA, bool TransB, bool AlignedA,
          bool AlignedB, int M, int N, int K, int WarpsM, int WarpsN,
          int Stages>
struct MatmulConfig {
  using A = TA;
  using B = TB;
  static constexpr bool kIsBf16 =
      IsSame<A, bf16>::value || IsSame<B, bf16>::value;
  using T = typename Choose<kIsBf16, bf16, float>::Type;
  static constexpr bool kAKContiguous = !TransA, kBKContiguous = TransB;
  static constexpr bool kAlignedB = AlignedB;
  static constexpr int kM = M, kN = N, kK = K, kStages = Stages;
  static constexpr int kWarpsM = WarpsM, kWarpsN = WarpsN;
  static constexpr int kThreads = WarpsM * WarpsN * 32;
  using CopyA = TileCopy<A, T, M, K, kAKContiguous, AlignedA, kThreads>;
  using CopyB = TileCopy<B, T, N, K, kBKContiguous, AlignedB, kThreads>;
  using Accumulator = typename Choose<kIsBf16, MmaAccumulator<MatmulConfig>,
                                      FmaAccumulator<MatmulConfig>>::Type;
  using Result = ResultTile<M, N>;
  static constexpr int kStageBytes =
      CopyA::Layout::kBytes + CopyB::Layout::kBytes;
};

/// Which tile of the result a block computes. Eight rows of tiles are walked
/// column by column, so that blocks that run together share most of what they
/// read in the L2 cache.
template <int M, int N> struct TilePlace {
  long long row, column;

  __device__ __forceinline__ TilePlace(unsigned block, long long m,
                                       long long n) {
    constexpr unsigned kGroup = 8;
    unsigned tilesM = unsigned((m + M - 1) / M);
    unsigned tilesN = unsigned((n + N - 1) / N);
    unsigned first = block / (kGroup * tilesN) * kGroup;
    unsigned inGroup = block % (kGroup * tilesN);
    unsigned rows = tilesM - first < kGroup ? tilesM - first : kGroup;
    row = (first + inGroup % rows) * (long long)(M);
    column = inGroup / rows * (long long)(N);
  }
};

/// The sums over `length` of k, from where the copies begin, of one tile.
/// Shared memory: the larger of all stages and the result.
template <class Config, class CopyA, class CopyB>
__device__ __forceinline__ typename Config::Result
multiplyTiles(CopyA &copyA, CopyB &copyB, long long length) {
  using Accumulator = typename Config::Accumulator;
  constexpr int kStages = Config::kStages;
  constexpr int kPieces = Config::kK / Accumulator::kFragmentK;
  static_assert(kStages >= 2 && kPieces >= 2 && kPieces % 2 == 0,
                "a stage is free again before its last piece is multiplied");
  unsigned char *shared = dynamicShared();
  auto stageA = [&](int stage) { return shared + stage * Config::kStageBytes; };
  auto stageB = [&](int stage) {
    return stageA(stage) + CopyA::Layout::kBytes;
  };

  int tiles = int((length + Config::kK - 1) / Config::kK);
#pragma unroll
  for (int stage = 0; stage < kStages - 1; ++stage) {
    if (stage < tiles) {
      copyA.copy(stageA(stage));
      copyB.copy(stageB(stage));
    }
    copyAsyncCommit();
  }
  copyAsyncWait<kStages - 2>();
  __syncthreads();

  Accumulator sums;
  typename Accumulator::Fragment fragments[2];
  int stage = 0;
  if (tiles > 0)
    sums.load(fragments[0], stageA(0), stageB(0), 0);
#pragma unroll 1
  for (; tiles > 0; --tiles) {
#pragma unroll
    for (int piece = 0; piece < kPieces; ++piece) {
      if (piece == 0) {
        // The stage before this one is free: see the barrier below.
        if (tiles > kStages - 1) {
          int free = (stage > 0 ? stage : kStages) - 1;
          copyA.copy(stageA(free));
          copyB.copy(stageB(free));
        }
        copyAsyncCommit();
      }
      if (piece + 1 < kPieces) {
        sums.load(fragments[(piece + 1) % 2], stageA(stage), stageB(stage),
                  (piece + 1) * Accumulator::kFragmentK);
      } else if (tiles > 1) {
        // The next tile has arrived, and nobody reads this one any more.
        copyAsyncWait<kStages - 2>();
        __syncthreads();
        stage = stage + 1 < kStages ? stage + 1 : 0;
        sums.load(fragments[0], stageA(stage), stageB(stage), 0);
      }
      sums.multiply(fragments[piece % 2]);
    }
  }

  // The result takes the place of the stages.
  copyAsyncWait<0>();
  __syncthreads();
  typename Config::Result result(shared);
  sums.store(result);
  __syncthreads();
  return result;
}

/// Grid: x the tiles of c, z the slices of k, each `slice` long, a multiple of
/// the tile's depth. Returns the block's tile: its sums are still there.
template <class Config, class Epilogue>
__device__ __forceinline__ typename Config::Result
matmul(const typename Config::A *a, const typename Config::B *b, long long m,
       long long n, long long k, long long slice, const Epilogue &epilogue) {
  TilePlace<Config::kM, Config::kN> place(blockIdx.x, m, n);
  long long kBegin = blockIdx.z * slice;
  long long kEnd = k - kBegin < slice ? k : kBegin + slice;
  typename Config::CopyA copyA(a, Config::kAKContiguous ? k : m, m, place.row,
                               kBegin, kEnd);
  typename Config::CopyB copyB(b, Config::kBKContiguous ? k : n, n,
                               place.column, kBegin, kEnd);
  auto result = multiplyTiles<Config>(copyA, copyB, kEnd - kBegin);
  result.template finish<Config::kThreads>(epilogue, place.row, place.column, m,
                                           n);
  return result;
}

/// Adds the `count` slices of an m x n result in order, then has the epilogue.
/// A block has a tile of Rows x Columns. Grid: x the tiles. Shared memory: a
/// ResultTile. Whole: n is a multiple of eight. Returns the tile, as matmul.
template <int Rows, int Columns, int Threads, bool Whole, class Epilogue>
__device__ __forceinline__ ResultTile<Rows, Columns>
sumSlices(const float *slices, long long m, long long n, long long count,
          const Epilogue &epilogue) {
  using Result = ResultTile<Rows, Columns>;
  TilePlace<Rows, Columns> place(blockIdx.x, m, n);
  Result result(dynamicShared());
  static_assert(Threads % Result::kLanesPerRow == 0 &&
                    Rows % (Threads / Result::kLanesPerRow) == 0,
                "threads divide a tile evenly");
#pragma unroll
  for (int pass = 0; pass < Result::template kPasses<Threads>; ++pass) {
    Cell cell =
        Result::template getCell<Threads>(pass, place.row, place.column, m, n);
    const float *next = slices + cell.row * n + cell.column;
    loadCell<Whole>(cell.value, next, cell.count);
#pragma unroll 8
    for (long long slice = 1; slice < count; ++slice) {
      next += m * n;
      float more[kCellColumns];
      loadCell<Whole>(more, next, cell.count);
#pragma unroll
      for (int i = 0; i < kCellColumns; ++i)
        cell.value[i] += more[i];
    }
    result.store(cell.value, int(cell.row % Rows), int(cell.column % Columns));
  }
  __syncthreads();
  result.template finish<Threads>(epilogue, place.row, place.column, m, n);
  return result;
}

} // namespace lns
