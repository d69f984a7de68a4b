//===- checksum.cpp - XXH64 -----------------------------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/base/checksum.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <fmt/format.h>

namespace lns::tool {

static_assert(std::endian::native == std::endian::little,
              "words are read as they lie in memory");

// The algorithm and its constants are those of Yann Collet's specification,
// xxhash_spec.md.
static constexpr uint64_t prime3 = 0x165667B19E3779F9;
static constexpr uint64_t prime4 = 0x85EBCA77C2B2AE63;
static constexpr uint64_t prime5 = 0x27D4EB2F165667C5;

template <typename Word> static uint64_t load(const unsigned char *bytes) {
  Word word;
  std::memcpy(&word, bytes, sizeof word);
  return word;
}

uint64_t Checksum::mix(uint64_t lane, uint64_t word) {
  return std::rotl(lane + word * prime2, 31) * prime1;
}

void Checksum::addStripe(const unsigned char *bytes) {
  for (size_t i = 0; i < 4; ++i)
    lanes[i] = mix(lanes[i], load<uint64_t>(bytes + 8 * i));
}

void Checksum::add(const void *data, size_t count) {
  const unsigned char *bytes = static_cast<const unsigned char *>(data);
  if (count == 0)
    return; // what is empty may be null
  total += count;
  if (waiting > 0) {
    size_t part = std::min(count, stripeBytes - waiting);
    std::memcpy(pending + waiting, bytes, part);
    waiting += part;
    bytes += part;
    count -= part;
    if (waiting < stripeBytes)
      return;
    addStripe(pending);
    waiting = 0;
  }
  for (; count >= stripeBytes; bytes += stripeBytes, count -= stripeBytes)
    addStripe(bytes);
  if (count > 0)
    std::memcpy(pending, bytes, count);
  waiting = count;
}

uint64_t Checksum::value() const {
  uint64_t hash = prime5;
  if (total >= stripeBytes) {
    hash = std::rotl(lanes[0], 1) + std::rotl(lanes[1], 7) +
           std::rotl(lanes[2], 12) + std::rotl(lanes[3], 18);
    for (uint64_t lane : lanes)
      hash = (hash ^ mix(0, lane)) * prime1 + prime4;
  }
  hash += total;
  size_t at = 0;
  for (; at + 8 <= waiting; at += 8)
    hash = std::rotl(hash ^ mix(0, load<uint64_t>(pending + at)), 27) * prime1 +
           prime4;
  if (at + 4 <= waiting) {
    hash ^= load<uint32_t>(pending + at) * prime1;
    hash = std::rotl(hash, 23) * prime2 + prime3;
    at += 4;
  }
  for (; at < waiting; ++at)
    hash = std::rotl(hash ^ pending[at] * prime5, 11) * prime1;
  hash = (hash ^ hash >> 33) * prime2;
  hash = (hash ^ hash >> 29) * prime3;
  return hash ^ hash >> 32;
}

std::string checksumText(uint64_t value) {
  return fmt::format("{:016x}", value);
}

} // namespace lns::tool
