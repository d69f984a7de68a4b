//===- pack_intervals_test.cpp - The arena's packing ----------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "passes/memory/Packing.h"

#include <gtest/gtest.h>
#include <random>
#include <vector>

using lns::MemoryInterval;

static bool overlapInTime(const MemoryInterval &a, const MemoryInterval &b) {
  return a.first <= b.last && b.first <= a.last;
}

namespace {
/// A problem and its solution.
struct PackCase {
  const char *name;
  std::vector<MemoryInterval> solved;
  uint64_t total;
};
void PrintTo(const PackCase &one, std::ostream *out) { *out << one.name; }
class PackIntervalsTest : public testing::TestWithParam<PackCase> {};
} // namespace

TEST_P(PackIntervalsTest, IsSolved) {
  std::vector<MemoryInterval> intervals = GetParam().solved;
  for (MemoryInterval &interval : intervals)
    interval.offset = 0;
  EXPECT_EQ(lns::packIntervals(intervals), GetParam().total);
  for (size_t i = 0; i < intervals.size(); ++i)
    EXPECT_EQ(intervals[i].offset, GetParam().solved[i].offset) << i;
}

static const PackCase kPackCases[] = {
    {"NothingNeedsNothing", {}, 0},
    // Also when one's last position is the other's first.
    {"TogetherSideBySide", {{0, 1, 128, 0}, {1, 2, 64, 128}}, 192},
    {"OneAfterTheOther", {{0, 1, 128, 0}, {2, 3, 128, 0}, {4, 4, 64, 0}}, 128},
    {"AChainNeedsRoomForTwo",
     {{0, 1, 1024, 0}, {1, 2, 128, 1024}, {2, 3, 1024, 0}},
     1152},
    // Equal ones in the order given.
    {"NestedLivesStackUp",
     {{2, 3, 64, 0}, {0, 9, 64, 64}, {1, 8, 64, 128}},
     192},
    {"SizesAreRoundedUp",
     {{0, 3, 100, 0}, {0, 3, 1, 192}, {0, 3, 64, 128}, {0, 3, 0, 0}},
     256},
    // The third takes the second's place ...
    {"AHoleIsFilled",
     {{0, 9, 256, 0}, {0, 3, 192, 256}, {5, 9, 64, 256}, {0, 9, 192, 448}},
     640},
    // ... and does not when it does not fit.
    {"ASmallHoleIsNot",
     {{0, 9, 256, 0}, {0, 3, 64, 448}, {5, 9, 128, 448}, {0, 9, 192, 256}},
     576},
    // Largest first would need 576: the first would stand below the third, with
    // too little room beside it for the fourth. No more than 512 live at once.
    {"LongestFirst",
     {{5, 6, 192, 192}, {2, 3, 256, 192}, {3, 5, 192, 0}, {4, 5, 128, 384}},
     512},
    // Here longest first would need 576.
    {"LargestFirst",
     {{4, 5, 192, 0}, {1, 2, 128, 384}, {0, 1, 256, 0}, {2, 7, 192, 192}},
     512},
};
INSTANTIATE_TEST_SUITE_P(, PackIntervalsTest, testing::ValuesIn(kPackCases),
                         [](const auto &info) { return info.param.name; });

// Random sets: no two values that live together share a byte, and the total is
// at least what lives at the busiest moment.
TEST(PackIntervals, NeverOverlaps) {
  std::mt19937 random(7);
  for (int round = 0; round < 200; ++round) {
    std::vector<MemoryInterval> intervals;
    for (int i = 0; i < 40; ++i) {
      unsigned first = random() % 50;
      intervals.push_back(
          {first, first + unsigned(random() % 12), 64 * (1 + random() % 9), 0});
    }
    uint64_t total = lns::packIntervals(intervals), busiest = 0;
    for (unsigned t = 0; t < 64; ++t) {
      uint64_t live = 0;
      for (const MemoryInterval &i : intervals)
        live += i.first <= t && t <= i.last ? i.size : 0;
      busiest = std::max(busiest, live);
    }
    EXPECT_GE(total, busiest);
    EXPECT_LE(total, 2 * busiest);
    for (const MemoryInterval &a : intervals) {
      EXPECT_LE(a.offset + a.size, total);
      for (const MemoryInterval &b : intervals)
        if (&a != &b && overlapInTime(a, b)) {
          EXPECT_TRUE(a.offset + a.size <= b.offset ||
                      b.offset + b.size <= a.offset);
        }
    }
  }
}
