//===- code_loader_test.cpp - Choosing and loading machine code -----------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "runtime/cpu/cpu_features.h"
#include "test_plan.h"

#include <gtest/gtest.h>

using namespace lns;
using namespace lns::test;

static lnsrt::Result<lnsrt::Session>
createSession(const lnsrt::Plan &plan, const char *level = nullptr) {
  lnsrt::SessionOptions options;
  options.threads = 1;
  options.cpu_level = level;
  return lnsrt::Session::create(plan, options);
}

/// Replaces the plan's only code blob by one each of these levels. All are the
/// same code at different places of the file.
static Bytes
withLevels(TestPlan &source,
           std::vector<std::pair<std::string, std::string>> levels) {
  plan::CodeBlobT blob = *source.table.code[0];
  Bytes one = source.code;
  size_t pages = (one.size() + kPlanBlobAlignment - 1) / kPlanBlobAlignment;
  source.table.code.clear();
  for (size_t i = 0; i < levels.size(); ++i) {
    blob.level = levels[i].first;
    blob.features.clear();
    if (!levels[i].second.empty())
      blob.features.push_back(levels[i].second);
    source.table.code.push_back(std::make_unique<plan::CodeBlobT>(blob));
    source.code.resize(i * pages * kPlanBlobAlignment);
    source.code.insert(source.code.end(), one.begin(), one.end());
    blob.offset += pages * kPlanBlobAlignment;
  }
  return source.serialize();
}

TEST(CpuFeatures, KnowsTheBaseline) {
#if defined(__x86_64__)
  for (const char *name : {"sse", "sse2", "64bit", "cmov", "cx8", "fxsr"})
    EXPECT_TRUE(cpuHasFeature(name)) << name;
  EXPECT_TRUE(cpuHasLevel("x86-64"));
  // The compiler's own view of the processor agrees.
  EXPECT_EQ(cpuHasFeature("avx2"), bool(__builtin_cpu_supports("avx2")));
  EXPECT_EQ(cpuHasFeature("avx512f"), bool(__builtin_cpu_supports("avx512f")));
  EXPECT_EQ(cpuHasFeature("bmi2"), bool(__builtin_cpu_supports("bmi2")));
  EXPECT_EQ(cpuHasFeature("avx512bf16"),
            bool(__builtin_cpu_supports("avx512bf16")));
  EXPECT_EQ(cpuHasLevel("x86-64-v4"),
            bool(__builtin_cpu_supports("avx512f")) &&
                bool(__builtin_cpu_supports("avx512bw")) &&
                bool(__builtin_cpu_supports("avx512cd")) &&
                bool(__builtin_cpu_supports("avx512dq")) &&
                bool(__builtin_cpu_supports("avx512vl")) &&
                cpuHasLevel("x86-64-v3"));
#endif
  for (const char *name : {"", "avx", "x86-64-v5", "native:znver4"})
    EXPECT_FALSE(cpuHasLevel(name)) << name;
  for (const char *name : {"", "avx9000", "AVX2", "avx2 "})
    EXPECT_FALSE(cpuHasFeature(name)) << name;
}

TEST(CodeLoader, TakesTheBestLevel) {
  TestPlan source;
  auto plan = open(withLevels(source, {{"x86-64", ""},
                                       {"native:here", "sse2"},
                                       {"x86-64-v2", ""},
                                       {"native:elsewhere", "avx9000"},
                                       {"native:empty", ""}}));
  ASSERT_TRUE(plan) << plan.status().message();
  auto session = createSession(*plan);
  ASSERT_TRUE(session) << session.status().message();
  EXPECT_STREQ(session->cpuLevel(), "native:here");
  auto asked = createSession(*plan, "x86-64");
  ASSERT_TRUE(asked) << asked.status().message();
  EXPECT_STREQ(asked->cpuLevel(), "x86-64");
}

TEST(CodeLoader, SaysSoWhenNoLevelFits) {
  TestPlan source;
  auto plan = open(withLevels(
      source,
      {{"x86-64", "avx9000"}, {"x86-64-v7", ""}, {"native:empty", ""}}));
  ASSERT_TRUE(plan) << plan.status().message();
  auto session = createSession(*plan);
  ASSERT_FALSE(session);
  EXPECT_EQ(session.status().code(), LNSRT_UNSUPPORTED);
  EXPECT_STREQ(session.status().message(),
               "no code that this processor runs; the plan has x86-64 (needs "
               "avx9000), x86-64-v7 (unknown level), native:empty (lists no "
               "features): compile it here with --cpu=native");
  auto asked = createSession(*plan, "x86-64");
  ASSERT_FALSE(asked);
  EXPECT_STREQ(asked.status().message(),
               "no code for level 'x86-64' that this processor runs; the plan "
               "has x86-64 (needs avx9000), x86-64-v7 (not asked for), "
               "native:empty (not asked for): choose another level, or compile "
               "with --cpu=native");
}

TEST(CodeLoader, RefusesCodeThatDoesNotLoad) {
  TestPlan source;
  // The ELF class; the rest of the file stays.
  source.code[4] = 9;
  auto plan = open(source.serialize());
  ASSERT_TRUE(plan) << plan.status().message();
  auto session = createSession(*plan);
  ASSERT_FALSE(session);
  EXPECT_EQ(std::string(session.status().message())
                .rfind("cannot load the code for level 'x86-64': ", 0),
            0u)
      << session.status().message();
}

TEST(CodeLoader, RefusesAnotherAbi) {
  TestPlan source;
  source.code = readFile(LNS_TEST_KERNELS_OTHER_ABI);
  source.table.code[0]->size = source.code.size();
  auto plan = open(source.serialize());
  ASSERT_TRUE(plan) << plan.status().message();
  auto session = createSession(*plan);
  ASSERT_FALSE(session);
  EXPECT_STREQ(session.status().message(),
               "code for level 'x86-64' has kernel ABI version 999, this "
               "runtime calls 1; compile the model again");
}

TEST(CodeLoader, RefusesCodeWithoutAbi) {
  TestPlan source;
  source.code = readFile(LNS_TEST_KERNELS_NO_ABI);
  source.table.code[0]->size = source.code.size();
  auto plan = open(source.serialize());
  ASSERT_TRUE(plan) << plan.status().message();
  auto session = createSession(*plan);
  ASSERT_FALSE(session);
  EXPECT_STREQ(session.status().message(),
               "code for level 'x86-64' does not export "
               "'lns_kernel_abi_version'; compile the model again");
}

TEST(CodeLoader, RefusesAMissingKernel) {
  TestPlan source;
  source.table.kernels[3]->symbol = "test_absent";
  auto plan = open(source.serialize());
  ASSERT_TRUE(plan) << plan.status().message();
  auto session = createSession(*plan);
  ASSERT_FALSE(session);
  EXPECT_STREQ(session.status().message(),
               "code for level 'x86-64' lacks kernel 'test_absent'; compile "
               "the model again");
}

// The dynamic linker knows libraries by name: two plans at a time must not get
// one another's code.
TEST(CodeLoader, TwoPlansAtATime) {
  auto first = open(TestPlan().serialize());
  TestPlan other;
  other.table.kernels[3]->symbol = "test_absent";
  auto second = open(other.serialize());
  ASSERT_TRUE(first);
  ASSERT_TRUE(second);
  for (int round = 0; round < 3; ++round) {
    auto good = createSession(*first);
    auto again = createSession(*first);
    EXPECT_TRUE(good);
    EXPECT_TRUE(again);
    EXPECT_FALSE(createSession(*second));
  }
}
