//===- checkpoint_test.cpp - Checkpoints ----------------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/checkpoint.h"

#include "memory_store.h"
#include "test_files.h"
#include "tools/lns/safetensors.h"

#include <csignal>
#include <sys/resource.h>

using namespace lns::tool;
using Names = std::vector<std::string>;

namespace {
TrainerState makeState(uint64_t step) {
  TrainerState state;
  state.step = step;
  state.seed = 7;
  state.batch = 2;
  state.sequence = 8;
  state.elapsedSeconds = 1.5;
  return state;
}

// A checkpoint's copy of a large tensor would be the peak of a run's memory.
TEST(Checkpoint, LargeTensorsAreWrittenInParts) {
  TempFolder folder;
  MemoryStore store;
  constexpr uint64_t elements = (1 << 19) + 5;
  store.descriptions[1] = {"model.norm.weight", {int64_t{elements}}, elements};
  for (auto &kind : store.values)
    kind[1].resize(elements);
  store.fill(1);
  std::string path = folder / "step-000001";
  ASSERT_TRUE(saveCheckpoint(path, store, makeState(1), "").ok());
  EXPECT_EQ(store.largestRead, size_t{1} << 18);
  MemoryStore back;
  back.descriptions = store.descriptions;
  ASSERT_TRUE(loadCheckpoint(path, back));
  EXPECT_EQ(back.at(TensorKind::Parameter, 1),
            store.at(TensorKind::Parameter, 1));
  EXPECT_EQ(back.at(TensorKind::ExpAvgSq, 1),
            store.at(TensorKind::ExpAvgSq, 1));
}

class CheckpointErrors : public ::testing::Test {
protected:
  void SetUp() override {
    MemoryStore store;
    store.fill(1);
    ASSERT_TRUE(saveCheckpoint(path, store, makeState(5), "").ok());
    model = path + "/model.safetensors";
  }
  /// Writes a model file of these tensors over the good one.
  void replaceModel(const std::vector<SafetensorsSpec> &specs) {
    auto writer = SafetensorsWriter::create(model, specs, {});
    ASSERT_TRUE(writer);
    for (const SafetensorsSpec &spec : specs) {
      uint64_t count = 0;
      ASSERT_TRUE(countElements(spec.shape, count));
      ASSERT_TRUE(writer->append(std::vector<float>(count)).ok());
    }
    ASSERT_TRUE(writer->commit().ok());
  }
  /// Loading fails with `part` and changes nothing in the store.
  void expectError(const std::string &part) {
    MemoryStore store, before;
    store.fill(100);
    before.fill(100);
    EXPECT_TRUE(failsWith(loadCheckpoint(path, store).status(), part));
    for (size_t kind = 0; kind < 4; ++kind)
      EXPECT_EQ(store.values[kind], before.values[kind]);
  }

  TempFolder folder;
  std::string path = folder / "step-000005";
  std::string model;
};
} // namespace

TEST(Checkpoint, RoundTrip) {
  TempFolder folder;
  MemoryStore store, loaded;
  store.fill(1);
  std::string path = checkpointPath(folder.path, 12);
  ASSERT_TRUE(saveCheckpoint(path, store, makeState(12), "{\"a\": 1}").ok());
  EXPECT_EQ(folder.list(), Names{"step-000012"});
  EXPECT_EQ(folder.list("step-000012"),
            (Names{"config.json", "model.safetensors", "optimizer.safetensors",
                   "trainer_state.json"}));
  auto state = loadCheckpoint(path, loaded);
  ASSERT_TRUE(state) << state.status().message();
  EXPECT_EQ(state->step, 12u);
  EXPECT_EQ(state->seed, 7u);
  EXPECT_EQ(state->elapsedSeconds, 1.5);
  for (TensorKind kind :
       {TensorKind::Parameter, TensorKind::ExpAvg, TensorKind::ExpAvgSq})
    for (size_t i = 0; i < 2; ++i)
      EXPECT_EQ(loaded.at(kind, i), store.at(kind, i));
  EXPECT_EQ(loaded.at(TensorKind::Gradient, 0), std::vector<float>(6));
}

TEST(Checkpoint, LatestIsTheLargestStep) {
  TempFolder folder;
  EXPECT_EQ(latestCheckpoint(folder.path), std::nullopt);
  EXPECT_EQ(latestCheckpoint(folder / "none"), std::nullopt);
  for (const char *name : {"step-000900", "step-1000000", "step-000999",
                           "step-x", ".tmp-step-2000000-1"})
    std::filesystem::create_directory(folder / name);
  EXPECT_EQ(latestCheckpoint(folder.path), folder / "step-1000000");
}

TEST(Checkpoint, AnExistingOneIsNotTouched) {
  TempFolder folder;
  MemoryStore store;
  std::string path = folder / "step-000001";
  ASSERT_TRUE(saveCheckpoint(path, store, makeState(1), "").ok());
  std::string before = readBytes(path + "/model.safetensors");
  store.fill(9);
  EXPECT_TRUE(failsWith(saveCheckpoint(path, store, makeState(1), ""),
                        "already exists"));
  EXPECT_EQ(readBytes(path + "/model.safetensors"), before);
  EXPECT_EQ(folder.list(), Names{"step-000001"});
}

TEST(Checkpoint, AFullDiskLeavesNothing) {
  TempFolder folder;
  MemoryStore store;
  auto oldHandler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit old;
  ::getrlimit(RLIMIT_FSIZE, &old);
  rlimit limit = old;
  limit.rlim_cur = 100;
  ::setrlimit(RLIMIT_FSIZE, &limit);
  Status status =
      saveCheckpoint(folder / "step-000001", store, makeState(1), "");
  ::setrlimit(RLIMIT_FSIZE, &old);
  std::signal(SIGXFSZ, oldHandler);
  EXPECT_TRUE(failsWith(status, "cannot write"));
  EXPECT_EQ(folder.list(), Names{});
}

TEST_F(CheckpointErrors, MissingTensor) {
  replaceModel({{"model.norm.weight", {2}}});
  expectError("tensor 'model.embed_tokens.weight' is missing");
}

TEST_F(CheckpointErrors, MisshapenTensor) {
  replaceModel(
      {{"model.embed_tokens.weight", {2, 3}}, {"model.norm.weight", {2}}});
  expectError("has shape [2, 3], the plan has [3, 2]");
}

TEST_F(CheckpointErrors, UnknownTensor) {
  replaceModel({{"model.embed_tokens.weight", {3, 2}},
                {"model.norm.weight", {2}},
                {"lm_head.weight", {3, 2}}});
  expectError("tensor 'lm_head.weight' is unknown to the plan");
}

TEST_F(CheckpointErrors, ConstantTablesOfOldExportsAreIgnored) {
  replaceModel({{"model.embed_tokens.weight", {3, 2}},
                {"model.norm.weight", {2}},
                {"model.layers.0.self_attn.rotary_emb.inv_freq", {4}}});
  MemoryStore store;
  EXPECT_TRUE(loadCheckpoint(path, store).status().ok());
}

TEST_F(CheckpointErrors, TruncatedModel) {
  std::string bytes = readBytes(model);
  writeBytes(model, bytes.substr(0, bytes.size() - 4));
  expectError("model.safetensors");
}

TEST_F(CheckpointErrors, AbsentOptimizer) {
  std::filesystem::remove(path + "/optimizer.safetensors");
  expectError("optimizer.safetensors: cannot open");
}

TEST_F(CheckpointErrors, DamagedState) {
  writeBytes(path + "/trainer_state.json", "{\"step\": -1}");
  expectError("not the state of a training run");
}
