//===- Exaone4.cpp - model_type "exaone4" ---------------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "frontend/Families.h"

using namespace lns;

static constexpr RequiredKey kRequired[] = {
    {"sliding_window",
     ", a number or null, because EXAONE 4's default is a window of 4096"}};

const Family lns::kExaone4 = {
    .modelType = "exaone4",
    .architecture = "Exaone4ForCausalLM",
    .norm = {.scheme = NormScheme::Reordered},
    .qkNorm = QkNorm::Head,
    .biases = BiasRule::Never,
    .window = WindowRule::ByPattern,
    .windowPattern = 4,
    .readsWindowPattern = true,
    .ropeWithWindowOnly = true,
    .defaults = {.normEps = 1e-5, .kvHeads = 32},
    .required = kRequired,
};
