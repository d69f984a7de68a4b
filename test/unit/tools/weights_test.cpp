//===- weights_test.cpp - Weights as people have them ---------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/checkpoint/run_folder.h"
#include "tools/lns/checkpoint/weights.h"

#include "memory_store.h"
#include "test_files.h"
#include "tools/lns/checkpoint/checkpoint.h"
#include "tools/lns/checkpoint/tensor_names.h"

#include <cstring>
#include <nlohmann/json.hpp>
#include <random>

using namespace lns::tool;
using Names = std::vector<std::string>;

namespace {
struct FileTensor {
  std::string name;
  std::vector<int64_t> shape;
  std::vector<float> values;
  std::string dtype = "F32";
};

/// A safetensors file; tensors of another dtype get zero bytes.
void writeTensors(const std::string &path,
                  const std::vector<FileTensor> &tensors,
                  const std::map<std::string, std::string> &metadata = {}) {
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  if (!metadata.empty())
    header["__metadata__"] = metadata;
  std::string data;
  for (const FileTensor &t : tensors) {
    size_t begin = data.size();
    data.append(reinterpret_cast<const char *>(t.values.data()),
                t.values.size() * (t.dtype == "F32" ? 4 : 1));
    header[t.name] = {{"dtype", t.dtype},
                      {"shape", t.shape},
                      {"data_offsets", {begin, data.size()}}};
  }
  std::string text = header.dump();
  uint64_t size = text.size();
  std::string out(reinterpret_cast<char *>(&size), sizeof size);
  writeBytes(path, out + text + data);
}

class Weights : public ::testing::Test {
protected:
  std::vector<float> draw(size_t count) {
    std::vector<float> values(count);
    for (float &x : values)
      x = static_cast<float>(random()) * 0x1p-31f - 0.5f;
    return values;
  }
  /// Both parameters of a MemoryStore.
  std::vector<FileTensor> both(const std::string &prefix = "") {
    return {{prefix + "model.embed_tokens.weight", {3, 2}, table},
            {prefix + "model.norm.weight", {2}, gain}};
  }
  Status load(const std::vector<FileTensor> &tensors) {
    writeTensors(path, tensors);
    return load(path);
  }
  Status load(const std::string &from) {
    notes.clear();
    store = MemoryStore(store.descriptions);
    return loadParameters(from, store, notes);
  }
  void expectLoaded(const Status &status) {
    ASSERT_TRUE(status.ok()) << status.message();
    EXPECT_EQ(store.at(TensorKind::Parameter, 0), table);
    EXPECT_EQ(store.at(TensorKind::Parameter, 1), gain);
  }

  TempFolder folder;
  std::mt19937 random{11};
  std::vector<float> table = draw(6), gain = draw(2);
  std::string path = folder / "m.safetensors";
  MemoryStore store;
  Names notes;
};
} // namespace

TEST_F(Weights, FromFileCheckpointAndRun) {
  store.fill(3);
  table = store.at(TensorKind::Parameter, 0);
  gain = store.at(TensorKind::Parameter, 1);
  ASSERT_TRUE(
      saveCheckpoint(checkpointPath(folder.path, 1), store, {}, "").ok());
  for (std::string from : {folder.path, folder / "step-000001",
                           folder / "step-000001/model.safetensors"})
    expectLoaded(load(from));
  EXPECT_EQ(notes, Names{});
  std::filesystem::create_directory(folder / "empty");
  EXPECT_TRUE(failsWith(load(folder / "empty"),
                        "empty: holds neither model.safetensors, nor its index,"
                        " nor a checkpoint step-*"));
  writeBytes(folder / "empty/pytorch_model.bin", "");
  writeBytes(folder / "empty/model-00001-of-00002.safetensors", "");
  EXPECT_TRUE(failsWith(load(folder / "empty"),
                        "it has model-00001-of-00002.safetensors and 1 more"));
}

//===----------------------------------------------------------------------===//
// Several files
//===----------------------------------------------------------------------===//

namespace {
class ShardedWeights : public Weights {
protected:
  void SetUp() override {
    std::vector<FileTensor> tensors = both();
    writeTensors(folder / "a.safetensors", {tensors[0]}, {{"k", "v"}});
    writeTensors(folder / "b.safetensors", {tensors[1]});
  }
  Status loadIndex(const std::string &text) {
    writeBytes(index, text);
    return load(index);
  }
  static std::string map(const std::string &entries) {
    return R"({"metadata":{"total_size":32},"weight_map":{)" + entries + "}}";
  }
  std::string good = map(R"("model.embed_tokens.weight":"a.safetensors",)"
                         R"("model.norm.weight":"b.safetensors")");
  std::string index = folder / "model.safetensors.index.json";
};
} // namespace

TEST_F(ShardedWeights, AreLoadedByIndexAndByFolder) {
  expectLoaded(loadIndex(good));
  expectLoaded(load(folder.path));
  auto files = WeightFiles::open(folder.path);
  ASSERT_TRUE(files);
  EXPECT_EQ(files->metadata("k"), "v");
  EXPECT_EQ(files->metadata("x"), std::nullopt);
}

