//===- model_weights_test.cpp - Parameters of the plan's own model --------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/checkpoint/model_weights.h"

#include "memory_store.h"
#include "test_files.h"
#include "tools/lns/checkpoint/checkpoint.h"

using namespace lns::tool;

namespace {

const std::string lns = "lnsc model 1\nnorm: lns\ngraph:\noutput tokens\n";
const std::string pre = "lnsc model 1\nnorm: pre\ngraph:\noutput tokens\n";
const std::string difference = "norm: pre here, lns in the checkpoint";

class ModelWeights : public ::testing::Test {
protected:
  void SetUp() override {
    store.fill(3);
    TrainerState state;
    state.step = 5;
    state.identity = lns;
    ASSERT_TRUE(saveCheckpoint(checkpoint, store, state, "").ok());
  }
  Status load(const std::string &path, const std::string &identity,
              bool force = false, const std::string &config = "") {
    notes.clear();
    return loadModelWeights(path, {identity, config}, force, back, notes,
                            stepsDone);
  }
  void expectUnknown() {
    ASSERT_EQ(notes.size(), 1u);
    EXPECT_NE(
        notes[0].find("does not say what model it is of; taken by names and "
                      "shapes"),
        std::string::npos);
  }
  void remove(const std::string &name) {
    std::filesystem::remove(checkpoint + "/" + name);
  }

  TempFolder folder;
  std::string checkpoint = folder / "step-000005";
  MemoryStore store, back;
  std::vector<std::string> notes;
  std::optional<uint64_t> stepsDone;
};

// A checkpoint says how many steps have updated it, its file alone does not;
// nor does one whose numbers contradict each other.
TEST_F(ModelWeights, StepsDone) {
  for (const std::string &path : {folder.path, checkpoint}) {
    ASSERT_TRUE(load(path, lns).ok());
    EXPECT_EQ(stepsDone, 5u);
  }
  ASSERT_TRUE(load(checkpoint + "/model.safetensors", lns).ok());
  EXPECT_EQ(stepsDone, std::nullopt);
  // Its checksum would be that of the state that was written.
  remove("manifest.json");
  auto withState = [&](const std::string &text) {
    std::ofstream(checkpoint + "/trainer_state.json") << text;
    EXPECT_TRUE(load(checkpoint, lns).ok());
    return stepsDone;
  };
  EXPECT_EQ(withState(R"({"step": 9, "skipped_steps": 2})"), 7u);
  EXPECT_EQ(withState(R"({"step": 9})"), 9u);
  EXPECT_EQ(withState(R"({"step": 9, "skipped_steps": 10})"), std::nullopt);
  EXPECT_EQ(withState(R"({"step": -9})"), std::nullopt);
  EXPECT_EQ(withState(R"({"step": "9"})"), std::nullopt);
  EXPECT_EQ(withState("[9]"), std::nullopt);
  remove("trainer_state.json");
  ASSERT_TRUE(load(checkpoint, lns).ok());
  EXPECT_EQ(stepsDone, std::nullopt);
}

TEST_F(ModelWeights, OfTheSameModelAreTaken) {
  for (const std::string &path :
       {folder.path, checkpoint, checkpoint + "/model.safetensors"}) {
    back = MemoryStore();
    Status status = load(path, lns);
    ASSERT_TRUE(status.ok()) << status.message();
    EXPECT_TRUE(notes.empty());
    EXPECT_EQ(back.at(TensorKind::Parameter, 0),
              store.at(TensorKind::Parameter, 0));
  }
}

// The file says it by itself, wherever it is copied to. Nothing is written.
TEST_F(ModelWeights, OfAnotherModelAreRefused) {
  for (const std::string &path :
       {folder.path, checkpoint, checkpoint + "/model.safetensors"}) {
    EXPECT_TRUE(failsWith(load(path, pre), difference));
    EXPECT_EQ(back.at(TensorKind::Parameter, 0), std::vector<float>(6));
  }
  EXPECT_TRUE(load(folder.path, pre, /*force=*/true).ok());
  ASSERT_EQ(notes.size(), 1u);
  EXPECT_NE(notes[0].find(difference + "; taken because of --force"),
            std::string::npos);
}

/// Replaces the model's file by one without metadata, as other tools write it.
void writeWithoutIdentity(const std::string &path, TensorStore &store) {
  ASSERT_TRUE(saveTensors(path, store, TensorKind::Parameter, {}).ok());
}

TEST_F(ModelWeights, AreOfWhatTheStateBesideThemSays) {
  remove("manifest.json");
  writeWithoutIdentity(checkpoint + "/model.safetensors", store);
  EXPECT_TRUE(failsWith(load(checkpoint, pre), difference));
  // A file that is named by itself is nobody's part.
  EXPECT_TRUE(load(checkpoint + "/model.safetensors", pre).ok());
  expectUnknown();
}

TEST_F(ModelWeights, AreOfWhatTheConfigBesideThemSays) {
  remove("manifest.json");
  writeWithoutIdentity(checkpoint + "/model.safetensors", store);
  remove("trainer_state.json");
  EXPECT_TRUE(load(checkpoint, pre).ok());
  expectUnknown();
  writeBytes(checkpoint + "/config.json", R"({"model_type": "lns_llama"})");
  EXPECT_TRUE(failsWith(load(checkpoint, pre), difference));
  writeBytes(checkpoint + "/config.json", R"({"model_type": "llama"})");
  EXPECT_TRUE(load(checkpoint, pre).ok());
  EXPECT_TRUE(notes.empty());
}

// Ours of a time when checkpoints did not say: its config.json was a LLaMA's,
// whatever the norms.
TEST_F(ModelWeights, OfOlderCheckpointsAreTaken) {
  remove("manifest.json");
  writeWithoutIdentity(checkpoint + "/model.safetensors", store);
  writeBytes(checkpoint + "/trainer_state.json", R"({"step": 5})");
  writeBytes(checkpoint + "/config.json", R"({"model_type": "llama"})");
  EXPECT_TRUE(load(checkpoint, lns).ok());
  expectUnknown();
}

} // namespace
