//===- Gpt2.cpp - model_type "gpt2" ---------------------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "frontend/DecoderConfig.h"
#include "frontend/Families.h"
#include "frontend/JsonConfig.h"

#include <cmath>

using namespace lns;

// As transformers has them.
static constexpr KeyAlias kAliases[] = {
    {"hidden_size", "n_embd"},
    {"num_hidden_layers", "n_layer"},
    {"num_attention_heads", "n_head"},
    {"max_position_embeddings", "n_positions"}};

static void readOwn(JsonSection &root, DecoderConfig &config) {
  bool byWidth = root.getBool("scale_attn_weights").value_or(true);
  bool byLayer =
      root.getBool("scale_attn_by_inverse_layer_idx").value_or(false);
  auto width = static_cast<double>(config.headDim);
  double scale = byWidth && width > 0 ? 1 / std::sqrt(width) : 1;
  if (!byWidth)
    config.attentionScale = scale;
  if (byLayer)
    for (int64_t layer = 1; layer <= config.layers; ++layer)
      config.layerAttentionScales.push_back(scale / static_cast<double>(layer));
  // Nobody reads it any more; the table has as many rows as n_positions says.
  root.ignore({"n_ctx"});
  if (root.has("n_ctx") && config.positions &&
      root.quote("n_ctx") != std::to_string(config.positions))
    root.warn("n_ctx") << config.keys.positions << " is " << config.positions
                       << ", and so many positions there are; remove n_ctx for "
                          "no warning";
  if (root.isSet("add_cross_attention"))
    root.mismatch("add_cross_attention")
        << "only attention of a sequence to itself is supported; it must be "
           "false";
  // In which order scores are scaled, and in which type; heads of other tasks;
  // what the first published files have, and nobody reads.
  root.ignore({"reorder_and_upcast_attn", "summary_activation",
               "summary_first_dropout", "summary_proj_to_labels",
               "summary_type", "summary_use_proj", "n_special",
               "predict_special_tokens"});
}

const Family lns::kGpt2 = {
    .modelType = "gpt2",
    .architecture = "GPT2LMHeadModel",
    .keys = {.hidden = "n_embd",
             .intermediate = "n_inner",
             .layers = "n_layer",
             .heads = "n_head",
             .positions = "n_positions",
             .normEps = "layer_norm_epsilon"},
    .aliases = kAliases,
    .init = InitRule::Scaled,
    .normKind = NormKind::layer,
    .biases = BiasRule::Always,
    .learnedPositions = true,
    .isGated = false,
    .activationKey = "activation_function",
    .activation = Activation::gelu_tanh,
    .asksForDropout = true,
    .defaults = {.normEps = 1e-5, .tiedHead = true, .innerFactor = 4},
    .readOwn = readOwn,
};
