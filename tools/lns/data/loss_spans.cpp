//===- loss_spans.cpp - Which tokens the loss is on -----------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/data/loss_spans.h"

namespace lns::tool {

TokenMask maskTokens(std::span<const tokenizer::Span> tokens,
                     std::span<const tokenizer::Span> answers) {
  TokenMask mask;
  mask.targets.reserve(tokens.size());
  size_t next = 0; // The first answer that does not end before the token.
  for (tokenizer::Span token : tokens) {
    while (next < answers.size() && answers[next].end <= token.begin)
      ++next;
    bool isTarget = next < answers.size() && answers[next].begin <= token.begin;
    mask.targets.push_back(isTarget);
    mask.count += isTarget;
    // A border inside of the token: of the answer that it begins in, or of one
    // that begins in it.
    if (next < answers.size())
      mask.straddling += isTarget ? answers[next].end < token.end
                                  : answers[next].begin < token.end;
  }
  return mask;
}

} // namespace lns::tool
