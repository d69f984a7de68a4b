//===- data_prepare_test.cpp - Text to shards -----------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/data/data_prepare.h"

#include "test_files.h"
#include "tools/lns/data/shard.h"

#include <csignal>
#include <sys/resource.h>
#include <sys/stat.h>
#include <thread>

using namespace lns::tool;
using Names = std::vector<std::string>;

static std::string tokensOf(const std::string &path) {
  auto shard = Shard::open(path);
  EXPECT_TRUE(shard) << shard.status().message();
  std::string text;
  std::vector<uint32_t> tokens(shard->size());
  EXPECT_TRUE(shard->read(0, tokens).ok());
  for (uint32_t token : tokens)
    text += static_cast<char>(token);
  return text;
}

TEST(WriteDataset, HoldsOutTheTailOfEveryDocument) {
  TempFolder folder;
  auto summary = writeDataset(
      {{"a", "a.txt", "0123456789"}, {"b", "b.txt", "ABCDEFGH\xff!"}}, "text",
      {.heldOut = 0.2, .folder = folder / "data"});
  ASSERT_TRUE(summary) << summary.status().message();
  EXPECT_EQ(summary->trainTokens, 16u);
  EXPECT_EQ(tokensOf(folder / "data/train.bin"), "01234567ABCDEFGH");
  EXPECT_EQ(tokensOf(folder / "data/val.bin"), "89\xff!");
  EXPECT_EQ(folder.list("data"), (Names{"meta.json", "train.bin", "val.bin"}));
  EXPECT_NE(readBytes(folder / "data/meta.json").find("\"vocabulary\": 256"),
            std::string::npos);
}

TEST(WriteDataset, AFullDiskLeavesNothing) {
  TempFolder folder;
  auto oldHandler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit old;
  ::getrlimit(RLIMIT_FSIZE, &old);
  rlimit limit = old;
  limit.rlim_cur = 1100;
  ::setrlimit(RLIMIT_FSIZE, &limit);
  Status status = writeDataset({{"a", "a.txt", std::string(1000, 'x')}}, "text",
                               {.heldOut = 0.1, .folder = folder / "data"})
                      .status();
  ::setrlimit(RLIMIT_FSIZE, &old);
  std::signal(SIGXFSZ, oldHandler);
  EXPECT_TRUE(failsWith(status, "cannot write"));
  EXPECT_EQ(folder.list(), Names{});
}

TEST(WriteDataset, ReplacesNothingUnasked) {
  TempFolder folder;
  PrepareOptions options = {.heldOut = 0.5, .folder = folder / "data"};
  ASSERT_TRUE(writeDataset({{"a", "a", "0123"}}, "text", options));
  EXPECT_TRUE(
      failsWith(writeDataset({{"b", "b", "abcd"}}, "text", options).status(),
                "data/train.bin: exists already; choose another -o, or replace "
                "it with --force"));
  EXPECT_EQ(tokensOf(folder / "data/train.bin"), "01");
  for (const char *rest : {"train.bin", "val.bin"}) {
    std::filesystem::remove(folder / ("data/" + std::string(rest)));
    EXPECT_TRUE(
        failsWith(writeDataset({{"b", "b", "abcd"}}, "text", options).status(),
                  "exists already"));
  }
  options.replace = true;
  ASSERT_TRUE(writeDataset({{"b", "b", "abcd"}}, "text", options));
  EXPECT_EQ(tokensOf(folder / "data/train.bin"), "ab");
  EXPECT_EQ(folder.list("data"), (Names{"meta.json", "train.bin", "val.bin"}));
}

