//===- Qwen3.cpp - model_type "qwen3" -------------------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "frontend/Families.h"

using namespace lns;

const Family lns::kQwen3 = {
    .modelType = "qwen3",
    .architecture = "Qwen3ForCausalLM",
    .qkNorm = QkNorm::Head,
    .biases = BiasRule::ByAttentionKey,
    .window = WindowRule::ByFlag,
    .defaults = {.kvHeads = 32, .headDim = 128},
};
