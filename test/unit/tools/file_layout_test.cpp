//===- file_layout_test.cpp - How files of a class hold parameters --------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/checkpoint/file_layout.h"

#include "memory_store.h"
#include "test_files.h"
#include "tools/lns/checkpoint/safetensors.h"
#include "tools/lns/checkpoint/weights.h"

#include <fmt/format.h>
#include <numeric>

using namespace lns::tool;
using Names = std::vector<std::string>;
using Shape = std::vector<int64_t>;

namespace {
/// A GPT-2 of one block with heads of 3 columns, 5 wide inside.
std::vector<NamedShape> modelOf(int64_t width = 6) {
  std::vector<NamedShape> shapes = {
      {"model.embed_tokens.weight", {7, width}},
      {"model.embed_positions.weight", {4, width}}};
  auto add = [&](const char *module, Shape weight) {
    std::string name = fmt::format("model.layers.0.{}.", module);
    shapes.push_back({name + "weight", weight});
    shapes.push_back({name + "bias", {weight[0]}});
  };
  add("input_layernorm", {width});
  for (const char *letter : {"q", "k", "v", "o"})
    add(fmt::format("self_attn.{}_proj", letter).c_str(), {width, width});
  add("post_attention_layernorm", {width});
  add("mlp.up_proj", {5, width});
  add("mlp.down_proj", {width, 5});
  shapes.push_back({"model.norm.weight", {width}});
  shapes.push_back({"model.norm.bias", {width}});
  return shapes;
}

std::string describe(const FileTensor &tensor) {
  std::string text = tensor.name + " " + formatShape(tensor.shape);
  for (size_t part : tensor.parts)
    text += fmt::format(" {}", part);
  return text + (tensor.isTransposed ? " T" : "");
}

Names describe(const std::vector<FileTensor> &tensors) {
  Names texts;
  for (const FileTensor &tensor : tensors)
    texts.push_back(describe(tensor));
  return texts;
}

/// Files of a GPT-2 whose numbers say where they stand.
class Gpt2Files : public ::testing::Test {
protected:
  struct Tensor {
    Shape shape;
    std::vector<float> values;
  };

  void SetUp() override {
    std::vector<TensorDescription> descriptions;
    for (const NamedShape &parameter : modelOf()) {
      uint64_t elements = 0;
      countElements(parameter.shape, elements);
      descriptions.push_back({parameter.name, parameter.shape, elements});
    }
    store = MemoryStore(descriptions);
    float next = 1;
    for (const FileTensor &tensor : layOut(&gpt2Layout, modelOf())) {
      uint64_t elements = 0;
      countElements(tensor.shape, elements);
      std::vector<float> values(elements);
      std::iota(values.begin(), values.end(), next);
      next += static_cast<float>(elements);
      tensors[tensor.name] = {tensor.shape, values};
    }
  }

  Status load() {
    std::vector<SafetensorsSpec> specs;
    for (const auto &[name, tensor] : tensors)
      specs.push_back({name, tensor.shape});
    auto writer = SafetensorsWriter::create(path, specs, {});
    if (!writer)
      return writer.status();
    for (const auto &[name, tensor] : tensors)
      LNS_RETURN_IF_ERROR(writer->append(tensor.values));
    LNS_RETURN_IF_ERROR(writer->commit());
    notes.clear();
    return loadParameters(path, store, notes);
  }

  const std::vector<float> &loaded(const std::string &name) {
    for (size_t i = 0; i < store.descriptions.size(); ++i)
      if (store.descriptions[i].name == name)
        return store.at(TensorKind::Parameter, i);
    ADD_FAILURE() << name;
    return store.at(TensorKind::Parameter, 0);
  }

  /// All parameters are where the class has them.
  void expectLoaded(const std::string &prefix = "transformer.") {
    const Tensor &attention = tensors[prefix + "h.0.attn.c_attn.weight"];
    const Tensor &biases = tensors[prefix + "h.0.attn.c_attn.bias"];
    for (size_t letter = 0; letter < 3; ++letter) {
      std::string name =
          fmt::format("model.layers.0.self_attn.{}_proj.", "qkv"[letter]);
      for (size_t i = 0; i < 6; ++i) {
        EXPECT_EQ(loaded(name + "bias")[i], biases.values[letter * 6 + i]);
        for (size_t j = 0; j < 6; ++j)
          EXPECT_EQ(loaded(name + "weight")[i * 6 + j],
                    attention.values[j * 18 + letter * 6 + i]);
      }
    }
    const Tensor &down = tensors[prefix + "h.0.mlp.c_proj.weight"];
    for (size_t i = 0; i < 6; ++i)
      for (size_t j = 0; j < 5; ++j)
        EXPECT_EQ(loaded("model.layers.0.mlp.down_proj.weight")[i * 5 + j],
                  down.values[j * 6 + i]);
    EXPECT_EQ(loaded("model.embed_positions.weight"),
              tensors[prefix + "wpe.weight"].values);
    EXPECT_EQ(loaded("model.layers.0.post_attention_layernorm.bias"),
              tensors[prefix + "h.0.ln_2.bias"].values);
  }

