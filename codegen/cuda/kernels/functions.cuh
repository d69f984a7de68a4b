//===- functions.cuh - What only some row ops compute ---------*- CUDA -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// The steps of scalar programs (dialect/ScalarProgram.h) that floats.cuh lacks:
// of vectors, and of floats where CUDA has no operator or another name. A
// kernel includes it where one of its ops has such a step.
//
//===----------------------------------------------------------------------===//

#pragma once

#include "floats.cuh"

namespace lns {

template <int N>
__device__ __forceinline__ Floats<N> operator/(const Floats<N> &a,
                                               const Floats<N> &b) {
  Floats<N> y;
#pragma unroll
  for (int i = 0; i < N; ++i)
    y.at[i] = a.at[i] / b.at[i];
  return y;
}

template <int N>
__device__ __forceinline__ Floats<N> squareRoot(const Floats<N> &x) {
  Floats<N> y;
#pragma unroll
  for (int i = 0; i < N; ++i)
    y.at[i] = sqrtf(x.at[i]);
  return y;
}

__device__ __forceinline__ float exponential(float x) { return expf(x); }
template <int N>
__device__ __forceinline__ Floats<N> exponential(const Floats<N> &x) {
  Floats<N> y;
#pragma unroll
  for (int i = 0; i < N; ++i)
    y.at[i] = expf(x.at[i]);
  return y;
}

__device__ __forceinline__ float hyperbolicTangent(float x) { return tanhf(x); }
template <int N>
__device__ __forceinline__ Floats<N> hyperbolicTangent(const Floats<N> &x) {
  Floats<N> y;
#pragma unroll
  for (int i = 0; i < N; ++i)
    y.at[i] = tanhf(x.at[i]);
  return y;
}

__device__ __forceinline__ float errorFunction(float x) { return erff(x); }
template <int N>
__device__ __forceinline__ Floats<N> errorFunction(const Floats<N> &x) {
  Floats<N> y;
#pragma unroll
  for (int i = 0; i < N; ++i)
    y.at[i] = erff(x.at[i]);
  return y;
}

/// The greater one; b where either is not a number.
__device__ __forceinline__ float maximum(float a, float b) {
  return a > b ? a : b;
}
template <int N>
__device__ __forceinline__ Floats<N> maximum(const Floats<N> &a,
                                             const Floats<N> &b) {
  Floats<N> y;
#pragma unroll
  for (int i = 0; i < N; ++i)
    y.at[i] = maximum(a.at[i], b.at[i]);
  return y;
}

/// x > 0 ? a : b.
__device__ __forceinline__ float ifPositive(float x, float a, float b) {
  return x > 0.0f ? a : b;
}
template <int N>
__device__ __forceinline__ Floats<N>
ifPositive(const Floats<N> &x, const Floats<N> &a, const Floats<N> &b) {
  Floats<N> y;
#pragma unroll
  for (int i = 0; i < N; ++i)
    y.at[i] = ifPositive(x.at[i], a.at[i], b.at[i]);
  return y;
}

} // namespace lns
