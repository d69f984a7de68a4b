//===- write_file_test.cpp - Plans are written whole or not at all --------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "codegen/plan/Plan.h"

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include <csignal>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>

namespace {

class WriteFile : public testing::Test {
protected:
  void SetUp() override {
    ASSERT_FALSE(llvm::sys::fs::createUniqueDirectory("lns-write", folder));
    path = (folder + "/plan").str();
  }
  void TearDown() override { llvm::sys::fs::remove_directories(folder); }

  int countFiles() {
    int count = 0;
    std::error_code code;
    for (llvm::sys::fs::directory_iterator it(folder, code), end;
         it != end && !code; it.increment(code))
      ++count;
    return count;
  }
  std::string read() {
    auto buffer = llvm::MemoryBuffer::getFile(path);
    return buffer ? (*buffer)->getBuffer().str() : "";
  }

  llvm::SmallString<128> folder;
  std::string path, error;
};

TEST_F(WriteFile, ReplacesWhatIsThere) {
  ASSERT_TRUE(lns::writeFileAtomically(path, {'a', 'b'}, error)) << error;
  ASSERT_TRUE(lns::writeFileAtomically(path, {'c'}, error)) << error;
  EXPECT_EQ(read(), "c");
  EXPECT_EQ(countFiles(), 1);
}

TEST_F(WriteFile, AFullDiskLeavesTheOldFile) {
  ASSERT_TRUE(lns::writeFileAtomically(path, {'o', 'l', 'd'}, error)) << error;
  // A limit on file sizes fails a write as a full disk does.
  struct rlimit old;
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &old), 0);
  struct rlimit tight = {1024, old.rlim_max};
  auto *handler = std::signal(SIGXFSZ, SIG_IGN);
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &tight), 0);
  std::vector<char> bytes(100000, 'x');
  bool good = lns::writeFileAtomically(path, bytes, error);
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &old), 0);
  std::signal(SIGXFSZ, handler);
  EXPECT_FALSE(good);
  EXPECT_EQ(error.find("cannot write '" + path + "': "), 0u) << error;
  EXPECT_EQ(read(), "old");
  EXPECT_EQ(countFiles(), 1);
}

TEST_F(WriteFile, APipeIsNotReplaced) {
  ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
  EXPECT_FALSE(lns::writeFileAtomically(path, {'a'}, error));
  EXPECT_EQ(error, "cannot write '" + path +
                       "': it is not a regular file; give the name of a file");
  struct stat info;
  ASSERT_EQ(lstat(path.c_str(), &info), 0);
  EXPECT_TRUE(S_ISFIFO(info.st_mode));
  EXPECT_EQ(countFiles(), 1);
}

TEST_F(WriteFile, NoFolder) {
  EXPECT_FALSE(lns::writeFileAtomically("/dev/null/plan", {'a'}, error));
  EXPECT_EQ(error, "cannot create '/dev/null/plan': Not a directory");
}

} // namespace
