//===- shard_test.cpp - Token shards --------------------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/shard.h"

#include "test_files.h"

#include <cstring>

using namespace lns::tool;

namespace {
std::string makeShard(int32_t magic, int32_t version, int32_t count,
                      size_t tokens) {
  int32_t header[256] = {magic, version, count};
  std::string out(reinterpret_cast<char *>(header), sizeof header);
  return out + std::string(tokens * 2, '\1');
}
} // namespace

TEST(Shard, RoundTrip) {
  TempFolder folder;
  std::vector<uint16_t> tokens = {1, 2, 65535};
  ASSERT_TRUE(writeShardFile(folder / "a.bin", tokens).ok());
  auto shard = Shard::open(folder / "a.bin");
  ASSERT_TRUE(shard) << shard.status().message();
  ASSERT_EQ(shard->tokens().size(), 3u);
  EXPECT_TRUE(
      std::equal(tokens.begin(), tokens.end(), shard->tokens().begin()));
  // The bytes that llm.c reads.
  EXPECT_EQ(readBytes(folder / "a.bin").substr(0, 12),
            std::string("\x88\xd8\x34\x01\1\0\0\0\3\0\0\0", 12));
}

TEST(Shard, DamageIsFound) {
  TempFolder folder;
  std::string path = folder / "a.bin";
  auto open = [&](const std::string &bytes) {
    writeBytes(path, bytes);
    return Shard::open(path).status();
  };
  EXPECT_TRUE(open(makeShard(Shard::magic, 1, 4, 4)).ok());
  EXPECT_TRUE(failsWith(open("short"), "too few for a token shard"));
  EXPECT_TRUE(failsWith(open(makeShard(5, 1, 4, 4)),
                        "starts with 5, expected 20240520"));
  EXPECT_TRUE(
      failsWith(open(makeShard(Shard::magic, 2, 4, 4)), "shard version 2"));
  EXPECT_TRUE(failsWith(open(makeShard(Shard::magic, 1, 4, 3)),
                        "promises 4 tokens, the file holds 3"));
  EXPECT_TRUE(failsWith(open(makeShard(Shard::magic, 1, 4, 5)),
                        "promises 4 tokens, the file holds 5"));
  EXPECT_TRUE(
      failsWith(open(makeShard(Shard::magic, 1, -1, 4)), "promises -1 tokens"));
  EXPECT_TRUE(failsWith(Shard::open(folder / "none").status(), "cannot open"));
}
