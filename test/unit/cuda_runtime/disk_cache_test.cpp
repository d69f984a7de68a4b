//===- disk_cache_test.cpp - Entries that are whole, or not there ---------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "fakes.h"

#include "runtime/cuda/disk_cache.h"

#include <filesystem>
#include <fstream>
#include <linux/capability.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace lns;
using namespace lns::cuda;
using namespace lns::test;

static Digest keyOf(std::string_view text) {
  return sha256(text.data(), text.size());
}

static std::string read(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

static void write(const std::string &path, const std::string &content) {
  std::ofstream(path, std::ios::binary) << content;
}

// FIPS 180-4's examples, and lengths around a block's end.
TEST(Sha256, KnownDigests) {
  EXPECT_EQ(toHex(keyOf("")),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(toHex(keyOf("abc")),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(
      toHex(keyOf("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")),
      "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(toHex(keyOf(std::string(1000000, 'a'))),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
  EXPECT_EQ(toHex(keyOf(std::string(64, 'a'))),
            "ffe054fe7ae0cb6dc65c3af9b61d5209f439851db43d0ba5997337df154668eb");
}

TEST(Sha256, PiecesDoNotMatter) {
  std::string text(300, 'x');
  Digest whole = keyOf(text);
  for (size_t piece : {1u, 55u, 56u, 63u, 64u, 65u, 127u}) {
    Sha256 hash;
    for (size_t i = 0; i < text.size(); i += piece)
      hash.add(text.data() + i, std::min(piece, text.size() - i));
    EXPECT_EQ(hash.finish(), whole) << piece;
  }
}

TEST(Sha256, FieldsDoNotRunTogether) {
  Sha256 one, two;
  one.field("ab");
  one.field("c");
  two.field("a");
  two.field("bc");
  EXPECT_NE(one.finish(), two.finish());
}

TEST(DiskCache, FindsWhatWasStored) {
  TemporaryFolder folder;
  DiskCache cache(folder / "a/b");
  EXPECT_EQ(cache.folder(), folder / "a/b");
  std::string content("one\0two", 7);
  EXPECT_EQ(cache.find(keyOf("k")), std::nullopt);
  EXPECT_TRUE(cache.store(keyOf("k"), content));
  EXPECT_EQ(cache.find(keyOf("k")), content);
  EXPECT_TRUE(cache.store(keyOf("k"), content)); // Existing is success.
  EXPECT_TRUE(cache.store(keyOf("empty"), ""));
  EXPECT_EQ(cache.find(keyOf("empty")), "");
  EXPECT_EQ(cache.find(keyOf("other")), std::nullopt);
  cache.remove(keyOf("k"));
  EXPECT_EQ(cache.find(keyOf("k")), std::nullopt);
  // Nothing but entries is left behind.
  size_t files = 0;
  for (const auto &entry : std::filesystem::directory_iterator(folder / "a/b"))
    files += entry.exists();
  EXPECT_EQ(files, 1u);
}

// Every way of being broken: the entry is gone afterwards, and can be stored.
TEST(DiskCache, BrokenEntriesAreDeleted) {
  TemporaryFolder folder;
  DiskCache cache(folder / "cache");
  Digest key = keyOf("k");
  std::string path = folder / "cache/" + toHex(key);
  auto expectBroken = [&](const char *what) {
    EXPECT_EQ(cache.find(key), std::nullopt) << what;
    EXPECT_FALSE(std::filesystem::exists(path)) << what;
    EXPECT_TRUE(cache.store(key, "content")) << what;
    EXPECT_EQ(cache.find(key), "content") << what;
  };
  ASSERT_TRUE(cache.store(key, "content"));
  std::string good = read(path);
  for (size_t size = 0; size < good.size(); ++size) {
    write(path, good.substr(0, size));
    expectBroken("truncated");
  }
  for (size_t i = 0; i < good.size(); ++i) {
    std::string bad = good;
    bad[i] ^= 1;
    write(path, bad);
    expectBroken("altered");
  }
  write(path, good + "x");
  expectBroken("too long");
  ASSERT_TRUE(cache.store(keyOf("other"), "content"));
  std::filesystem::rename(folder / "cache/" + toHex(keyOf("other")), path);
  expectBroken("another's");
  std::filesystem::remove(path);
  std::filesystem::create_directories(path + "/folder");
  EXPECT_EQ(cache.find(key), std::nullopt);
  EXPECT_TRUE(cache.store(key, "content"));
}

TEST(DiskCache, NoFolder) {
  TemporaryFolder folder;
  write(folder / "file", "not a folder");
  for (const DiskCache &cache :
       {DiskCache(), DiskCache(folder / "file"), DiskCache("/proc/nothing")}) {
    EXPECT_EQ(cache.folder(), "");
    EXPECT_FALSE(cache.store(keyOf("k"), "content"));
    EXPECT_EQ(cache.find(keyOf("k")), std::nullopt);
    cache.remove(keyOf("k"));
    DiskCache::Lock lock(cache, keyOf("k"));
  }
  EXPECT_EQ(read(folder / "file"), "not a folder");
}

TEST(DiskCache, AFolderThatGoesAway) {
  TemporaryFolder folder;
  DiskCache cache(folder / "cache");
  std::filesystem::remove_all(folder / "cache");
  DiskCache::Lock lock(cache, keyOf("k"));
  EXPECT_FALSE(cache.store(keyOf("k"), "content"));
  EXPECT_EQ(cache.find(keyOf("k")), std::nullopt);
}

// Root writes everywhere, so a child without root's capabilities looks. (One of
// another user might not even reach the folder.)
TEST(DiskCache, AFolderThatCannotBeWritten) {
  TemporaryFolder folder;
  ASSERT_TRUE(DiskCache(folder / "cache").store(keyOf("k"), "content"));
  chmod((folder / "cache").c_str(), 0555);
  chmod(folder.path().c_str(), 0755);
  pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    __user_cap_data_struct none[2] = {};
    if (syscall(SYS_capset, &header, none) != 0)
      _exit(9);
    DiskCache cache(folder / "cache");
    DiskCache::Lock lock(cache, keyOf("other"));
    bool right = cache.find(keyOf("k")) == "content" &&
                 !cache.store(keyOf("other"), "x") &&
                 cache.find(keyOf("other")) == std::nullopt;
    _exit(right ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  chmod((folder / "cache").c_str(), 0755);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

// Eight processes count in a file, with time to disturb each other.
TEST(DiskCache, OneHolderOfALock) {
  TemporaryFolder folder;
  DiskCache cache(folder / "cache");
  std::string counter = folder / "counter";
  write(counter, "0");
  constexpr int kProcesses = 8, kRounds = 5;
  for (int i = 0; i < kProcesses; ++i) {
    pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child != 0)
      continue;
    for (int round = 0; round < kRounds; ++round) {
      DiskCache::Lock lock(cache, keyOf("k"));
      int value = std::stoi(read(counter));
      usleep(1000);
      write(counter, std::to_string(value + 1));
    }
    _exit(0);
  }
  for (int i = 0; i < kProcesses; ++i) {
    int status = 1;
    ASSERT_GT(wait(&status), 0);
    EXPECT_EQ(status, 0);
  }
  EXPECT_EQ(read(counter), std::to_string(kProcesses * kRounds));
  EXPECT_TRUE(std::filesystem::is_empty(folder / "cache"));
}

TEST_F(FakeCuda, CacheFolderFromTheEnvironment) {
  set("XDG_CACHE_HOME", folder / "xdg");
  set("HOME", folder / "home");
  EXPECT_EQ(DiskCache::fromEnvironment().folder(), cacheFolder());
  set("LNSRT_CACHE_DIR", "none");
  EXPECT_EQ(DiskCache::fromEnvironment().folder(), "");
  unset("LNSRT_CACHE_DIR");
  EXPECT_EQ(DiskCache::fromEnvironment().folder(), folder / "xdg/lnsc");
  unset("XDG_CACHE_HOME");
  EXPECT_EQ(DiskCache::fromEnvironment().folder(), folder / "home/.cache/lnsc");
  unset("HOME");
  EXPECT_EQ(DiskCache::fromEnvironment().folder(), "");
}
