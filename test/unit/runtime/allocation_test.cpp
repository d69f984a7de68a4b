//===- allocation_test.cpp - Steps do not touch the heap ------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "runtime/cpu/cpu_matmul.h"
#include "test_plan.h"

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <gtest/gtest.h>
#include <string>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <vector>

using namespace lns::test;

// This program's mmap: sums up the memory that is asked for by name. (The C
// library's own, for large blocks and threads' stacks, goes another way.)
static std::atomic<uint64_t> mapped = 0;

extern "C" void *mmap(void *address, size_t size, int protection, int flags,
                      int file, off_t offset) noexcept {
  if (flags & MAP_ANONYMOUS)
    mapped += size;
  return reinterpret_cast<void *>(
      syscall(SYS_mmap, address, size, protection, flags, file, offset));
}

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
  TestPlan source;
  source.takeDocuments();
  source.addDecode();
  auto plan = open(source.serialize());
  ASSERT_TRUE(plan) << plan.status().message();
  lnsrt::SessionOptions options;
  options.threads = 3;
  options.matmul = "builtin";
  auto session = lnsrt::Session::create(*plan, options);
  ASSERT_TRUE(session) << session.status().message();
  ASSERT_TRUE(session->init(1));
  const int32_t tokens[kRows] = {0, 1, 2, 3, 4, 1};
  const int32_t starts[kRows] = {0, 1, 1, 0, 0, 2};
  const lnsrt::Batch batch(tokens, tokens, starts);
  const int32_t positions[kBatch] = {};
  float logits[kRows * kVocabulary];
  const lnsrt::ProfileRow *rows = nullptr;
  size_t count = 0;
  long first = -1;
  for (int step = 0; step < 20; ++step) {
    bool good =
        session->trainStep(tokens, tokens, {}).ok() &&
        session->trainStep(batch, {}).ok() && session->grads(batch).ok() &&
        session->eval(batch).ok() && session->logits(batch, logits).ok() &&
        session->grads(tokens, tokens).ok() && session->apply({}).ok() &&
        session->eval(tokens, tokens).ok() &&
        session->logits(tokens, logits).ok() &&
        session->decode(tokens, positions, logits).ok() &&
        session->profileStep(1, rows, count).ok() && session->runMatmuls().ok();
    if (first < 0)
      first = allocations;
    if (!good)
      FAIL() << "step " << step;
  }
  EXPECT_EQ(allocations - first, 0);
}

/// Whether the compiler is there. Without it there is no compiled plan; the toy
/// plan still checks the session.
static bool hasCompiler() {
  return access(LNS_COMPILER_DIR "/lnsc", X_OK) == 0;
}

/// A plan as lnsc makes it.
static lnsrt::Result<lnsrt::Plan> compile(const std::string &arguments) {
  std::string path =
      testing::TempDir() + "/allocation-" + std::to_string(getpid()) + ".plan";
  std::string command =
      LNS_COMPILER_DIR "/lnsc " + arguments + " -o " + path + " > /dev/null";
  EXPECT_EQ(std::system(command.c_str()), 0) << command;
  auto plan = lnsrt::Plan::open(path.c_str());
  std::remove(path.c_str());
  EXPECT_TRUE(plan) << plan.status().message();
  return plan;
}

// What the plan says, what the session says, and what was asked of the system
// are the same bytes.
static void expectPredictedMemory(const lnsrt::Plan &plan) {
  for (uint32_t threads : {1, 3, 8}) {
    auto predicted = plan.memory(threads);
    ASSERT_TRUE(predicted) << predicted.status().message();
    lnsrt::SessionOptions options;
    options.threads = threads;
    uint64_t before = mapped;
    auto session = lnsrt::Session::create(plan, options);
    ASSERT_TRUE(session) << session.status().message();
    EXPECT_EQ(mapped - before, predicted->total - predicted->constants);
    lnsrt::Memory memory = session->memory();
    EXPECT_EQ(memory.threads, threads);
    EXPECT_EQ(memory.parameters, predicted->parameters);
    EXPECT_EQ(memory.gradients, predicted->gradients);
    EXPECT_EQ(memory.optimizer, predicted->optimizer);
    EXPECT_EQ(memory.activations, predicted->activations);
    EXPECT_EQ(memory.workspace, predicted->workspace);
    EXPECT_EQ(memory.io, predicted->io);
    EXPECT_EQ(memory.constants, predicted->constants);
    EXPECT_EQ(memory.matmul, predicted->matmul);
    EXPECT_EQ(memory.scratch, predicted->scratch);
    EXPECT_EQ(memory.caches, predicted->caches);
    EXPECT_EQ(memory.total, predicted->total);
  }
}

TEST(Allocation, ASessionTakesWhatThePlanSays) {
  for (bool decodes : {false, true}) {
    TestPlan source;
    if (decodes)
      source.addDecode();
    auto plan = open(source.serialize());
    ASSERT_TRUE(plan) << plan.status().message();
    EXPECT_EQ(plan->memory()->caches, decodes ? kCacheBytes : 0);
    expectPredictedMemory(*plan);
  }
}

TEST(Allocation, ASessionTakesWhatACompiledPlanSays) {
  if (!hasCompiler())
    GTEST_SKIP() << "the compiler was not built";
  auto plan = compile(LNS_TEST_DIR "/../examples/demo.mlir --batch=2 --seq=64");
  ASSERT_TRUE(plan);
  auto memory = plan->memory(2);
  ASSERT_TRUE(memory);
  EXPECT_GT(memory->activations, 0u);
  EXPECT_GT(memory->workspace, 0u);
  EXPECT_GT(memory->constants, 0u);
  EXPECT_GT(memory->scratch, 0u);
  expectPredictedMemory(*plan);
}

// A whole training step as lnsc compiles it.
TEST(Allocation, NoneFromTheSecondStepOfACompiledPlan) {
  if (!hasCompiler())
    GTEST_SKIP() << "the compiler was not built";
  auto plan =
      compile(LNS_TEST_DIR "/golden/untied-lns/config.json --batch=2 --seq=12");
  ASSERT_TRUE(plan);
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
  std::vector<float> gain(1300, 1.0f);
  std::vector<uint16_t> half(1100 * 700, 0x3f80), rounded(1100 * 1300);
  bool good = true;
  long before = allocations;
  for (int round = 0; round < 3; ++round)
    for (bool transposed : {false, true}) {
      lns::MatmulShape shape = {1100, 1300, 700, transposed, transposed};
      good &= !matmul.run(shape, a.data(), b.data(), c.data());
      shape.typeA = shape.typeC = lns::MatmulType::Bf16;
      good &= !matmul.run(shape, half.data(), b.data(), rounded.data(),
                          gain.data());
    }
  EXPECT_EQ(allocations - before, 0);
  EXPECT_TRUE(good);
  EXPECT_EQ(c.front(), 700.0f);
  EXPECT_EQ(c.back(), 700.0f);
  EXPECT_EQ(rounded.front(), 0x442f); // 700; eight bits suffice
  EXPECT_EQ(rounded.back(), 0x442f);
}
