//===- philox.h - Counter-based random numbers -------------------- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// Philox4x32-10 of Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as
// easy as 1, 2, 3" (SC 2011). A number depends on the key and its counter
// alone, so any thread can make any part of a stream.
//
//===----------------------------------------------------------------------===//

#ifndef LNS_RUNTIME_BASE_PHILOX_H
#define LNS_RUNTIME_BASE_PHILOX_H

#include <array>
#include <cstdint>

namespace lns {

using PhiloxCounter = std::array<uint32_t, 4>;
using PhiloxKey = std::array<uint32_t, 2>;

/// Four random words for one counter.
PhiloxCounter philox4x32(PhiloxCounter counter, PhiloxKey key);

/// Four independent standard normal values for one counter (Box-Muller).
std::array<double, 4> philoxNormals(PhiloxCounter counter, PhiloxKey key);

inline PhiloxKey philoxKey(uint64_t seed) {
  return {uint32_t(seed), uint32_t(seed >> 32)};
}

/// Counter of the `block`-th group of four values of stream `stream`.
inline PhiloxCounter philoxCounter(uint64_t block, uint32_t stream) {
  return {uint32_t(block), uint32_t(block >> 32), stream, 0};
}

} // namespace lns

#endif // LNS_RUNTIME_BASE_PHILOX_H
