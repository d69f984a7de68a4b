//===- checkpoint_test.cpp - Checkpoints ----------------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/checkpoint/checkpoint.h"

#include "memory_store.h"
#include "test_files.h"
#include "tools/lns/checkpoint/inspect.h"
#include "tools/lns/checkpoint/manifest.h"
#include "tools/lns/checkpoint/run_folder.h"
#include "tools/lns/checkpoint/safetensors.h"
#include "tools/lns/checkpoint/weights.h"

#include <cmath>
#include <random>

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

TEST(Checkpoint, WhatIsFrozenHasNoMoments) {
  TempFolder folder;
  MemoryStore store;
  store.descriptions[0].frozen = true;
  store.fill(1);
  std::string path = folder / "step-000001";
  ASSERT_TRUE(saveCheckpoint(path, store, makeState(1), "").ok());
  auto optimizer = WeightFiles::openFile(path + "/optimizer.safetensors");
  ASSERT_TRUE(optimizer);
  EXPECT_EQ(optimizer->tensors().size(), 2u);
  EXPECT_EQ(optimizer->metadata(frozenKey), "1");
  auto verified = verifyCheckpoint(path);
  EXPECT_TRUE(verified) << verified.status().message();
  MemoryStore back;
  back.descriptions = store.descriptions;
  ASSERT_TRUE(loadCheckpoint(path, back));
  for (TensorKind kind : {TensorKind::Parameter, TensorKind::ExpAvg})
    EXPECT_EQ(back.at(kind, 1), store.at(kind, 1));
  EXPECT_EQ(back.at(TensorKind::Parameter, 0),
            store.at(TensorKind::Parameter, 0));
  EXPECT_EQ(back.at(TensorKind::ExpAvg, 0), std::vector<float>(6));

  // A run that trains all of it has moments that are not there, and the other
  // way round.
  MemoryStore whole;
  auto lacks = loadCheckpoint(path, whole);
  ASSERT_FALSE(lacks);
  EXPECT_NE(lacks.status().message().find(
                "2 tensors are missing: 'exp_avg.model.embed_tokens.weight', "
                "'exp_avg_sq.model.embed_tokens.weight'"),
            std::string::npos)
      << lacks.status().message();
  whole.fill(2);
  std::string other = folder / "step-000002";
  ASSERT_TRUE(saveCheckpoint(other, whole, makeState(2), "").ok());
  auto unknown = loadCheckpoint(other, back);
  ASSERT_FALSE(unknown);
  EXPECT_NE(
      unknown.status().message().find("2 tensors are unknown to the plan"),
      std::string::npos)
      << unknown.status().message();
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
  /// Lets the manifest say what the files are now.
  void refreshManifest() {
    Manifest manifest;
    for (const std::string &name : folder.list("step-000005"))
      if (name != Manifest::fileName)
        manifest.add(name, *summarizeFile(path + "/" + name));
    ASSERT_TRUE(manifest.write(path).ok());
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
            (Names{"config.json", "manifest.json", "model.safetensors",
                   "optimizer.safetensors", "trainer_state.json"}));
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
  FileSizeLimit limit(100);
  Status status =
      saveCheckpoint(folder / "step-000001", store, makeState(1), "");
  EXPECT_TRUE(failsWith(status, "cannot write"));
  EXPECT_EQ(folder.list(), Names{});
}

TEST_F(CheckpointErrors, MissingTensor) {
  replaceModel({{"model.norm.weight", {2}}});
  refreshManifest();
  expectError("tensor 'model.embed_tokens.weight' is missing");
}

TEST_F(CheckpointErrors, MisshapenTensor) {
  replaceModel(
      {{"model.embed_tokens.weight", {2, 3}}, {"model.norm.weight", {2}}});
  refreshManifest();
  expectError("has shape [2, 3], the plan has [3, 2]");
}

TEST_F(CheckpointErrors, UnknownTensor) {
  replaceModel({{"model.embed_tokens.weight", {3, 2}},
                {"model.norm.weight", {2}},
                {"lm_head.weight", {3, 2}}});
  refreshManifest();
  expectError("tensor 'lm_head.weight' is unknown to the plan");
}

TEST_F(CheckpointErrors, ConstantTablesOfOldExportsAreIgnored) {
  replaceModel({{"model.embed_tokens.weight", {3, 2}},
                {"model.norm.weight", {2}},
                {"model.layers.0.self_attn.rotary_emb.inv_freq", {4}}});
  refreshManifest();
  MemoryStore store;
  EXPECT_TRUE(loadCheckpoint(path, store).status().ok());
}

