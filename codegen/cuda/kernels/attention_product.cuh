//===- attention_product.cuh - Products of attention tiles -----*- CUDA -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// The two products that attention and its gradient are made of, for one warp,
// with f32 sums in fragments:
//
//   addRowsByRows:  c += a b^T   a and b rows of tiles      (q k^T, dout v^T)
//   addTimesRows:   c += a b     a a fragment, b a tile     (p v, dS k, dS^T q)
//
// bf16 goes through the tensor cores, where an operand's fragment is a rounded
// result fragment of the product before it; f32 through plain FMAs in the same
// layout, the left operand of the second product being passed around the four
// lanes of a row.
//
//===----------------------------------------------------------------------===//

#pragma once
#include "attention_tile.cuh"

namespace lns {

template <class Shape, int M, int N>
__device__ __forceinline__ void addRowsByRows(Fragment<M, N> &c, const bf16 *a,
                                              const bf16 *b) {
  const int lane = laneId();
  a += lane % 16 * Shape::kStride + lane / 16 * 8;
  b += (lane % 8 + lane / 16 * 8) * Shape::kStride + lane / 8 % 2 * 8;
#pragma unroll
  for (int k = 0; k < Shape::kDepth; k += 16) {
    unsigned left[M][4];
#pragma unroll
    for (int m = 0; m < M; ++m)
      loadMatrix4(left[m], a + 16 * m * Shape::kStride + k);
#pragma unroll
    for (int n = 0; n < N; n += 2) {
      unsigned right[4];
      loadMatrix4(right, b + 8 * n * Shape::kStride + k);
      const unsigned first[2] = {right[0], right[1]};
      const unsigned second[2] = {right[2], right[3]};
#pragma unroll
      for (int m = 0; m < M; ++m) {
        mmaBf16(c.at[m][n], left[m], first);
        mmaBf16(c.at[m][n + 1], left[m], second);
      }
    }
  }
}

template <class Shape, int M, int N, int K>
__device__ __forceinline__ void
addTimesRows(Fragment<M, N> &c, const Fragment<M, K> &a, const bf16 *b) {
  const int lane = laneId();
  b += lane % 16 * Shape::kStride + lane / 16 * 8;
#pragma unroll
  for (int k = 0; k < K; k += 2) {
    unsigned left[M][4];
#pragma unroll
    for (int m = 0; m < M; ++m)
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        const float *pair = a.at[m][k + i / 2] + i % 2 * 2;
        left[m][i] = packBf16(pair[0], pair[1]);
      }
#pragma unroll
    for (int n = 0; n < N; n += 2) {
      unsigned right[4];
      loadMatrix4Trans(right, b + 8 * k * Shape::kStride + 8 * n);
      const unsigned first[2] = {right[0], right[1]};
      const unsigned second[2] = {right[2], right[3]};
#pragma unroll
      for (int m = 0; m < M; ++m) {
        mmaBf16(c.at[m][n], left[m], first);
        mmaBf16(c.at[m][n + 1], left[m], second);
      }
    }
  }
}

template <class Shape, int M, int N>
__device__ __forceinline__ void addRowsByRows(Fragment<M, N> &c, const float *a,
                                              const float *b) {
  const int lane = laneId();
  a += lane / 4 * Shape::kStride;
  b += lane % 4 * 2 * Shape::kStride;
#pragma unroll 1
  for (int k = 0; k < Shape::kDepth; k += 4) {
    Vec<float, 4> left[M][2];
#pragma unroll
    for (int m = 0; m < M; ++m)
#pragma unroll
      for (int half = 0; half < 2; ++half)
        left[m][half] = loadVec<Vec<float, 4>>(
            a + (16 * m + 8 * half) * Shape::kStride + k);
#pragma unroll
    for (int n = 0; n < N; ++n)
#pragma unroll
      for (int j = 0; j < 2; ++j) {
        const Vec<float, 4> right =
            loadVec<Vec<float, 4>>(b + (8 * n + j) * Shape::kStride + k);
#pragma unroll
        for (int m = 0; m < M; ++m)
#pragma unroll
          for (int half = 0; half < 2; ++half) {
            float &sum = c.at[m][n][2 * half + j];
#pragma unroll
            for (int i = 0; i < 4; ++i)
              sum = fmaf(left[m][half].at[i], right.at[i], sum);
          }
      }
  }
}

template <class Shape, int M, int N, int K>
__device__ __forceinline__ void
addTimesRows(Fragment<M, N> &c, const Fragment<M, K> &a, const float *b) {
  const int lane = laneId();
  b += lane % 4 * 2;
#pragma unroll
  for (int k = 0; k < 8 * K; ++k) {
    float left[M][2];
#pragma unroll
    for (int m = 0; m < M; ++m)
#pragma unroll
      for (int half = 0; half < 2; ++half)
        left[m][half] = shuffleFrom(a.at[m][k / 8][2 * half + k % 2],
                                    lane / 4 * 4 + k % 8 / 2);
#pragma unroll
    for (int n = 0; n < N; ++n) {
      const Vec<float, 2> right =
          loadVec<Vec<float, 2>>(b + k * Shape::kStride + 8 * n);
#pragma unroll
      for (int m = 0; m < M; ++m)
#pragma unroll
        for (int half = 0; half < 2; ++half)
#pragma unroll
          for (int j = 0; j < 2; ++j) {
            float &sum = c.at[m][n][2 * half + j];
            sum = fmaf(left[m][half], right.at[j], sum);
          }
    }
  }
}

} // namespace lns
