//===- Llama.cpp - model_type "llama" -------------------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "frontend/Families.h"

using namespace lns;

const Family lns::kLlama = {
    .modelType = "llama",
    .architecture = "LlamaForCausalLM",
};
