//===- ShardTarget.cpp - Shards of tokens ---------------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "MemoryFile.h"
#include "TinyStore.h"

#include "tools/lns/data/data_loader.h"
#include "tools/lns/data/held_out.h"
#include "tools/lns/data/shard_set.h"

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
  auto open = [&] {
    std::vector<std::string> notes;
    return tool::openShards({file.path()}, types[bytes[0] & 3], notes);
  };
  auto shards = open();
  if (!shards)
    return fuzz::requireError(shards.status());
  int32_t tokens[batch * sequence], targets[batch * sequence];
  auto check = [&](bool ignores) {
    for (size_t i = 0; i < batch * sequence; ++i)
      fuzz::require(tokens[i] >= 0 && uint32_t(tokens[i]) < vocabulary &&
                    ((targets[i] >= 0 && uint32_t(targets[i]) < vocabulary) ||
                     (ignores && targets[i] == -100)));
  };
  if (auto rows =
          tool::HeldOutRows::create(std::move(*shards), sequence, vocabulary)) {
    fuzz::require(rows->targetCount() <= bytes.size() / 2);
    for (uint64_t row = 0; row < rows->rowCount(); row += batch) {
      auto counted = rows->fill(row, batch, tokens, targets);
      if (!counted) {
        fuzz::requireError(counted.status());
        break;
      }
      check(/*ignores=*/true);
    }
  } else {
    fuzz::requireError(rows.status());
  }

  shards = open();
  if (!shards)
    return fuzz::requireError(shards.status());
  auto loader =
      tool::DataLoader::create(std::move(*shards), batch, sequence, vocabulary);
  if (!loader)
    return fuzz::requireError(loader.status());
  fuzz::require(loader->tokenCount() <= bytes.size() / 2);
  for (uint64_t step = 0; step < 4; ++step) {
    tool::Status filled = loader->randomBatch(1, step, tokens, targets);
    if (!filled.ok())
      return fuzz::requireError(filled);
    check(/*ignores=*/false);
  }
}

static const fuzz::RegisterTarget registered({"shard", seeds, run});
