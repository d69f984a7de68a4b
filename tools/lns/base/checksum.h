//===- checksum.h - XXH64 ---------------------------------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOOLS_LNS_BASE_CHECKSUM_H
#define LNS_TOOLS_LNS_BASE_CHECKSUM_H

#include <cstddef>
#include <cstdint>
#include <string>

namespace lns::tool {

/// XXH64 with seed 0, of bytes that come in parts. Finds accidents, a flipped
/// bit or a lost block, at the speed of memory; keeps out nobody who means
/// harm. `xxhsum -H64` computes the same.
class Checksum {
public:
  void add(const void *bytes, size_t count);
  /// Of all bytes so far; more may follow.
  uint64_t value() const;

private:
  static uint64_t mix(uint64_t lane, uint64_t word);
  void addStripe(const unsigned char *bytes);

  static constexpr size_t stripeBytes = 32;
  static constexpr uint64_t prime1 = 0x9E3779B185EBCA87;
  static constexpr uint64_t prime2 = 0xC2B2AE3D27D4EB4F;

  uint64_t lanes[4] = {prime1 + prime2, prime2, 0, 0 - prime1};
  unsigned char pending[stripeBytes] = {};
  size_t waiting = 0; ///< bytes in `pending`
  uint64_t total = 0; ///< bytes
};

/// 16 lower-case digits.
std::string checksumText(uint64_t value);

} // namespace lns::tool

#endif // LNS_TOOLS_LNS_BASE_CHECKSUM_H
