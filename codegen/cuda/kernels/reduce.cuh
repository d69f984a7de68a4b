//===- reduce.cuh - Sums over warps and blocks -----------------*- CUDA -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// In an order that is fixed by the number of threads alone: a butterfly within
// a warp, which leaves the same bits in all lanes, then the warps in order.
//
//===----------------------------------------------------------------------===//

#pragma once

#include "device.cuh"

namespace lns {

/// T is float or double.
template <class T> __device__ __forceinline__ T sumOverWarp(T value) {
#pragma unroll
  for (int mask = 16; mask > 0; mask /= 2)
    value += shuffleXor(value, mask);
  return value;
}

/// Sums that every thread of the WARPS warps gets. With more than one warp it
/// is a barrier; `shared` has N * WARPS places, which the caller leaves alone
/// until the next barrier.
template <int WARPS, class T, int N>
__device__ __forceinline__ void sumOverWarps(T (&sums)[N], T *shared) {
#pragma unroll
  for (int i = 0; i < N; ++i)
    sums[i] = sumOverWarp(sums[i]);
  if constexpr (WARPS > 1) {
    if (laneId() == 0) {
#pragma unroll
      for (int i = 0; i < N; ++i)
        shared[i * WARPS + threadIdx.x / 32] = sums[i];
    }
    __syncthreads();
#pragma unroll
    for (int i = 0; i < N; ++i) {
      sums[i] = shared[i * WARPS];
#pragma unroll
      for (int warp = 1; warp < WARPS; ++warp)
        sums[i] += shared[i * WARPS + warp];
    }
  }
}

} // namespace lns
