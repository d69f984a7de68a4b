//===- log_likelihood.h - How likely texts are to a model -------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOOLS_LNS_EVAL_LOG_LIKELIHOOD_H
#define LNS_TOOLS_LNS_EVAL_LOG_LIKELIHOOD_H

#include "tools/lns/eval/scored_text.h"
#include "tools/lns/train/plan_session.h"

#include <optional>
#include <span>
#include <vector>

namespace lns::tool {

/// log softmax of one position's logits, summed in double and in the order of
/// tokens. `logits` are those of all of the plan's vocabulary.
double logNormalizer(std::span<const float> logits);

/// For each text, the sum of the natural logarithms of what the model gives its
/// continuation's tokens. They stand in rows of the plan's T, of which B are
/// computed at once: a text's number depends on batch and order by the rounding
/// of f32 alone. With `packAlign` the plan takes starts, and texts share rows,
/// in which they begin at its multiples; else each has a row. An error if a
/// logit is not finite, if the plan has no entry point for logits, or at an
/// interrupt (interrupt.h).
Expected<std::vector<double>>
computeLogLikelihoods(const PlanFile &plan, PlanSession &session,
                      std::span<const ScoredText> texts,
                      std::optional<uint64_t> packAlign);

} // namespace lns::tool

#endif // LNS_TOOLS_LNS_EVAL_LOG_LIKELIHOOD_H
