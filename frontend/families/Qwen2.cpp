//===- Qwen2.cpp - model_type "qwen2", Qwen 2 and 2.5 ---------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "frontend/Families.h"

using namespace lns;

const Family lns::kQwen2 = {
    .modelType = "qwen2",
    .architecture = "Qwen2ForCausalLM",
    .biases = BiasRule::QueryKeyValue,
    .window = WindowRule::ByFlag,
    .defaults = {.kvHeads = 32},
};
