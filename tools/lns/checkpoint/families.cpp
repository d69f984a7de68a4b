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
    {.modelType = "mistral",
     .architecture = "MistralForCausalLM",
     .defaults = {.kvHeads = 8},
     .window = WindowKind::EveryLayer},
    {.modelType = "qwen2",
     .architecture = "Qwen2ForCausalLM",
     .defaults = {.kvHeads = 32},
     .window = WindowKind::ByFlag,
     .biases = BiasKind::QueryKeyValue},
    {.modelType = "qwen3",
     .architecture = "Qwen3ForCausalLM",
     .defaults = {.kvHeads = 32, .headDim = 128},
     .window = WindowKind::ByFlag,
     .headNorm = HeadNorm::Head,
     .biases = BiasKind::Attention},
    {.modelType = "olmo2",
     .architecture = "Olmo2ForCausalLM",
     .defaults = {.eps = 1e-5},
     .stand = NormStand::Behind,
     .headNorm = HeadNorm::Full,
     .biases = BiasKind::Attention},
    {.modelType = "exaone4",
     .architecture = "Exaone4ForCausalLM",
     .defaults = {.eps = 1e-5, .kvHeads = 32},
     .window = WindowKind::ByPattern,
     .windowPattern = 4,
     .readsWindowPattern = true,
     .ropeWithWindowOnly = true,
     .stand = NormStand::Behind,
     .headNorm = HeadNorm::Head},
    {.modelType = "granite",
     .architecture = "GraniteForCausalLM",
     .defaults =
         {.others = R"({"embedding_multiplier": 1, "attention_multiplier": 1,)"
                    R"("residual_multiplier": 1, "logits_scaling": 1})"},
     .biases = BiasKind::AttentionMlp,
     .hasBranchFactor = true,
     .isSpecial = true,
     .isTarget = false},
    {.modelType = "smollm3",
     .architecture = "SmolLM3ForCausalLM",
     .defaults = {.ropeBase = 2e6,
                  .kvHeads = 4,
                  .others = R"({"no_rope_layer_interval": 4})"},
     .window = WindowKind::NoneByFlag,
     .biases = BiasKind::AttentionMlp,
     .isSpecial = true,
     .isTarget = false},
    {.modelType = "gemma2",
     .architecture = "Gemma2ForCausalLM",
     .keys = {.activation = "hidden_activation"},
     .defaults =
         {.kvHeads = 4,
          .headDim = 256,
          .activation = "gelu_pytorch_tanh",
          .others =
              R"({"attn_logit_softcapping": 50,)"
              R"("final_logit_softcapping": 30, "query_pre_attn_scalar": 256})"},
     .window = WindowKind::ByPattern,
     .windowPattern = 2,
     .stand = NormStand::Around,
     .biases = BiasKind::Attention,
     .headsDivideWidth = true,
     .hasGainOffset = true,
     .isSpecial = true},
    {.modelType = "gemma3_text",
     .architecture = "Gemma3ForCausalLM",
     .keys = {.activation = "hidden_activation"},
     .defaults =
         {.ropeBase = 1e6,
          .localRopeBase = 1e4,
          .kvHeads = 4,
          .headDim = 256,
          .activation = "gelu_pytorch_tanh",
          .others =
              R"({"attn_logit_softcapping": null,)"
              R"("final_logit_softcapping": null, "query_pre_attn_scalar": 256})"},
     .window = WindowKind::ByPattern,
     .windowPattern = 6,
     .readsWindowPattern = true,
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
     .hasUsualNames = true,
     .defaults = {.eps = 1e-5,
                  .activation = "gelu_pytorch_tanh",
                  .others = R"({"scale_attn_weights": true,)"
                            R"("scale_attn_by_inverse_layer_idx": false})"},
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
     .defaults =
         {.eps = 1e-5, .ropeBase = 5e5, .kvHeads = 5, .activation = "relu2"},
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
  // Of keys beside these four nobody reads another name.
  bool isSize = key == &ConfigKeys::hidden || key == &ConfigKeys::layers ||
                key == &ConfigKeys::heads || key == &ConfigKeys::positions;
  return family.hasUsualNames && isSize && !has(own) && has(usual) ? usual
                                                                   : own;
}

} // namespace lns::tool
