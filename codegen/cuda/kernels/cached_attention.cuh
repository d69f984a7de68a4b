//===- cached_attention.cuh - Decoding a token at a time -------*- CUDA -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// Few queries against keys and values in caches. One block is one query of one
// head: it walks over the keys in tiles of as many as it has threads, a key for
// each thread, with the softmax of what it has seen so far; then a thread has a
// column or two of the values. How many keys there are is data.
//
// Grid: heads, times, batch. Shared memory: the query, a tile's exponentials,
// and a number for each warp.
//
//===----------------------------------------------------------------------===//

#pragma once

#include "attention_tile.cuh"
#include "floats.cuh"

namespace lns {

/// The place in a cache of row `row`, of time `time`, whose document began
/// before or at it.
__device__ __forceinline__ int positionOf(const int *starts, long long row,
                                          int time) {
  return time - starts[row];
}

/// cache[b, t - starts[b, t], :] = rows[b, t, :]. Grid: rows; a block copies
/// one.
template <class T, int WIDTH, int LANES, int THREADS>
__device__ __forceinline__ void appendRows(const T *rows, const int *starts,
                                           T *cache, long long time,
                                           long long positions) {
  const long long row = blockIdx.x;
  const int position = positionOf(starts, row, static_cast<int>(row % time));
  const T *from = rows + row * WIDTH;
  T *to = cache + (row / time * positions + position) * WIDTH;
  for (int column = threadIdx.x * LANES; column < WIDTH;
       column += THREADS * LANES)
    storeColumns(to + column, loadColumns<LANES>(from + column));
}

/// The greatest number of the block's threads, and a barrier. `shared` has a
/// place for each warp.
template <int WARPS>
__device__ __forceinline__ float maxOverBlock(float x, float *shared) {
#pragma unroll
  for (int mask = 16; mask > 0; mask /= 2)
    x = fmaxf(x, shuffleXor(x, mask));
  if (laneId() == 0)
    shared[threadIdx.x / 32] = x;
  __syncthreads();
  x = shared[0];
#pragma unroll
  for (int warp = 1; warp < WARPS; ++warp)
    x = fmaxf(x, shared[warp]);
  return x;
}

/// Shape's Windowed and Capped say what there is; `time` is that of a sequence,
/// `positions` what a cache has room for.
template <class Shape, int LANES, int THREADS>
__device__ __forceinline__ void
cachedAttention(const typename Shape::Element *query,
                const typename Shape::Element *keys,
                const typename Shape::Element *values, const int *starts,
                typename Shape::Element *result, float scale, long long time,
                long long positions, int window = 0, float cap = 0.0f) {
  using T = typename Shape::Element;
  constexpr int kHeadDim = Shape::kHeadDim, kWarps = THREADS / 32;
  constexpr int kColumns = (kHeadDim + THREADS - 1) / THREADS;
  auto *sharedQuery = reinterpret_cast<float *>(dynamicShared());
  float *weights = sharedQuery + kHeadDim;
  float *warpMost = weights + THREADS;

  const int head = blockIdx.x, thread = threadIdx.x;
  const long long row = blockIdx.z * time + blockIdx.y;
  query += row * Shape::kQueryRow + head * kHeadDim;
  result += row * Shape::kQueryRow + head * kHeadDim;
  const long long first =
      blockIdx.z * positions * Shape::kKeyRow + head / Shape::kGroup * kHeadDim;
  keys += first;
  values += first;
  const int seen = positionOf(starts, row, blockIdx.y) + 1;
  const int from = Shape::kWindowed && seen > window ? seen - window : 0;

  for (int i = thread; i < kHeadDim; i += THREADS)
    sharedQuery[i] = toFloat(query[i]);
  __syncthreads();

  float most = kMaskedScore, total = 0.0f;
  float sums[kColumns] = {};
  for (int tile = from; tile < seen; tile += THREADS) {
    const int key = tile + thread;
    float score = kMaskedScore;
    if (key < seen) {
      const T *own = keys + static_cast<long long>(key) * Shape::kKeyRow;
      float product = 0.0f;
      for (int i = 0; i < kHeadDim; i += LANES)
        product = dot(loadFloats<LANES>(sharedQuery + i),
                      loadFloats<LANES>(own + i), product);
      score = product * scale;
      if constexpr (Shape::kCapped)
        score = cap * tanhf(score / cap);
    }
    // The greatest is finite: a tile has a key.
    const float before = most;
    most = fmaxf(most, maxOverBlock<kWarps>(score, warpMost));
    const float shrink = expf(before - most);
    weights[thread] = expf(score - most);
    __syncthreads();
    const int count = seen - tile < THREADS ? seen - tile : THREADS;
    total *= shrink;
    for (int i = 0; i < count; ++i)
      total += weights[i];
#pragma unroll
    for (int j = 0; j < kColumns; ++j) {
      const int column = j * THREADS + thread;
      if (column >= kHeadDim)
        continue;
      const T *own =
          values + static_cast<long long>(tile) * Shape::kKeyRow + column;
      float sum = sums[j] * shrink;
      for (int i = 0; i < count; ++i)
        sum =
            fmaf(weights[i],
                 toFloat(own[static_cast<long long>(i) * Shape::kKeyRow]), sum);
      sums[j] = sum;
    }
    __syncthreads();
  }
#pragma unroll
  for (int j = 0; j < kColumns; ++j)
    if (j * THREADS + thread < kHeadDim)
      result[j * THREADS + thread] = fromFloat<T>(sums[j] / total);
}

} // namespace lns
