//===- Mistral.cpp - model_type "mistral" ---------------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "frontend/Families.h"

using namespace lns;

static constexpr RequiredKey kRequired[] = {
    {"num_key_value_heads", ", because Mistral's default is 8 and a LLaMA's "
                            "num_attention_heads"},
    {"sliding_window",
     ", a number or null, because Mistral's default is a window of 4096"}};

const Family lns::kMistral = {
    .modelType = "mistral",
    .architecture = "MistralForCausalLM",
    .biases = BiasRule::Never,
    .window = WindowRule::EveryLayer,
    .required = kRequired,
};
