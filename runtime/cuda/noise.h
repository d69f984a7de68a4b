//===- noise.h - Memory that looks like a model's ----------------- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_RUNTIME_CUDA_NOISE_H
#define LNS_RUNTIME_CUDA_NOISE_H

#include "runtime/cuda/memory.h"

namespace lns::cuda {

/// Fills the memory with small normal values, which are that whether they are
/// read as bf16 or as f32. Zeros would not do to time kernels on: multipliers
/// whose bits do not change take less power, and a device that is short of it
/// then runs faster than it will in training. Returns before the stream is
/// done.
Error fillWithNoise(const Driver &driver, const DeviceMemory &memory,
                    CuStream stream);

} // namespace lns::cuda

#endif // LNS_RUNTIME_CUDA_NOISE_H
