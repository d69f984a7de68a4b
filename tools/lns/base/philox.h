//===- philox.h - Philox4x32-10 ---------------------------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOOLS_LNS_BASE_PHILOX_H
#define LNS_TOOLS_LNS_BASE_PHILOX_H

#include <array>
#include <cstdint>

namespace lns::tool {

/// Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3",
/// 2011): four 32-bit words that depend on key and counter only, so that every
/// draw can be repeated without any state.
inline std::array<uint32_t, 4> philox(uint64_t key,
                                      std::array<uint32_t, 4> counter) {
  uint32_t k0 = static_cast<uint32_t>(key);
  uint32_t k1 = static_cast<uint32_t>(key >> 32);
  for (int round = 0; round < 10; ++round) {
    uint64_t p0 = uint64_t{0xD2511F53u} * counter[0];
    uint64_t p1 = uint64_t{0xCD9E8D57u} * counter[2];
    counter = {static_cast<uint32_t>(p1 >> 32) ^ counter[1] ^ k0,
               static_cast<uint32_t>(p1),
               static_cast<uint32_t>(p0 >> 32) ^ counter[3] ^ k1,
               static_cast<uint32_t>(p0)};
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  return counter;
}

/// What a draw is for; the third counter word, so that streams never meet.
enum class PhiloxStream : uint32_t { Shuffle = 1, Phase, Sample, Bench };

/// 64 random bits.
inline uint64_t philox64(uint64_t seed, PhiloxStream stream, uint64_t index,
                         uint32_t lane = 0) {
  std::array<uint32_t, 4> words = philox(
      seed, {static_cast<uint32_t>(index), static_cast<uint32_t>(index >> 32),
             static_cast<uint32_t>(stream), lane});
  return uint64_t{words[1]} << 32 | words[0];
}

/// Uniform in [0, 1), 53 bits.
inline double philoxUniform(uint64_t seed, PhiloxStream stream, uint64_t index,
                            uint32_t lane = 0) {
  return static_cast<double>(philox64(seed, stream, index, lane) >> 11) *
         0x1p-53;
}

} // namespace lns::tool

#endif // LNS_TOOLS_LNS_BASE_PHILOX_H
