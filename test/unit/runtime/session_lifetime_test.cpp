//===- session_lifetime_test.cpp - Many sessions, one after another -------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "test_plan.h"

#include <atomic>
#include <dlfcn.h>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <string>
#include <thread>
#include <vector>

using namespace lns::test;

static const int32_t tokens[kRows] = {0, 1, 2, 3, 4, 1};

namespace {
/// What a process holds of the system.
struct Holdings {
  long files =
      std::distance(std::filesystem::directory_iterator("/proc/self/fd"),
                    std::filesystem::directory_iterator());
  long threads =
      std::distance(std::filesystem::directory_iterator("/proc/self/task"),
                    std::filesystem::directory_iterator());
  long mappings = countLines("/proc/self/maps");
  long residentPages = secondNumber("/proc/self/statm");

  static long countLines(const char *path) {
    std::ifstream file(path);
    std::string line;
    long lines = 0;
    while (std::getline(file, line))
      ++lines;
    return lines;
  }
  static long secondNumber(const char *path) {
    long first = 0, second = 0;
    std::ifstream(path) >> first >> second;
    return second;
  }
};
} // namespace

static void expectNoGrowth(const Holdings &before) {
  Holdings now;
  EXPECT_EQ(now.files, before.files);
  EXPECT_EQ(now.threads, before.threads);
  // Heaps of threads that are gone stay mapped, in a number that does not grow.
  EXPECT_LE(now.mappings, before.mappings + LNS_TEST_GROWTH_MAPPINGS);
  EXPECT_LE(now.residentPages,
            before.residentPages + (LNS_TEST_GROWTH_MIB << 20) / 4096);
}

static float lossAfterSteps(lnsrt::Plan &plan, uint32_t threads) {
  lnsrt::SessionOptions options;
  options.threads = threads;
  auto session = lnsrt::Session::create(plan, options);
  EXPECT_TRUE(session) << session.status().message();
  if (!session || !session->init(1))
    return -1;
  float loss = -2;
  for (int step = 0; step < 3; ++step) {
    auto result = session->trainStep(tokens, tokens, {});
    EXPECT_TRUE(result) << result.status().message();
    loss = result ? result->loss : -3;
  }
  return loss;
}

// Sessions share a plan and nothing else: threads may make, use and release
// them as they like, and all get the same bits.
TEST(SessionLifetime, SessionsOnManyThreads) {
  auto plan = open(TestPlan().serialize());
  ASSERT_TRUE(plan) << plan.status().message();
  float expected = lossAfterSteps(*plan, 1);
  std::atomic<int> different = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&, i] {
      for (int round = 0; round < 5; ++round) {
        different += lossAfterSteps(*plan, 1 + (i + round) % 3) != expected;
        auto json = plan->json();
        different += !json || !plan->memory(2) || !lnsrt::devicesJson();
      }
    });
  for (std::thread &thread : threads)
    thread.join();
  EXPECT_EQ(different, 0);
}

TEST(SessionLifetime, TenThousandSessions) {
  auto plan = open(TestPlan().serialize());
  ASSERT_TRUE(plan) << plan.status().message();
  lnsrt::SessionOptions options;
  options.threads = 2;
  auto create = [&](int count) {
    for (int i = 0; i < count; ++i) {
      auto session = lnsrt::Session::create(*plan, options);
      ASSERT_TRUE(session) << session.status().message();
    }
  };
  create(200);
  Holdings before;
  create(LNS_TEST_SESSIONS);
  expectNoGrowth(before);
}

// A program that loads the runtime as a plugin can let go of it.
TEST(SessionLifetime, TheSharedRuntimeIsLoadedAHundredTimes) {
  Bytes file = TestPlan().serialize();
  auto round = [&](bool last) {
    void *library = dlopen(LNS_SHARED_RUNTIME, RTLD_NOW | RTLD_LOCAL);
    ASSERT_TRUE(library) << dlerror();
    auto find = [&](auto &function, const char *name) {
      function = reinterpret_cast<std::decay_t<decltype(function)>>(
          dlsym(library, name));
      return function != nullptr;
    };
    decltype(&lnsrt_plan_open_memory) openMemory;
    decltype(&lnsrt_plan_release) releasePlan;
    decltype(&lnsrt_session_create) create;
    decltype(&lnsrt_session_release) release;
    decltype(&lnsrt_init) init;
    ASSERT_TRUE(find(openMemory, "lnsrt_plan_open_memory") &&
                find(releasePlan, "lnsrt_plan_release") &&
                find(create, "lnsrt_session_create") &&
                find(release, "lnsrt_session_release") &&
                find(init, "lnsrt_init"));
    lnsrt_plan *plan = nullptr;
    lnsrt_session *session = nullptr;
    lnsrt::SessionOptions options;
    options.threads = 2;
    ASSERT_EQ(openMemory(file.data(), file.size(), &plan), nullptr);
    ASSERT_EQ(create(plan, &options, &session), nullptr);
    ASSERT_EQ(init(session, 1), nullptr);
    release(session);
    releasePlan(plan);
    ASSERT_EQ(dlclose(library), 0);
    if (last) {
      EXPECT_EQ(dlopen(LNS_SHARED_RUNTIME, RTLD_NOW | RTLD_NOLOAD), nullptr);
    }
  };
  for (int i = 0; i < 5; ++i)
    round(false);
  Holdings before;
  for (int i = 0; i < 100; ++i)
    round(i == 99);
  expectNoGrowth(before);
}
