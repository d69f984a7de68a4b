//===- Granite.cpp - model_type "granite" ---------------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "frontend/DecoderConfig.h"
#include "frontend/Families.h"
#include "frontend/JsonConfig.h"

using namespace lns;

/// Its four multipliers are 1 where they are not given, that of the scores too:
/// not 1/sqrt(head_dim).
static void readOwn(JsonSection &root, DecoderConfig &config) {
  auto read = [&](llvm::StringRef key) {
    // Published ones are from 1/128 to 16; beyond this, f32 overflows.
    constexpr double least = 1e-6, most = 1e6;
    double value = root.getNumber(key).value_or(1);
    if (value >= least && value <= most)
      return value;
    root.mismatch(key) << "must be from 1e-6 to 1e6";
    return 1.0;
  };
  config.embeddingScale = read("embedding_multiplier");
  config.attentionScale = read("attention_multiplier");
  config.residualScale = read("residual_multiplier");
  config.logitScale = 1 / read("logits_scaling");
}

const Family lns::kGranite = {
    .modelType = "granite",
    .architecture = "GraniteForCausalLM",
    .readOwn = readOwn,
};
