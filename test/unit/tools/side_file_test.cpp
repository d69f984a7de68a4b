//===- side_file_test.cpp - Masks and documents beside a shard ------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/data/side_file.h"

#include "test_files.h"
#include "tools/lns/base/checksum.h"

#include <cstring>

using namespace lns::tool;

namespace {
class SideFileTest : public ::testing::Test {
protected:
  /// A shard X.bin of ten tokens, the first of which is `first`.
  void writeShard(const std::string &name, uint16_t first) {
    std::vector<uint16_t> tokens = {first, 1, 2, 3, 4, 5, 6, 7, 8, 9};
    ASSERT_TRUE(writeShardFile(folder / name, tokens).ok());
  }
  Shard open(const std::string &name = "x.bin") {
    auto shard = Shard::open(folder / name);
    EXPECT_TRUE(shard) << shard.status().message();
    return std::move(*shard);
  }
  void writeSides(const std::vector<bool> &targets,
                  const std::vector<uint64_t> &starts) {
    Shard shard = open();
    uint64_t sum = *sumTokens(shard);
    auto mask = AtomicFile::create(maskPath(shard.path()));
    auto documents = AtomicFile::create(documentsPath(shard.path()));
    ASSERT_TRUE(writeMask(*mask, sum, targets).ok() && mask->commit().ok());
    ASSERT_TRUE(writeDocuments(*documents, sum, shard.size(), starts).ok() &&
                documents->commit().ok());
  }
  void SetUp() override {
    writeShard("x.bin", 300);
    writeSides({false, true, false, true, true, false, false, true, true, true},
               {0, 4, 5});
  }
  /// Changes a byte and makes the file's own checksum right again.
  void patch(const std::string &name, size_t at, const std::string &bytes) {
    std::string file = readBytes(folder / name);
    file.replace(at, bytes.size(), bytes);
    std::memset(file.data() + 32, 0, 8);
    Checksum sum;
    sum.add(file.data(), file.size());
    uint64_t value = sum.value();
    std::memcpy(file.data() + 32, &value, 8);
    writeBytes(folder / name, file);
  }
  ::testing::AssertionResult fails(const std::string &part) {
    return failsWith(openSideFiles(open()).status(), part);
  }
  TempFolder folder;
};
} // namespace

TEST_F(SideFileTest, AreReadBack) {
  auto files = openSideFiles(open());
  ASSERT_TRUE(files) << files.status().message();
  ASSERT_TRUE(files->mask && files->documents);
  std::string bits;
  for (uint64_t i = 0; i < 10; ++i)
    bits += files->mask->isTarget(i) ? '1' : '0';
  EXPECT_EQ(bits, "0101100111");
  ASSERT_EQ(files->documents->count(), 3u);
  EXPECT_EQ(files->documents->begin(1), 4u);
  EXPECT_EQ(files->documents->end(1), 5u);
  EXPECT_EQ(files->documents->end(2), 10u);
}

// The words of the headers, which other programs may read.
TEST_F(SideFileTest, HaveTheHeadersOfTheContract) {
  int32_t words[10];
  std::memcpy(words, readBytes(folder / "x.mask").data(), sizeof words);
  EXPECT_EQ(words[0], 20261201);
  EXPECT_EQ(words[1], 1);
  EXPECT_EQ(words[2], 10);
  uint64_t sum = 0;
  std::memcpy(&sum, words + 6, 8);
  std::string shard = readBytes(folder / "x.bin");
  Checksum tokens;
  tokens.add(shard.data() + 1024, 20);
  EXPECT_EQ(sum, tokens.value());
  std::memcpy(words, readBytes(folder / "x.docs").data(), sizeof words);
  EXPECT_EQ(words[0], 20261202);
  EXPECT_EQ(words[1], 1);
  EXPECT_EQ(words[2], 10);
  EXPECT_EQ(words[3], 3);
  EXPECT_EQ(words[4], 0);
  std::memcpy(&sum, words + 6, 8);
  EXPECT_EQ(sum, tokens.value());
  EXPECT_EQ(readBytes(folder / "x.mask").size(), 1024u + 2);
  EXPECT_EQ(readBytes(folder / "x.mask").substr(1024), "\x9a\x03");
}