TEST_F(ShardedWeights, AnIndexStaysInItsFolder) {
  std::filesystem::create_directory(folder / "sub");
  for (std::string name :
       {"../a.safetensors", "sub/a.safetensors", "/etc/passwd", "..", ".", "",
        "a.safetensors\\u0000"})
    EXPECT_TRUE(
        failsWith(loadIndex(map("\"model.norm.weight\":\"" + name + "\"")),
                  "which is no name of a file beside the index"))
        << name;
}

TEST_F(ShardedWeights, DamagedIndices) {
  EXPECT_TRUE(failsWith(loadIndex("{"), "not an index of safetensors files"));
  EXPECT_TRUE(failsWith(loadIndex("[]"), "not an index"));
  EXPECT_TRUE(failsWith(loadIndex(R"({"hidden_size":3})"), "not an index"));
  EXPECT_TRUE(failsWith(loadIndex(R"({"weight_map":[1]})"), "not an index"));
  EXPECT_TRUE(failsWith(loadIndex(map("")), "the index is empty"));
  EXPECT_TRUE(failsWith(loadIndex(map(R"("a":1)")), "is not a string"));
  EXPECT_TRUE(
      failsWith(loadIndex(map(R"("a":"x","a":"y")")), "'a' stands twice"));
  std::string deep(150000, '[');
  EXPECT_FALSE(loadIndex(deep).ok());
  EXPECT_FALSE(loadIndex(map("\"a\":" + deep + std::string(150000, ']'))).ok());
  std::string nested;
  for (int i = 0; i < 150000; ++i)
    nested += R"({"a":)";
  EXPECT_FALSE(loadIndex(nested + "1" + std::string(150000, '}')).ok());
}

TEST_F(ShardedWeights, FilesAndIndexMustAgree) {
  EXPECT_TRUE(failsWith(
      loadIndex(map(R"("model.embed_tokens.weight":"a.safetensors",)"
                    R"("model.norm.weight":"c.safetensors")")),
      "1 of its 2 files are not there, the first is 'c.safetensors'"));
  EXPECT_TRUE(failsWith(
      loadIndex(map(R"("model.embed_tokens.weight":"b.safetensors",)"
                    R"("model.norm.weight":"b.safetensors")")),
      "tensor 'model.embed_tokens.weight' shall be in 'b.safetensors', which "
      "does not have it"));
  writeTensors(folder / "b.safetensors", both());
  EXPECT_TRUE(failsWith(loadIndex(good), "b.safetensors: tensor "
                                         "'model.embed_tokens.weight' is in "));
}

//===----------------------------------------------------------------------===//
// Names
//===----------------------------------------------------------------------===//

TEST_F(Weights, WrappersOfModulesAreStripped) {
  for (std::string prefix :
       {"_orig_mod.", "module.", "module._orig_mod.", "_orig_mod.module.",
        "_fsdp_wrapped_module.", "net.", "model.", "base_model.model."}) {
    expectLoaded(load(both(prefix)));
    ASSERT_EQ(notes.size(), 1u) << prefix;
    EXPECT_NE(notes[0].find("names of tensors are taken without"),
              std::string::npos);
  }
  // In the middle, as torch.compile of a part leaves it.
  expectLoaded(load({{"model._orig_mod.embed_tokens.weight", {3, 2}, table},
                     {"model.norm.weight", {2}, gain}}));
  // Where the model was saved without its head, the first part is not there.
  expectLoaded(load(
      {{"embed_tokens.weight", {3, 2}, table}, {"norm.weight", {2}, gain}}));
  EXPECT_NE(notes.at(0).find("taken with 'model.' in front"),
            std::string::npos);
  std::vector<FileTensor> twice = both();
  twice.push_back({"module.model.norm.weight", {2}, gain});
  EXPECT_TRUE(failsWith(load(twice), "are both taken for 'model.norm.weight'"));
}

// Only names that the plan does not have are changed.
TEST_F(Weights, ANameOfThePlanStaysAsItIs) {
  store = MemoryStore({{"module.weight", {2}, 2}, {"weight", {2}, 2}});
  table = draw(2);
  expectLoaded(load({{"module.weight", {2}, table}, {"weight", {2}, gain}}));
  EXPECT_EQ(notes, Names{});
}

TEST_F(Weights, ATiedEmbeddingHasEitherNameOrBoth) {
  FileTensor norm = {"model.norm.weight", {2}, gain};
  FileTensor embed = {"model.embed_tokens.weight", {3, 2}, table};
  FileTensor head = {"lm_head.weight", {3, 2}, table};
  expectLoaded(load({embed, norm}));
  EXPECT_EQ(notes, Names{});
  expectLoaded(load({head, norm}));
  EXPECT_EQ(notes.size(), 1u);
  expectLoaded(load({embed, norm, head}));
  EXPECT_EQ(notes, Names{});
  head.values[5] = -head.values[5];
  EXPECT_TRUE(failsWith(
      load({embed, norm, head}),
      "tensors 'model.embed_tokens.weight' and 'lm_head.weight' differ at "
      "element 5, the plan ties them; compile it with"));
  head.shape = {2, 3};
  EXPECT_TRUE(failsWith(load({embed, norm, head}), "have shapes [3, 2] and"));
  // The bits count: -0 is not 0.
  embed.values[0] = 0;
  head = embed;
  head.name = "lm_head.weight";
  head.values[0] = -0.0f;
  EXPECT_TRUE(failsWith(load({embed, norm, head}), "differ at element 0"));
}

