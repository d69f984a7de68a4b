//===- Granite.cpp - model_type "granite"
//----------------------------------===//
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
    double value = root.getNumber(key).value_or(1);
    if (value <= 0)
      root.mismatch(key) << "must be greater than 0";
    return value > 0 ? value : 1;
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
