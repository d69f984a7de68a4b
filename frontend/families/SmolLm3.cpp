//===- SmolLm3.cpp - model_type "smollm3" ---------------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "frontend/DecoderConfig.h"
#include "frontend/Families.h"
#include "frontend/JsonConfig.h"

using namespace lns;

/// Every fourth layer has no RoPE, if nothing else is said. In no_rope_layers,
/// 1 means *with* RoPE.
static void readOwn(JsonSection &root, DecoderConfig &config) {
  int64_t interval = root.getInteger("no_rope_layer_interval", 1).value_or(4);
  std::optional<llvm::SmallVector<int64_t>> flags =
      root.getIntegers("no_rope_layers", 0, 1);
  if (flags && flags->size() != static_cast<size_t>(config.layers)) {
    root.mismatch("no_rope_layers")
        << "has " << flags->size() << " entries, and num_hidden_layers is "
        << config.layers << "; give one entry for each layer";
    return;
  }
  for (int64_t layer = 0; layer < config.layers; ++layer)
    config.rotates.push_back(flags ? (*flags)[layer] == 1
                                   : (layer + 1) % interval != 0);
}

const Family lns::kSmolLm3 = {
    .modelType = "smollm3",
    .architecture = "SmolLM3ForCausalLM",
    .window = WindowRule::NoneByFlag,
    .defaults = {.ropeBase = 2e6, .tiedHead = true, .kvHeads = 4},
    .readOwn = readOwn,
};
