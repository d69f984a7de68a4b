//===- attention_grad_kv.cuh - The gradients of keys and values -----------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// One block is one tile of keys and values of one key/value head. It walks over
// the query heads that read this head, in order, and over each one's query
// tiles, in order, so that sums need no atomics. Scores are transposed here,
// keys being rows:
//
//   P^T = exp(scale k q^T - lse),     dv = P^T dout,
//   dS^T = P^T * (v dout^T - D),      dk = scale * dS^T q,
//
// dS^T times the slope of a soft-cap, if there is one. With a window a head's
// last query tile is that which sees the last key last, and with documents that
// share a row it is that in which the last key's document ends.
//
// Grid: key/value heads, key tiles, batch. Causal tiles start with the first,
// which most queries see. Shared memory: the tiles of keys and of values, for
// every stage a query tile and a gradient tile, then for every stage the
// queries' log-sum-exp (as an exponent of 2, negated) and D; with documents,
// two numbers a warp.
//
//===----------------------------------------------------------------------===//

#pragma once
#include "attention_product.cuh"

namespace lns {

/// Calls f(m, n, j, P) for everything that this lane holds of P^T; `bases` are
/// the negated log-sum-exp of the tile's queries, as exponents of 2.
template <int M, int N, class F>
__device__ __forceinline__ void forProbabilities(const Fragment<M, N> &scores,
                                                 const float *bases,
                                                 float factor, F f) {
#pragma unroll
  for (int n = 0; n < N; ++n) {
    const auto base = loadVec<Vec<float, 2>>(bases + 8 * n + laneId() % 4 * 2);
#pragma unroll
    for (int m = 0; m < M; ++m)
#pragma unroll
      for (int j = 0; j < 4; ++j)
        f(m, n, j, exp2Fast(fmaf(scores.at[m][n][j], factor, base.at[j % 2])));
  }
}

template <class Shape, class Tiles>
__device__ __forceinline__ void
attentionGradKv(const typename Shape::Element *query,
                const typename Shape::Element *key,
                const typename Shape::Element *value, const float *lse,
                const typename Shape::Element *grad, const float *delta,
                typename Shape::Element *keyGrad,
                typename Shape::Element *valueGrad, float scale, int time,
                int window = 0, float cap = 0.0f, const int *starts = nullptr) {
  using T = typename Shape::Element;
  constexpr int kRows = Tiles::kRows, kQueries = Tiles::kColumns;
  constexpr int kThreads = Tiles::kThreads, M = Tiles::kRowTiles;
  constexpr int kStages = Tiles::kStages;
  constexpr int kQueryTile = kQueries * Shape::kStride;
  constexpr int kColumns = Shape::kDepth / Tiles::kGroups;
  static_assert(2 * kQueries <= kThreads, "a thread has one statistic a tile");

  const int kvHead = int(blockIdx.x);
  const int firstRow = int(blockIdx.y) * kRows;
  const long long sequence = (long long)blockIdx.z * time;
  const long long queryStart =
      sequence * Shape::kQueryRow + kvHead * Shape::kGroup * Shape::kHeadDim;
  const long long keyStart =
      sequence * Shape::kKeyRow + kvHead * Shape::kHeadDim;
  const long long rowStart =
      ((long long)blockIdx.z * Shape::kHeads + kvHead * Shape::kGroup) * time;

  T *keys = reinterpret_cast<T *>(dynamicShared());
  T *values = keys + kRows * Shape::kStride;
  T *stages = values + kRows * Shape::kStride;
  float *statistics =
      reinterpret_cast<float *>(stages + kStages * 2 * kQueryTile);
  const int warp = int(threadIdx.x) / 32;
  const int warpRow = warp / Tiles::kGroups * Tiles::kWarpRows;
  const int warpColumn = warp % Tiles::kGroups * kColumns;
  T *warpKeys = keys + warpRow * Shape::kStride;
  T *warpValues = values + warpRow * Shape::kStride;
  const int warpFirst = firstRow + warpRow;
  const int warpLast = warpFirst + Tiles::kWarpRows - 1;

  // Tile number i over all the heads of the group.
  const int firstTile = Shape::kCausal ? firstRow / kQueries : 0;
  // Keys before firstRow + kRows are seen by queries before `lastQuery`.
  int lastQuery = Shape::kWindowed && time - firstRow - kRows >= window
                      ? firstRow + kRows + window - 1
                      : time;
  const FirstKeys<Shape> firstKeys{window, time, starts + sequence};
  // A warp's keys are seen by queries before the first of its numbers, and all
  // of them, as far as they are not behind the query, before the second. There
  // are no registers to keep these in.
  Vec<int, 2> *warpEnds =
      reinterpret_cast<Vec<int, 2> *>(statistics + kStages * 2 * kQueries);
  if constexpr (Shape::kDocuments) {
    const int rows = time - firstRow < kRows ? time - firstRow : kRows;
    lastQuery =
        firstKeys.firstBehind(firstRow + rows - 1, firstRow + rows, lastQuery);
    Vec<int, 2> ends;
    ends.at[0] = firstKeys.firstBehind(warpLast, warpLast + 1, lastQuery);
    ends.at[1] = firstKeys.firstBehind(warpFirst, warpFirst + 1, ends.at[0]);
    if (laneId() == 0)
      storeVec(warpEnds + warp, ends);
  }
  const int headTiles = (lastQuery + kQueries - 1) / kQueries - firstTile;
  const int tiles = headTiles * Shape::kGroup;
  auto load = [&](int i) {
    const int first = (firstTile + i % headTiles) * kQueries;
    const long long at = queryStart + i / headTiles * Shape::kHeadDim;
    T *queries = stages + i % kStages * 2 * kQueryTile;
    loadTile<Shape, kQueries, kThreads, Shape::kQueryRow>(queries, query + at,
                                                          first, time);
    loadTile<Shape, kQueries, kThreads, Shape::kQueryRow>(
        queries + kQueryTile, grad + at, first, time);
    copyAsyncCommit();
  };
  // The first threads have one number of the tile each: first those of lse,
  // then those of D. Queries past the end have P = 0, and with it dS = 0.
  auto loadStatistic = [&](int i) {
    const int thread = int(threadIdx.x);
    const int row = (firstTile + i % headTiles) * kQueries + thread % kQueries;
    const long long at = rowStart + (long long)(i / headTiles) * time + row;
    if (thread < kQueries)
      return row < time ? lse[at] * -kLog2E : kMaskedScore;
    return thread < 2 * kQueries && row < time ? delta[at] : 0.0f;
  };
  auto storeStatistic = [&](int i, float statistic) {
    if (int(threadIdx.x) < 2 * kQueries)
      statistics[i % kStages * 2 * kQueries + int(threadIdx.x)] = statistic;
  };

  loadTile<Shape, kRows, kThreads, Shape::kKeyRow>(keys, key + keyStart,
                                                   firstRow, time);
  loadTile<Shape, kRows, kThreads, Shape::kKeyRow>(values, value + keyStart,
                                                   firstRow, time);
  load(0);
  storeStatistic(0, loadStatistic(0));

  const Scores<Shape> shaped{scale, cap};
  const float factor = shaped.factor();
  Fragment<M, kColumns / 8> keySums, valueSums;
  keySums.clear();
  valueSums.clear();
  for (int i = 0; i < tiles; ++i) {
    const bool hasNext = i + 1 < tiles;
    float statistic = 0.0f;
    copyAsyncWait<0>();
    __syncthreads(); // this stage is there, the one before is done with
    if (kStages == 2 && hasNext) {
      load(i + 1);
      statistic = loadStatistic(i + 1);
    }
    const int firstQuery = (firstTile + i % headTiles) * kQueries;
    const T *queries = stages + i % kStages * 2 * kQueryTile;
    const T *grads = queries + kQueryTile;
    const float *bases = statistics + i % kStages * 2 * kQueries;
    const float *means = bases + kQueries;
    Vec<int, 2> ends = {};
    if constexpr (Shape::kDocuments)
      ends = loadVec<Vec<int, 2>>(warpEnds + warp);
    if (warpFirst < time &&
        (!Shape::kCausal || firstQuery + kQueries > warpFirst) &&
        (!Shape::kWindowed || firstQuery - warpLast < window) &&
        (!Shape::kDocuments || firstQuery < ends.at[0])) {
      Fragment<M, kQueries / 8> scores, scoreGrads;
      scores.clear();
      addRowsByRows<Shape>(scores, warpKeys, queries);
      shaped.shape(scores);
      if ((Shape::kCausal && firstQuery < warpLast) ||
          (Shape::kWindowed && firstQuery + kQueries - warpFirst > window) ||
          (Shape::kDocuments && firstQuery + kQueries > ends.at[1])) {
        scores.forEach([&](float &s, int row, int column) {
          const int distance = firstQuery + column - warpFirst - row;
          if (distance < 0 || (Shape::kWindowed && distance >= window))
            s = kMaskedScore;
        });
        if constexpr (Shape::kDocuments)
          firstKeys.hideFromQueries(scores, warpFirst, firstQuery);
      }
      // With a soft-cap scores are wanted once more, and P is computed again:
      // there are registers for two fragments.
      Fragment<M, kQueries / 8> &probabilities =
          Shape::kCapped ? scoreGrads : scores;
      forProbabilities(
          scores, bases, factor,
          [&](int m, int n, int j, float p) { probabilities.at[m][n][j] = p; });
      addTimesRows<Shape>(valueSums, probabilities, grads + warpColumn);
      // The sums v dout^T start at -D.
#pragma unroll
      for (int n = 0; n < kQueries / 8; ++n) {
        const auto mean =
            loadVec<Vec<float, 2>>(means + 8 * n + laneId() % 4 * 2);
#pragma unroll
        for (int m = 0; m < M; ++m)
#pragma unroll
          for (int j = 0; j < 4; ++j)
            scoreGrads.at[m][n][j] = -mean.at[j % 2];
      }
      addRowsByRows<Shape>(scoreGrads, warpValues, grads);
      if constexpr (Shape::kCapped)
        forProbabilities(scores, bases, factor,
                         [&](int m, int n, int j, float p) {
                           scoreGrads.at[m][n][j] *=
                               p * Scores<Shape>::slope(scores.at[m][n][j]);
                         });
      else
        scoreGrads.multiply(scores);
      addTimesRows<Shape>(keySums, scoreGrads, queries + warpColumn);
    }
    if (hasNext) {
      if (kStages == 1) {
        __syncthreads();
        load(i + 1);
        statistic = loadStatistic(i + 1);
      }
      storeStatistic(i + 1, statistic);
    }
  }

  // The tiles of keys and values have done their work: they take the results.
  __syncthreads();
  storeFragment<Shape>(warpKeys + warpColumn, keySums, scale);
  storeFragment<Shape>(warpValues + warpColumn, valueSums, 1.0f);
  __syncthreads();
  storeTile<Shape, kRows, kThreads, Shape::kKeyRow>(keyGrad + keyStart, keys,
                                                    firstRow, time);
  storeTile<Shape, kRows, kThreads, Shape::kKeyRow>(valueGrad + keyStart,
                                                    values, firstRow, time);
}

} // namespace lns
