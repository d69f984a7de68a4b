//===- loss_spans.h - Which tokens the loss is on ---------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOOLS_LNS_DATA_LOSS_SPANS_H
#define LNS_TOOLS_LNS_DATA_LOSS_SPANS_H

#include "tokenizer/tokenizer.h"

#include <cstdint>
#include <span>
#include <vector>

namespace lns::tool {

struct TokenMask {
  std::vector<bool> targets; ///< by token
  uint64_t count = 0;        ///< of them
  /// Tokens that have bytes on both sides of a span's border: they are targets,
  /// or not, as a whole.
  uint64_t straddling = 0;
};

/// A token is a target if and only if its first byte is in one of `answers`.
/// Both lists of spans are in order, the answers apart from each other.
TokenMask maskTokens(std::span<const tokenizer::Span> tokens,
                     std::span<const tokenizer::Span> answers);

} // namespace lns::tool

#endif // LNS_TOOLS_LNS_DATA_LOSS_SPANS_H
