//===- shard_test.cpp - Token shards --------------------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/data/shard.h"

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
  ASSERT_EQ(shard->size(), 3u);
  std::vector<uint32_t> back(3);
  ASSERT_TRUE(shard->read(0, back).ok());
  EXPECT_EQ(back, (std::vector<uint32_t>{1, 2, 65535}));
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

TEST(Shard, WideTokens) {
  TempFolder folder;
  std::vector<uint32_t> tokens = {1, 128255, 70000, UINT32_MAX};
  ASSERT_TRUE(writeShardFile(folder / "a.bin", tokens).ok());
  auto shard = Shard::open(folder / "a.bin");
  ASSERT_TRUE(shard) << shard.status().message();
  EXPECT_EQ(shard->tokenType(), TokenType::U32);
  ASSERT_EQ(shard->size(), 4u);
  std::vector<uint32_t> back(3);
  ASSERT_TRUE(shard->read(1, back).ok());
  EXPECT_EQ(back, (std::vector<uint32_t>{128255, 70000, UINT32_MAX}));
  // 20240801, 7, 4: the bytes that llm.c writes for LLaMA 3.
  EXPECT_EQ(readBytes(folder / "a.bin").substr(0, 12),
            std::string("\xa1\xd9\x34\x01\7\0\0\0\4\0\0\0", 12));
}

// llm.c's own writer leaves the words after the third zero.
TEST(Shard, WithoutTagThereIsNoChecksum) {
  TempFolder folder;
  writeBytes(folder / "a.bin", makeShard(Shard::magic, 1, 4, 4));
  auto shard = Shard::open(folder / "a.bin");
  ASSERT_TRUE(shard);
  EXPECT_EQ(shard->checksum(), std::nullopt);
  int32_t header[256] = {Shard::wideMagic, Shard::wideVersion, 3};
  std::string wide(reinterpret_cast<char *>(header), sizeof header);
  writeBytes(folder / "b.bin", wide + std::string(12, '\1'));
  EXPECT_TRUE(Shard::open(folder / "b.bin"));
  writeBytes(folder / "b.bin", wide + std::string(10, '\1'));
  EXPECT_TRUE(failsWith(Shard::open(folder / "b.bin").status(),
                        "promises 3 tokens, the file holds 2"));
}

// Every bit of the words that mean something, and one of every later byte.
TEST(Shard, AFlippedBitIsFound) {
  TempFolder folder;
  std::vector<uint16_t> tokens(500);
  for (size_t i = 0; i < tokens.size(); ++i)
    tokens[i] = static_cast<uint16_t>(i * 31 % 256);
  ASSERT_TRUE(writeShardFile(folder / "a.bin", tokens).ok());
  ASSERT_TRUE(Shard::open(folder / "a.bin")->checksum());
  const std::string good = readBytes(folder / "a.bin");
  auto flip = [&](size_t byte, int bit) {
    std::string bad = good;
    bad[byte] = static_cast<char>(bad[byte] ^ (1 << bit));
    writeBytes(folder / "a.bin", bad);
    return Shard::open(folder / "a.bin").status();
  };
  for (size_t byte = 0; byte < 28; ++byte)
    for (int bit = 0; bit < 8; ++bit)
      EXPECT_FALSE(flip(byte, bit).ok()) << byte << " " << bit;
  for (size_t byte = 28; byte < good.size(); ++byte)
    EXPECT_TRUE(failsWith(flip(byte, static_cast<int>(byte % 8)),
                          "a.bin: the checksum is "))
        << byte;
}

TEST(Shard, TokensWithoutHeader) {
  TempFolder folder;
  int32_t tokens[3] = {5, -1, 70000};
  std::string bytes(reinterpret_cast<char *>(tokens), sizeof tokens);
  writeBytes(folder / "a.bin", bytes);
  EXPECT_TRUE(failsWith(Shard::open(folder / "a.bin").status(),
                        "too few for a token shard"));
  auto narrow = Shard::open(folder / "a.bin", TokenType::U16);
  ASSERT_TRUE(narrow);
  EXPECT_EQ(narrow->size(), 6u);
  auto wide = Shard::open(folder / "a.bin", TokenType::I32);
  ASSERT_TRUE(wide);
  ASSERT_EQ(wide->size(), 3u);
  int32_t row[2], targets[2];
  EXPECT_TRUE(failsWith(wide->copyRow(0, 2, 100000, row, targets),
                        "token -1 at position 1 is beyond"));
  writeBytes(folder / "a.bin", bytes + "x");
  EXPECT_TRUE(failsWith(Shard::open(folder / "a.bin", TokenType::U32).status(),
                        "13 bytes are no whole number of tokens of 4 bytes"));
  writeBytes(folder / "a.bin", makeShard(Shard::magic, 1, 4, 4));
  EXPECT_TRUE(failsWith(Shard::open(folder / "a.bin", TokenType::U16).status(),
                        "leave --token-type away"));
}

// A mapped file would end the process here.
TEST(Shard, OneThatShrinksIsAnError) {
  TempFolder folder;
  ASSERT_TRUE(
      writeShardFile(folder / "a.bin", std::vector<uint16_t>(5000, 3)).ok());
  auto shard = Shard::open(folder / "a.bin");
  ASSERT_TRUE(shard);
  int32_t row[100], targets[100];
  EXPECT_TRUE(shard->copyRow(10, 100, 256, row, targets).ok());
  std::filesystem::resize_file(folder / "a.bin", 4000);
  EXPECT_TRUE(failsWith(shard->copyRow(10, 100, 256, row, targets),
                        "now it has 4000; it was changed while it was in use"));
  EXPECT_FALSE(shard->copyRow(4000, 100, 256, row, targets).ok());
}

TEST(Shard, OtherFilesAreNamed) {
  TempFolder folder;
  writeBytes(folder / "a.bin",
             "version https://git-lfs.github.com/spec/v1\noid sha256:00\n");
  EXPECT_TRUE(failsWith(Shard::open(folder / "a.bin").status(),
                        "a.bin: not a token shard: is a git-lfs pointer"));
  writeBytes(folder / "a.bin",
             makeShard(static_cast<int32_t>(__builtin_bswap32(Shard::magic)),
                       0x01000000, 4, 4));
  EXPECT_TRUE(failsWith(Shard::open(folder / "a.bin").status(), "big-endian"));
  writeBytes(folder / "a.bin", makeShard(20240522, 1, 4, 4));
  EXPECT_TRUE(failsWith(Shard::open(folder / "a.bin").status(),
                        "llm.c's questions for evaluation"));
}
