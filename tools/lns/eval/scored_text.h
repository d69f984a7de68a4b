//===- scored_text.h - Tokens that are scored behind others -----*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOOLS_LNS_EVAL_SCORED_TEXT_H
#define LNS_TOOLS_LNS_EVAL_SCORED_TEXT_H

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

namespace lns::tool {

/// Tokens, the continuation, whose likelihood behind others, the context, is
/// asked for. A model of T tokens sees the last T of both but the very last
/// token: what is further left of the context is cut off.
class ScoredText {
public:
  using Context = std::shared_ptr<const std::vector<int32_t>>;

  /// `context` is not empty; `continuation` has 1 to `sequence` tokens. Several
  /// texts may share a context.
  ScoredText(Context context, std::vector<int32_t> continuation,
             uint32_t sequence)
      : before(std::move(context)), scored(std::move(continuation)) {
    kept = std::min(before->size(), sequence + size_t{1} - scored.size());
  }

  /// What the model sees: at least as many as the continuation has tokens.
  size_t inputs() const { return kept + scored.size() - 1; }
  int32_t input(size_t at) const {
    return at < kept ? (*before)[before->size() - kept + at]
                     : scored[at - kept];
  }
  /// The continuation; its token i is what input inputs() - size() + i
  /// predicts.
  const std::vector<int32_t> &continuation() const { return scored; }
  /// Something of the context is not seen.
  bool isCut() const { return kept < before->size(); }

private:
  Context before;
  std::vector<int32_t> scored;
  size_t kept = 0; ///< the context's last tokens
};

} // namespace lns::tool

#endif // LNS_TOOLS_LNS_EVAL_SCORED_TEXT_H
