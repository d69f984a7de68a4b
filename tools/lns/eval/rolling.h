//===- rolling.h - Likelihood of whole texts in windows ---------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOOLS_LNS_EVAL_ROLLING_H
#define LNS_TOOLS_LNS_EVAL_ROLLING_H

#include "tools/lns/eval/scored_text.h"
#include "tools/lns/train/plan_session.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace lns::tool {

/// Windows by which every token of a text is predicted once by a model of
/// `sequence` tokens, as lm-evaluation-harness has them. The first one predicts
/// T tokens, the first of them from the prefix token; each further one the next
/// T, with one token of context. The last one is moved left so that it is full
/// where there is text enough, and only its new tokens count.
class RollingWindows {
public:
  /// `tokens` must outlive it.
  RollingWindows(std::span<const int32_t> tokens, int32_t prefix,
                 uint32_t sequence)
      : tokens(tokens), prefix(prefix), sequence(sequence) {}

  size_t size() const { return (tokens.size() + sequence - 1) / sequence; }
  ScoredText operator[](size_t index) const;

private:
  std::span<const int32_t> tokens;
  int32_t prefix;
  uint32_t sequence;
};

/// Sums over texts; the numbers follow from them.
struct RollingScore {
  double logLikelihood = 0; ///< nats
  uint64_t texts = 0, windows = 0, tokens = 0, bytes = 0, words = 0;

  double bitsPerByte() const;
  double bytePerplexity() const; ///< infinite if it is beyond a double
  double wordPerplexity() const;
};

/// Adds a text of these tokens, at least one, to `score`. The tokens include
/// what the tokenizer puts before a text, which is predicted, too; its bytes
/// and words are those of `text` as it is.
Status scoreRolling(const PlanFile &plan, PlanSession &session,
                    std::string_view text, std::span<const int32_t> tokens,
                    int32_t prefix, std::optional<uint64_t> packAlign,
                    RollingScore &score);

} // namespace lns::tool

#endif // LNS_TOOLS_LNS_EVAL_ROLLING_H