TEST_F(SideFileTest, NoneIsTodaysMeaning) {
  writeShard("y.bin", 1);
  auto files = openSideFiles(open("y.bin"));
  ASSERT_TRUE(files);
  EXPECT_FALSE(files->mask || files->documents);
}

TEST_F(SideFileTest, DocumentsMayHaveNoMask) {
  std::filesystem::remove(folder / "x.mask");
  auto files = openSideFiles(open());
  ASSERT_TRUE(files);
  EXPECT_TRUE(!files->mask && files->documents);
}

TEST_F(SideFileTest, AMaskWithoutDocumentsIsAnError) {
  std::filesystem::remove(folder / "x.docs");
  EXPECT_TRUE(fails("x.mask: has no x.docs beside it"));
}

// The same number of tokens, and others.
TEST_F(SideFileTest, ThoseOfAnotherShardAreErrors) {
  writeShard("x.bin", 301);
  EXPECT_TRUE(fails("x.docs: is of tokens with the checksum"));
  std::filesystem::remove(folder / "x.docs");
  writeShard("x.bin", 300);
  std::vector<uint16_t> fewer = {300, 1};
  ASSERT_TRUE(writeShardFile(folder / "z.bin", fewer).ok());
  std::filesystem::copy(folder / "x.mask", folder / "z.mask");
  EXPECT_TRUE(
      failsWith(MaskFile::open(folder / "z.mask", open("z.bin"), 0).status(),
                "z.mask: is of a shard of 10 tokens"));
  EXPECT_TRUE(
      failsWith(MaskFile::open(folder / "z.mask", open("z.bin"), 0).status(),
                "z.bin has 2; prepare the data again, or take the "
                "file away"));
}

TEST_F(SideFileTest, DamageIsSeen) {
  std::string mask = readBytes(folder / "x.mask");
  for (size_t size = 0; size < mask.size(); size += size < 1000 ? 250 : 1) {
    writeBytes(folder / "x.mask", mask.substr(0, size));
    EXPECT_TRUE(fails(size < 1024 ? "bytes are too few for its header"
                                  : "which promises 2; the file is truncated"))
        << size;
  }
  writeBytes(folder / "x.mask", mask + "x");
  EXPECT_TRUE(fails("holds 3 bytes behind its header, which promises 2"));
  mask[1024] ^= 4;
  writeBytes(folder / "x.mask", mask);
  EXPECT_TRUE(fails("x.mask: the checksum is "));
  writeBytes(folder / "x.mask", readBytes(folder / "x.docs"));
  EXPECT_TRUE(fails("x.mask: starts with 20261202, 1, expected 20261201, 1"));
}

TEST_F(SideFileTest, BitsBehindTheLastTokenAreAnError) {
  patch("x.mask", 1025, "\x07");
  EXPECT_TRUE(fails("x.mask: has bits behind that of its last token, 9"));
}

TEST_F(SideFileTest, StartsMustRiseWithinTheShard) {
  auto put = [&](size_t index, uint64_t start) {
    patch("x.docs", 1024 + 8 * index,
          std::string(reinterpret_cast<char *>(&start), 8));
  };
  put(2, 4);
  EXPECT_TRUE(fails("x.docs: document 2 begins at token 4, expected 5 or "
                    "later"));
  put(2, 10);
  EXPECT_TRUE(fails("x.docs: document 2 begins at token 10, "));
  put(2, ~uint64_t{0});
  EXPECT_TRUE(fails("x.docs: document 2 begins at token 18446744073709551615"));
  put(2, 5);
  EXPECT_TRUE(openSideFiles(open()));
  put(0, 1);
  EXPECT_TRUE(fails("x.docs: document 0 begins at token 1, expected 0"));
}

// A number of documents that no file could hold takes no memory.
TEST_F(SideFileTest, ACountThatTheFileDoesNotHoldIsAnError) {
  patch("x.docs", 12, "\xff\xff\xff\xff");
  EXPECT_TRUE(fails("which promises 34359738360"));
  writeSides(std::vector<bool>(10), {});
  EXPECT_TRUE(fails("x.docs: has no documents, "));
}
