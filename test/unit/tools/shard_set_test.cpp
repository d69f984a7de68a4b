//===- shard_set_test.cpp - The shards that a path names ------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/data/shard_set.h"

#include "test_files.h"

using namespace lns::tool;
using Names = std::vector<std::string>;

TEST(FindShards, ByFolderFileAndPattern) {
  TempFolder folder;
  for (const char *name : {"x_train_000002.bin", "x_train_000001.bin",
                           "x_val_000000.bin", ".x_hidden.bin", "meta.json"})
    writeBytes(folder / name, "{}");
  std::filesystem::create_directory(folder / "folder.bin");
  for (std::string pattern :
       {folder.path, folder.path + "/", folder / "x_*.bin"}) {
    auto set = findShards(pattern);
    ASSERT_TRUE(set) << set.status().message();
    ASSERT_EQ(set->train.size(), 2u);
    EXPECT_TRUE(set->train[0].ends_with("/x_train_000001.bin"));
    EXPECT_TRUE(set->train[1].ends_with("/x_train_000002.bin"));
    ASSERT_EQ(set->val.size(), 1u);
    EXPECT_TRUE(set->val[0].ends_with("/x_val_000000.bin"));
    // meta.json is not ours.
    EXPECT_FALSE(set->facts);
  }
  auto one = findShards(folder / "x_train_000001.bin");
  ASSERT_TRUE(one);
  EXPECT_EQ(one->train, Names{folder / "x_train_000001.bin"});
  EXPECT_TRUE(
      failsWith(findShards(folder / "none").status(), "lns data prepare"));
}

// A name is a pattern only where nothing stands under it.
TEST(FindShards, BracketsAreLettersFirst) {
  TempFolder folder;
  std::filesystem::create_directory(folder / "br[1]");
  std::filesystem::create_directory(folder / "br1");
  writeBytes(folder / "br[1]/a.bin", "");
  writeBytes(folder / "br1/b.bin", "");
  writeBytes(folder / "c[*]?.bin", "");
  auto set = findShards(folder / "br[1]");
  ASSERT_TRUE(set) << set.status().message();
  EXPECT_EQ(set->train, Names{folder / "br[1]/a.bin"});
  set = findShards(folder / "c[*]?.bin");
  ASSERT_TRUE(set);
  EXPECT_EQ(set->train, Names{folder / "c[*]?.bin"});
  set = findShards(folder / "b[r]1/*");
  ASSERT_TRUE(set);
  EXPECT_EQ(set->train, Names{folder / "br1/b.bin"});
}

TEST(FindShards, HeldOutNames) {
  for (const char *name :
       {"val.bin", "fineweb_val_000000.bin", "VALID-3.bin", "my.test.bin",
        "test12.bin", "heldout", "x-validation.bin", "2val3.bin"})
    EXPECT_TRUE(isHeldOutName(name)) << name;
  for (const char *name :
       {"medieval.bin", "train.bin", "values.bin", "valentine.bin",
        "retrieval_1.bin", "contest.bin", "testament.bin", "evaluation.bin",
        "validity.bin", ""})
    EXPECT_FALSE(isHeldOutName(name)) << name;
}

TEST(FindShards, MetaSaysWhatTokensAre) {
  TempFolder folder;
  writeBytes(folder / "a.bin", "");
  writeBytes(folder / "meta.json", R"({"tokenizer":"byte","vocabulary":256})");
  for (std::string path : {folder.path, folder / "a.bin", folder / "*.bin"}) {
    auto set = findShards(path);
    ASSERT_TRUE(set && set->facts);
    EXPECT_EQ(set->facts->vocabulary, 256u);
    EXPECT_TRUE(set->facts->bytes);
  }
  writeBytes(folder / "meta.json", R"({"tokenizer":"bpe","vocabulary":50257})");
  auto set = findShards(folder.path);
  ASSERT_TRUE(set && set->facts);
  EXPECT_FALSE(set->facts->bytes);
  for (const char *text :
       {"", "[", R"({"vocabulary":-1})", "[1]", R"({"vocabulary":"x"})"}) {
    writeBytes(folder / "meta.json", text);
    set = findShards(folder.path);
    ASSERT_TRUE(set);
    EXPECT_FALSE(set->facts) << text;
  }
}