TEST_F(CheckpointErrors, TruncatedModel) {
  std::string bytes = readBytes(model);
  writeBytes(model, bytes.substr(0, bytes.size() - 4));
  expectError("model.safetensors: damaged: ");
  refreshManifest();
  expectError("model.safetensors");
}

TEST_F(CheckpointErrors, AbsentOptimizer) {
  std::filesystem::remove(path + "/optimizer.safetensors");
  expectError("optimizer.safetensors: missing, but manifest.json names it");
}

TEST_F(CheckpointErrors, DamagedState) {
  writeBytes(path + "/trainer_state.json", "{\"step\": -1}");
  refreshManifest();
  expectError("not the state of a training run");
}

// Old checkpoints have neither manifest nor what a resume compares.
TEST_F(CheckpointErrors, AFolderOfAnOlderTrainerIsTakenAsItIs) {
  std::filesystem::remove(path + "/manifest.json");
  expectError("manifest.json: missing, but was written");
  writeBytes(path + "/trainer_state.json",
             "{\"format\": 1, \"step\": 5, \"seed\": 7, \"batch\": 2, "
             "\"sequence\": 8, \"elapsed_seconds\": 2.5}");
  auto checkpoint = Checkpoint::open(path);
  ASSERT_TRUE(checkpoint) << checkpoint.status().message();
  EXPECT_FALSE(checkpoint->hasManifest());
  EXPECT_EQ(checkpoint->state().step, 5u);
  EXPECT_TRUE(checkpoint->state().record.options.empty());
}

TEST_F(CheckpointErrors, StatesThatCannotBe) {
  std::string good = readBytes(path + "/trainer_state.json");
  auto replace = [&](const std::string &from, const std::string &to) {
    std::string text = good;
    size_t at = text.find(from);
    ASSERT_NE(at, std::string::npos) << from;
    writeBytes(path + "/trainer_state.json", text.replace(at, from.size(), to));
    refreshManifest();
  };
  replace("\"format\": 2", "\"format\": 3");
  expectError("trainer_state.json: format 3, this lns reads up to 2");
  for (auto [from, to] :
       {std::pair{"\"skipped_steps\": 0", "\"skipped_steps\": 6"},
        std::pair{"\"skipped_in_a_row\": 0", "\"skipped_in_a_row\": 1"},
        std::pair{"\"rolling\": false", "\"rolling\": 0"},
        std::pair{"\"identity\": \"\"", "\"identity\": []"},
        std::pair{"\"options\": {}", "\"options\": {\"--lr\": 1}"},
        std::pair{"\"data\": []", "\"data\": [{\"name\": \"a\"}]"},
        std::pair{"\"format\": 2", "\"format\": 0"}}) {
    replace(from, to);
    expectError("not the state of a training run");
  }
  // Deeper than anything that is meant.
  replace("\"data\": []",
          "\"data\": " + std::string(100000, '[') + std::string(100000, ']'));
  expectError("not the state of a training run");
}

TEST_F(CheckpointErrors, ManifestsThatCannotBe) {
  std::string file = path + "/manifest.json";
  for (const char *text :
       {"", "[]", "{\"format\": 2, \"files\": {}}", "{\"format\": 1}",
        "{\"format\": 1, \"files\": {\"../a\": {\"bytes\": 1, \"xxh64\": "
        "\"0123456789abcdef\"}}}",
        "{\"format\": 1, \"files\": {\"a\": {\"bytes\": -1, \"xxh64\": "
        "\"0123456789abcdef\"}}}",
        "{\"format\": 1, \"files\": {\"a\": {\"bytes\": 1, \"xxh64\": "
        "\"0123456789abcdeg\"}}}"}) {
    writeBytes(file, text);
    expectError("manifest.json: damaged: it is not the list of files");
  }
  writeBytes(file, "{\"format\": 1, \"files\": {}}");
  expectError("model.safetensors: damaged: manifest.json does not name it");
}

