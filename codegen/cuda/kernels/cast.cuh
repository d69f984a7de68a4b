//===- cast.cuh - Tensors in another type ----------------------*- CUDA -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#pragma once

#include "floats.cuh"

namespace lns {

/// to[i] = scale * gain[i % width] * from[i]; a thread has LANES of them, which
/// divide `width`. gain may be null, for ones.
template <class From, class To, int LANES, int THREADS>
__device__ __forceinline__ void
scaleAndCast(const From *from, const float *gain, To *to, float scale,
             unsigned elements, unsigned width) {
  const unsigned first = (blockIdx.x * THREADS + threadIdx.x) * LANES;
  if (first >= elements)
    return;
  const Floats<LANES> x = loadFloats<LANES>(from + first);
  if (gain)
    storeFloats(to + first,
                scale * loadFloats<LANES>(gain + first % width) * x);
  else
    storeFloats(to + first, scale * x);
}

} // namespace lns
