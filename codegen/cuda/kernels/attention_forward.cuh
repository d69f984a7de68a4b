//===- attention_forward.cuh - softmax(scale q k^T) v ----------*- CUDA -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// One block is one tile of queries of one head; it walks over the keys once,
// with the softmax of what it has seen so far (Milakov and Gimelshein, arXiv
// 1805.02867; Dao, arXiv 2307.08691). A key tile arrives while the products
// with the value tile before it are taken, a value tile while scores are. With
// a window, or with documents that share a row, it begins at the key tile that
// the first query sees first.
//
// Grid: heads, query tiles, batch. Causal tiles start with the last, which sees
// most keys. Shared memory: the query tile, one key tile, one value tile.
//
//===----------------------------------------------------------------------===//

#pragma once
#include "attention_product.cuh"

namespace lns {

/// The softmax of a warp's rows as far as keys were seen.
template <int M> struct OnlineSoftmax {
  float most[M][2];  ///< greatest product q k
  float total[M][2]; ///< this lane's part of the sum of exponentials

  __device__ __forceinline__ void clear() {
#pragma unroll
    for (int m = 0; m < M; ++m)
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        most[m][half] = kMaskedScore;
        total[m][half] = 0.0f;
      }
  }

  /// Turns products into exponentials and brings `result`, the sum over the
  /// keys before, to the new maximum. Every row sees a key of the first tile,
  /// so the maximum is a number from then on. Only where the first tiles are
  /// hidden from a row (`Bounded`) is it not, and what is masked then has
  /// exponentials of 0 all the same.
  template <bool Bounded, int N, int D>
  __device__ __forceinline__ void add(Fragment<M, N> &scores,
                                      Fragment<M, D> &result, float factor) {
#pragma unroll
    for (int m = 0; m < M; ++m)
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        float greatest = most[m][half];
#pragma unroll
        for (int n = 0; n < N; ++n)
          greatest = fmaxf(greatest, fmaxf(scores.at[m][n][2 * half],
                                           scores.at[m][n][2 * half + 1]));
        greatest = maxOfRow(greatest);
        const float change = exp2Fast((most[m][half] - greatest) * factor);
        const float base =
            Bounded && greatest == kMaskedScore ? 0.0f : -greatest * factor;
        float sum = 0.0f;
#pragma unroll
        for (int n = 0; n < N; ++n)
#pragma unroll
          for (int i = 2 * half; i < 2 * half + 2; ++i) {
            const float p = exp2Fast(fmaf(scores.at[m][n][i], factor, base));
            scores.at[m][n][i] = p;
            sum += p;
          }
        most[m][half] = greatest;
        total[m][half] = fmaf(total[m][half], change, sum);
#pragma unroll
        for (int n = 0; n < D; ++n) {
          result.at[m][n][2 * half] *= change;
          result.at[m][n][2 * half + 1] *= change;
        }
      }
  }
};

