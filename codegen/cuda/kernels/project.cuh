//===- project.cuh - Rows and columns of length 1 --------------*- CUDA -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// lns.project, of a matrix [rows, columns]. Sums are in f64, and in an order
// that depends on its sizes alone. A `factor` that is not a number, as AdamW's,
// changes nothing; null stands for none.
//
//===----------------------------------------------------------------------===//

#pragma once

#include "floats.cuh"
#include "reduce.cuh"

namespace lns {

/// What a line with this sum of squares is multiplied by: 1 for one that stays
/// as it is, which has length 1 already, or 0, or no number for a length.
__device__ __forceinline__ double getProjection(double squares) {
  constexpr double kSlack = 1.0 / (1 << 20);
  const bool isLong = squares > 1.0 + kSlack;
  const bool isShort = squares < 1.0 - kSlack && squares > 0.0;
  const bool isFinite = squares - squares == 0.0;
  return (isLong || isShort) && isFinite ? 1.0 / sqrt(squares) : 1.0;
}

__device__ __forceinline__ bool isSkipped(const float *factor) {
  return factor && !(factor[0] == factor[0]);
}

/// A warp for each row; LANES divides `columns`.
template <int LANES, int WARPS>
__device__ __forceinline__ void projectRows(float *matrix, const float *factor,
                                            long long rows, long long columns) {
  const long long row =
      blockIdx.x * static_cast<long long>(WARPS) + threadIdx.x / 32;
  if (row >= rows || isSkipped(factor))
    return;
  float *line = matrix + row * columns;
  double squares = 0.0;
#pragma unroll 4
  for (long long i = laneId() * LANES; i < columns; i += 32 * LANES) {
    const Floats<LANES> x = loadFloats<LANES>(line + i);
#pragma unroll
    for (int j = 0; j < LANES; ++j)
      squares += static_cast<double>(x.at[j]) * x.at[j];
  }
  const double scale = getProjection(sumOverWarp(squares));
  if (scale == 1.0)
    return;
#pragma unroll 4
  for (long long i = laneId() * LANES; i < columns; i += 32 * LANES) {
    Floats<LANES> x = loadFloats<LANES>(line + i);
#pragma unroll
    for (int j = 0; j < LANES; ++j)
      x.at[j] = static_cast<float>(x.at[j] * scale);
    storeFloats(line + i, x);
  }
}

/// A block for 32 columns, of which each warp takes every WARPS-th row. Shared
/// memory: 32 doubles a warp.
template <int WARPS>
__device__ __forceinline__ void
projectColumns(float *matrix, const float *factor, long long rows,
               long long columns) {
  if (isSkipped(factor))
    return;
  const int lane = laneId(), warp = threadIdx.x / 32;
  const long long column = blockIdx.x * 32ll + lane;
  const bool isInside = column < columns;
  double squares = 0.0;
  if (isInside) {
#pragma unroll 4
    for (long long row = warp; row < rows; row += WARPS) {
      const float x = matrix[row * columns + column];
      squares += static_cast<double>(x) * x;
    }
  }
  double *shared = reinterpret_cast<double *>(dynamicShared());
  shared[warp * 32 + lane] = squares;
  __syncthreads();
  squares = shared[lane];
#pragma unroll
  for (int other = 1; other < WARPS; ++other)
    squares += shared[other * 32 + lane];
  const double scale = getProjection(squares);
  if (!isInside || scale == 1.0)
    return;
#pragma unroll 4
  for (long long row = warp; row < rows; row += WARPS) {
    float &x = matrix[row * columns + column];
    x = static_cast<float>(x * scale);
  }
}

} // namespace lns
