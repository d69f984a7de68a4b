//===- sampler.cpp - Choosing the next token ------------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/train/sampler.h"

#include "tools/lns/base/philox.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

namespace lns::tool {

int32_t sampleToken(std::span<const float> logits,
                    const SamplerOptions &options, uint64_t position) {
  std::vector<int32_t> order;
  for (size_t i = 0; i < logits.size(); ++i)
    if (std::isfinite(logits[i]))
      order.push_back(static_cast<int32_t>(i));
  if (order.empty())
    return -1;
  auto larger = [&](int32_t a, int32_t b) {
    float la = logits[static_cast<size_t>(a)];
    float lb = logits[static_cast<size_t>(b)];
    return la != lb ? la > lb : a < b;
  };
  // A vocabulary takes longer to sort than a token of a small model to compute.
  if (options.temperature <= 0)
    return *std::min_element(order.begin(), order.end(), larger);
  if (options.topK > 0 && options.topK < order.size()) {
    std::nth_element(order.begin(),
                     order.begin() + static_cast<ptrdiff_t>(options.topK),
                     order.end(), larger);
    order.resize(options.topK);
  }
  std::sort(order.begin(), order.end(), larger);

  double best = logits[static_cast<size_t>(order[0])];
  std::vector<double> weights;
  double total = 0;
  for (int32_t token : order) {
    double logit = logits[static_cast<size_t>(token)];
    weights.push_back(std::exp((logit - best) / options.temperature));
    total += weights.back();
  }
  // The fewest that have enough of it; what is left out has no draws.
  double kept = 0;
  for (size_t i = 0; i < order.size() && options.topP < 1; ++i) {
    kept += weights[i];
    if (kept < options.topP * total)
      continue;
    order.resize(i + 1);
    total = kept;
  }
  double draw = philoxUniform(options.seed, PhiloxStream::Sample, position,
                              options.text) *
                total;
  for (size_t i = 0; i < order.size(); ++i) {
    draw -= weights[i];
    if (draw < 0)
      return order[i];
  }
  return order[0];
}

static constexpr const char *replacement = "\xEF\xBF\xBD";

std::string TextSanitizer::finish() {
  std::string out = pending.empty() ? "" : replacement;
  pending.clear();
  missing = 0;
  return out;
}

std::string TextSanitizer::push(unsigned char byte) {
  if (missing > 0 && (byte & 0xC0) == 0x80) {
    pending.push_back(static_cast<char>(byte));
    // The second byte rules out overlong forms, surrogates and what lies
    // beyond U+10FFFF.
    unsigned char lead = static_cast<unsigned char>(pending[0]);
    if (pending.size() == 2 &&
        ((lead == 0xE0 && byte < 0xA0) || (lead == 0xED && byte > 0x9F) ||
         (lead == 0xF0 && byte < 0x90) || (lead == 0xF4 && byte > 0x8F)))
      return finish();
    if (--missing > 0)
      return "";
    return std::exchange(pending, {});
  }
  std::string out = finish();
  if (byte < 0x80) {
    if (byte == '\n' || byte == '\t' || (byte >= 32 && byte != 127))
      return out + static_cast<char>(byte);
    return out + replacement;
  }
  if (byte >= 0xC2 && byte <= 0xF4) {
    pending.push_back(static_cast<char>(byte));
    missing = byte < 0xE0 ? 1 : byte < 0xF0 ? 2 : 3;
    return out;
  }
  return out + replacement;
}

} // namespace lns::tool
