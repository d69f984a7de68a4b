//===- optimizer.cuh - Gradient norm and AdamW -----------------*- CUDA -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#pragma once

#include "floats.cuh"
#include "reduce.cuh"

namespace lns {

/// The `optimizer` buffer; its layout is that of runtime/plan/kernel_abi.h.
struct OptimizerValues {
  float lr, beta1, beta2, eps, weightDecay, clip, biasCorrection1,
      biasCorrection2;
};

/// One of COUNT tensors: that in which `chunk` is if all chunks are counted
/// through. The chunk becomes the tensor's own.
template <int CHUNK, int COUNT>
__device__ __forceinline__ void
findTensor(const float *const (&tensors)[COUNT],
           const long long (&sizes)[COUNT], long long &chunk,
           const float *&tensor, long long &size) {
  bool found = false;
#pragma unroll
  for (int i = 0; i < COUNT; ++i) {
    const long long chunks = (sizes[i] + CHUNK - 1) / CHUNK;
    if (!found) {
      tensor = tensors[i];
      size = sizes[i];
      found = chunk < chunks;
      if (!found)
        chunk -= chunks;
    }
  }
}

/// partials[first + block] = the sum of squares of the block's chunk. Shared
/// memory: a double a warp.
template <int CHUNK, int THREADS, int COUNT>
__device__ __forceinline__ void
sumSquares(const float *const (&gradients)[COUNT],
           const long long (&sizes)[COUNT], double *partials, long long first) {
  constexpr int kLanes = 4;
  long long chunk = blockIdx.x, size = 0;
  const float *gradient = nullptr;
  findTensor<CHUNK>(gradients, sizes, chunk, gradient, size);
  const long long from = chunk * CHUNK;
  const long long to = from + CHUNK < size ? from + CHUNK : size;
  double sums[1] = {};
#pragma unroll 4
  for (long long i = from + threadIdx.x * kLanes; i < to;
       i += THREADS * kLanes) {
    if (i + kLanes <= to) {
      const Floats<kLanes> x = loadFloats<kLanes>(gradient + i);
#pragma unroll
      for (int j = 0; j < kLanes; ++j)
        sums[0] += static_cast<double>(x.at[j]) * x.at[j];
    } else {
      for (long long j = i; j < to; ++j)
        sums[0] += static_cast<double>(gradient[j]) * gradient[j];
    }
  }
  sumOverWarps<THREADS / 32>(sums, reinterpret_cast<double *>(dynamicShared()));
  if (threadIdx.x == 0)
    partials[first + blockIdx.x] = sums[0];
}

/// norm and factor from the chunks' sums, added in order by one warp. A factor
/// that is not a number tells adamW to change nothing.
__device__ __forceinline__ void clipFactor(const float *optimizer,
                                           const double *partials, float *norm,
                                           float *factor, const float *loss,
                                           long long count) {
  double sum = 0.0;
  for (long long first = 0; first < count; first += 32) {
    const long long at = first + laneId();
    const double own = at < count ? partials[at] : 0.0;
#pragma unroll
    for (int lane = 0; lane < 32; ++lane)
      sum += shuffleFrom(own, lane);
  }
  if (laneId() != 0)
    return;
  const float clip = reinterpret_cast<const OptimizerValues *>(optimizer)->clip;
  const float length = static_cast<float>(sqrt(sum));
  norm[0] = length;
  // x - x is 0 for a finite x and NaN for all else.
  const float zero = (length - length) + (loss[0] - loss[0]);
  const float clipped = clip > 0.0f && length > clip ? clip / length : 1.0f;
  factor[0] = zero == 0.0f ? clipped : zero;
}

/// What a parameter's decay, learning rate and epsilon are multiplied by.
struct UpdateFactors {
  float decay, lr, eps;
};

/// AdamW on LANES elements.
struct AdamW {
  float beta1, beta2, eps, rest1, rest2, keep, step, inverseBias2, factor;

  __device__ __forceinline__ AdamW(const float *optimizer,
                                   const float *clipFactor,
                                   const UpdateFactors &factors) {
    const OptimizerValues values =
        *reinterpret_cast<const OptimizerValues *>(optimizer);
    const float lr = values.lr * factors.lr;
    beta1 = values.beta1;
    beta2 = values.beta2;
    eps = values.eps * factors.eps;
    rest1 = 1.0f - beta1;
    rest2 = 1.0f - beta2;
    keep = 1.0f - lr * values.weightDecay * factors.decay;
    step = lr / values.biasCorrection1;
    inverseBias2 = 1.0f / values.biasCorrection2;
    factor = clipFactor[0];
  }

