//===- ShardTarget.cpp - Shards of tokens ---------------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "MemoryFile.h"
#include "TinyStore.h"

#include "tools/lns/data_loader.h"
#include "tools/lns/shard_set.h"

#include <fstream>
#include <iterator>

using namespace lns;

static std::string shard(int32_t magic, int32_t version, int32_t count,
                         size_t tokenBytes) {
  int32_t header[256] = {magic, version, count};
  std::string bytes(reinterpret_cast<const char *>(header), sizeof header);
  for (int32_t i = 0; i < count; ++i)
    for (size_t b = 0; b < tokenBytes; ++b)
      bytes += b == 0 ? char(i * 7 % 29) : '\0';
  return bytes;
}

/// The first byte: 0 for a shard, else the type of a file without header.
static std::vector<std::string> seeds() {
  fuzz::ScratchFolder folder;
  std::string path = folder.path() + "/shard.bin";
  std::vector<uint16_t> tokens(20, 3);
  fuzz::require(tool::writeShardFile(path, tokens).ok());
  std::ifstream file(path, std::ios::binary);
  std::string tagged(std::istreambuf_iterator<char>(file), {});
  const std::string zero(1, '\0');
  return {zero + shard(20240520, 1, 40, 2), zero + shard(20240520, 1, 9, 2),
          zero + shard(20240801, 7, 40, 4), zero + tagged,
          "\1" + shard(0, 0, 40, 2),        "\3" + shard(0, 0, 40, 4)};
}

static void run(std::string_view bytes) {
  static fuzz::MemoryFile file;
  constexpr uint32_t batch = 2, sequence = 4, vocabulary = 29;
  if (bytes.empty())
    return;
  file.write(bytes.substr(1));
  std::optional<tool::TokenType> types[] = {std::nullopt, tool::TokenType::U16,
                                            tool::TokenType::U32,
                                            tool::TokenType::I32};
  std::vector<std::string> notes;
  auto shards = tool::openShards({file.path()}, types[bytes[0] & 3], notes);
  if (!shards)
    return fuzz::requireError(shards.status());
  auto loader =
      tool::DataLoader::create(std::move(*shards), batch, sequence, vocabulary);
  if (!loader)
    return fuzz::requireError(loader.status());
  fuzz::require(loader->tokenCount() <= bytes.size() / 2);
  int32_t tokens[batch * sequence], targets[batch * sequence];
  auto check = [&](const tool::Status &filled) {
    if (!filled.ok())
      return fuzz::requireError(filled);
    for (size_t i = 0; i < batch * sequence; ++i)
      fuzz::require(tokens[i] >= 0 && uint32_t(tokens[i]) < vocabulary &&
                    targets[i] >= 0 && uint32_t(targets[i]) < vocabulary);
  };
  for (uint64_t step = 0; step < 4; ++step)
    check(loader->randomBatch(1, step, tokens, targets));
  for (uint64_t number = 0; number < loader->sequentialBatches(); ++number)
    check(loader->sequentialBatch(number, tokens, targets));
}

static const fuzz::RegisterTarget registered({"shard", seeds, run});
