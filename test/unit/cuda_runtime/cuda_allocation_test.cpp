//===- cuda_allocation_test.cpp - Steps on a device leave the heap alone --===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "cuda_test_plan.h"
#include "fakes.h"

#include <atomic>
#include <cstdlib>

using namespace lns::test;

// This program's malloc: counts, then calls the C library's. operator new and
// the fake libraries come through it too.
static std::atomic<long> allocations = 0;

extern "C" {
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);

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
}

TEST_F(FakeCuda, TheCounterCounts) {
  long before = allocations;
  // Through a volatile pointer, or the compiler removes the pair.
  void *volatile block = std::malloc(10);
  std::free(block);
  EXPECT_GE(allocations - before, 1);
}

TEST_F(FakeCuda, NoAllocationFromTheSecondStep) {
  CudaTestPlan parts;
  parts.splitCudaBatch();
  parts.takeCudaDocuments();
  parts.addCudaDecode();
  for (const CudaTestPlan &source : {CudaTestPlan(), std::move(parts)}) {
    auto plan = open(source.serialize());
    ASSERT_TRUE(plan) << plan.status().message();
    lnsrt::SessionOptions options;
    options.device = "cuda";
    auto session = lnsrt::Session::create(*plan, options);
    ASSERT_TRUE(session) << session.status().message();
    ASSERT_TRUE(session->init(1));
    const int32_t tokens[kRows] = {0, 1, 2, 3, 4, 1};
    float logits[kRows * kVocabulary];
    bool hasLogits = plan->info().micro_batch == kBatch;
    bool decodes = plan->info().decode != 0;
    const int32_t positions[kBatch] = {};
    const lnsrt::ProfileRow *rows = nullptr;
    size_t count = 0;
    long first = -1;
    for (int step = 0; step < 10; ++step) {
      bool good =
          session->trainStep(tokens, tokens, {}).ok() &&
          session->grads(tokens, tokens).ok() && session->apply({}).ok() &&
          session->eval(tokens, tokens).ok() &&
          (!hasLogits || session->logits(tokens, logits).ok()) &&
          (!decodes || session->decode(tokens, positions, logits).ok()) &&
          session->runMatmuls().ok();
      // Launches outside of graphs: the fake driver keeps their parameters.
      if (step == 0)
        good &= session->profileStep(1, rows, count).ok();
      if (first < 0)
        first = allocations;
      if (!good)
        FAIL() << "step " << step;
    }
    EXPECT_EQ(allocations - first, 0);
  }
}