  /// How many of the elements to update: none where the factor is NaN.
  __device__ __forceinline__ long long count(long long elements) const {
    return factor == factor ? elements : 0;
  }

  /// Gives the new parameter.
  template <int N>
  __device__ __forceinline__ Floats<N> update(float *parameter, float *expAvg,
                                              float *expAvgSq,
                                              const float *gradient) const {
    const Floats<N> g = factor * loadFloats<N>(gradient);
    const Floats<N> m = multiplyAdd(beta1, loadFloats<N>(expAvg), rest1 * g);
    const Floats<N> v =
        multiplyAdd(beta2, loadFloats<N>(expAvgSq), rest2 * (g * g));
    Floats<N> p = keep * loadFloats<N>(parameter);
#pragma unroll
    for (int i = 0; i < N; ++i)
      p.at[i] -= step * m.at[i] / (sqrtf(v.at[i] * inverseBias2) + eps);
    storeFloats(expAvg, m);
    storeFloats(expAvgSq, v);
    storeFloats(parameter, p);
    return p;
  }
};

template <int THREADS>
__device__ __forceinline__ void
adamW(float *parameter, float *expAvg, float *expAvgSq, const float *gradient,
      const float *clipFactor, const float *optimizer,
      const UpdateFactors &factors, long long elements) {
  constexpr int kLanes = 4;
  const AdamW adam(optimizer, clipFactor, factors);
  elements = adam.count(elements);
  const long long first =
      (blockIdx.x * static_cast<long long>(THREADS) + threadIdx.x) * kLanes;
  if (first + kLanes <= elements) {
    adam.update<kLanes>(parameter + first, expAvg + first, expAvgSq + first,
                        gradient + first);
    return;
  }
  for (long long i = first; i < elements; ++i)
    adam.update<1>(parameter + i, expAvg + i, expAvgSq + i, gradient + i);
}

/// How many elements a row has, and (2^64 - 1) / width: with it a division by
/// the width is two multiplications, which need no subroutine.
struct RowWidth {
  unsigned long long width, inverse;

  /// i % width. The quotient is that of i / width or one less: inverse * width
  /// is 2^64 but for at most width, and i is far below 2^63.
  __device__ __forceinline__ long long getColumn(long long i) const {
    const unsigned long long n = static_cast<unsigned long long>(i);
    const unsigned long long rest = n - multiplyHigh(n, inverse) * width;
    return static_cast<long long>(rest < width ? rest : rest - width);
  }
};

/// gain[i % width] for N elements from `first`, a multiple of N, on.
template <int N>
__device__ __forceinline__ Floats<N>
loadGains(const float *gain, long long first, const RowWidth &row) {
  const long long width = static_cast<long long>(row.width);
  long long column = row.getColumn(first);
  if (width % N == 0)
    return loadFloats<N>(gain + column);
  Floats<N> x;
#pragma unroll
  for (int i = 0; i < N; ++i) {
    x.at[i] = gain[column];
    column = column + 1 == width ? 0 : column + 1;
  }
  return x;
}

template <int N>
__device__ __forceinline__ Floats<N> addOffset(Floats<N> gains, float offset) {
  if (offset == 0.0f)
    return gains;
#pragma unroll
  for (int i = 0; i < N; ++i)
    gains.at[i] += offset;
  return gains;
}

/// adamW, and compute[i] = (gain[i % width] + gainOffset) * parameter[i] of the
/// new parameter, rounded. gain may be null, for ones.
template <class To, int THREADS>
__device__ __forceinline__ void
adamWAndCompute(float *parameter, float *expAvg, float *expAvgSq,
                const float *gradient, const float *clipFactor,
                const float *optimizer, const float *gain, To *compute,
                const UpdateFactors &factors, long long elements, RowWidth row,
                float gainOffset = 0.0f) {
  constexpr int kLanes = 4;
  const AdamW adam(optimizer, clipFactor, factors);
  elements = adam.count(elements);
  const long long first =
      (blockIdx.x * static_cast<long long>(THREADS) + threadIdx.x) * kLanes;
  if (first + kLanes <= elements) {
    Floats<kLanes> p = adam.update<kLanes>(parameter + first, expAvg + first,
                                           expAvgSq + first, gradient + first);
    if (gain)
      p = addOffset(loadGains<kLanes>(gain, first, row), gainOffset) * p;
    storeFloats(compute + first, p);
    return;
  }
  for (long long i = first; i < elements; ++i) {
    Floats<1> p =
        adam.update<1>(parameter + i, expAvg + i, expAvgSq + i, gradient + i);
    if (gain)
      p = addOffset(loadGains<1>(gain, i, row), gainOffset) * p;
    storeFloats(compute + i, p);
  }
}

} // namespace lns
