//===- Gemma.cpp - What Gemma 2 and 3 have in common ----------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "frontend/families/Gemma.h"

#include <cmath>

using namespace lns;

/// Beyond these, f32 overflows or everything is capped.
static constexpr double kLeast = 1e-6, kMost = 1e6;

void lns::readGemma(JsonSection &root, DecoderConfig &config,
                    const GemmaCaps &caps) {
  auto readCap = [&](llvm::StringRef key, std::optional<double> absent) {
    std::optional<double> cap = root.getNumber(key);
    if (!cap)
      return root.isNull(key) ? std::nullopt : absent;
    if (*cap < kLeast || *cap > kMost)
      root.mismatch(key) << "must be from 1e-6 to 1e6, or null for none";
    return cap;
  };
  config.scoreCap = readCap("attn_logit_softcapping", caps.scores);
  config.logitCap = readCap("final_logit_softcapping", caps.logits);
  double scalar = root.getNumber("query_pre_attn_scalar").value_or(256);
  if (scalar < kLeast || scalar > kMost) {
    root.mismatch("query_pre_attn_scalar") << "must be from 1e-6 to 1e6";
    return;
  }
  config.attentionScale = 1 / std::sqrt(scalar);
  config.embeddingScale = std::sqrt(static_cast<double>(config.hidden));
  if (root.isSet("use_bidirectional_attention"))
    root.mismatch("use_bidirectional_attention")
        << "only attention to earlier tokens is supported; it must be false";
}
