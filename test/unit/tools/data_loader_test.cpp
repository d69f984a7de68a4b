//===- data_loader_test.cpp - Batches -------------------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/data/data_loader.h"

#include "test_files.h"

#include <algorithm>
#include <numeric>
#include <set>

using namespace lns::tool;

namespace {
class Loader : public ::testing::Test {
protected:
  /// A shard with the tokens first, first + 1, ...
  Shard makeShard(const std::string &name, size_t count, uint16_t first) {
    std::vector<uint16_t> tokens(count);
    std::iota(tokens.begin(), tokens.end(), first);
    EXPECT_TRUE(writeShardFile(folder / name, tokens).ok());
    auto shard = Shard::open(folder / name);
    EXPECT_TRUE(shard);
    return std::move(*shard);
  }
  DataLoader makeLoader(std::vector<Shard> shards, uint32_t batch,
                        uint32_t sequence, uint32_t vocabulary = 65536) {
    auto loader =
        DataLoader::create(std::move(shards), batch, sequence, vocabulary);
    EXPECT_TRUE(loader) << loader.status().message();
    return std::move(*loader);
  }
  std::vector<Shard> twoShards() {
    std::vector<Shard> shards;
    shards.push_back(makeShard("a.bin", 100, 0));
    shards.push_back(makeShard("b.bin", 57, 1000));
    return shards;
  }
  TempFolder folder;
};
} // namespace

TEST_F(Loader, RandomBatchesDependOnSeedAndStepOnly) {
  DataLoader loader = makeLoader(twoShards(), 2, 8);
  DataLoader other = makeLoader(twoShards(), 2, 8);
  std::vector<int32_t> a(16), b(16), c(16), targets(16);
  bool stepMatters = false, seedMatters = false;
  for (uint64_t step : {0, 1, 5, 1000}) {
    ASSERT_TRUE(loader.randomBatch(3, step, a.data(), targets.data()).ok());
    for (int i = 0; i < 16; ++i)
      EXPECT_EQ(targets[i], a[i] + 1);
    // The second loader has not seen the steps before.
    ASSERT_TRUE(other.randomBatch(3, step, b.data(), targets.data()).ok());
    EXPECT_EQ(a, b);
    ASSERT_TRUE(other.randomBatch(3, step + 1, c.data(), targets.data()).ok());
    stepMatters |= a != c;
    ASSERT_TRUE(other.randomBatch(4, step, c.data(), targets.data()).ok());
    seedMatters |= a != c;
  }
  EXPECT_TRUE(stepMatters);
  EXPECT_TRUE(seedMatters);
}

TEST_F(Loader, AnEpochVisitsEveryWindowOnce) {
  DataLoader loader = makeLoader(twoShards(), 1, 8);
  // (100 - 1) / 8 - 1 and (57 - 1) / 8 - 1 windows.
  ASSERT_EQ(loader.windowsPerEpoch(), 11u + 6u);
  std::vector<int32_t> tokens(8), targets(8);
  for (uint64_t epoch = 0; epoch < 3; ++epoch) {
    std::set<int32_t> seen;
    for (uint64_t i = 0; i < 17; ++i) {
      ASSERT_TRUE(
          loader.randomBatch(1, epoch * 17 + i, tokens.data(), targets.data())
              .ok());
      seen.insert(tokens.begin(), tokens.end());
    }
    EXPECT_EQ(seen.size(), 17u * 8u) << "windows overlap in epoch " << epoch;
  }
}

TEST_F(Loader, TheShortestShardHasOneBatch) {
  std::vector<Shard> shards;
  shards.push_back(makeShard("a.bin", 17, 0));
  DataLoader loader = makeLoader(std::move(shards), 2, 8);
  std::vector<int32_t> tokens(16), targets(16);
  for (uint64_t step = 0; step < 20; ++step)
    ASSERT_TRUE(
        loader.randomBatch(0, step, tokens.data(), targets.data()).ok());
}

TEST_F(Loader, AShardShorterThanABatchIsAnError) {
  std::vector<Shard> shards;
  shards.push_back(makeShard("a.bin", 16, 0));
  auto loader = DataLoader::create(std::move(shards), 2, 8, 256);
  EXPECT_TRUE(failsWith(loader.status(),
                        "a.bin: 16 tokens, a batch of 2 x 8 needs 17"));
  EXPECT_TRUE(
      failsWith(DataLoader::create({}, 2, 8, 256).status(), "no token shard"));
}

TEST_F(Loader, AShortShardAmongOthersIsSkipped) {
  std::vector<Shard> shards;
  shards.push_back(makeShard("a.bin", 16, 0));
  shards.push_back(makeShard("b.bin", 17, 1000));
  shards.push_back(makeShard("c.bin", 0, 0));
  DataLoader loader = makeLoader(std::move(shards), 2, 8);
  EXPECT_EQ(loader.shardCount(), 1u);
  EXPECT_EQ(loader.tokenCount(), 17u);
  ASSERT_EQ(loader.skipped().size(), 2u);
  EXPECT_NE(loader.skipped()[0].find("a.bin: 16 tokens"), std::string::npos);
  std::vector<int32_t> tokens(16), targets(16);
  ASSERT_TRUE(loader.randomBatch(1, 0, tokens.data(), targets.data()).ok());
  EXPECT_GE(*std::min_element(tokens.begin(), tokens.end()), 1000);

  std::vector<Shard> allShort;
  allShort.push_back(makeShard("a.bin", 16, 0));
  allShort.push_back(makeShard("b.bin", 3, 0));
  EXPECT_TRUE(failsWith(
      DataLoader::create(std::move(allShort), 2, 8, 256).status(),
      "a.bin: 16 tokens, a batch of 2 x 8 needs 17, and the other 1 shards are "
      "too short, too; use more text"));
}

TEST_F(Loader, ATokenBeyondTheVocabularyIsAnError) {
  std::vector<Shard> shards;
  shards.push_back(makeShard("a.bin", 17, 240));
  DataLoader loader = makeLoader(std::move(shards), 2, 8, 245);
  std::vector<int32_t> tokens(16), targets(16);
  EXPECT_TRUE(failsWith(loader.randomBatch(0, 0, tokens.data(), targets.data()),
                        "is beyond the plan's vocabulary of 245"));
}

TEST(Permute, IsAPermutation) {
  for (uint64_t size : {1, 2, 3, 7, 64, 1000}) {
    std::vector<bool> hit(size);
    for (uint64_t i = 0; i < size; ++i) {
      uint64_t p = permute(11, 2, size, i);
      ASSERT_LT(p, size);
      EXPECT_FALSE(hit[p]);
      hit[p] = true;
    }
  }
  bool epochMatters = false;
  for (uint64_t i = 0; i < 100; ++i)
    epochMatters |= permute(1, 0, 100, i) != permute(1, 1, 100, i);
  EXPECT_TRUE(epochMatters);
}
