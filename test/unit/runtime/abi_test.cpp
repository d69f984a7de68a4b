//===- abi_test.cpp - The C ABI's rules -----------------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "test_plan.h"

#include <cstring>
#include <gtest/gtest.h>

using namespace lns::test;

extern "C" int lns_c_abi_check(void);

TEST(Abi, CanBeUsedFromC) { EXPECT_EQ(lns_c_abi_check(), 0); }

// A caller built against an older header has a shorter struct: nothing behind
// it is written.
TEST(Abi, WritesNoMoreThanTheCallersStruct) {
  auto plan = open(TestPlan().serialize());
  ASSERT_TRUE(plan) << plan.status().message();
  lnsrt_plan_info info;
  std::memset(&info, 0x55, sizeof(info));
  info.struct_size = offsetof(lnsrt_plan_info, sequence);
  ASSERT_EQ(lnsrt_plan_get_info(plan->get(), &info), nullptr);
  EXPECT_EQ(info.batch, kBatch);
  EXPECT_EQ(info.sequence, 0x55555555u);
  EXPECT_EQ(info.struct_size, offsetof(lnsrt_plan_info, sequence));
}

TEST(Abi, RefusesAStructWithoutSize) {
  auto plan = open(TestPlan().serialize());
  ASSERT_TRUE(plan);
  lnsrt_plan_info info = {};
  lnsrt::Status status(lnsrt_plan_get_info(plan->get(), &info));
  EXPECT_STREQ(status.message(),
               "struct_size is 0; set it to sizeof(the struct)");
  lnsrt_session_options options = {};
  lnsrt_session *session = nullptr;
  lnsrt::Status created(lnsrt_session_create(plan->get(), &options, &session));
  EXPECT_EQ(created.code(), LNSRT_INVALID_ARGUMENT);
}

// Fields behind an older caller's struct keep their defaults.
TEST(Abi, ReadsNoMoreThanTheCallersStruct) {
  auto plan = open(TestPlan().serialize());
  ASSERT_TRUE(plan);
  lnsrt_session_options options;
  std::memset(&options, 0x55, sizeof(options));
  options.struct_size = offsetof(lnsrt_session_options, cpu_level);
  options.device = "cpu";
  options.threads = 1;
  lnsrt_session *session = nullptr;
  lnsrt::Status status(lnsrt_session_create(plan->get(), &options, &session));
  ASSERT_TRUE(status) << status.message();
  EXPECT_STREQ(lnsrt_session_cpu_level(session), "x86-64");
  lnsrt_session_release(session);
}
