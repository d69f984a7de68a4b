//===- trainer_resume_test.cpp - Which checkpoints stay and are taken -----===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "trainer_test.h"

using namespace lns::tool;

namespace {
class TrainerResume : public TrainerTest {
protected:
  void flipBit(const std::string &name, size_t at) {
    std::string bytes = readBytes(folder / name);
    bytes[at] = static_cast<char>(bytes[at] ^ 16);
    writeBytes(folder / name, bytes);
  }
  bool says(const std::string &text) {
    return out.find(text) != std::string::npos;
  }
};
} // namespace

TEST_F(TrainerResume, KeepsTheNewest) {
  TrainerOptions options = makeOptions("run", 11);
  options.saveEvery = 2;
  options.keep = 3;
  // The older ones are there until the newer one is.
  FakeRuntime::onStep = [&](uint64_t step) {
    EXPECT_EQ(checkpoints("run").size(), std::min<uint64_t>(3, (step - 1) / 2));
  };
  ASSERT_TRUE(train(options).ok());
  EXPECT_EQ(checkpoints("run"),
            (Names{"step-000008", "step-000010", "step-000011"}));
}

TEST_F(TrainerResume, SavesByTheClockAndKeepsTheNewestOfThese) {
  TrainerOptions options = makeOptions("run", 7);
  options.saveEvery = 3;
  options.saveMinutes = 1e-9;
  Names seen;
  FakeRuntime::onStep = [&](uint64_t) {
    Names names = checkpoints("run");
    seen.push_back(names.empty() ? "" : names.back());
  };
  ASSERT_TRUE(train(options).ok());
  EXPECT_EQ(seen, (Names{"", "step-000001", "step-000002", "step-000003",
                         "step-000004", "step-000005", "step-000006"}));
  EXPECT_EQ(checkpoints("run"),
            (Names{"step-000003", "step-000006", "step-000007"}));
  // By default it takes ten minutes.
  ASSERT_TRUE(train(makeOptions("other", 7)).ok());
  EXPECT_EQ(checkpoints("other"), Names{"step-000007"});
}

// One by the clock is still one when the run is resumed from it.
TEST_F(TrainerResume, AClocksCheckpointGoesAfterAResumeToo) {
  TrainerOptions options = makeOptions("run", 6);
  options.saveMinutes = 1e-9;
  ASSERT_TRUE(train(options).ok());
  ASSERT_TRUE(train(makeOptions("whole", 9)).ok());
  // As if it had been killed behind step 5.
  TrainerOptions again = makeOptions("killed", 6);
  again.saveMinutes = 1e-9;
  FakeRuntime::reset();
  FakeRuntime::onStep = [&](uint64_t step) {
    if (step == 6)
      std::filesystem::copy(folder / "killed", folder / "run5",
                            std::filesystem::copy_options::recursive);
  };
  ASSERT_TRUE(train(again).ok());
  EXPECT_EQ(checkpoints("run5"), Names{"step-000005"});
  FakeRuntime::reset();
  TrainerOptions resumed = makeOptions("run5", 6);
  resumed.resume = "auto";
  ASSERT_TRUE(train(resumed).ok());
  EXPECT_EQ(checkpoints("run5"), Names{"step-000006"});
  expectSameCheckpoint("run/step-000006", "run5/step-000006");
}

TEST_F(TrainerResume, PassesOverDamagedCheckpoints) {
  TrainerOptions options = makeOptions("run", 12);
  options.saveEvery = 3;
  ASSERT_TRUE(train(options).ok());
  ASSERT_TRUE(train(makeOptions("whole", 15)).ok());
  flipBit("run/step-000012/optimizer.safetensors", 5000);
  // A copy that was cut off: not all files, and half of one.
  std::filesystem::remove(folder / "run/step-000009/trainer_state.json");
  FakeRuntime::reset();
  options = makeOptions("run", 15);
  options.saveEvery = 3;
  options.keep = 2;
  options.resume = "auto";
  Status status = trainAloud(options);
  ASSERT_TRUE(status.ok()) << status.message();
  EXPECT_TRUE(
      says("passed over " + folder.path +
           "/run/step-000012/optimizer.safetensors: damaged: checksum "))
      << out;
  EXPECT_TRUE(says("passed over " + folder.path +
                   "/run/step-000009/trainer_state.json: missing, but "))
      << out;
  EXPECT_TRUE(says("run/step-000006 at step 6")) << out;
  EXPECT_TRUE(says("renamed " + folder.path + "/run/step-000009 to ")) << out;
  EXPECT_EQ(FakeRuntime::trainSteps, 9u);
  expectSameCheckpoint("whole/step-000015", "run/step-000015");
  // What is damaged is not deleted, and does not count.
  EXPECT_EQ(checkpoints("run"), (Names{"step-000009.damaged", "step-000012",
                                       "step-000012.damaged", "step-000015"}));
}

