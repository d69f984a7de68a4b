//===- shard.h - Token shards in the format of llm.c ------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOOLS_LNS_SHARD_H
#define LNS_TOOLS_LNS_SHARD_H

#include "file_io.h"
#include "status.h"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace lns::tool {

/// A shard: 256 int32 (20240520, version 1, number of tokens, zeros), then that
/// many uint16 tokens. Header and length are checked when it is opened; tokens
/// are checked against a vocabulary where they are used.
class Shard {
public:
  static constexpr int32_t magic = 20240520;
  static constexpr int32_t version = 1;
  static constexpr size_t headerBytes = 256 * sizeof(int32_t);

  static Expected<Shard> open(const std::string &path);

  const std::string &path() const { return file.path(); }
  std::span<const uint16_t> tokens() const {
    return {
        reinterpret_cast<const uint16_t *>(file.bytes().data() + headerBytes),
        count};
  }

private:
  MappedFile file;
  size_t count = 0;
};

/// Writes header and tokens into `file`; the caller commits.
Status writeShard(AtomicFile &file, const std::string &path,
                  std::span<const uint16_t> tokens);

/// The same for a whole file.
Status writeShardFile(const std::string &path,
                      std::span<const uint16_t> tokens);

} // namespace lns::tool

#endif // LNS_TOOLS_LNS_SHARD_H
