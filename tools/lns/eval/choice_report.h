//===- choice_report.h - What evaluations print -----------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOOLS_LNS_EVAL_CHOICE_REPORT_H
#define LNS_TOOLS_LNS_EVAL_CHOICE_REPORT_H

#include "tools/lns/base/status.h"
#include "tools/lns/eval/choice_metrics.h"

#include <string>
#include <vector>

namespace lns::tool {

/// A table with a line for each task, means with standard errors; the row of
/// all is left out where there is one task.
std::string formatTable(const std::vector<TaskMetrics> &rows);

/// One line: {"tasks": {NAME: {"n", "cut", METRIC, METRIC_stderr, METRIC_n,
/// ...}}, "all": {...}, ...}. What there is not is null.
std::string formatJson(const std::vector<TaskMetrics> &rows,
                       const std::string &path, uint32_t sequence,
                       int32_t prefixToken);

/// Writes a line of JSON for each question: its log-likelihoods by answer, what
/// they are without context, tokens, which contexts were cut.
Status writeSamples(const std::string &path,
                    const std::vector<ChoiceQuestion> &questions,
                    const std::vector<QuestionScore> &scores);

} // namespace lns::tool

#endif // LNS_TOOLS_LNS_EVAL_CHOICE_REPORT_H
