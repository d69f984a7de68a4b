//===- trainer_end_test.cpp - Whatever ends a run, it is saved ------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "trainer_test.h"

#include "tools/lns/train/metrics.h"

#include <csignal>
#include <fcntl.h>
#include <unistd.h>

using namespace lns::tool;
using Kind = Status::Kind;

namespace {
class TrainerEnd : public TrainerTest {
protected:
  /// The run ended so, after `step`, with a whole checkpoint of that step that
  /// the message names; from there it goes on to the bits of an uninterrupted
  /// run of `total` steps.
  void expectKept(const Status &status, Kind kind, const std::string &message,
                  uint64_t step, uint64_t total) {
    EXPECT_TRUE(failsWith(status, message));
    EXPECT_EQ(status.exitCode(), static_cast<int>(kind));
    std::string path = checkpointPath(folder / "run", step);
    EXPECT_TRUE(failsWith(status, "ended after step " + std::to_string(step) +
                                      ", which " + path +
                                      " holds: go on with --resume auto"));
    EXPECT_EQ(latestCheckpoint(folder / "run"), path);
    EXPECT_TRUE(Checkpoint::open(path));
    FakeRuntime::reset();
    TrainerOptions options = makeOptions("run", total);
    options.resume = "auto";
    Status resumed = train(options);
    ASSERT_TRUE(resumed.ok()) << resumed.message();
    EXPECT_EQ(FakeRuntime::trainSteps, total - step);
    ASSERT_TRUE(train(makeOptions("whole", total)).ok());
    std::string last = checkpointPath("", total);
    expectSameCheckpoint("whole" + last, "run" + last);
  }
};

/// Standard output as a pipe that nobody reads any more.
class ClosedOutput {
public:
  ClosedOutput() {
    int ends[2] = {-1, -1};
    std::fflush(stdout);
    EXPECT_EQ(::pipe(ends), 0);
    old = ::dup(STDOUT_FILENO);
    ::dup2(ends[1], STDOUT_FILENO);
    ::close(ends[0]);
    ::close(ends[1]);
  }
  ~ClosedOutput() {
    ::dup2(old, STDOUT_FILENO);
    ::close(old);
  }

private:
  int old = -1;
};
} // namespace

TEST_F(TrainerEnd, EverySignalSavesAfterTheStep) {
  // The tests may have been started by nohup.
  auto old = std::signal(SIGHUP, SIG_DFL);
  for (auto [signal, name] :
       {std::pair{SIGINT, "SIGINT"}, std::pair{SIGTERM, "SIGTERM"},
        std::pair{SIGHUP, "SIGHUP"}}) {
    std::filesystem::remove_all(folder / "run");
    std::filesystem::remove_all(folder / "whole");
    FakeRuntime::reset();
    FakeRuntime::interruptAt = 4;
    FakeRuntime::signal = signal;
    expectKept(train(makeOptions("run", 9)), Kind::Resumable,
               std::string("interrupted by ") + name, 4, 9);
  }
  std::signal(SIGHUP, old);
}

// An evaluation may take longer than the run until then.
TEST_F(TrainerEnd, ASignalEndsAnEvaluationWithinABatch) {
  TrainerOptions options = makeOptions("run", 9);
  options.evalEvery = 3;
  FakeRuntime::interruptEvalAt = 2;
  FakeRuntime::signal = SIGTERM;
  Status status = train(options);
  EXPECT_EQ(FakeRuntime::evals, 2u);
  expectKept(status, Kind::Resumable, "interrupted by SIGTERM", 3, 9);
}

// Whoever presses Ctrl-C once more has lost nothing either.
TEST_F(TrainerEnd, SignalsInTheFinalEvaluation) {
  FakeRuntime::interruptEvalAt = 1;
  FakeRuntime::evalSignals = 3;
  FakeRuntime::onStep = [&](uint64_t) {
    EXPECT_EQ(checkpoints("run"), Names());
  };
  Status status = train(makeOptions("run", 5));
  EXPECT_EQ(FakeRuntime::evals, 1u);
  expectKept(status, Kind::Resumable, "interrupted by SIGINT", 5, 5);
}

TEST_F(TrainerEnd, ASignalWhileTextIsSampled) {
  TrainerOptions options = makeOptions("run", 6);
  options.sampleEvery = 2;
  options.sampleBytes = 1 << 20;
  FakeRuntime::interruptLogitsAt = 3;
  Status status = train(options);
  expectKept(status, Kind::Resumable, "interrupted by SIGINT", 2, 6);
}

TEST_F(TrainerEnd, ASignalBeforeTheFirstStep) {
  TrainerOptions options = makeOptions("run", 6);
  options.evalEvery = 1;
  FakeRuntime::interruptAt = 1;
  Status status = train(options);
  EXPECT_EQ(status.exitCode(), 75);
  EXPECT_EQ(checkpoints("run"), Names{"step-000001"});
  EXPECT_EQ(FakeRuntime::evals, 0u);
}

TEST_F(TrainerEnd, StandardOutputIsClosed) {
  TrainerOptions options = makeOptions("run", 9);
  options.logEvery = 3;
  Status status;
  {
    ClosedOutput closed;
    status = train(options);
  }
  expectKept(status, Kind::Resumable, "standard output was closed", 3, 9);
}

