//===- plan_limits.h - What a plan cannot hold -------------------- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// Stated once: the compiler refuses a model that goes beyond these, at the
// place that has to change, and the runtime a file that does.
//
//===----------------------------------------------------------------------===//

#ifndef LNS_RUNTIME_PLAN_PLAN_LIMITS_H
#define LNS_RUNTIME_PLAN_PLAN_LIMITS_H

#include <climits>
#include <cstddef>
#include <cstdint>

namespace lns {

/// Of a parameter, a kernel and the like. Names are compared with each other,
/// and in a file one of any length may stand for all: a few megabytes could
/// keep the verifier busy for hours.
inline constexpr size_t kMaxNameBytes = 1024;

/// Dimensions of a parameter.
inline constexpr unsigned kMaxRank = 8;

/// Of buffers, of floats and of integers that a CPU kernel takes. Many launches
/// may share one list of them, so that without a limit a file could ask for
/// more work than it has bytes.
inline constexpr uint32_t kMaxKernelArguments = 4096;

/// Private memory of one CPU kernel on one thread; more is surely damage.
inline constexpr uint64_t kMaxCpuScratchBytes = uint64_t(1) << 30;

// What every CUDA device of compute capability 8.0 or more allows, at most.
inline constexpr uint32_t kMaxGridX = INT_MAX;
inline constexpr uint32_t kMaxGridYZ = 65535;
inline constexpr uint64_t kMaxCudaArgumentBytes = 4096;

/// What a CUDA kernel's arguments take: pointers, floats, 64-bit integers.
constexpr uint64_t getCudaArgumentBytes(uint64_t buffers, uint64_t floats,
                                        uint64_t ints) {
  return 8 * buffers + (floats + 1) / 2 * 8 + 8 * ints;
}

constexpr bool isCudaGrid(uint32_t x, uint32_t y, uint32_t z) {
  auto isInside = [](uint32_t extent, uint32_t limit) {
    return extent != 0 && extent <= limit;
  };
  return isInside(x, kMaxGridX) && isInside(y, kMaxGridYZ) &&
         isInside(z, kMaxGridYZ);
}

/// Rows, columns and terms of a product that CUDA's library computes.
inline constexpr uint64_t kMaxCudaProductExtent = INT_MAX;

} // namespace lns

#endif // LNS_RUNTIME_PLAN_PLAN_LIMITS_H
