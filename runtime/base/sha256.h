//===- sha256.h - SHA-256 ----------------------------------------- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// FIPS 180-4. Names entries of the cache by what they were made from, and tells
// whether an entry is what was written.
//
//===----------------------------------------------------------------------===//

#ifndef LNS_RUNTIME_BASE_SHA256_H
#define LNS_RUNTIME_BASE_SHA256_H

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace lns {

using Digest = std::array<unsigned char, 32>;

class Sha256 {
public:
  void add(const void *data, size_t size);
  /// The length goes in, too, so that no two lists of fields look alike.
  void field(std::string_view value);
  void field(uint64_t value);
  /// Ends the message.
  Digest finish();

private:
  void block(const unsigned char *bytes);

  std::array<uint32_t, 8> state = {0x6a09e667, 0xbb67ae85, 0x3c6ef372,
                                   0xa54ff53a, 0x510e527f, 0x9b05688c,
                                   0x1f83d9ab, 0x5be0cd19};
  std::array<unsigned char, 64> pending = {};
  size_t waiting = 0; ///< bytes in `pending`
  uint64_t total = 0; ///< bytes
};

Digest sha256(const void *data, size_t size);
/// 64 lower-case digits.
std::string toHex(const Digest &digest);

} // namespace lns

#endif // LNS_RUNTIME_BASE_SHA256_H
