//===- lr_schedule_test.cpp - Learning rates ------------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/train/lr_schedule.h"

#include "test_files.h"

using namespace lns::tool;

namespace {
LrSchedule make(LrSchedule::Kind kind, double finalFraction) {
  LrSchedule schedule;
  schedule.kind = kind;
  schedule.peak = 2.0;
  schedule.finalFraction = finalFraction;
  schedule.warmupSteps = 10;
  schedule.totalSteps = 110;
  return schedule;
}
} // namespace

TEST(LrSchedule, WarmsUpLinearly) {
  for (LrSchedule::Kind kind :
       {LrSchedule::Kind::Constant, LrSchedule::Kind::Linear,
        LrSchedule::Kind::Cosine, LrSchedule::Kind::Wsd}) {
    LrSchedule s = make(kind, 0.1);
    EXPECT_DOUBLE_EQ(s.rate(0, 0), 0.2);
    EXPECT_DOUBLE_EQ(s.rate(4, 0), 1.0);
    EXPECT_DOUBLE_EQ(s.rate(9, 0), 2.0);
    EXPECT_DOUBLE_EQ(s.rate(10, 0), 2.0);
  }
}

TEST(LrSchedule, Shapes) {
  EXPECT_DOUBLE_EQ(make(LrSchedule::Kind::Constant, 0).rate(109, 0), 2.0);
  LrSchedule linear = make(LrSchedule::Kind::Linear, 0);
  EXPECT_DOUBLE_EQ(linear.rate(60, 0), 1.0);
  EXPECT_DOUBLE_EQ(linear.rate(110, 0), 0.0);
  LrSchedule cosine = make(LrSchedule::Kind::Cosine, 0.1);
  EXPECT_DOUBLE_EQ(cosine.rate(60, 0), 1.1);
  EXPECT_DOUBLE_EQ(cosine.rate(110, 0), 0.2);
  LrSchedule wsd = make(LrSchedule::Kind::Wsd, 0);
  EXPECT_DOUBLE_EQ(wsd.rate(90, 0), 2.0);
  EXPECT_NEAR(wsd.rate(100, 0), 1.0, 1e-12);
  EXPECT_NEAR(wsd.rate(110, 0), 0.0, 1e-12);
}

TEST(LrSchedule, TheFurtherOfStepsAndTimeDrives) {
  LrSchedule linear = make(LrSchedule::Kind::Linear, 0);
  linear.warmupSteps = 0;
  EXPECT_DOUBLE_EQ(linear.rate(55, 0.2), 1.0);
  EXPECT_DOUBLE_EQ(linear.rate(11, 0.5), 1.0);
  EXPECT_DOUBLE_EQ(linear.rate(11, 2.0), 0.0);
  linear.totalSteps = 0; // By time only.
  EXPECT_DOUBLE_EQ(linear.rate(1000000, 0.75), 0.5);
}

TEST(LrSchedule, NeverLeavesItsRange) {
  for (uint64_t warmup : {0, 10, 110, 500})
    for (uint64_t step = 0; step < 600; step += 7) {
      LrSchedule s = make(LrSchedule::Kind::Cosine, 0.1);
      s.warmupSteps = warmup;
      double rate = s.rate(step, 0);
      EXPECT_GT(rate, 0);
      EXPECT_LE(rate, 2.0);
    }
}

TEST(LrSchedule, NamesMatchKinds) {
  EXPECT_EQ(parseSchedule("constant"), LrSchedule::Kind::Constant);
  EXPECT_EQ(parseSchedule("linear"), LrSchedule::Kind::Linear);
  EXPECT_EQ(parseSchedule("cosine"), LrSchedule::Kind::Cosine);
  EXPECT_EQ(parseSchedule("wsd"), LrSchedule::Kind::Wsd);
}

TEST(Warmup, StepsOrShare) {
  EXPECT_EQ(*parseWarmup("200", 0), 200u);
  EXPECT_EQ(*parseWarmup("5%", 1000), 50u);
  EXPECT_EQ(*parseWarmup("0%", 1000), 0u);
  EXPECT_TRUE(failsWith(parseWarmup("5%", 0).status(), "--steps"));
  for (const char *bad : {"", "%", "-1", "x", "101%", "nan%", "1.5"})
    EXPECT_TRUE(failsWith(parseWarmup(bad, 100).status(), "--warmup")) << bad;
}

TEST(LrSchedule, SaysWhatItsUserMayNotHaveMeant) {
  LrSchedule schedule;
  schedule.peak = 0.5;
  schedule.totalSteps = 100;
  schedule.warmupSteps = 10;
  EXPECT_TRUE(describeOddities(schedule).empty());
  auto only = [&] {
    std::vector<std::string> lines = describeOddities(schedule);
    return lines.size() == 1 ? lines[0] : std::to_string(lines.size());
  };
  schedule.warmupSteps = 200;
  EXPECT_EQ(only(), "the warm-up of 200 steps is not over when the run of 100 "
                    "ends: the learning rate reaches 0.25 at most");
  schedule.warmupSteps = 10;
  schedule.finalFraction = 1;
  EXPECT_EQ(only(), "the learning rate never falls: --schedule cosine with "
                    "--final-lr 1 keeps it at 0.5 to the end");
  schedule.finalFraction = 0;
  schedule.kind = LrSchedule::Kind::Constant;
  EXPECT_NE(only().find("never falls: --schedule constant"), std::string::npos);
  // By the clock alone, the end is known all the same.
  schedule.totalSteps = 0;
  EXPECT_NE(only().find("never falls"), std::string::npos);
  schedule.kind = LrSchedule::Kind::Linear;
  EXPECT_TRUE(describeOddities(schedule).empty());
}
