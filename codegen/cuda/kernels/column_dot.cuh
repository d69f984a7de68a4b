//===- column_dot.cuh - Sums over rows -------------------------*- CUDA -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// Blocks add up a chunk of rows at 32 * LANES columns, warps taking every
// eighth row; sumChunks adds up the chunks in the same way. The order depends
// on the number of rows alone.
//
//===----------------------------------------------------------------------===//

#pragma once

#include "floats.cuh"

namespace lns {

/// Adds the warps' vectors, in order. Thread t < 32 gets the sum of lane t.
/// `shared` has 32 * LANES places a warp.
template <int LANES, int WARPS>
__device__ __forceinline__ void addWarpsInOrder(Floats<LANES> &sum,
                                                float *shared) {
  const int lane = laneId(), warp = threadIdx.x / 32;
  // Neighbouring lanes in neighbouring banks.
#pragma unroll
  for (int i = 0; i < LANES; ++i)
    shared[(warp * LANES + i) * 32 + lane] = sum.at[i];
  __syncthreads();
  if (warp != 0)
    return;
#pragma unroll
  for (int other = 1; other < WARPS; ++other)
#pragma unroll
    for (int i = 0; i < LANES; ++i)
      sum.at[i] += shared[(other * LANES + i) * 32 + lane];
}

/// partials[chunk][k] = sum over the chunk's rows of a[..][k] * b[..][k], or of
/// a[..][k] without DOT.
template <class T, int WIDTH, int LANES, int WARPS, bool DOT>
__device__ __forceinline__ void columnDotChunk(const T *a, const T *b,
                                               float *partials, long long rows,
                                               long long chunkRows) {
  const int lane = laneId(), warp = threadIdx.x / 32;
  const int column = (blockIdx.x * 32 + lane) * LANES;
  const long long from = blockIdx.y * chunkRows;
  const long long to = from + chunkRows < rows ? from + chunkRows : rows;
  Floats<LANES> sum = splat<LANES>(0.0f);
  if (column < WIDTH) {
#pragma unroll 4
    for (long long row = from + warp; row < to; row += WARPS) {
      const Floats<LANES> x = loadFloats<LANES>(a + row * WIDTH + column);
      if constexpr (DOT)
        sum = multiplyAdd(x, loadFloats<LANES>(b + row * WIDTH + column), sum);
      else
        sum = sum + x;
    }
  }
  addWarpsInOrder<LANES, WARPS>(sum,
                                reinterpret_cast<float *>(dynamicShared()));
  if (warp == 0 && column < WIDTH)
    storeFloats(partials + blockIdx.y * static_cast<long long>(WIDTH) + column,
                sum);
}

/// result[k] = scale * sum over chunks of chunks[..][k], and + result[k] if
/// `accumulates`. LANES divides the width. Grid: x 32 * LANES columns each.
template <int LANES, int WARPS>
__device__ __forceinline__ void sumChunks(const float *chunks, float *result,
                                          float scale, long long count,
                                          long long width, bool accumulates) {
  const int lane = laneId(), warp = threadIdx.x / 32;
  const long long column = (blockIdx.x * 32ll + lane) * LANES;
  Floats<LANES> sum = splat<LANES>(0.0f);
  if (column < width) {
#pragma unroll 8
    for (long long chunk = warp; chunk < count; chunk += WARPS)
      sum = sum + loadFloats<LANES>(chunks + chunk * width + column);
  }
  addWarpsInOrder<LANES, WARPS>(sum,
                                reinterpret_cast<float *>(dynamicShared()));
  if (warp == 0 && column < width) {
    sum = scale * sum;
    if (accumulates)
      sum = sum + loadFloats<LANES>(result + column);
    storeFloats(result + column, sum);
  }
}

} // namespace lns
