//===- packing_test.cpp - Documents into rows -----------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/data/packing.h"

#include <gtest/gtest.h>
#include <numeric>
#include <random>
#include <string>

using namespace lns::tool;

namespace {
/// "0@0 2@4 | 1@0": documents and offsets, row by row.
std::string show(const PackedRows &rows) {
  std::string text;
  for (uint64_t r = 0; r < rows.count(); ++r) {
    text += r > 0 ? " |" : "";
    for (Placement placement : rows.row(r))
      text += (text.empty() ? "" : " ") + std::to_string(placement.document) +
              "@" + std::to_string(placement.offset);
  }
  return text;
}
std::string pack(std::vector<uint32_t> lengths, std::vector<uint32_t> order,
                 uint32_t sequence, uint64_t align = 1) {
  return show(packFirstFit(lengths, order, sequence, align));
}
} // namespace

TEST(Packing, EachGoesToTheFirstRowWithRoom) {
  EXPECT_EQ(pack({4, 8, 4, 2, 6}, {0, 1, 2, 3, 4}, 8),
            "0@0 2@4 | 1@0 | 3@0 4@2");
  // 2 and 3 go back to the first row, which has room for both.
  EXPECT_EQ(pack({5, 6, 1, 2, 2}, {0, 1, 2, 3, 4}, 8), "0@0 2@5 3@6 | 1@0 4@6");
  EXPECT_EQ(pack({5, 6, 1, 2, 2}, {4, 3, 2, 1, 0}, 8), "4@0 3@2 2@4 | 1@0 | "
                                                       "0@0");
  EXPECT_EQ(pack({}, {}, 8), "");
}

TEST(Packing, DocumentsStartAtMultiples) {
  EXPECT_EQ(pack({3, 5, 2, 1}, {0, 1, 2, 3}, 12, 4), "0@0 1@4 | 2@0 3@4");
  // The last one need not fill its part.
  EXPECT_EQ(pack({3, 2}, {0, 1}, 6, 4), "0@0 1@4");
  EXPECT_EQ(pack({3, 3}, {0, 1}, 6, 4), "0@0 | 1@0");
  EXPECT_EQ(pack({3, 3}, {0, 1}, 6, 1 << 20), "0@0 | 1@0");
}

TEST(Packing, SinglyIsOneARow) {
  EXPECT_EQ(show(placeSingly(std::vector<uint32_t>{2, 0, 1})),
            "2@0 | 0@0 | 1@0");
}

// Against the definition, by looking at every row.
TEST(Packing, IsFirstFit) {
  std::mt19937 random(3);
  for (int round = 0; round < 50; ++round) {
    uint32_t sequence = 1 + random() % 40, align = 1 + random() % 6;
    std::vector<uint32_t> lengths(random() % 200), order(lengths.size());
    for (uint32_t &length : lengths)
      length = 1 + random() % sequence;
    std::iota(order.begin(), order.end(), 0u);
    std::shuffle(order.begin(), order.end(), random);
    std::vector<uint32_t> used;
    std::vector<std::string> rows;
    for (uint32_t document : order) {
      size_t r = 0;
      auto next = [&](size_t row) {
        return (used[row] + align - 1) / align * align;
      };
      while (r < used.size() && next(r) + lengths[document] > sequence)
        ++r;
      if (r == used.size()) {
        used.push_back(0);
        rows.emplace_back();
      }
      rows[r] += " " + std::to_string(document) + "@" + std::to_string(next(r));
      used[r] = next(r) + lengths[document];
    }
    std::string expected;
    for (const std::string &row : rows)
      expected += (expected.empty() ? "" : " |") + row;
    EXPECT_EQ(" " + pack(lengths, order, sequence, align),
              expected.empty() ? " " : expected);
  }
}
