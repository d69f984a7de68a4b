//===- document_rows_test.cpp - Rows of whole documents -------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/data/document_rows.h"

#include "test_files.h"

#include <set>

using namespace lns::tool;

namespace {
constexpr int32_t ignored = -100;

class DocumentRowsTest : public ::testing::Test {
protected:
  /// Adds a document of tokens 10 i, 10 i + 1, ..., i its number; `mask` has a
  /// letter for each: x for a target.
  void add(const std::string &mask) {
    starts.push_back(tokens.size());
    for (size_t t = 0; t < mask.size(); ++t) {
      tokens.push_back(static_cast<uint16_t>(10 * starts.size() + t));
      targets.push_back(mask[t] == 'x');
    }
  }
  std::vector<DocumentShard> write(bool withMask = true) {
    EXPECT_TRUE(writeShardFile(folder / "x.bin", tokens).ok());
    auto shard = Shard::open(folder / "x.bin");
    uint64_t sum = *sumTokens(*shard);
    auto mask = AtomicFile::create(folder / "x.mask");
    auto documents = AtomicFile::create(folder / "x.docs");
    EXPECT_TRUE(writeMask(*mask, sum, targets).ok() && mask->commit().ok());
    EXPECT_TRUE(writeDocuments(*documents, sum, tokens.size(), starts).ok() &&
                documents->commit().ok());
    auto files = openSideFiles(*shard);
    EXPECT_TRUE(files) << files.status().message();
    std::vector<DocumentShard> shards;
    shards.push_back({std::move(*shard), std::move(*files->documents),
                      withMask ? std::move(files->mask) : std::nullopt});
    return shards;
  }
  DocumentRows make(uint32_t sequence, const DocumentLayout &layout) {
    auto rows = DocumentRows::create(write(), sequence, 1000, layout);
    EXPECT_TRUE(rows) << rows.status().message();
    return std::move(*rows);
  }
  TempFolder folder;
  std::vector<uint16_t> tokens;
  std::vector<bool> targets;
  std::vector<uint64_t> starts;
};

using Ints = std::vector<int32_t>;
} // namespace

// A document's last token is only a target; a border is never crossed.
TEST_F(DocumentRowsTest, PacksWholeDocuments) {
  add("..xx");
  add("x.x"); // The first token is no target, whatever the mask says.
  add(".xxx");
  DocumentLayout layout;
  layout.packed = true;
  DocumentRows rows = make(6, layout);
  EXPECT_EQ(rows.rowCount(), 2u);
  EXPECT_EQ(rows.targetCount(), 6u);
  EXPECT_EQ(rows.tokenCount(), 8u);
  Batch batch(3, 6);
  ASSERT_TRUE(rows.fillRows(0, batch).ok());
  EXPECT_EQ(batch.tokens, (Ints{10, 11, 12, 20, 21, 0, //
                                30, 31, 32, 0, 0, 0,   //
                                0, 0, 0, 0, 0, 0}));
  EXPECT_EQ(batch.targets,
            (Ints{ignored, 12, 13, ignored, 22, ignored, //
                  31, 32, 33, ignored, ignored, ignored, //
                  ignored, ignored, ignored, ignored, ignored, ignored}));
  // Padding is documents of one token.
  EXPECT_EQ(batch.starts, (Ints{0, 0, 0, 3, 3, 5, //
                                0, 0, 0, 3, 4, 5, //
                                0, 1, 2, 3, 4, 5}));
  EXPECT_EQ(batch.tokenCount, 8u);
  EXPECT_EQ(batch.targetCount, 6u);
}

TEST_F(DocumentRowsTest, DocumentsMayStartAtMultiples) {
  add("..xx");
  add("..x");
  DocumentLayout layout;
  layout.packed = true;
  layout.align = 4;
  DocumentRows rows = make(6, layout);
  Batch batch(1, 6);
  ASSERT_TRUE(rows.fillRows(0, batch).ok());
  EXPECT_EQ(batch.tokens, (Ints{10, 11, 12, 0, 20, 21}));
  EXPECT_EQ(batch.starts, (Ints{0, 0, 0, 3, 4, 4}));
  EXPECT_EQ(batch.targets, (Ints{ignored, 12, 13, ignored, ignored, 22}));
}

TEST_F(DocumentRowsTest, OrOneDocumentIsARow) {
  add("..xx");
  add(".xx");
  DocumentRows rows = make(6, {});
  Batch batch(2, 6);
  batch.starts = {1, 2};
  ASSERT_TRUE(rows.fillRows(0, batch).ok());
  EXPECT_EQ(batch.tokens, (Ints{10, 11, 12, 0, 0, 0, 20, 21, 0, 0, 0, 0}));
  EXPECT_TRUE(batch.starts.empty());
  EXPECT_EQ(batch.targetCount, 4u);
}

