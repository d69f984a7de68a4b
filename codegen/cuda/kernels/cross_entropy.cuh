//===- cross_entropy.cuh - Loss and gradient of logits ---------*- CUDA -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// A block a row of logits z. With FACTORS the classes' scores are x = f z, f
// the row's factor (a norm that was deferred into the loss), else x = z.
//
// The logits are the largest tensor of a step. The loss reads them once: every
// thread keeps a maximum and the sum of exponentials relative to it (Milakov
// and Gimelshein, arXiv 1805.02867). The gradient reads and writes them once,
// and may be written over them: a thread reads a vector before it writes it,
// and no other thread reads that. Where one kernel does both, the rows that run
// at one time fit into the L2 cache, and memory is read once.
//
// A target that is no column is ignored, and there is one number for that,
// which is negative: the row's loss and gradient are 0.
//
//===----------------------------------------------------------------------===//

#pragma once

#include "floats.cuh"
#include "reduce.cuh"

namespace lns {

/// The sum of exp(x) as exp(most) * sum. Finite from the start, so that scores
/// of minus infinity do not make differences of infinities.
struct LogSum {
  float most = -3.402823466e+38f, sum = 0.0f;

  template <int N> __device__ __forceinline__ void add(const Floats<N> &x) {
    raise(maxOf(x));
#pragma unroll
    for (int i = 0; i < N; ++i)
      sum += expf(x.at[i] - most);
  }
  __device__ __forceinline__ void add(const LogSum &other) {
    raise(other.most);
    sum += other.sum * expf(other.most - most);
  }
  __device__ __forceinline__ void raise(float to) {
    const float higher = fmaxf(most, to);
    sum *= expf(most - higher);
    most = higher;
  }
};

/// log(sum of exp(factor z)) of a row, for every thread of its block. Shared
/// memory: a LogSum a warp.
template <class T, int WIDTH, int LANES, int THREADS>
__device__ __forceinline__ float rowLogSumExp(const T *z, float factor) {
  constexpr int kVectors = WIDTH / LANES;
  constexpr int kWarps = THREADS / 32;
  LogSum own;
#pragma unroll 4
  for (int i = threadIdx.x; i < kVectors; i += THREADS)
    own.add(factor * loadFloats<LANES>(z + i * LANES));
#pragma unroll
  for (int mask = 16; mask > 0; mask /= 2) {
    LogSum other;
    other.most = shuffleXor(own.most, mask);
    other.sum = shuffleXor(own.sum, mask);
    own.add(other);
  }
  float *shared = reinterpret_cast<float *>(dynamicShared());
  if (laneId() == 0) {
    shared[2 * (threadIdx.x / 32)] = own.most;
    shared[2 * (threadIdx.x / 32) + 1] = own.sum;
  }
  __syncthreads();
  // Each adds the warps' in one order.
  LogSum all;
  all.most = shared[0];
  all.sum = shared[1];
#pragma unroll
  for (int warp = 1; warp < kWarps; ++warp) {
    LogSum other;
    other.most = shared[2 * warp];
    other.sum = shared[2 * warp + 1];
    all.add(other);
  }
  return all.most + logf(all.sum);
}

/// losses[row] = lse[row] - x[target]. Shared memory: a LogSum a warp.
template <class T, int WIDTH, int LANES, int THREADS, bool FACTORS>
__device__ __forceinline__ void
crossEntropy(const T *logits, const int *targets, const float *factors,
             float *losses, float *lse) {
  const int row = blockIdx.x;
  const T *z = logits + row * static_cast<long long>(WIDTH);
  const float factor = FACTORS ? factors[row] : 1.0f;
  const float sum = rowLogSumExp<T, WIDTH, LANES, THREADS>(z, factor);
  if (threadIdx.x != 0)
    return;
  const int target = targets[row];
  losses[row] = target < 0 ? 0.0f : sum - factor * toFloat(z[target]);
  lse[row] = sum;
}

/// The gradient of a row whose target is ignored.
template <class T, int WIDTH, int LANES, int THREADS>
__device__ __forceinline__ void zeroRow(T *dz) {
  for (int i = threadIdx.x; i < WIDTH / LANES; i += THREADS)
    storeFloats(dz + i * LANES, splat<LANES>(0.0f));
}

/// For one row with d = (exp(x - lse) - onehot(target)) grad: result = f d, and
/// with FACTORS, for all threads, the sum of (d / grad) z. Shared memory: a
/// float a warp. `z` and `dz` may be one.
template <class T, int WIDTH, int LANES, int THREADS, bool FACTORS>
__device__ __forceinline__ float rowCrossEntropyGrad(const T *z, int target,
                                                     float lse, float factor,
                                                     float scale, T *dz) {
  constexpr int kVectors = WIDTH / LANES;
  constexpr int kAhead = 4; // loads before the first store
  float dots[1] = {};
  for (int first = threadIdx.x; first < kVectors; first += kAhead * THREADS) {
    Columns<T, LANES> read[kAhead];
#pragma unroll
    for (int i = 0; i < kAhead; ++i)
      if (first + i * THREADS < kVectors)
        read[i] = loadColumns<LANES>(z + (first + i * THREADS) * LANES);
#pragma unroll
    for (int i = 0; i < kAhead; ++i)
      if (first + i * THREADS < kVectors) {
        const int column = (first + i * THREADS) * LANES;
        const Floats<LANES> at = toFloats(read[i]);
        // The target's is p - 1 before it is rounded: where p is near one,
        // rounding p would leave nothing of the difference.
        Floats<LANES> change;
#pragma unroll
        for (int j = 0; j < LANES; ++j)
          change.at[j] = expf(fmaf(factor, at.at[j], -lse)) -
                         (column + j == target ? 1.0f : 0.0f);
        if (FACTORS)
          dots[0] = dot(change, at, dots[0]);
        storeFloats(dz + column, scale * change);
      }
  }
  if constexpr (FACTORS)
    sumOverWarps<THREADS / 32>(dots,
                               reinterpret_cast<float *>(dynamicShared()));
  return dots[0];
}

/// result = f d, and factorsGrad = sum of d z, times f if RELATIVE. Shared
/// memory: a float a warp. `logits` and `result` may be one.
template <class T, int WIDTH, int LANES, int THREADS, bool FACTORS,
          bool RELATIVE>
__device__ __forceinline__ void
crossEntropyGrad(const T *logits, const int *targets, const float *lse,
                 const float *grad, const float *factors, T *result,
                 float *factorsGrad) {
  const int row = blockIdx.x, target = targets[row];
  const long long start = row * static_cast<long long>(WIDTH);
  if (target < 0) {
    zeroRow<T, WIDTH, LANES, THREADS>(result + start);
    if (FACTORS && threadIdx.x == 0)
      factorsGrad[row] = 0.0f;
    return;
  }
  const float factor = FACTORS ? factors[row] : 1.0f;
  const float scale = factor * grad[row];
  const float dot = rowCrossEntropyGrad<T, WIDTH, LANES, THREADS, FACTORS>(
      logits + start, target, lse[row], factor, scale, result + start);
  if (FACTORS && threadIdx.x == 0)
    factorsGrad[row] = (RELATIVE ? scale : grad[row]) * dot;
}

/// Both. Shared memory: a LogSum a warp.
template <class T, int WIDTH, int LANES, int THREADS, bool FACTORS,
          bool RELATIVE>
__device__ __forceinline__ void
crossEntropyWithGrad(const T *logits, const int *targets, const float *grad,
                     const float *factors, float *losses, T *result,
                     float *factorsGrad) {
  const int row = blockIdx.x, target = targets[row];
  const long long start = row * static_cast<long long>(WIDTH);
  if (target < 0) { // Of all threads of the block: there is no barrier to miss.
    zeroRow<T, WIDTH, LANES, THREADS>(result + start);
    if (threadIdx.x == 0)
      losses[row] = 0.0f;
    if (FACTORS && threadIdx.x == 0)
      factorsGrad[row] = 0.0f;
    return;
  }
  const float factor = FACTORS ? factors[row] : 1.0f;
  const float scale = factor * grad[row];
  // Read by every thread, before the barrier behind which it is overwritten.
  const float wanted = factor * toFloat(logits[start + target]);
  const float lse =
      rowLogSumExp<T, WIDTH, LANES, THREADS>(logits + start, factor);
  if (threadIdx.x == 0)
    losses[row] = lse - wanted;
  // Shared memory is used again.
  __syncthreads();
  const float dot = rowCrossEntropyGrad<T, WIDTH, LANES, THREADS, FACTORS>(
      logits + start, target, lse, factor, scale, result + start);
  if (FACTORS && threadIdx.x == 0)
    factorsGrad[row] = (RELATIVE ? scale : grad[row]) * dot;
}

} // namespace lns
