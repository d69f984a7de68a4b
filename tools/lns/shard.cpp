//===- shard.cpp - Token shards in the format of llm.c --------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "shard.h"

#include <bit>
#include <cstring>
#include <fmt/format.h>
#include <limits>

namespace lns::tool {

static_assert(std::endian::native == std::endian::little,
              "shards are little-endian and read in place");

Expected<Shard> Shard::open(const std::string &path) {
  Expected<MappedFile> mapped = MappedFile::open(path);
  if (!mapped)
    return mapped.status();
  size_t size = mapped->bytes().size();
  if (size < headerBytes)
    return Status::failure(fmt::format(
        "{}: {} bytes are too few for a token shard (header of {} bytes)", path,
        size, headerBytes));
  int32_t header[3];
  std::memcpy(header, mapped->bytes().data(), sizeof header);
  if (header[0] != magic)
    return Status::failure(fmt::format(
        "{}: not a token shard: starts with {}, expected {}; make shards with "
        "'lns data prepare'",
        path, header[0], magic));
  if (header[1] != version)
    return Status::failure(fmt::format(
        "{}: shard version {}, only version {} (16-bit tokens) can be read",
        path, header[1], version));
  if (header[2] < 0 ||
      size - headerBytes != static_cast<size_t>(header[2]) * sizeof(uint16_t))
    return Status::failure(fmt::format(
        "{}: header promises {} tokens, the file holds {}; the shard is "
        "truncated or damaged",
        path, header[2], (size - headerBytes) / sizeof(uint16_t)));
  Shard shard;
  shard.count = static_cast<size_t>(header[2]);
  shard.file = std::move(*mapped);
  return shard;
}

Status writeShard(AtomicFile &file, const std::string &path,
                  std::span<const uint16_t> tokens) {
  if (tokens.size() > static_cast<size_t>(std::numeric_limits<int32_t>::max()))
    return Status::failure(
        fmt::format("{}: {} tokens do not fit into one shard; split the text",
                    path, tokens.size()));
  int32_t header[256] = {Shard::magic, Shard::version,
                         static_cast<int32_t>(tokens.size())};
  static_assert(sizeof header == Shard::headerBytes);
  LNS_RETURN_IF_ERROR(file.write(header, sizeof header));
  return file.write(tokens.data(), tokens.size_bytes());
}

Status writeShardFile(const std::string &path,
                      std::span<const uint16_t> tokens) {
  Expected<AtomicFile> file = AtomicFile::create(path);
  if (!file)
    return file.status();
  LNS_RETURN_IF_ERROR(writeShard(*file, path, tokens));
  return file->commit();
}

} // namespace lns::tool
