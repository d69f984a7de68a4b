//===- Olmo2.cpp - model_type "olmo2" -------------------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "frontend/Families.h"

using namespace lns;

const Family lns::kOlmo2 = {
    .modelType = "olmo2",
    .architecture = "Olmo2ForCausalLM",
    .norm = {.scheme = NormScheme::Reordered},
    .qkNorm = QkNorm::Full,
    .biases = BiasRule::ByAttentionKey,
    .defaults = {.normEps = 1e-5},
};
