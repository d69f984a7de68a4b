//===- thread_pool_test.cpp - The session's threads -----------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "runtime/base/thread_pool.h"

#include <gtest/gtest.h>
#include <memory>
#include <set>
#include <thread>

using namespace lns;

namespace {
class ThreadPoolTest : public testing::TestWithParam<unsigned> {};
} // namespace

// Each item is handed out exactly once, in ranges of at most the grain, to
// workers that exist.
TEST_P(ThreadPoolTest, CoversEveryItemOnce) {
  ThreadPool pool;
  ASSERT_EQ(pool.start(GetParam()), nullptr);
  EXPECT_EQ(pool.threads(), GetParam());
  for (int64_t items : {0, 1, 2, 7, 64, 1000})
    for (int64_t grain : {1, 3, 2000}) {
      std::vector<std::atomic<int>> seen(size_t(items) + 1);
      std::atomic<bool> wrong = false;
      pool.run(items, grain, [&](int64_t begin, int64_t end, unsigned worker) {
        if (begin >= end || end - begin > grain || worker >= pool.threads())
          wrong = true;
        for (int64_t i = begin; i < end; ++i)
          ++seen[size_t(i)];
      });
      EXPECT_FALSE(wrong);
      for (int64_t i = 0; i < items; ++i)
        ASSERT_EQ(seen[size_t(i)], 1) << "item " << i << " of " << items;
      EXPECT_EQ(seen[size_t(items)], 0);
    }
}

// No two threads have the same worker number at a time: scratch memory is
// handed out by it.
TEST_P(ThreadPoolTest, WorkersAreExclusive) {
  ThreadPool pool;
  ASSERT_EQ(pool.start(GetParam()), nullptr);
  std::vector<std::atomic<int>> inside(pool.threads());
  std::atomic<int> clashes = 0;
  for (int round = 0; round < 200; ++round)
    pool.run(64, 1, [&](int64_t, int64_t, unsigned worker) {
      if (inside[worker].fetch_add(1) != 0)
        ++clashes;
      inside[worker].fetch_sub(1);
    });
  EXPECT_EQ(clashes, 0);
}

// What workers wrote is there when `run` returns, job after job, also after a
// pause in which they went to sleep.
TEST_P(ThreadPoolTest, ResultsAreVisible) {
  ThreadPool pool;
  ASSERT_EQ(pool.start(GetParam()), nullptr);
  std::vector<int> data(512);
  for (int round = 1; round <= 3000; ++round) {
    if (round % 1000 == 0)
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    pool.run(int64_t(data.size()), 16,
             [&](int64_t begin, int64_t end, unsigned) {
               for (int64_t i = begin; i < end; ++i)
                 data[size_t(i)] += round;
             });
    ASSERT_EQ(std::set<int>(data.begin(), data.end()),
              std::set<int>{round * (round + 1) / 2});
  }
}

INSTANTIATE_TEST_SUITE_P(Threads, ThreadPoolTest, testing::Values(1, 2, 3, 5));

// A pool ends with work behind it or without, awake or asleep.
TEST(ThreadPool, EndsAtAnyTime) {
  for (int round = 0; round < 50; ++round) {
    ThreadPool pool;
    ASSERT_EQ(pool.start(4), nullptr);
    if (round % 2)
      pool.run(8, 1, [](int64_t, int64_t, unsigned) {});
    if (round % 25 == 0)
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

TEST(ThreadPool, DefaultIsPossible) {
  EXPECT_GE(ThreadPool::defaultThreads(), 1u);
  EXPECT_LE(ThreadPool::defaultThreads(), lns::kMaxThreads);
}
