//===- attention_grad_q.cuh - The gradient of queries ----------*- CUDA -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// One block is one tile of queries of one head. For its rows it takes
// D = rowsum(dout * out), which it also leaves behind for attention_grad_kv,
// and then walks over the keys, with P from the log-sum-exp:
//
//   dS = P * (dout v^T - D),   dq = scale * dS k,
//
// dS times the slope of a soft-cap, if there is one. With a window, or with
// documents that share a row, the walk begins at the key tile that the first
// query sees first.
//
// Grid: heads, query tiles, batch. Causal tiles start with the last, which sees
// most keys. Shared memory: tiles of queries and of gradients, then for every
// stage a key tile and a value tile.
//
//===----------------------------------------------------------------------===//

#pragma once
#include "attention_product.cuh"

namespace lns {

/// This lane's part of the dot of two rows of a head.
template <class Shape>
__device__ __forceinline__ float
dotQuarterOfRow(const typename Shape::Element *x,
                const typename Shape::Element *y) {
  constexpr int kWidth = Shape::kWidth;
  using Piece = Vec<typename Shape::Element, kWidth>;
  float sum = 0.0f;
  for (int i = laneId() % 4 * kWidth; i < Shape::kHeadDim; i += 4 * kWidth) {
    const Piece a = loadVec<Piece>(x + i), b = loadVec<Piece>(y + i);
#pragma unroll
    for (int j = 0; j < kWidth; ++j)
      sum = fmaf(toFloat(a.at[j]), toFloat(b.at[j]), sum);
  }
  return sum;
}

template <class Shape, class Tiles>
__device__ __forceinline__ void attentionGradQ(
    const typename Shape::Element *query, const typename Shape::Element *key,
    const typename Shape::Element *value, const typename Shape::Element *result,
    const float *lse, const typename Shape::Element *grad,
    typename Shape::Element *queryGrad, float *delta, float scale, int time,
    int window = 0, float cap = 0.0f, const int *starts = nullptr) {
  using T = typename Shape::Element;
  constexpr int kRows = Tiles::kRows, kKeys = Tiles::kColumns;
  constexpr int kThreads = Tiles::kThreads, M = Tiles::kRowTiles;
  constexpr int kColumns = Shape::kDepth / Tiles::kGroups;
  constexpr int kKeyTile = kKeys * Shape::kStride;

  const int head = int(blockIdx.x);
  const int tile =
      int(Shape::kCausal ? gridDim.y - 1 - blockIdx.y : blockIdx.y);
  const int firstRow = tile * kRows;
  const long long sequence = (long long)blockIdx.z * time;
  const long long queryStart =
      sequence * Shape::kQueryRow + head * Shape::kHeadDim;
  const long long keyStart =
      sequence * Shape::kKeyRow + head / Shape::kGroup * Shape::kHeadDim;
  const long long rowStart =
      ((long long)blockIdx.z * Shape::kHeads + head) * time;
  key += keyStart;
  value += keyStart;

  T *queries = reinterpret_cast<T *>(dynamicShared());
  T *grads = queries + kRows * Shape::kStride;
  T *stages = grads + kRows * Shape::kStride;
  const int warp = int(threadIdx.x) / 32;
  const int warpRow = warp / Tiles::kGroups * Tiles::kWarpRows;
  const int warpColumn = warp % Tiles::kGroups * kColumns;
  T *warpQueries = queries + warpRow * Shape::kStride;
  const T *warpGrads = grads + warpRow * Shape::kStride;
  const int warpFirst = firstRow + warpRow;
  const int warpLast = warpFirst + Tiles::kWarpRows - 1;

  auto load = [&](int firstKey) {
    T *keys = stages + firstKey / kKeys % Tiles::kStages * 2 * kKeyTile;
    loadTile<Shape, kKeys, kThreads, Shape::kKeyRow>(keys, key, firstKey, time);
    loadTile<Shape, kKeys, kThreads, Shape::kKeyRow>(keys + kKeyTile, value,
                                                     firstKey, time);
    copyAsyncCommit();
  };
  loadTile<Shape, kRows, kThreads, Shape::kQueryRow>(
      queries, query + queryStart, firstRow, time);
  loadTile<Shape, kRows, kThreads, Shape::kQueryRow>(grads, grad + queryStart,
                                                     firstRow, time);
  const FirstKeys<Shape> firstKeys{window, time, starts + sequence};
  const int start = firstKeys.of(firstRow) / kKeys * kKeys;
  const int warpSeen = firstKeys.of(warpFirst);
  const int allSeen = firstKeys.of(warpLast);
  load(start);

  // Rows past the end have P = 0, and with it dS = 0.
  float base[M][2], mean[M][2];
#pragma unroll
  for (int m = 0; m < M; ++m)
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const int row = warpFirst + 16 * m + 8 * half + laneId() / 4;
      const long long at = queryStart + (long long)row * Shape::kQueryRow;
      base[m][half] = row < time ? lse[rowStart + row] * -kLog2E : kMaskedScore;
      const float dot =
          row < time ? dotQuarterOfRow<Shape>(result + at, grad + at) : 0.0f;
      mean[m][half] = sumOfRow(dot);
      if (warpColumn == 0 && laneId() % 4 == 0 && row < time)
        delta[rowStart + row] = mean[m][half];
    }

  const Scores<Shape> shaped{scale, cap};
  const float factor = shaped.factor();
  Fragment<M, kColumns / 8> sums;
  sums.clear();
  const int seen =
      Shape::kCausal && firstRow + kRows < time ? firstRow + kRows : time;
  for (int firstKey = start; firstKey < seen; firstKey += kKeys) {
    const bool hasNext = firstKey + kKeys < seen;
    copyAsyncWait<0>();
    __syncthreads(); // this stage is there, the one before is done with
    if (Tiles::kStages == 2 && hasNext)
      load(firstKey + kKeys);
    const T *keys = stages + firstKey / kKeys % Tiles::kStages * 2 * kKeyTile;
    if (warpFirst < time && (!Shape::kCausal || firstKey <= warpLast) &&
        (!Shape::kBounded || firstKey + kKeys > warpSeen)) {
      Fragment<M, kKeys / 8> scores, scoreGrads;
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
      // The sums dout v^T start at -D.
#pragma unroll
      for (int m = 0; m < M; ++m)
#pragma unroll
        for (int n = 0; n < kKeys / 8; ++n)
#pragma unroll
          for (int i = 0; i < 4; ++i) {
            const float s = scores.at[m][n][i];
            scores.at[m][n][i] = exp2Fast(fmaf(s, factor, base[m][i / 2]));
            if constexpr (Shape::kCapped)
              scores.at[m][n][i] *= Scores<Shape>::slope(s);
            scoreGrads.at[m][n][i] = -mean[m][i / 2];
          }
      addRowsByRows<Shape>(scoreGrads, warpGrads, keys + kKeyTile);
      scoreGrads.multiply(scores);
      addTimesRows<Shape>(sums, scoreGrads, keys + warpColumn);
    }
    if (Tiles::kStages == 1 && hasNext) {
      __syncthreads();
      load(firstKey + kKeys);
    }
  }

  // The query tile has done its work: it takes the result.
  __syncthreads();
  storeFragment<Shape>(warpQueries + warpColumn, sums, scale);
  __syncthreads();
  storeTile<Shape, kRows, kThreads, Shape::kQueryRow>(queryGrad + queryStart,
                                                      queries, firstRow, time);
}

} // namespace lns