  TempFolder folder;
  std::string path = folder / "m.safetensors";
  std::map<std::string, Tensor> tensors;
  MemoryStore store;
  Names notes;
};
} // namespace

TEST(FileLayout, OfGpt2) {
  EXPECT_EQ(describe(layOut(&gpt2Layout, modelOf())),
            (Names{"transformer.wte.weight [7, 6] 0",
                   "transformer.wpe.weight [4, 6] 1",
                   "transformer.h.0.ln_1.weight [6] 2",
                   "transformer.h.0.ln_1.bias [6] 3",
                   "transformer.h.0.attn.c_attn.weight [6, 18] 4 6 8 T",
                   "transformer.h.0.attn.c_attn.bias [18] 5 7 9 T",
                   "transformer.h.0.attn.c_proj.weight [6, 6] 10 T",
                   "transformer.h.0.attn.c_proj.bias [6] 11 T",
                   "transformer.h.0.ln_2.weight [6] 12",
                   "transformer.h.0.ln_2.bias [6] 13",
                   "transformer.h.0.mlp.c_fc.weight [6, 5] 14 T",
                   "transformer.h.0.mlp.c_fc.bias [5] 15 T",
                   "transformer.h.0.mlp.c_proj.weight [5, 6] 16 T",
                   "transformer.h.0.mlp.c_proj.bias [6] 17 T",
                   "transformer.ln_f.weight [6] 18",
                   "transformer.ln_f.bias [6] 19"}));
}

// Parts stand in the order of the table; what it does not know stays as it is,
// and so does everything without one.
TEST(FileLayout, OfOtherParameters) {
  std::vector<NamedShape> shapes = {
      {"model.layers.12.self_attn.v_proj.weight", {2, 3}},
      {"model.layers.12.self_attn.q_proj.weight", {5, 3}},
      {"model.layers.12.self_attn.q_norm.weight", {3}},
      {"model.layers.x.self_attn.q_proj.weight", {2, 3}},
      {"model.layers.1", {2}},
      {"model.layers.1.self_attn.o_proj.scale", {1}},
      {"lm_head.weight", {7, 3}},
      {"weight", {}}};
  EXPECT_EQ(describe(layOut(&gpt2Layout, shapes)),
            (Names{"transformer.h.12.attn.c_attn.weight [3, 7] 1 0 T",
                   "model.layers.12.self_attn.q_norm.weight [3] 2",
                   "model.layers.x.self_attn.q_proj.weight [2, 3] 3",
                   "model.layers.1 [2] 4",
                   "model.layers.1.self_attn.o_proj.scale [1] 5",
                   "lm_head.weight [7, 3] 6", "weight [] 7"}));
  Names plain = describe(layOut(nullptr, shapes));
  ASSERT_EQ(plain.size(), shapes.size());
  EXPECT_EQ(plain[0], "model.layers.12.self_attn.v_proj.weight [2, 3] 0");
  // Matrices of two widths, and vectors among them, cannot be one.
  EXPECT_EQ(describe(layOut(&gpt2Layout,
                            {{"model.layers.0.self_attn.q_proj.weight", {2, 3}},
                             {"model.layers.0.self_attn.k_proj.weight", {2, 4}},
                             {"model.layers.0.self_attn.v_proj.weight", {2}}})),
            (Names{"transformer.h.0.attn.c_attn.weight [3, 2] 0 T",
                   "transformer.h.0.attn.c_attn.weight [4, 2] 1 T",
                   "transformer.h.0.attn.c_attn.weight [2] 2 T"}));
}