TEST_F(Weights, AFileOfATiedModelDoesNotFitAnUntiedPlan) {
  store = MemoryStore({{"model.embed_tokens.weight", {3, 2}, 6},
                       {"model.norm.weight", {2}, 2},
                       {"lm_head.weight", {3, 2}, 6}});
  EXPECT_TRUE(failsWith(load(both()),
                        "tensor 'lm_head.weight' is missing; the file's model "
                        "ties it to 'model.embed_tokens.weight'"));
}

//===----------------------------------------------------------------------===//
// Differences
//===----------------------------------------------------------------------===//

TEST_F(Weights, WhatIsNoParameterIsPassedOver) {
  std::vector<FileTensor> tensors = both();
  tensors.push_back(
      {"model.layers.0.self_attn.rotary_emb.inv_freq", {4}, draw(4)});
  tensors.push_back({"h.0.attn.masked_bias", {}, draw(1)});
  tensors.push_back({"h.0.attn.bias", {4}, draw(4), "BOOL"});
  tensors.push_back({"a.tag", {0}, {}});
  tensors.push_back({"b.tag", {7, 0}, {}, "I64"});
  expectLoaded(load(tensors));
}

TEST_F(Weights, AllDifferencesAreListed) {
  std::vector<FileTensor> tensors;
  for (int i = 0; i < 7; ++i)
    tensors.push_back({"other." + std::to_string(i), {1}, draw(1)});
  tensors.push_back({"model.norm.weight", {1, 2}, gain});
  store.fill(50);
  MemoryStore before = store;
  writeTensors(path, tensors);
  Status status = loadParameters(path, store, notes);
  EXPECT_EQ(status.message(),
            path +
                ": tensor 'model.embed_tokens.weight' is missing; 7 tensors "
                "are unknown to the plan: 'other.0', 'other.1', 'other.2', "
                "'other.3', 'other.4', ...; tensor 'model.norm.weight' has "
                "shape [1, 2], the plan has [2]; the file does not belong to "
                "this plan");
  // Nothing was written.
  EXPECT_EQ(store.values[0], before.values[0]);
  tensors = both();
  tensors[0].shape = {2, 3};
  tensors[1].shape = {2, 1};
  EXPECT_TRUE(failsWith(load(tensors),
                        "2 tensors have other shapes: "
                        "'model.embed_tokens.weight' has shape [2, 3]"));
  tensors = both();
  tensors[1].dtype = "I8";
  EXPECT_TRUE(failsWith(load(tensors), "'model.norm.weight' has dtype I8"));
}

TEST_F(Weights, WhatUnknownNamesTell) {
  std::vector<FileTensor> tensors = both();
  tensors[0].name = "model.layers.0.mlp.up_proj.qweight";
  EXPECT_TRUE(failsWith(load(tensors), "the checkpoint is quantized"));
  tensors[0].name = "base_model.model.layers.0.q_proj.lora_A.weight";
  EXPECT_TRUE(failsWith(load(tensors), "an adapter (LoRA)"));
}

// Names are somebody else's: they neither steer a terminal nor fill it.
TEST_F(Weights, MessagesAreBounded) {
  std::vector<FileTensor> tensors = both();
  for (int i = 0; i < 1000; ++i)
    tensors.push_back(
        {"\x1b[2J" + std::string(500, 'n') + std::to_string(i), {1}, draw(1)});
  Status status = load(tensors);
  EXPECT_TRUE(failsWith(status, "1000 tensors are unknown"));
  EXPECT_LT(status.message().size(), 900u);
  EXPECT_EQ(status.message().find('\x1b'), std::string::npos);
}

TEST(TensorNames, Wrappers) {
  std::set<std::string> stripped;
  EXPECT_EQ(withoutWrappers("module.a.module.b", stripped), "a.module.b");
  EXPECT_EQ(withoutWrappers("a._orig_mod", stripped), "a._orig_mod");
  EXPECT_EQ(withoutWrappers("a_orig_mod.b", stripped), "a_orig_mod.b");
  EXPECT_EQ(withoutWrappers("module.module.x", stripped), "x");
  EXPECT_EQ(stripped, std::set<std::string>{"module."});
  EXPECT_EQ(withoutWrappers("a._checkpoint_wrapped_module.b", stripped), "a.b");
  EXPECT_EQ(withoutWrappers("", stripped), "");
  EXPECT_EQ(withoutWrappers("a..b.", stripped), "a..b.");
}
