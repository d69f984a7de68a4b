//===- trainer_test.cpp - The training loop -------------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "trainer_test.h"

using namespace lns::tool;

TEST_F(TrainerTest, LeavesCheckpointsMetricsAndACurve) {
  TrainerOptions options = makeOptions("run", 20);
  options.saveEvery = 10;
  options.evalEvery = 5;
  options.sampleEvery = 10;
  options.sampleBytes = 20;
  Status status = train(options);
  ASSERT_TRUE(status.ok()) << status.message();
  EXPECT_EQ(folder.list("run"),
            (Names{"loss.svg", "metrics.jsonl", "step-000010", "step-000020"}));
  EXPECT_EQ(folder.list("run/step-000020"),
            (Names{"config.json", "manifest.json", "model.safetensors",
                   "optimizer.safetensors", "trainer_state.json"}));
  MetricsHistory history;
  ASSERT_TRUE(MetricsWriter::open(folder / "run/metrics.jsonl", 20, history)
                  .status()
                  .ok());
  ASSERT_EQ(history.steps.size(), 20u);
  ASSERT_EQ(history.evals.size(), 4u);
  EXPECT_LT(history.evals[3].loss, history.evals[0].loss);
  EXPECT_DOUBLE_EQ(history.steps[4].lr, 0.05);
}

TEST_F(TrainerTest, ResumedRunsEndInTheSameBits) {
  ASSERT_TRUE(train(makeOptions("whole", 100)).ok());
  // The first half stops on a signal, in a process of its own.
  TrainerOptions options = makeOptions("parts", 100);
  FakeRuntime::reset();
  FakeRuntime::interruptAt = 50;
  Status status = train(options);
  EXPECT_TRUE(failsWith(status, "interrupted by SIGINT; ended after step 50, "
                                "which "));
  EXPECT_EQ(status.exitCode(), 75);
  EXPECT_EQ(latestCheckpoint(folder / "parts"), folder / "parts/step-000050");
  FakeRuntime::reset();
  options.resume = "auto";
  ASSERT_TRUE(train(options).ok());
  EXPECT_EQ(FakeRuntime::trainSteps, 50u);
  expectSameCheckpoint("whole/step-000100", "parts/step-000100");
  // Metrics too have every step once.
  MetricsHistory history;
  ASSERT_TRUE(MetricsWriter::open(folder / "parts/metrics.jsonl", 100, history)
                  .status()
                  .ok());
  ASSERT_EQ(history.steps.size(), 100u);
  for (size_t i = 0; i < 100; ++i)
    EXPECT_EQ(history.steps[i].step, i + 1);
}

TEST_F(TrainerTest, StepsAfterTheLastCheckpointAreRepeated) {
  ASSERT_TRUE(train(makeOptions("whole", 30)).ok());
  TrainerOptions options = makeOptions("parts", 30);
  options.saveEvery = 10;
  ASSERT_TRUE(train(options).ok());
  // As if it had been killed.
  std::filesystem::remove_all(folder / "parts/step-000030");
  FakeRuntime::reset();
  options.resume = "auto";
  ASSERT_TRUE(train(options).ok());
  EXPECT_EQ(FakeRuntime::trainSteps, 10u);
  expectSameCheckpoint("whole/step-000030", "parts/step-000030");
}

TEST_F(TrainerTest, ResumeCanNameACheckpointOfAnotherRun) {
  TrainerOptions options = makeOptions("a", 20);
  options.saveEvery = 10;
  ASSERT_TRUE(train(options).ok());
  TrainerOptions other = makeOptions("b", 20);
  other.resume = folder / "a/step-000010";
  ASSERT_TRUE(train(other).ok());
  expectSameCheckpoint("a/step-000020", "b/step-000020");
}

TEST_F(TrainerTest, AFinishedRunIsNotTrainedAgain) {
  TrainerOptions options = makeOptions("run", 10);
  ASSERT_TRUE(train(options).ok());
  std::string before = readBytes(folder / "run/step-000010/model.safetensors");
  std::string metrics = readBytes(folder / "run/metrics.jsonl");
  options.resume = "auto";
  FakeRuntime::reset();
  ASSERT_TRUE(train(options).ok());
  EXPECT_EQ(FakeRuntime::trainSteps, 0u);
  EXPECT_EQ(readBytes(folder / "run/metrics.jsonl"), metrics);
  EXPECT_EQ(readBytes(folder / "run/step-000010/model.safetensors"), before);
}

TEST_F(TrainerTest, AnExistingRunIsNotTouchedWithoutResume) {
  ASSERT_TRUE(train(makeOptions("run", 10)).ok());
  Names before = folder.list("run");
  std::string metrics = readBytes(folder / "run/metrics.jsonl");
  EXPECT_TRUE(failsWith(train(makeOptions("run", 20)),
                        "run/step-000010: exists already; go on from it with "
                        "--resume auto"));
  EXPECT_EQ(folder.list("run"), before);
  EXPECT_EQ(readBytes(folder / "run/metrics.jsonl"), metrics);
}

TEST_F(TrainerTest, AnotherSeedCannotResume) {
  TrainerOptions options = makeOptions("run", 10);
  ASSERT_TRUE(train(options).ok());
  options.resume = "auto";
  options.seed = 3;
  EXPECT_TRUE(failsWith(train(options), "was trained with seed 0"));
}

TEST_F(TrainerTest, ZeroStepsSaveTheInitialModel) {
  ASSERT_TRUE(train(makeOptions("run", 0)).ok());
  EXPECT_TRUE(
      std::filesystem::exists(folder / "run/step-000000/model.safetensors"));
}

TEST_F(TrainerTest, ATimeLimitEndsTheRunAndItsSchedule) {
  TrainerOptions options = makeOptions("run", 0);
  options.maxSeconds = 1;
  ASSERT_TRUE(train(options).ok());
  MetricsHistory history;
  ASSERT_TRUE(
      MetricsWriter::open(folder / "run/metrics.jsonl", 1u << 30, history)
          .status()
          .ok());
  ASSERT_GT(history.steps.size(), 6u);
  // The cosine has come down to a tenth of the peak.
  EXPECT_LT(history.steps.back().lr, 0.05 * 0.5);
}

TEST_F(TrainerTest, AnImpossibleRunFolderIsNamed) {
  EXPECT_TRUE(failsWith(train(makeOptions("p.plan/run", 5)), "p.plan/run"));
  EXPECT_EQ(FakeRuntime::trainSteps, 0u);
}
