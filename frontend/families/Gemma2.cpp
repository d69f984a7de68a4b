//===- Gemma2.cpp - model_type "gemma2" -----------------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "frontend/families/Gemma.h"

using namespace lns;

static void readOwn(JsonSection &root, DecoderConfig &config) {
  readGemma(root, config, {.scores = 50, .logits = 30});
  // An older name for the window, which nobody reads.
  root.ignore({"sliding_window_size"});
}

const Family lns::kGemma2 = {
    .modelType = "gemma2",
    .architecture = "Gemma2ForCausalLM",
    .norm = {.scheme = NormScheme::Sandwich},
    .biases = BiasRule::ByAttentionKey,
    .window = WindowRule::ByPattern,
    .windowPattern = 2,
    .activationKey = "hidden_activation",
    .activation = Activation::gelu_tanh,
    .gainOffset = 1,
    .defaults = {.tiedHead = true, .kvHeads = 4, .headDim = 256},
    .readOwn = readOwn,
};