// Nothing to say until the end is nothing lost; what the end would have said
// can be said again.
TEST_F(TrainerEnd, StandardOutputIsClosedAtTheEnd) {
  Status status;
  {
    ClosedOutput closed;
    status = train(makeOptions("run", 9));
  }
  expectKept(status, Kind::Resumable, "standard output was closed", 9, 9);
}

TEST_F(TrainerEnd, TheFinalEvaluationFails) {
  FakeRuntime::failEvalAt = 2;
  expectKept(train(makeOptions("run", 6)), Kind::Stopped,
             "fake: the device is gone", 6, 6);
}

TEST_F(TrainerEnd, AnEvaluationFails) {
  TrainerOptions options = makeOptions("run", 9);
  options.evalEvery = 2;
  FakeRuntime::failEvalAt = 8;
  expectKept(train(options), Kind::Stopped, "fake: the device is gone", 4, 9);
}

TEST_F(TrainerEnd, AStepFails) {
  FakeRuntime::failAt = 5;
  expectKept(train(makeOptions("run", 9)), Kind::Stopped,
             "fake: the device is gone", 4, 9);
}

TEST_F(TrainerEnd, MemoryRunsOut) {
  FakeRuntime::throwAt = 5;
  expectKept(train(makeOptions("run", 9)), Kind::Stopped, "out of memory", 4,
             9);
}

TEST_F(TrainerEnd, ABadToken) {
  std::string good = readBytes(folder / "train.bin");
  // Nearly at the end: some step reaches it.
  std::vector<uint16_t> text(2000, 65);
  text[1990] = 300;
  ASSERT_TRUE(writeShardFile(folder / "train.bin", text).ok());
  Status status = train(makeOptions("run", 500));
  EXPECT_TRUE(failsWith(status, "token 300 at position 1990 is beyond the "
                                "plan's vocabulary of 256"));
  EXPECT_EQ(status.exitCode(), 4);
  ASSERT_TRUE(latestCheckpoint(folder / "run"));
  EXPECT_TRUE(failsWith(status, *latestCheckpoint(folder / "run") + " holds"));
  EXPECT_TRUE(Checkpoint::open(*latestCheckpoint(folder / "run")));
  writeBytes(folder / "train.bin", good);
}

// At the first step there is nothing to keep, and no folder in the way of the
// next try.
TEST_F(TrainerEnd, AnErrorBeforeAnythingWasTrained) {
  FakeRuntime::failAt = 1;
  Status status = train(makeOptions("run", 9));
  EXPECT_TRUE(failsWith(status, "the device is gone; no step was trained, "
                                "nothing is to be saved"));
  EXPECT_EQ(status.exitCode(), 1);
  EXPECT_EQ(checkpoints("run"), Names());
}

// The disk is full for the metrics; a small checkpoint still fits.
TEST_F(TrainerEnd, MetricsCannotBeWritten) {
  writeBytes(folder / "p.plan", FakeRuntime::plan(2, 8, 128));
  Status status;
  {
    FileSizeLimit limit(140000);
    status = train(makeOptions("run", 4000));
  }
  EXPECT_TRUE(failsWith(status, "metrics.jsonl: cannot write: file too large"));
  EXPECT_EQ(status.exitCode(), 4);
  std::optional<std::string> last = latestCheckpoint(folder / "run");
  ASSERT_TRUE(last);
  EXPECT_TRUE(failsWith(status, *last + " holds"));
  EXPECT_TRUE(Checkpoint::open(*last));
  EXPECT_TRUE(readBytes(folder / "run/metrics.jsonl").ends_with("}\n"));
}

TEST_F(TrainerEnd, TheCurveCannotBeDrawn) {
  ASSERT_TRUE(std::filesystem::create_directories(folder / "run/loss.svg"));
  Status status = trainAloud(makeOptions("run", 5));
  EXPECT_TRUE(failsWith(status, "loss.svg: is not a regular file"));
  EXPECT_EQ(status.exitCode(), 4);
  EXPECT_EQ(checkpoints("run"), Names{"step-000005"});
  // What was measured is said all the same.
  EXPECT_NE(out.find("\nval_bpb="), std::string::npos) << out;
}

TEST_F(TrainerEnd, NothingCanBeSaved) {
  Status status;
  {
    FileSizeLimit limit(50000);
    status = train(makeOptions("run", 5));
  }
  EXPECT_TRUE(failsWith(status, "model.safetensors: cannot write: file too "
                                "large"));
  EXPECT_TRUE(failsWith(status, "step 5 is not saved: there is no checkpoint"));
  EXPECT_EQ(status.exitCode(), 5);
  EXPECT_EQ(folder.list("run"), Names{"metrics.jsonl"});
}

