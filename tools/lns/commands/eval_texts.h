//===- eval_texts.h - Questions and texts that are evaluated ----*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOOLS_LNS_COMMANDS_EVAL_TEXTS_H
#define LNS_TOOLS_LNS_COMMANDS_EVAL_TEXTS_H

#include "tools/lns/base/status.h"
#include "tools/lns/commands/data_sources.h"
#include "tools/lns/train/plan_session.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace lns::tool {

/// What `lns eval` was asked for, as far as it is about texts, not tokens.
struct EvalOptions {
  std::string planPath, checkpoint;
  std::string adapter;            ///< folder of PEFT's; empty: none
  std::string choices;            ///< a file of questions
  std::vector<std::string> texts; ///< files for rolling perplexity
  std::string tokenizerPath;      ///< empty: tokens are bytes
  std::optional<uint32_t> prefixToken;
  std::string samples; ///< where log-likelihoods go; empty: nowhere
  bool withoutMutualInformation = false;
  RowChoices rows; ///< of texts as of data with documents
  bool json = false, force = false;
  std::optional<uint64_t> stepsDone;
  PlanSession::Options session;
};

/// Answers the questions of a file and prints the metrics of each task.
Status evaluateChoices(const EvalOptions &options);

/// Prints perplexities of texts, in rolling windows.
Status evaluateTexts(const EvalOptions &options);

} // namespace lns::tool

#endif // LNS_TOOLS_LNS_COMMANDS_EVAL_TEXTS_H