// Any part of a view is what the whole has there.
TEST(FileLayout, ReadsParts) {
  TempFolder folder;
  std::string path = folder / "m.safetensors";
  constexpr uint64_t rows = 7, stride = 11, begin = 4, width = 5;
  std::vector<float> values(rows * stride);
  std::iota(values.begin(), values.end(), 1.0f);
  std::vector<uint16_t> brains;
  for (float value : values)
    brains.push_back(
        static_cast<uint16_t>(std::bit_cast<uint32_t>(value) >> 16));
  auto writer = SafetensorsWriter::create(
      path, {{"a", {7, 11}}, {"b", {7, 11}, "BF16"}}, {});
  ASSERT_TRUE(writer);
  ASSERT_TRUE(writer->append(values).ok());
  ASSERT_TRUE(writer->append(brains).ok());
  ASSERT_TRUE(writer->commit().ok());
  auto files = WeightFiles::open(path);
  ASSERT_TRUE(files) << files.status().message();
  std::vector<float> wanted;
  for (uint64_t i = 0; i < width; ++i)
    for (uint64_t j = 0; j < rows; ++j)
      wanted.push_back(values[j * stride + begin + i]);
  for (const char *name : {"a", "b"}) {
    TensorView view = {files->tensors().at(name), true, begin, stride, rows};
    for (uint64_t first = 0; first < wanted.size(); ++first)
      for (uint64_t last = first; last <= wanted.size(); ++last) {
        std::vector<float> part(last - first);
        ASSERT_TRUE(readView(*files, view, part, first).ok());
        ASSERT_TRUE(std::equal(part.begin(), part.end(),
                               wanted.begin() + static_cast<long>(first)))
            << name << first << last;
      }
  }
}

TEST_F(Gpt2Files, AreTaken) {
  Status status = load();
  ASSERT_TRUE(status.ok()) << status.message();
  EXPECT_EQ(notes, Names{});
  expectLoaded();
  // Masks are passed over, and an embedding may stand under either name.
  tensors["transformer.h.0.attn.bias"] = {{1, 1, 2, 2}, {1, 0, 1, 1}};
  tensors["transformer.h.0.attn.masked_bias"] = {{}, {-1e4f}};
  tensors["lm_head.weight"] = tensors["transformer.wte.weight"];
  status = load();
  ASSERT_TRUE(status.ok()) << status.message();
  tensors.erase("transformer.wte.weight");
  status = load();
  ASSERT_TRUE(status.ok()) << status.message();
  EXPECT_EQ(notes, (Names{path + ": 'lm_head.weight' is taken for "
                                 "'transformer.wte.weight', which the plan "
                                 "ties"}));
  expectLoaded();
}

// As the first files were published, and as torch.compile saves them.
TEST_F(Gpt2Files, AreTakenUnderOtherNames) {
  for (auto [prefix, note] :
       {std::pair{"",
                  "names of tensors are taken with 'transformer.' in front"},
        std::pair{"_orig_mod.transformer.",
                  "names of tensors are taken without '_orig_mod.'"}}) {
    std::map<std::string, Tensor> renamed, before = tensors;
    for (const auto &[name, tensor] : tensors)
      renamed[prefix + name.substr(name.find('.') + 1)] = tensor;
    tensors = renamed;
    Status status = load();
    ASSERT_TRUE(status.ok()) << status.message();
    EXPECT_EQ(notes, (Names{path + ": " + note}));
    expectLoaded(prefix);
    tensors = before;
  }
}

// The error names what the file has.
TEST_F(Gpt2Files, ThatDoNotFitAreRefused) {
  const auto good = tensors;
  tensors.erase("transformer.wpe.weight");
  tensors.erase("transformer.h.0.attn.c_attn.bias");
  tensors["transformer.h.1.ln_1.weight"] = {{1}, {1}};
  EXPECT_TRUE(failsWith(
      load(), "2 tensors are missing: 'transformer.wpe.weight', "
              "'transformer.h.0.attn.c_attn.bias'; tensor "
              "'transformer.h.1.ln_1.weight' is unknown to the plan; the file "
              "does not belong to this plan"));
  // As nn.Linear has it.
  tensors = good;
  tensors["transformer.h.0.attn.c_attn.weight"].shape = {18, 6};
  tensors["transformer.h.0.mlp.c_fc.weight"].shape = {30};
  EXPECT_TRUE(failsWith(
      load(),
      "2 tensors have other shapes: 'transformer.h.0.attn.c_attn.weight' has "
      "shape [18, 6], the plan has [6, 18], 'transformer.h.0.mlp.c_fc.weight' "
      "has shape [30], the plan has [6, 5]; compile the plan for this model"));
  tensors = good;
  tensors["lm_head.weight"] = good.at("transformer.wte.weight");
  ++tensors["lm_head.weight"].values[3];
  EXPECT_TRUE(failsWith(load(), "tensors 'transformer.wte.weight' and "
                                "'lm_head.weight' differ at element 3"));
}
