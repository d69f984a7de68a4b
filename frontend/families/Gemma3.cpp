//===- Gemma3.cpp - model_type "gemma3_text" ------------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "frontend/families/Gemma.h"

using namespace lns;

static void readOwn(JsonSection &root, DecoderConfig &config) {
  readGemma(root, config, {});
  // What transformers writes beside layer_types, and does not read.
  root.ignore({"_sliding_window_pattern"});
}

const Family lns::kGemma3Text = {
    .modelType = "gemma3_text",
    .architecture = "Gemma3ForCausalLM",
    .norm = {.scheme = NormScheme::Sandwich},
    .qkNorm = QkNorm::Head,
    .biases = BiasRule::ByAttentionKey,
    .window = WindowRule::ByPattern,
    .windowPattern = 6,
    .readsWindowPattern = true,
    .localRopeBase = 1e4,
    .activationKey = "hidden_activation",
    .activation = Activation::gelu_tanh,
    .gainOffset = 1,
    .defaults = {.ropeBase = 1e6,
                 .tiedHead = true,
                 .kvHeads = 4,
                 .headDim = 256},
    .readOwn = readOwn,
};
