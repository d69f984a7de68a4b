//===- checksum_test.cpp - XXH64 ------------------------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/base/checksum.h"

#include <gtest/gtest.h>
#include <random>
#include <vector>

using namespace lns::tool;

static uint64_t sumOf(std::string_view text) {
  Checksum sum;
  sum.add(text.data(), text.size());
  return sum.value();
}

// The values that xxhsum -H64 prints.
TEST(Checksum, IsXxh64) {
  EXPECT_EQ(sumOf(""), 0xef46db3751d8e999u);
  EXPECT_EQ(sumOf("a"), 0xd24ec4f1a98c6e5bu);
  EXPECT_EQ(sumOf("abc"), 0x44bc2cf5ad770999u);
  EXPECT_EQ(sumOf("Nobody inspects the spammish repetition"),
            0xfbcea83c8a378bf1u);
  EXPECT_EQ(checksumText(0xabc), "0000000000000abc");
}

TEST(Checksum, DoesNotDependOnTheParts) {
  std::mt19937 random(7);
  for (size_t size : {0, 1, 31, 32, 33, 64, 100, 1000}) {
    std::string text(size, '\0');
    for (char &c : text)
      c = static_cast<char>(random());
    for (int round = 0; round < 20; ++round) {
      Checksum parts;
      for (size_t at = 0; at < size;) {
        size_t count = std::min<size_t>(random() % 70, size - at);
        parts.add(text.data() + at, count);
        at += count;
      }
      EXPECT_EQ(parts.value(), sumOf(text)) << size;
    }
  }
}
