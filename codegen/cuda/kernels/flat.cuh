//===- flat.cuh - Tensors as flat arrays -----------------------*- CUDA -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#pragma once

#include "floats.cuh"
#include "reduce.cuh"

namespace lns {

/// A thread fills LANES elements; the last ones one by one.
template <class T, int LANES, int THREADS>
__device__ __forceinline__ void fill(T *result, float value,
                                     long long elements) {
  const long long first =
      (blockIdx.x * static_cast<long long>(THREADS) + threadIdx.x) * LANES;
  if (first + LANES <= elements) {
    storeFloats(result + first, splat<LANES>(value));
    return;
  }
  for (long long i = first; i < elements; ++i)
    result[i] = fromFloat<T>(value);
}

/// The sum over the elements divided by `count`. One block; in f64.
template <class T, int THREADS>
__device__ __forceinline__ void meanOver(const T *input, double count,
                                         float *result, long long elements) {
  double sums[1] = {};
#pragma unroll 4
  for (long long i = threadIdx.x; i < elements; i += THREADS)
    sums[0] += toFloat(input[i]);
  sumOverWarps<THREADS / 32>(sums, reinterpret_cast<double *>(dynamicShared()));
  if (threadIdx.x == 0)
    result[0] = static_cast<float>(sums[0] / count);
}
template <class T, int THREADS>
__device__ __forceinline__ void mean(const T *input, float *result,
                                     long long elements) {
  meanOver<T, THREADS>(input, static_cast<double>(elements), result, elements);
}
template <class T, int THREADS>
__device__ __forceinline__ void mean(const T *input, const int *count,
                                     float *result, long long elements) {
  meanOver<T, THREADS>(input, static_cast<double>(count[0]), result, elements);
}

/// How many targets are not IGNORED. One block; f64 is exact.
template <int IGNORED, int THREADS>
__device__ __forceinline__ void countTargets(const int *targets, int *result,
                                             long long elements) {
  double sums[1] = {};
#pragma unroll 4
  for (long long i = threadIdx.x; i < elements; i += THREADS)
    sums[0] += targets[i] != IGNORED ? 1.0 : 0.0;
  sumOverWarps<THREADS / 32>(sums, reinterpret_cast<double *>(dynamicShared()));
  if (threadIdx.x == 0)
    result[0] = static_cast<int>(sums[0]);
}

} // namespace lns
