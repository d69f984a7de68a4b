//===- short_row.cuh - Sums over rows that share a warp -------*- CUDA -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#pragma once

#include "device.cuh"

namespace lns {

/// As sumOverWarp, over LANES lanes beside each other, a power of two: the sums
/// of each of the rows that share a warp. All of its lanes take part.
template <int LANES, int N>
__device__ __forceinline__ void sumOverLanes(float (&sums)[N]) {
#pragma unroll
  for (int i = 0; i < N; ++i)
#pragma unroll
    for (int mask = LANES / 2; mask > 0; mask /= 2)
      sums[i] += shuffleXor(sums[i], mask);
}

} // namespace lns