// 16 bits where they are enough, else 32.
TEST(WriteTokenDataset, TakesTheWidthThatTheVocabularyNeeds) {
  TempFolder folder;
  std::vector<uint32_t> tokens = {1, 65535, 3, 70000};
  writeBytes(folder / "t", std::string(reinterpret_cast<char *>(tokens.data()),
                                       tokens.size() * 4));
  PrepareOptions options = {.heldOut = 0.5, .folder = folder / "wide"};
  TokenFiles files = {{folder / "t"}, TokenType::U32, 128256};
  auto summary = writeTokenDataset(files, options);
  ASSERT_TRUE(summary) << summary.status().message();
  auto val = Shard::open(folder / "wide/val.bin");
  ASSERT_TRUE(val);
  EXPECT_EQ(val->tokenType(), TokenType::U32);
  std::vector<uint32_t> back(2);
  ASSERT_TRUE(val->read(0, back).ok());
  EXPECT_EQ(back, (std::vector<uint32_t>{3, 70000}));
  EXPECT_NE(readBytes(folder / "wide/meta.json").find("\"vocabulary\": 128256"),
            std::string::npos);

  options.folder = folder / "narrow";
  files.vocabulary = 65536;
  EXPECT_TRUE(failsWith(writeTokenDataset(files, options).status(),
                        "t: token 70000 at position 3 is beyond the "
                        "--vocabulary of 65536"));
  EXPECT_FALSE(std::filesystem::exists(folder / "narrow"));
  // A shard is taken as well.
  files = {{folder / "wide/train.bin"}, {}, 65536};
  ASSERT_TRUE(writeTokenDataset(files, options));
  auto train = Shard::open(folder / "narrow/train.bin");
  ASSERT_TRUE(train);
  EXPECT_EQ(train->tokenType(), TokenType::U16);
}

TEST(LoadTextFiles, APipeIsReadToItsEnd) {
  TempFolder folder;
  std::string text(300000, 'x'), pipe = folder / "pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  std::thread writer([&] { writeBytes(pipe, text + "end"); });
  auto documents = loadTextFiles({pipe});
  writer.join();
  ASSERT_TRUE(documents) << documents.status().message();
  EXPECT_EQ(documents->at(0).text, text + "end");
}

TEST(LoadTextFiles, MustExistAndHoldText) {
  TempFolder folder;
  writeBytes(folder / "empty", "");
  EXPECT_TRUE(failsWith(loadTextFiles({folder / "empty"}).status(),
                        "empty: holds no text"));
  EXPECT_TRUE(
      failsWith(loadTextFiles({folder / "none"}).status(), "cannot open"));
}

TEST(ClassicSet, AnAbsentPackageIsNamed) {
  TempFolder folder;
  ClassicPaths paths;
  paths.bible = folder / "bible.data";
  EXPECT_TRUE(failsWith(loadClassicSet(paths).status(),
                        "install the Debian package bible-kjv-text"));
  writeBytes(paths.bible, "");
  paths.austen = folder / "Rdata";
  EXPECT_TRUE(failsWith(loadClassicSet(paths).status(),
                        "install the Debian package r-cran-janeaustenr"));
}

// The packages are part of the set-up, so this runs wherever tests run.
TEST(ClassicSet, IsAllThere) {
  auto documents = loadClassicSet(ClassicPaths());
  ASSERT_TRUE(documents) << documents.status().message();
  Names names;
  for (const Document &document : *documents)
    names.push_back(document.name);
  EXPECT_EQ(names, (Names{"bible", "emma", "mansfieldpark", "northangerabbey",
                          "persuasion", "prideprejudice", "sensesensibility"}));
  const std::string &bible = documents->front().text;
  EXPECT_TRUE(bible.starts_with("In the beginning God created the heaven and "
                                "the earth.\nAnd the earth was without"));
  EXPECT_TRUE(bible.ends_with(
      "The grace of our Lord Jesus Christ be with you all. Amen.\n"));
  // 31102 verses; a blank line between chapters, two between books.
  EXPECT_GT(bible.size(), 4'000'000u);
  EXPECT_NE((*documents)[5].text.find("It is a truth universally acknowledged"),
            std::string::npos);
}
