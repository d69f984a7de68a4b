//===- held_out_test.cpp - All targets of held-out shards -----------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/data/held_out.h"

#include "test_files.h"

#include <numeric>

using namespace lns::tool;

namespace {
constexpr int32_t kIgnored = -100;

class HeldOut : public ::testing::Test {
protected:
  /// A shard with the tokens first, first + 1, ...
  void addShard(const std::string &name, size_t count, uint16_t first) {
    std::vector<uint16_t> tokens(count);
    std::iota(tokens.begin(), tokens.end(), first);
    ASSERT_TRUE(writeShardFile(folder / name, tokens).ok());
    auto shard = Shard::open(folder / name);
    ASSERT_TRUE(shard);
    shards.push_back(std::move(*shard));
  }
  HeldOutRows makeRows(uint32_t sequence, uint32_t vocabulary = 65536) {
    auto rows = HeldOutRows::create(std::move(shards), sequence, vocabulary);
    EXPECT_TRUE(rows) << rows.status().message();
    return std::move(*rows);
  }
  std::vector<Shard> shards;
  TempFolder folder;
};
} // namespace

// 20 tokens have 19 targets: two rows of 8 and one of 3; 2 have one; one token
// has none, nor has an empty shard.
TEST_F(HeldOut, EveryTargetIsInOneRow) {
  addShard("a.bin", 20, 100);
  addShard("b.bin", 1, 500);
  addShard("c.bin", 0, 0);
  addShard("d.bin", 2, 1000);
  HeldOutRows rows = makeRows(8);
  EXPECT_EQ(rows.rowCount(), 4u);
  EXPECT_EQ(rows.targetCount(), 20u);
  std::vector<int32_t> tokens(6 * 8, 77), targets(6 * 8, 77);
  auto counted = rows.fill(0, 6, tokens.data(), targets.data());
  ASSERT_TRUE(counted) << counted.status().message();
  EXPECT_EQ(*counted, 20u);
  for (int i = 0; i < 48; ++i) {
    bool isA = i < 19, isD = i == 24;
    EXPECT_EQ(tokens[i], isA ? 100 + i : isD ? 1000 : 0) << i;
    EXPECT_EQ(targets[i], isA ? 101 + i : isD ? 1001 : kIgnored) << i;
  }
}

// Batches are cut from the same rows, also across shards.
TEST_F(HeldOut, BatchesOfAnySizeAreTheSameRows) {
  for (uint32_t batch : {1, 2, 3, 8}) {
    addShard("a.bin", 30, 0);
    addShard("b.bin", 13, 100);
    HeldOutRows rows = makeRows(5);
    std::vector<int32_t> all(9 * 5), allTargets(9 * 5);
    ASSERT_TRUE(rows.fill(0, 9, all.data(), allTargets.data()));
    uint64_t sum = 0;
    for (uint32_t first = 0; first < rows.rowCount(); first += batch) {
      std::vector<int32_t> tokens(batch * 5), targets(batch * 5);
      auto counted = rows.fill(first, batch, tokens.data(), targets.data());
      ASSERT_TRUE(counted);
      sum += *counted;
      for (uint32_t i = 0; i < batch * 5; ++i) {
        bool isThere = first * 5 + i < all.size();
        EXPECT_EQ(tokens[i], isThere ? all[first * 5 + i] : 0);
        EXPECT_EQ(targets[i], isThere ? allTargets[first * 5 + i] : kIgnored);
      }
    }
    EXPECT_EQ(sum, 29u + 12u);
  }
}

TEST_F(HeldOut, NothingToMeasureIsAnError) {
  EXPECT_TRUE(
      failsWith(HeldOutRows::create({}, 8, 256).status(), "no token shard"));
  addShard("one.bin", 1, 0);
  EXPECT_TRUE(
      failsWith(HeldOutRows::create(std::move(shards), 8, 256).status(),
                "one.bin: fewer than 2 tokens, so there is no target to "
                "measure a loss on; hold out more text"));
}

// The last token is a target only.
TEST_F(HeldOut, ATokenBeyondTheVocabularyIsAnError) {
  addShard("a.bin", 17, 240);
  HeldOutRows rows = makeRows(8, 256);
  std::vector<int32_t> tokens(16), targets(16);
  EXPECT_TRUE(failsWith(rows.fill(0, 2, tokens.data(), targets.data()).status(),
                        "a.bin: token 256 at position 16 is beyond the plan's "
                        "vocabulary of 256"));
}
