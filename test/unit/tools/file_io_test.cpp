//===- file_io_test.cpp - Atomic files and folders ------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/base/file_io.h"

#include "test_files.h"

#include <sys/stat.h>

using namespace lns::tool;
using Names = std::vector<std::string>;

TEST(AtomicFile, AppearsOnCommitOnly) {
  TempFolder folder;
  auto file = AtomicFile::create(folder / "a");
  ASSERT_TRUE(file) << file.status().message();
  ASSERT_TRUE(file->write("text").ok());
  EXPECT_FALSE(pathExists(folder / "a"));
  ASSERT_TRUE(file->commit().ok());
  EXPECT_EQ(readBytes(folder / "a"), "text");
  EXPECT_EQ(folder.list(), Names{"a"});
}

TEST(AtomicFile, KeepsTheOldFileWhenNotCommitted) {
  TempFolder folder;
  writeBytes(folder / "a", "old");
  {
    auto file = AtomicFile::create(folder / "a");
    ASSERT_TRUE(file);
    ASSERT_TRUE(file->write("new").ok());
  }
  EXPECT_EQ(readBytes(folder / "a"), "old");
  EXPECT_EQ(folder.list(), Names{"a"});
}

TEST(AtomicFile, ReportsAFullDiskAndLeavesNothing) {
  TempFolder folder;
  writeBytes(folder / "a", "old");
  {
    FileSizeLimit limit(1000);
    auto file = AtomicFile::create(folder / "a");
    ASSERT_TRUE(file);
    EXPECT_TRUE(failsWith(file->write(std::string(5000, 'x')), "ulimit -f"));
  }
  EXPECT_EQ(readBytes(folder / "a"), "old");
  EXPECT_EQ(folder.list(), Names{"a"});
}

TEST(AtomicFile, RefusesFoldersDevicesAndImpossiblePaths) {
  TempFolder folder;
  writeBytes(folder / "file", "");
  EXPECT_TRUE(failsWith(AtomicFile::create(folder.path).status(),
                        "is not a regular file"));
  EXPECT_TRUE(failsWith(AtomicFile::create("/dev/null").status(),
                        "is not a regular file"));
  EXPECT_TRUE(failsWith(AtomicFile::create(folder / "file/a").status(),
                        "a part of the path is a file"));
  EXPECT_TRUE(failsWith(AtomicFile::create(folder / "none/a").status(),
                        "cannot create"));
}

TEST(AtomicFolder, AppearsOnCommitOnly) {
  TempFolder folder;
  auto made = AtomicFolder::create(folder / "c");
  ASSERT_TRUE(made) << made.status().message();
  writeBytes(made->workPath() + "/x", "1");
  EXPECT_FALSE(pathExists(folder / "c"));
  ASSERT_TRUE(made->commit().ok());
  EXPECT_EQ(folder.list(), Names{"c"});
  EXPECT_EQ(readBytes(folder / "c/x"), "1");
}

TEST(AtomicFolder, NeverReplacesAnother) {
  TempFolder folder;
  auto made = AtomicFolder::create(folder / "c");
  ASSERT_TRUE(made);
  // Also not an empty one that appeared meanwhile, which rename(2) would.
  std::filesystem::create_directory(folder / "c");
  EXPECT_TRUE(failsWith(made->commit(), "already exists"));
  EXPECT_TRUE(
      failsWith(AtomicFolder::create(folder / "c").status(), "already exists"));
}

TEST(AtomicFolder, GoesAwayWhenNotCommitted) {
  TempFolder folder;
  {
    auto made = AtomicFolder::create(folder / "c");
    ASSERT_TRUE(made);
    writeBytes(made->workPath() + "/x", "1");
  }
  EXPECT_EQ(folder.list(), Names{});
}

TEST(AtomicFolder, StaleOnesAreRemoved) {
  TempFolder folder;
  std::filesystem::create_directory(folder / ".tmp-step-000005-99");
  writeBytes(folder / ".tmp-step-000005-99/model.safetensors", "cut");
  writeBytes(folder / "metrics.jsonl", "");
  removeStaleFolders(folder.path);
  EXPECT_EQ(folder.list(), Names{"metrics.jsonl"});
}

TEST(MakeFolder, NamesTheObstacle) {
  TempFolder folder;
  writeBytes(folder / "file", "");
  EXPECT_TRUE(failsWith(makeFolder(folder / "file/run"), "folder"));
  EXPECT_TRUE(failsWith(makeFolder("/proc/lns/run"), "/proc/lns/run"));
  bool created = false;
  EXPECT_TRUE(makeFolder(folder / "a/b", &created).ok());
  EXPECT_TRUE(created);
  EXPECT_TRUE(makeFolder(folder / "a/b", &created).ok());
  EXPECT_FALSE(created);
}

