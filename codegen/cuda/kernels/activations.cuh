//===- activations.cuh - Activation functions and slopes --------*- CUDA
//-*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// `lns.activation` in docs/dialect.md has the formulas. All but relu are
// x * sigmoid(v(x)): with v = x it is silu; as (1 + tanh(u)) / 2 = sigmoid(2u),
// with v = 2 sqrt(2/pi) (x + 0.044715 x^3) it is gelu_tanh. The slope of
// x * sigmoid(v) is s (1 + x (1 - s) v') with s = sigmoid(v).
//
//===----------------------------------------------------------------------===//

#pragma once

#include "floats.cuh"

namespace lns {

__device__ __forceinline__ float sigmoid(float x) {
  return reciprocal(1.0f + expf(-x));
}

struct Silu {
  static __device__ __forceinline__ float value(float x) {
    return x * sigmoid(x);
  }
  static __device__ __forceinline__ float slope(float x) {
    const float s = sigmoid(x);
    return s * fmaf(x, 1.0f - s, 1.0f);
  }
};

struct GeluTanh {
  static constexpr float kLinear = 1.5957691216057308f; // 2 sqrt(2/pi)
  static constexpr float kCubic = 0.044715f * kLinear;

  static __device__ __forceinline__ float gate(float x) {
    return sigmoid(x * fmaf(x * x, kCubic, kLinear));
  }
  static __device__ __forceinline__ float value(float x) { return x * gate(x); }
  static __device__ __forceinline__ float slope(float x) {
    const float s = gate(x);
    const float rise = x * fmaf(x * x, 3.0f * kCubic, kLinear);
    return s * fmaf(rise, 1.0f - s, 1.0f);
  }
};

/// Not a number stays so.
struct Relu {
  static __device__ __forceinline__ float value(float x) {
    return x < 0.0f ? 0.0f : x;
  }
  static __device__ __forceinline__ float slope(float x) {
    return x > 0.0f ? 1.0f : 0.0f;
  }
};

template <class F, int N>
__device__ __forceinline__ Floats<N> activate(const Floats<N> &x) {
  Floats<N> y;
#pragma unroll
  for (int i = 0; i < N; ++i)
    y.at[i] = F::value(x.at[i]);
  return y;
}

template <class F, int N>
__device__ __forceinline__ Floats<N> slopeOf(const Floats<N> &x) {
  Floats<N> y;
#pragma unroll
  for (int i = 0; i < N; ++i)
    y.at[i] = F::slope(x.at[i]);
  return y;
}

} // namespace lns
