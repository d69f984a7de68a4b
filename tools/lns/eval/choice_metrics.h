//===- choice_metrics.h - Which questions are answered right ----*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOOLS_LNS_EVAL_CHOICE_METRICS_H
#define LNS_TOOLS_LNS_EVAL_CHOICE_METRICS_H

#include "tools/lns/eval/choice_rows.h"

#include <cstdint>
#include <iterator>
#include <limits>
#include <span>
#include <string>
#include <vector>

namespace lns::tool {

/// A mean over questions.
struct Estimate {
  uint64_t count = 0; ///< questions that have the number; 0: there is no mean
  double mean = std::numeric_limits<double>::quiet_NaN();
  /// Sample deviation (n - 1) over the root of n; NaN below two questions.
  double error = std::numeric_limits<double>::quiet_NaN();
};

/// Mean and standard error, summed in the order given.
Estimate estimate(std::span<const double> values);

/// What is known of one question.
struct QuestionScore {
  std::vector<double> logLikelihoods; ///< by answer
  std::vector<double> alone;          ///< without the context; may be empty
  std::vector<size_t> tokens;         ///< of the continuation, by answer
  std::vector<bool> cut; ///< by answer, whether its context did not fit

  bool isCut() const;
};

/// Takes apart what was computed for a question's texts.
QuestionScore scoreQuestion(const ChoiceQuestion &question,
                            const QuestionTexts &place,
                            std::span<const ScoredText> texts,
                            std::span<const double> logLikelihoods);

/// The first of the largest; there is one.
size_t firstLargest(std::span<const double> values);

/// Choices are counted without their delimiter.
enum class ChoiceMetric {
  Acc,               ///< 1 if the likeliest answer is right, else 0
  AccNorm,           ///< the same of log-likelihood by character of the choice
  AccBytes,          ///< by byte of the choice
  AccMutualInfo,     ///< of log-likelihood less that without the context
  BitsPerByteOfGold, ///< of the right choice; of several, the fewest
};
/// By ChoiceMetric.
inline constexpr const char *choiceMetricNames[] = {
    "acc", "acc_norm", "acc_bytes", "acc_mutual_info", "bpb_gold"};
inline constexpr size_t choiceMetricCount = std::size(choiceMetricNames);

/// A question's number; NaN where it has none. Questions whose answers are one
/// text behind several contexts have Acc alone.
double measureQuestion(const ChoiceQuestion &question,
                       const QuestionScore &score, ChoiceMetric metric);

/// The metrics of a task's questions, or of all.
struct TaskMetrics {
  std::string task;
  uint64_t questions = 0;
  uint64_t cut = 0; ///< questions with a context that did not fit
  Estimate metrics[choiceMetricCount];
};

/// A row for each task in the order in which they come first, and one for all
/// behind them, whose `task` is "all".
std::vector<TaskMetrics>
measureTasks(const std::vector<ChoiceQuestion> &questions,
             const std::vector<QuestionScore> &scores);

} // namespace lns::tool

#endif // LNS_TOOLS_LNS_EVAL_CHOICE_METRICS_H