TEST(InputFile, ReadsFilesOnly) {
  TempFolder folder;
  EXPECT_TRUE(failsWith(InputFile::open(folder / "none").status(), "none"));
  EXPECT_TRUE(
      failsWith(InputFile::open(folder.path).status(), "not a regular file"));
  // A pipe that nobody writes to is not waited for.
  ASSERT_EQ(::mkfifo((folder / "pipe").c_str(), 0600), 0);
  EXPECT_TRUE(
      failsWith(InputFile::open(folder / "pipe").status(), "not a regular"));
  writeBytes(folder / "empty", "");
  auto empty = InputFile::open(folder / "empty");
  ASSERT_TRUE(empty);
  EXPECT_EQ(empty->size(), 0u);
}

TEST(InputFile, AFileThatChangesItsSizeIsAnError) {
  TempFolder folder;
  writeBytes(folder / "f", "0123456789");
  auto file = InputFile::open(folder / "f");
  ASSERT_TRUE(file);
  std::vector<std::byte> part(4);
  EXPECT_TRUE(file->read(3, part).ok());
  EXPECT_EQ(part[0], std::byte{'3'});
  // Also where the bytes that are read are still there.
  std::filesystem::resize_file(folder / "f", 8);
  EXPECT_TRUE(failsWith(file->read(3, part),
                        "f: had 10 bytes when it was opened, now it has 8"));
  EXPECT_TRUE(failsWith(file->read(6, part), "now it has 8"));
  std::filesystem::resize_file(folder / "f", 10);
  EXPECT_TRUE(file->read(3, part).ok());
  EXPECT_FALSE(file->read(UINT64_MAX - 1, part).ok());
}

// A data set of many shards needs more files than a process has by default.
TEST(InputFile, ManyMayBeOpen) {
  TempFolder folder;
  writeBytes(folder / "f", "x");
  rlimit old;
  ::getrlimit(RLIMIT_NOFILE, &old);
  rlimit limit = old;
  limit.rlim_cur = 64;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  std::vector<InputFile> files;
  bool good = true;
  for (int i = 0; i < 100 && good; ++i) {
    auto file = InputFile::open(folder / "f");
    if ((good = bool(file)))
      files.push_back(std::move(*file));
  }
  ::setrlimit(RLIMIT_NOFILE, &old);
  EXPECT_TRUE(good);
}

// What failed to get onto the disk is no half of a record.
TEST(AppendFile, AFailedRecordIsCutOff) {
  TempFolder folder;
  writeBytes(folder / "a", "");
  auto file = AppendFile::open(folder / "a");
  ASSERT_TRUE(file) << file.status().message();
  ASSERT_TRUE(file->append("one\n").ok());
  {
    FileSizeLimit limit(7);
    EXPECT_TRUE(failsWith(file->append("two two\n"), "a: cannot write"));
  }
  EXPECT_EQ(readBytes(folder / "a"), "one\n");
  ASSERT_TRUE(file->append("three\n").ok());
  EXPECT_TRUE(file->sync().ok());
  EXPECT_EQ(readBytes(folder / "a"), "one\nthree\n");
  EXPECT_TRUE(
      failsWith(AppendFile::open(folder / "b").status(), "b: cannot open"));
}

TEST(AtomicFile, KnowsWhatItWrote) {
  TempFolder folder;
  auto file = AtomicFile::create(folder / "a");
  ASSERT_TRUE(file);
  ASSERT_TRUE(file->write("some ").ok() && file->write("text").ok());
  ASSERT_TRUE(file->commit().ok());
  auto found = summarizeFile(folder / "a");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->bytes, 9u);
  EXPECT_EQ(file->summary().bytes, 9u);
  EXPECT_EQ(found->checksum, file->summary().checksum);
  EXPECT_FALSE(summarizeFile(folder / "none"));
}

TEST(Folders, MovedAndRemoved) {
  TempFolder folder;
  ASSERT_TRUE(makeFolder(folder / "a/b").ok());
  writeBytes(folder / "a/b/c", "text");
  ASSERT_TRUE(moveAside(folder / "a", folder / "d").ok());
  EXPECT_EQ(readBytes(folder / "d/b/c"), "text");
  ASSERT_TRUE(makeFolder(folder / "a").ok());
  EXPECT_TRUE(
      failsWith(moveAside(folder / "a", folder / "d"), "d: already exists"));
  EXPECT_TRUE(
      failsWith(moveAside(folder / "e", folder / "f"), "e: cannot rename"));
  ASSERT_TRUE(removeFolder(folder / "d").ok());
  EXPECT_EQ(folder.list(), Names{"a"});
  EXPECT_TRUE(failsWith(removeFolder(folder / "d"), "d: cannot rename"));
}
