//===- families.cpp - Model types of Hugging Face files -------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/checkpoint/families.h"

#include <nlohmann/json.hpp>

namespace lns::tool {

static constexpr FamilyInfo families[] = {
    {.modelType = "llama",
     .architecture = "LlamaForCausalLM",
     .biases = BiasKind::AttentionMlp,
     .headsDivideWidth = true},
    {.modelType = "mistral", .architecture = "MistralForCausalLM"},
    {.modelType = "qwen2",
     .architecture = "Qwen2ForCausalLM",
     .biases = BiasKind::QueryKeyValue},
    {.modelType = "qwen3",
     .architecture = "Qwen3ForCausalLM",
     .headNorm = HeadNorm::Head,
     .biases = BiasKind::Attention},
    {.modelType = "olmo2",
     .architecture = "Olmo2ForCausalLM",
     .stand = NormStand::Behind,
     .headNorm = HeadNorm::Full,
     .biases = BiasKind::Attention},
    {.modelType = "exaone4",
     .architecture = "Exaone4ForCausalLM",
     .stand = NormStand::Behind,
     .headNorm = HeadNorm::Head},
    {.modelType = "granite",
     .architecture = "GraniteForCausalLM",
     .biases = BiasKind::AttentionMlp,
     .hasBranchFactor = true,
     .isSpecial = true,
     .isTarget = false},
    {.modelType = "smollm3",
     .architecture = "SmolLM3ForCausalLM",
     .biases = BiasKind::AttentionMlp,
     .isSpecial = true,
     .isTarget = false},
    {.modelType = "gemma2",
     .architecture = "Gemma2ForCausalLM",
     .keys = {.activation = "hidden_activation"},
     .stand = NormStand::Around,
     .biases = BiasKind::Attention,
     .headsDivideWidth = true,
     .hasGainOffset = true,
     .isSpecial = true},
    {.modelType = "gemma3_text",
     .architecture = "Gemma3ForCausalLM",
     .keys = {.activation = "hidden_activation"},
     .stand = NormStand::Around,
     .headNorm = HeadNorm::Head,
     .biases = BiasKind::Attention,
     .headsDivideWidth = true,
     .hasGainOffset = true,
     .isSpecial = true,
     .isTarget = false},
    {.modelType = "gpt2",
     .architecture = "GPT2LMHeadModel",
     .keys = {.hidden = "n_embd",
              .intermediate = "n_inner",
              .layers = "n_layer",
              .heads = "n_head",
              .positions = "n_positions",
              .eps = "layer_norm_epsilon",
              .activation = "activation_function"},
     .biases = BiasKind::All,
     .headsDivideWidth = true,
     .hasLayerNorm = true,
     .hasLearnedPositions = true,
     .isGated = false,
     .innerFactor = 4,
     .layout = &gpt2Layout,
     .isSpecial = true,
     .isTarget = false},
    {.modelType = "bitnet",
     .architecture = "BitNetForCausalLM",
     .stand = NormStand::Inside,
     .biases = BiasKind::Attention,
     .headsDivideWidth = true},
};

std::span<const FamilyInfo> allFamilies() { return families; }

const FamilyInfo *findFamily(std::string_view modelType) {
  for (const FamilyInfo &family : families)
    if (family.modelType == modelType)
      return &family;
  return nullptr;
}

const char *keyIn(const nlohmann::json &config, const FamilyInfo &family,
                  const char *ConfigKeys::*key) {
  const char *own = family.keys.*key, *usual = ConfigKeys().*key;
  auto has = [&](const char *name) {
    auto it = config.find(name);
    return it != config.end() && !it->is_null();
  };
  return !has(own) && has(usual) ? usual : own;
}

} // namespace lns::tool