// The state is still there when a checkpoint cannot be written; the disk may
// have room the next time.
TEST_F(TrainerEnd, ASaveThatFailsInPassingIsTriedAgain) {
  TrainerOptions options = makeOptions("run", 9);
  options.saveEvery = 3;
  std::optional<FileSizeLimit> limit(50000);
  FakeRuntime::onStep = [&](uint64_t step) {
    if (step == 5)
      limit.reset();
  };
  Status status = trainAloud(options);
  ASSERT_TRUE(status.ok()) << status.message();
  EXPECT_NE(out.find("warning: not saved, the run goes on: "),
            std::string::npos)
      << out;
  EXPECT_EQ(checkpoints("run"), (Names{"step-000006", "step-000009"}));
}

//===----------------------------------------------------------------------===//
// Steps that are not finite
//===----------------------------------------------------------------------===//

TEST_F(TrainerEnd, SkippedStepsAreCountedAndSurviveAResume) {
  FakeRuntime::badLosses = {3, 4};
  FakeRuntime::badNorms = {7};
  ASSERT_TRUE(trainAloud(makeOptions("whole", 20)).ok());
  EXPECT_NE(out.find("step 4  loss nan  grad "), std::string::npos) << out;
  EXPECT_NE(out.find("not finite, skipped (2 in a row, 2 of all)"),
            std::string::npos);
  EXPECT_NE(out.find("skipped (1 in a row, 3 of all)"), std::string::npos);
  EXPECT_NE(out.find("note: 3 of the steps were not finite"),
            std::string::npos);
  EXPECT_EQ(stateOf("whole/step-000020").skippedSteps, 3u);

  // The bias correction counts updates only, also behind a resume.
  FakeRuntime::reset();
  FakeRuntime::badLosses = {3, 4};
  FakeRuntime::badNorms = {7};
  FakeRuntime::interruptAt = 8;
  EXPECT_EQ(train(makeOptions("parts", 20)).exitCode(), 75);
  FakeRuntime::reset();
  TrainerOptions options = makeOptions("parts", 20);
  options.resume = "auto";
  ASSERT_TRUE(train(options).ok());
  expectSameCheckpoint("whole/step-000020", "parts/step-000020");
  EXPECT_EQ(stateOf("parts/step-000020").skippedSteps, 3u);

  MetricsHistory history;
  ASSERT_TRUE(MetricsWriter::open(folder / "parts/metrics.jsonl", 20, history));
  ASSERT_EQ(history.steps.size(), 20u);
  for (const StepMetrics &m : history.steps)
    EXPECT_EQ(m.skipped, m.step == 3 || m.step == 4 || m.step == 7) << m.step;
}

TEST_F(TrainerEnd, TooManyInARowEndTheRunWithTheLastGoodState) {
  TrainerOptions options = makeOptions("run", 20);
  options.maxSkips = 3;
  options.saveEvery = 4;
  FakeRuntime::badLosses = {2, 5, 6, 7};
  Status status = train(options);
  EXPECT_TRUE(failsWith(status, "step 7: loss nan, gradient norm "));
  EXPECT_TRUE(failsWith(status, "3 steps in a row were not finite and were "
                                "skipped"));
  EXPECT_TRUE(failsWith(status, "run/step-000007 holds"));
  EXPECT_EQ(status.exitCode(), 3);
  // Nothing has changed since the step before.
  expectSameCheckpoint("run/step-000004", "run/step-000007");
  EXPECT_EQ(stateOf("run/step-000007").skippedInARow, 3u);
  // Started again, it gets past.
  FakeRuntime::reset();
  FakeRuntime::badLosses = {1, 2};
  options.resume = "auto";
  EXPECT_TRUE(train(options).ok());
}

TEST_F(TrainerEnd, SkipsInARowAreCountedOverAResume) {
  TrainerOptions options = makeOptions("run", 20);
  options.maxSkips = 4;
  FakeRuntime::badNorms = {5, 6, 7};
  FakeRuntime::interruptAt = 6;
  EXPECT_EQ(train(options).exitCode(), 75);
  FakeRuntime::reset();
  FakeRuntime::badNorms = {1, 2, 3};
  options.resume = "auto";
  EXPECT_TRUE(failsWith(train(options), "step 8: "));
}

TEST_F(TrainerEnd, SkipsApartAreNoEnd) {
  TrainerOptions options = makeOptions("run", 12);
  options.maxSkips = 2;
  FakeRuntime::badLosses = {1, 3, 5, 7, 9, 11};
  EXPECT_TRUE(train(options).ok());
  options = makeOptions("all", 12);
  options.maxSkips = 0;
  FakeRuntime::reset();
  for (uint64_t step = 1; step <= 12; ++step)
    FakeRuntime::badNorms.insert(step);
  EXPECT_TRUE(train(options).ok());
}

// A model that is not finite is no state to go on from: the last good one is.
TEST_F(TrainerEnd, ParametersThatAreNotFiniteAreNotSaved) {
  TrainerOptions options = makeOptions("run", 8);
  options.saveEvery = 2;
  FakeRuntime::poisonAt = 5;
  Status status = trainAloud(options);
  EXPECT_EQ(status.exitCode(), 3);
  EXPECT_TRUE(failsWith(status, "'bigram.weight' is not finite any more; step "
                                "8 is not saved: the last checkpoint is "));
  EXPECT_EQ(checkpoints("run"), (Names{"step-000002", "step-000004"}));
}