TEST_F(DocumentRowsTest, WithoutAMaskEveryTokenIsATarget) {
  add("....");
  auto rows = DocumentRows::create(write(/*withMask=*/false), 4, 1000, {});
  ASSERT_TRUE(rows);
  Batch batch(1, 4);
  ASSERT_TRUE(rows->fillRows(0, batch).ok());
  EXPECT_EQ(batch.targets, (Ints{11, 12, 13, ignored}));
}

// Cut at T + 1 tokens; what has no target then is left out, so that every row
// has one.
TEST_F(DocumentRowsTest, WhatIsTooLongIsCutAndSaid) {
  add("...xxxx");
  add(".....xx");
  add(".xx");
  add(".");
  DocumentRows rows = make(4, {});
  EXPECT_EQ(rows.documentCount(), 2u);
  ASSERT_EQ(rows.notes().size(), 2u);
  EXPECT_NE(rows.notes()[0].find("x.bin: 1 of 4 documents have more than 5 "
                                 "tokens and are cut"),
            std::string::npos)
      << rows.notes()[0];
  EXPECT_NE(rows.notes()[1].find("x.bin: 2 of 4 documents have no target among "
                                 "their first 5 tokens and are left out"),
            std::string::npos)
      << rows.notes()[1];
  Batch batch(1, 4);
  ASSERT_TRUE(rows.fillRows(0, batch).ok());
  EXPECT_EQ(batch.tokens, (Ints{10, 11, 12, 13}));
  EXPECT_EQ(batch.targets, (Ints{ignored, ignored, 13, 14}));
}

TEST_F(DocumentRowsTest, NothingToLearnIsAnError) {
  add("......x");
  EXPECT_TRUE(failsWith(DocumentRows::create(write(), 4, 1000, {}).status(),
                        "x.bin: none of 1 documents has a target among its "
                        "first 5 tokens; use more rows, or a plan with a "
                        "larger --seq"));
  EXPECT_TRUE(
      failsWith(DocumentRows::create({}, 4, 1000, {}).status(), "no token"));
}

TEST_F(DocumentRowsTest, ATokenBeyondTheVocabularyIsAnError) {
  add(".xx");
  auto rows = DocumentRows::create(write(), 4, 12, {});
  ASSERT_TRUE(rows);
  Batch batch(1, 4);
  EXPECT_TRUE(failsWith(rows->fillRows(0, batch),
                        "x.bin: token 12 at position 2 is beyond"));
}

// Every row once in an epoch, in an order of its own; a batch is a function of
// seed and step, on another object as well.
TEST_F(DocumentRowsTest, TrainingSeesEveryRowOnceInAnEpoch) {
  for (int i = 0; i < 30; ++i)
    add(std::string(1 + i % 5, '.') + "xx");
  DocumentLayout layout;
  layout.packed = true;
  layout.seed = 7;
  DocumentRows rows = make(16, layout), again = make(16, layout);
  uint64_t count = rows.rowsPerEpoch();
  EXPECT_LT(count, 15u);
  std::vector<std::vector<int32_t>> epochs[2];
  for (uint64_t step = 0; step < 2 * count; ++step) {
    Batch one(1, 16), other(1, 16);
    ASSERT_TRUE(rows.fill(7, step, one).ok());
    EXPECT_GT(one.targetCount, 0u);
    epochs[step / count].push_back(one.tokens);
    ASSERT_TRUE(again.fill(7, step, other).ok());
    EXPECT_EQ(one.tokens, other.tokens);
    EXPECT_EQ(one.targets, other.targets);
    EXPECT_EQ(one.starts, other.starts);
  }
  EXPECT_NE(epochs[0], epochs[1]);
  for (auto &epoch : epochs)
    std::sort(epoch.begin(), epoch.end());
  EXPECT_EQ(epochs[0], epochs[1]);
  EXPECT_EQ(std::set(epochs[0].begin(), epochs[0].end()).size(), count);
  // The same rows in batches of another size.
  Batch three(3, 16);
  ASSERT_TRUE(rows.fill(7, 0, three).ok());
  Batch first(1, 16);
  ASSERT_TRUE(rows.fill(7, 2, first).ok());
  EXPECT_TRUE(std::equal(first.tokens.begin(), first.tokens.end(),
                         three.tokens.begin() + 32));
  // Another seed packs others together.
  layout.seed = 8;
  DocumentRows others = make(16, layout);
  ASSERT_TRUE(others.fillRows(0, first).ok());
  Batch mine(1, 16);
  ASSERT_TRUE(rows.fillRows(0, mine).ok());
  EXPECT_NE(first.tokens, mine.tokens);
}