TEST_F(TrainerResume, NoneIsWhole) {
  TrainerOptions options = makeOptions("run", 6);
  options.saveEvery = 3;
  ASSERT_TRUE(train(options).ok());
  flipBit("run/step-000003/model.safetensors", 999);
  flipBit("run/step-000006/trainer_state.json", 20);
  options.resume = "auto";
  FakeRuntime::reset();
  Status status = train(options);
  EXPECT_TRUE(failsWith(status, "none of 2 checkpoints is whole"));
  EXPECT_EQ(status.exitCode(), 1);
  EXPECT_EQ(FakeRuntime::trainSteps, 0u);
  EXPECT_EQ(checkpoints("run"), (Names{"step-000003", "step-000006"}));
}

TEST_F(TrainerResume, ADamagedOneThatIsNamedIsAnError) {
  TrainerOptions options = makeOptions("run", 6);
  options.saveEvery = 3;
  ASSERT_TRUE(train(options).ok());
  flipBit("run/step-000003/model.safetensors", 999);
  TrainerOptions other = makeOptions("other", 9);
  other.resume = folder / "run/step-000003";
  EXPECT_TRUE(failsWith(train(other), "run/step-000003/model.safetensors: "
                                      "damaged: checksum "));
  // A run's folder stands for its newest whole one.
  other.resume = folder / "run";
  ASSERT_TRUE(train(other).ok());
  EXPECT_EQ(checkpoints("other"), Names{"step-000009"});
  other = makeOptions("third", 9);
  other.resume = folder / "none";
  EXPECT_TRUE(failsWith(train(other), "none/trainer_state.json: cannot open"));
}

// Going back within a run would meet the names of its later steps.
TEST_F(TrainerResume, NewerCheckpointsAreNotInTheWay) {
  TrainerOptions options = makeOptions("run", 6);
  options.saveEvery = 3;
  ASSERT_TRUE(train(options).ok());
  Names before = checkpoints("run");
  options.resume = folder / "run/step-000003";
  EXPECT_TRUE(failsWith(train(options), "run/step-000006: is not older than "
                                        "step 3 of "));
  EXPECT_EQ(checkpoints("run"), before);
}

TEST_F(TrainerResume, NamesWhatHasChanged) {
  TrainerOptions options = makeOptions("run", 5);
  options.record.data = {{"train.bin", 4000, "00"}};
  ASSERT_TRUE(train(options).ok());
  options.resume = "auto";
  ASSERT_TRUE(trainAloud(options).ok());
  EXPECT_FALSE(says("note:")) << out;
  options.schedule.totalSteps = 7;
  options.schedule.peak = 0.25;
  options.beta2 = 0.99;
  options.record.data = {{"train.bin", 4002, "11"}};
  ASSERT_TRUE(trainAloud(options).ok());
  for (const char *line :
       {"note: --lr is 0.25, it was 0.05 in ",
        "note: --beta2 is 0.99, it was 0.95 in ",
        "note: --steps is 7, it was 5 in ",
        "note: other training data: train.bin has 4002 bytes, it had 4000 in "})
    EXPECT_TRUE(says(line)) << line << out;
  EXPECT_EQ(stateOf("run/step-000007").record.options["--lr"], "0.25");
}

TEST_F(TrainerResume, AnOlderTrainersCheckpointIsTakenWithAWord) {
  TrainerOptions options = makeOptions("run", 6);
  options.saveEvery = 3;
  ASSERT_TRUE(train(options).ok());
  std::filesystem::remove_all(folder / "run/step-000006");
  std::filesystem::copy(folder / "run", folder / "old",
                        std::filesystem::copy_options::recursive);
  std::filesystem::remove(folder / "old/step-000003/manifest.json");
  writeBytes(folder / "old/step-000003/trainer_state.json",
             "{\"format\": 1, \"step\": 3, \"seed\": 0, \"batch\": 2, "
             "\"sequence\": 8, \"elapsed_seconds\": 2.5}");
  TrainerOptions old = makeOptions("old", 6);
  old.resume = "auto";
  ASSERT_TRUE(trainAloud(old).ok());
  EXPECT_TRUE(says("old/step-000003 has no manifest")) << out;
  options.resume = "auto";
  ASSERT_TRUE(train(options).ok());
  expectSameCheckpoint("old/step-000006", "run/step-000006");
}
