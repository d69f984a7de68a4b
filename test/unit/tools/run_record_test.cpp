//===- run_record_test.cpp - What shapes a run ----------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/checkpoint/run_record.h"

#include "test_files.h"

#include <random>

using namespace lns::tool;

namespace {
std::string randomBytes(size_t size) {
  std::mt19937 random(std::random_device{}());
  std::string bytes(size, ' ');
  for (char &byte : bytes)
    byte = static_cast<char>(random());
  return bytes;
}

std::vector<ShardFingerprint> printsOf(const std::vector<std::string> &paths) {
  auto prints = fingerprintShards(paths);
  EXPECT_TRUE(prints) << prints.status().message();
  return prints ? *prints : std::vector<ShardFingerprint>();
}
} // namespace

TEST(RunRecord, FingerprintsTellShardsApart) {
  TempFolder folder;
  for (size_t size : {size_t{0}, size_t{5000}, size_t{3000000}}) {
    std::string path = folder / "a.bin", bytes = randomBytes(size);
    writeBytes(path, bytes);
    auto prints = printsOf({path});
    ASSERT_EQ(prints.size(), 1u);
    EXPECT_EQ(prints[0].name, "a.bin");
    EXPECT_EQ(prints[0].bytes, size);
    EXPECT_EQ(printsOf({path}), prints);
    // The first bytes, the last ones, and some in the middle of a large one.
    for (size_t at : {size_t{0}, size / 4096 / 2 * 4096, size - 1}) {
      if (at >= size || (size > 1000000 && at == size / 4096 / 2 * 4096))
        continue;
      std::string other = bytes;
      other[at] = static_cast<char>(other[at] ^ 4);
      writeBytes(path, other);
      EXPECT_NE(printsOf({path})[0].digest, prints[0].digest) << at;
    }
  }
  EXPECT_TRUE(failsWith(fingerprintShards({folder / "none"}).status(), "none"));
}

TEST(RunRecord, ChangesAreNamed) {
  RunRecord before, now;
  before.options = {{"--lr", "0.1"}, {"--seed", "1"}, {"old", "x"}};
  now.options = {{"--lr", "0.2"}, {"--seed", "1"}, {"new", "y"}};
  before.data = {{"a", 5, "00"}, {"b", 6, "11"}};
  using Lines = std::vector<std::string>;
  EXPECT_EQ(describeChanges(before, before), Lines());
  auto change = [&](std::vector<ShardFingerprint> data) {
    now.data = std::move(data);
    Lines lines = describeChanges(before, now);
    EXPECT_EQ(lines[0], "--lr is 0.2, it was 0.1");
    return lines.size() == 2 ? lines[1] : "";
  };
  EXPECT_EQ(change(before.data), "");
  EXPECT_EQ(change({{"a", 5, "00"}, {"c", 6, "11"}}),
            "other training data: c is in the place of b");
  EXPECT_EQ(change({{"a", 5, "00"}, {"b", 7, "11"}}),
            "other training data: b has 7 bytes, it had 6");
  EXPECT_EQ(change({{"a", 5, "01"}, {"b", 6, "11"}}),
            "other training data: a has other tokens");
  EXPECT_EQ(change({{"a", 5, "00"}}),
            "other training data: 1 shards, there were 2");
  // An older checkpoint does not know its data.
  before.data.clear();
  EXPECT_EQ(change({{"a", 5, "00"}}), "");
  now.heldOut = {{"v", 5, "00"}};
  before.heldOut = {{"v", 5, "01"}};
  EXPECT_EQ(change({}), "other held-out data: v has other tokens");
}