// Any bit of any file, wherever it is; what reads parameters alone looks at
// their file. The manifest itself has spaces, in which a bit means nothing.
TEST_F(CheckpointErrors, EveryFlippedBitIsSeen) {
  MemoryStore good;
  ASSERT_TRUE(loadCheckpoint(path, good));
  std::mt19937 random(std::random_device{}());
  for (const std::string &name : folder.list("step-000005")) {
    std::string file = path + "/" + name, bytes = readBytes(file);
    for (int i = 0; i < 60; ++i) {
      std::string damaged = bytes;
      size_t at = random() % bytes.size();
      damaged[at] = static_cast<char>(damaged[at] ^ 1 << random() % 8);
      writeBytes(file, damaged);
      MemoryStore store;
      bool isRead = static_cast<bool>(loadCheckpoint(path, store));
      if (name != Manifest::fileName) {
        EXPECT_FALSE(isRead) << name << " byte " << at;
      }
      if (isRead) {
        EXPECT_EQ(store.values[0], good.values[0]) << name << " byte " << at;
      }
      std::vector<std::string> notes;
      if (name == "model.safetensors") {
        EXPECT_TRUE(failsWith(loadParameters(path, store, notes),
                              "model.safetensors: damaged: checksum "));
        EXPECT_FALSE(loadParameters(file, store, notes).ok());
      }
    }
    writeBytes(file, bytes);
  }
  MemoryStore store;
  EXPECT_TRUE(loadCheckpoint(path, store));
}

TEST_F(CheckpointErrors, CopiesThatAreNotComplete) {
  for (const std::string &name : folder.list("step-000005")) {
    std::string file = path + "/" + name, bytes = readBytes(file);
    std::filesystem::remove(file);
    expectError(name + ": missing, but ");
    for (size_t size : {size_t{0}, bytes.size() / 2, bytes.size() - 2}) {
      writeBytes(file, bytes.substr(0, size));
      expectError(name + ": damaged: ");
    }
    writeBytes(file, bytes);
  }
  // Somebody else's files beside ours are none of our business.
  writeBytes(path + "/README.md", "mine");
  MemoryStore store;
  EXPECT_TRUE(loadCheckpoint(path, store));
}

TEST(Checkpoint, KeepsWhatShapesTheRun) {
  TempFolder folder;
  MemoryStore store;
  TrainerState state = makeState(9);
  state.skippedSteps = 3;
  state.skippedInARow = 2;
  state.rolling = true;
  state.identity = "norm: lns\nheads: 3\n";
  state.record.options = {{"--lr", "0.001"}, {"device", "cpu"}};
  state.record.data = {{"a.bin", 17, "0123456789abcdef"}};
  state.record.heldOut = {{"val\xff.bin", 5, "00"}};
  ASSERT_TRUE(saveCheckpoint(folder / "step-000009", store, state, "").ok());
  auto found = loadCheckpoint(folder / "step-000009", store);
  ASSERT_TRUE(found) << found.status().message();
  EXPECT_EQ(found->skippedSteps, 3u);
  EXPECT_EQ(found->skippedInARow, 2u);
  EXPECT_TRUE(found->rolling);
  EXPECT_EQ(found->identity, state.identity);
  EXPECT_EQ(found->record.options, state.record.options);
  EXPECT_EQ(found->record.data, state.record.data);
  ASSERT_EQ(found->record.heldOut.size(), 1u);
  EXPECT_EQ(found->record.heldOut[0].bytes, 5u);
}

TEST(Checkpoint, ParametersThatAreNotFiniteAreNotSaved) {
  TempFolder folder;
  for (float value : {NAN, INFINITY, -INFINITY}) {
    MemoryStore store;
    store.fill(1);
    store.at(TensorKind::Parameter, 1)[1] = value;
    Status status =
        saveCheckpoint(folder / "step-000001", store, makeState(1), "");
    EXPECT_TRUE(failsWith(status, "'model.norm.weight' is not finite"));
    EXPECT_EQ(status.getKind(), Status::Kind::Diverged);
    EXPECT_EQ(folder.list(), Names{});
  }
}

TEST(RunFolder, ListsTheNewestFirstAndMakesRoom) {
  TempFolder folder;
  for (const char *name :
       {"step-000002", "step-000010", "step-7", "step-3x", "step-3.damaged"})
    std::filesystem::create_directory(folder / name);
  std::vector<uint64_t> steps;
  for (const CheckpointEntry &entry : listCheckpoints(folder.path))
    steps.push_back(entry.step);
  EXPECT_EQ(steps, (std::vector<uint64_t>{10, 7, 2}));
  std::string path = folder / "step-000010", to;
  for (const char *expected :
       {"step-000010.damaged", "step-000010.damaged-2"}) {
    ASSERT_TRUE(clearCheckpointPath(path, to).ok());
    EXPECT_EQ(to, folder / expected);
    EXPECT_FALSE(std::filesystem::exists(path));
    std::filesystem::create_directory(path);
  }
  to.clear();
  EXPECT_TRUE(clearCheckpointPath(folder / "step-000011", to).ok());
  EXPECT_EQ(to, "");
}
