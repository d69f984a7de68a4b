//===- plan_format.h - The plan file's fixed header --------------- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// Shared by the plan writer and the runtime. All fields little-endian. The
// FlatBuffers table follows the header at byte 64. Blobs are aligned to
// kPlanBlobAlignment and named by the table.
//
//===----------------------------------------------------------------------===//

#ifndef LNS_RUNTIME_PLAN_PLAN_FORMAT_H
#define LNS_RUNTIME_PLAN_PLAN_FORMAT_H

#include <cstddef>
#include <cstdint>

namespace lns {

inline constexpr char kPlanMagic[8] = {'L', 'N', 'S', 'P', 'L', 'A', 'N', '\n'};
inline constexpr uint32_t kPlanVersion = 7;
inline constexpr uint64_t kPlanBlobAlignment = 4096;
inline constexpr uint64_t kBufferAlignment = 64;

/// Bits of PlanHeader::feature_bits. A plan without any of them is one that
/// every reader of its version reads.
enum PlanFeature : uint64_t {
  kPlanDocuments = 1, ///< entry points take the starts of documents
  kPlanFrozen = 2,    ///< some parameters have neither gradient nor moments
  kPlanTrace = 4,     ///< there is an entry point "trace"
  kPlanDecode = 8     ///< there is an entry point "decode"
};
inline constexpr uint64_t kPlanFeatures =
    kPlanDocuments | kPlanFrozen | kPlanTrace | kPlanDecode;

struct PlanHeader {
  char magic[8];
  uint32_t version;
  uint32_t header_size;  ///< 64
  uint64_t file_size;    ///< of the whole file
  uint64_t table_size;   ///< bytes of the FlatBuffers table at offset 64
  uint64_t checksum;     ///< planChecksum of all bytes after the header
  uint64_t feature_bits; ///< a reader refuses bits that it does not know
  uint64_t reserved[2];  ///< 0
};
static_assert(sizeof(PlanHeader) == 64);

/// FNV-1a over 8-byte little-endian words, then over the tail bytes. Guards
/// against truncation and bit rot, not against malice: the verifier does that.
inline uint64_t planChecksum(const void *data, size_t size) {
  const auto *bytes = static_cast<const unsigned char *>(data);
  uint64_t hash = 0xcbf29ce484222325ull;
  size_t i = 0;
  for (; i + 8 <= size; i += 8) {
    uint64_t word = 0;
    for (int b = 7; b >= 0; --b)
      word = word << 8 | bytes[i + b];
    hash = (hash ^ word) * 0x100000001b3ull;
    hash ^= hash >> 29;
  }
  for (; i < size; ++i)
    hash = (hash ^ bytes[i]) * 0x100000001b3ull;
  return hash;
}

} // namespace lns

#endif // LNS_RUNTIME_PLAN_PLAN_FORMAT_H
