//===- allocation_test.cpp - Steps do not touch the heap ------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "runtime/cpu_matmul.h"
#include "test_plan.h"

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <gtest/gtest.h>
#include <string>
#include <unistd.h>
#include <vector>

using namespace lns::test;

// This program's malloc: counts, then calls the C library's. operator new and
// the libraries come through it too.
static std::atomic<long> allocations = 0;

extern "C" {
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

void *malloc(size_t size) {
  ++allocations;
  return __libc_malloc(size);
}
void *calloc(size_t count, size_t size) {
  ++allocations;
  return __libc_calloc(count, size);
}
void *realloc(void *old, size_t size) {
  ++allocations;
  return __libc_realloc(old, size);
}
void *aligned_alloc(size_t alignment, size_t size) {
  ++allocations;
  return __libc_memalign(alignment, size);
}
int posix_memalign(void **result, size_t alignment, size_t size) {
  ++allocations;
  *result = __libc_memalign(alignment, size);
  return 0;
}
}

TEST(Allocation, TheCounterCounts) {
  long before = allocations;
  // Through a volatile pointer, or the compiler removes the pair.
  void *volatile block = std::malloc(10);
  std::free(block);
  delete new int;
  EXPECT_GE(allocations - before, 1);
}

TEST(Allocation, NoneFromTheSecondStep) {
  auto plan = open(TestPlan().serialize());
  ASSERT_TRUE(plan) << plan.status().message();
  lnsrt::SessionOptions options;
  options.threads = 3;
  options.matmul = "builtin";
  auto session = lnsrt::Session::create(*plan, options);
  ASSERT_TRUE(session) << session.status().message();
  ASSERT_TRUE(session->init(1));
  const int32_t tokens[kRows] = {0, 1, 2, 3, 4, 1};
  float logits[kRows * kVocabulary];
  const lnsrt::ProfileRow *rows = nullptr;
  size_t count = 0;
  long first = -1;
  for (int step = 0; step < 20; ++step) {
    bool good = session->trainStep(tokens, tokens, {}).ok() &&
                session->grads(tokens, tokens).ok() &&
                session->apply({}).ok() && session->eval(tokens, tokens).ok() &&
                session->logits(tokens, logits).ok() &&
                session->profileStep(1, rows, count).ok() &&
                session->runMatmuls().ok();
    if (first < 0)
      first = allocations;
    if (!good)
      FAIL() << "step " << step;
  }
  EXPECT_EQ(allocations - first, 0);
}

// A whole training step as lnsc compiles it. Without the compiler there is no
// such plan; the toy plan above still checks the session.
TEST(Allocation, NoneFromTheSecondStepOfACompiledPlan) {
  std::string compiler = LNS_BIN_DIR "/lnsc";
  if (access(compiler.c_str(), X_OK) != 0)
    GTEST_SKIP() << "the compiler was not built";
  std::string path =
      testing::TempDir() + "/allocation-" + std::to_string(getpid()) + ".plan";
  std::string command = compiler +
                        " " LNS_TEST_DIR
                        "/golden/untied-lns/config.json --batch=2 "
                        "--seq=12 -o " +
                        path + " > /dev/null";
  ASSERT_EQ(std::system(command.c_str()), 0) << command;
  auto plan = lnsrt::Plan::open(path.c_str());
  std::remove(path.c_str());
  ASSERT_TRUE(plan) << plan.status().message();
  lnsrt::SessionOptions options;
  options.threads = 2;
  auto session = lnsrt::Session::create(*plan, options);
  ASSERT_TRUE(session) << session.status().message();
  ASSERT_TRUE(session->init(1));
  std::vector<int32_t> tokens(2 * 12);
  for (size_t i = 0; i < tokens.size(); ++i)
    tokens[i] = static_cast<int32_t>(i * 7 % 96);
  ASSERT_TRUE(session->trainStep(tokens.data(), tokens.data(), {}).ok());
  long before = allocations;
  bool good = true;
  for (int step = 0; step < 10; ++step)
    good &= session->trainStep(tokens.data(), tokens.data(), {}).ok();
  EXPECT_EQ(allocations - before, 0);
  EXPECT_TRUE(good);
}

// The toy plan's products are small; these have several blocks, packed operands
// and work for all threads.
TEST(Allocation, NoneInLargeProducts) {
  lns::ThreadPool pool;
  lns::CpuMatmul matmul;
  ASSERT_EQ(pool.start(3), nullptr);
  ASSERT_EQ(matmul.create("builtin", "", pool), nullptr);
  std::vector<float> a(1100 * 700, 1.0f), b(700 * 1300, 1.0f), c(1100 * 1300);
  bool good = true;
  long before = allocations;
  for (int round = 0; round < 3; ++round)
    for (bool transposed : {false, true})
      good &= !matmul.run({1100, 1300, 700, transposed, transposed}, a.data(),
                          b.data(), c.data());
  EXPECT_EQ(allocations - before, 0);
  EXPECT_TRUE(good);
  EXPECT_EQ(c.front(), 700.0f);
  EXPECT_EQ(c.back(), 700.0f);
}