TEST(FindShards, FactsAgainstThePlan) {
  DataFacts facts = {"d/meta.json", 256, true};
  Names notes;
  compareVocabulary(facts, 256, notes);
  compareVocabulary({}, 32000, notes);
  EXPECT_EQ(notes, Names{});
  compareVocabulary(facts, 32000, notes);
  ASSERT_EQ(notes.size(), 1u);
  EXPECT_TRUE(notes[0].starts_with(
      "d/meta.json: the data has a vocabulary of 256, the plan one of 32000"));
  EXPECT_TRUE(tokensAreBytes(facts, 32000));
  EXPECT_TRUE(tokensAreBytes({}, 256));
  EXPECT_FALSE(tokensAreBytes({}, 32000));
  facts.bytes = false;
  EXPECT_FALSE(tokensAreBytes(facts, 256));
}

// Of val.bin as a whole: its tokens but the first are targets.
TEST(FindShards, BytesOfAToken) {
  TempFolder folder;
  writeBytes(folder / "a.bin", "");
  auto bytes = [&](const char *meta, uint32_t vocabulary, uint64_t targets) {
    writeBytes(folder / "meta.json", meta);
    auto set = findShards(folder.path);
    EXPECT_TRUE(set);
    return bytesPerToken(set->facts, vocabulary, targets);
  };
  const char *known = R"({"tokenizer": "byte-level BPE", "vocabulary": 600,)"
                      R"( "val_tokens": 100, "val_bytes": 250})";
  EXPECT_EQ(bytes(known, 600, 99), 2.5);
  EXPECT_EQ(bytes(known, 600, 98), std::nullopt);
  EXPECT_EQ(bytes(known, 256, 100), std::nullopt);
  for (const char *unknown :
       {R"({"tokenizer": "other", "vocabulary": 600, "val_tokens": 100})",
        R"({"tokenizer": "x", "vocabulary": 600, "val_tokens": 100,)"
        R"( "val_bytes": 0})",
        R"({"tokenizer": "x", "vocabulary": 600, "val_tokens": "100",)"
        R"( "val_bytes": 250})",
        R"({"tokenizer": "x", "vocabulary": 600, "val_bytes": 250})"})
    EXPECT_EQ(bytes(unknown, 600, 99), std::nullopt) << unknown;
  EXPECT_EQ(bytes(R"({"tokenizer": "byte", "vocabulary": 256})", 600, 7), 1);
  EXPECT_EQ(bytesPerToken({}, 256, 7), 1);
  EXPECT_EQ(bytesPerToken({}, 257, 7), std::nullopt);
}

TEST(FindShards, EmptyShardsAreLeftOut) {
  TempFolder folder;
  std::vector<uint16_t> none, one = {1, 2};
  ASSERT_TRUE(writeShardFile(folder / "a.bin", none).ok());
  ASSERT_TRUE(writeShardFile(folder / "b.bin", one).ok());
  // Damaged, not empty: it will be an error.
  writeBytes(folder / "c.bin", std::string(1024, 'x'));
  Names paths = {folder / "a.bin", folder / "b.bin", folder / "c.bin"}, notes;
  dropEmptyShards(paths, {}, notes);
  EXPECT_EQ(paths, (Names{folder / "b.bin", folder / "c.bin"}));
  EXPECT_EQ(notes,
            Names{folder / "a.bin" + ": holds no tokens and is left out"});
  ASSERT_TRUE(
      writeShardFile(folder / "e.bin", std::vector<uint32_t>{70000}).ok());
  paths = {folder / "e.bin"};
  dropEmptyShards(paths, {}, notes);
  EXPECT_EQ(paths, Names{});
  EXPECT_TRUE(notes.back().ends_with("holds a single token and is left out"));
  writeBytes(folder / "d.bin", "");
  paths = {folder / "d.bin"};
  dropEmptyShards(paths, TokenType::U16, notes);
  EXPECT_EQ(paths, Names{});
}
