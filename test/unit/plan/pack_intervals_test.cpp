//===- pack_intervals_test.cpp - The arena's packing ----------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "passes/Packing.h"

#include <gtest/gtest.h>
#include <random>
#include <vector>

using lns::MemoryInterval;

static bool overlapInTime(const MemoryInterval &a, const MemoryInterval &b) {
  return a.first <= b.last && b.first <= a.last;
}

TEST(PackIntervals, NothingNeedsNothing) {
  std::vector<MemoryInterval> none;
  EXPECT_EQ(lns::packIntervals(none), 0u);
}

TEST(PackIntervals, ReusesWhatIsFree) {
  std::vector<MemoryInterval> intervals = {
      {0, 1, 128, 0}, {1, 2, 64, 0}, {2, 3, 128, 0}};
  EXPECT_EQ(lns::packIntervals(intervals), 192u);
  EXPECT_EQ(intervals[0].offset, 0u);
  EXPECT_EQ(intervals[1].offset, 128u);
  EXPECT_EQ(intervals[2].offset, 0u);
}

TEST(PackIntervals, FillsAGapThatIsLargeEnough) {
  // 0 and 2 live together with a hole of 64 bytes between them when 1 is gone.
  std::vector<MemoryInterval> intervals = {
      {0, 9, 256, 0}, {0, 3, 192, 0}, {0, 9, 128, 0}, {5, 9, 64, 0}};
  lns::packIntervals(intervals);
  EXPECT_EQ(intervals[3].offset, 256u);
}

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
