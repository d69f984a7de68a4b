//===- replay_test.cpp - Seeds, mutations and old findings ----------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "Target.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <iterator>
#include <random>

using namespace lns::fuzz;

namespace {
class Replay : public testing::TestWithParam<Target> {};

/// Replaces, inserts, erases or repeats a few bytes.
std::string mutate(std::string bytes, std::mt19937 &random) {
  auto below = [&](size_t limit) {
    return std::uniform_int_distribution<size_t>(0, limit - 1)(random);
  };
  for (size_t count = 1 + below(4); count != 0; --count) {
    size_t at = below(bytes.size() + 1);
    size_t length = std::min(bytes.size() - at, 1 + below(8));
    char byte = "\0\1\x7f\x80\xff{}[]\"0-"[below(12)];
    switch (below(5)) {
    case 0:
      bytes.replace(at, length, std::string(length, byte));
      break;
    case 1:
      bytes.insert(at, 1, byte);
      break;
    case 2:
      bytes.erase(at, length);
      break;
    case 3:
      bytes.insert(at, bytes.substr(below(bytes.size() + 1), 16));
      break;
    default:
      if (at < bytes.size())
        bytes[at] = char(bytes[at] ^ 1 << below(8));
    }
  }
  return bytes;
}
} // namespace

TEST_P(Replay, Seeds) {
  std::vector<std::string> seeds = GetParam().seeds();
  ASSERT_FALSE(seeds.empty());
  GetParam().run({});
  for (const std::string &seed : seeds) {
    EXPECT_FALSE(seed.empty());
    GetParam().run(seed);
  }
}

// The same mutations on every run: a longer search is libFuzzer's.
TEST_P(Replay, Mutations) {
  std::mt19937 random(1);
  for (const std::string &seed : GetParam().seeds())
    for (int i = 0; i < LNS_MUTATIONS; ++i)
      GetParam().run(mutate(seed, random));
}

// Every prefix of a file is what a full disk or a broken copy leaves.
TEST_P(Replay, Prefixes) {
  for (const std::string &seed : GetParam().seeds()) {
    size_t step = std::max<size_t>(1, seed.size() / 200);
    for (size_t size = 0; size < seed.size(); size += step)
      GetParam().run(std::string_view(seed).substr(0, size));
  }
}

// What libFuzzer once found, a file for each.
TEST_P(Replay, Findings) {
  std::filesystem::path folder =
      std::filesystem::path(LNS_TEST_DIR "/unit/libfuzzer/findings") /
      GetParam().name;
  if (!std::filesystem::exists(folder))
    return;
  for (const auto &entry : std::filesystem::directory_iterator(folder)) {
    std::ifstream file(entry.path(), std::ios::binary);
    GetParam().run(std::string(std::istreambuf_iterator<char>(file), {}));
  }
}

INSTANTIATE_TEST_SUITE_P(Fuzz, Replay, testing::ValuesIn(allTargets()),
                         [](const testing::TestParamInfo<Target> &info) {
                           return std::string(info.param.name);
                         });