template <class Shape, class Tiles>
__device__ __forceinline__ void attentionForward(
    const typename Shape::Element *query, const typename Shape::Element *key,
    const typename Shape::Element *value, typename Shape::Element *result,
    float *lse, float scale, int time, int window = 0, float cap = 0.0f,
    const int *starts = nullptr) {
  using T = typename Shape::Element;
  constexpr int kRows = Tiles::kRows, kKeys = Tiles::kColumns;
  constexpr int kThreads = Tiles::kThreads, M = Tiles::kRowTiles;
  constexpr int kColumns = Shape::kDepth / Tiles::kGroups;

  const int head = int(blockIdx.x);
  const int tile =
      int(Shape::kCausal ? gridDim.y - 1 - blockIdx.y : blockIdx.y);
  const int firstRow = tile * kRows;
  const long long sequence = (long long)blockIdx.z * time;
  const long long queryStart =
      sequence * Shape::kQueryRow + head * Shape::kHeadDim;
  const long long keyStart =
      sequence * Shape::kKeyRow + head / Shape::kGroup * Shape::kHeadDim;
  query += queryStart;
  result += queryStart;
  key += keyStart;
  value += keyStart;

  T *queries = reinterpret_cast<T *>(dynamicShared());
  T *keys = queries + kRows * Shape::kStride;
  T *values = keys + kKeys * Shape::kStride;
  const int warp = int(threadIdx.x) / 32;
  const int warpRow = warp / Tiles::kGroups * Tiles::kWarpRows;
  const int warpColumn = warp % Tiles::kGroups * kColumns;
  T *warpQueries = queries + warpRow * Shape::kStride;
  const int warpFirst = firstRow + warpRow;
  const int warpLast = warpFirst + Tiles::kWarpRows - 1;

  const Scores<Shape> shaped{scale, cap};
  const float factor = shaped.factor();
  Fragment<M, kColumns / 8> sums;
  OnlineSoftmax<M> softmax;
  sums.clear();
  softmax.clear();

  const int seen =
      Shape::kCausal && firstRow + kRows < time ? firstRow + kRows : time;
  const FirstKeys<Shape> firstKeys{window, time, starts + sequence};
  const int start = firstKeys.of(firstRow) / kKeys * kKeys;
  const int warpSeen = firstKeys.of(warpFirst);
  const int allSeen = firstKeys.of(warpLast);
  loadTile<Shape, kRows, kThreads, Shape::kQueryRow>(queries, query, firstRow,
                                                     time);
  loadTile<Shape, kKeys, kThreads, Shape::kKeyRow>(keys, key, start, time);
  copyAsyncCommit();
  for (int firstKey = start; firstKey < seen; firstKey += kKeys) {
    copyAsyncWait<0>();
    __syncthreads(); // the keys are there, the values before are done with
    loadTile<Shape, kKeys, kThreads, Shape::kKeyRow>(values, value, firstKey,
                                                     time);
    copyAsyncCommit();
    const bool sees = warpFirst < time &&
                      (!Shape::kCausal || firstKey <= warpLast) &&
                      (!Shape::kBounded || firstKey + kKeys > warpSeen);
    Fragment<M, kKeys / 8> scores;
    if (sees) {
      scores.clear();
      addRowsByRows<Shape>(scores, warpQueries, keys);
      shaped.shape(scores);
      if (firstKey + kKeys > time ||
          (Shape::kCausal && firstKey + kKeys - 1 > warpFirst) ||
          (Shape::kBounded && firstKey < allSeen)) {
        scores.forEach([&](float &s, int row, int column) {
          const int k = firstKey + column;
          if (k >= time || (Shape::kCausal && k > warpFirst + row) ||
              (Shape::kWindowed && k <= warpFirst + row - window))
            s = kMaskedScore;
        });
        if constexpr (Shape::kDocuments)
          firstKeys.hideKeys(scores, warpFirst, firstKey);
      }
      softmax.template add<Shape::kBounded>(scores, sums, factor);
    }
    copyAsyncWait<0>();
    __syncthreads(); // the values are there, the keys are done with
    if (firstKey + kKeys < seen) {
      loadTile<Shape, kKeys, kThreads, Shape::kKeyRow>(keys, key,
                                                       firstKey + kKeys, time);
      copyAsyncCommit();
    }
    if (sees)
      addTimesRows<Shape>(sums, scores, values + warpColumn);
  }

  float inverse[M][2];
#pragma unroll
  for (int m = 0; m < M; ++m)
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const float total = sumOfRow(softmax.total[m][half]);
      inverse[m][half] = 1.0f / total;
      const int row = warpFirst + 16 * m + 8 * half + laneId() / 4;
      if (warpColumn == 0 && laneId() % 4 == 0 && row < time)
        lse[((long long)blockIdx.z * Shape::kHeads + head) * time + row] =
            fmaf(softmax.most[m][half], shaped.size(), logf(total));
    }
  // The query tile has done its work: it takes the result.
  __syncthreads();
  storeFragment<Shape>(warpQueries + warpColumn, sums, inverse);
  __syncthreads();
  storeTile<Shape, kRows, kThreads, Shape::kQueryRow>(result, queries, firstRow,
                                                      time);
}

} // namespace lns
