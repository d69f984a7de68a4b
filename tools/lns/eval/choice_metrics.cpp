//===- choice_metrics.cpp - Which questions are answered right ------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/eval/choice_metrics.h"

#include "tools/lns/base/python_text.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numbers>

namespace lns::tool {

Estimate estimate(std::span<const double> values) {
  Estimate result;
  result.count = values.size();
  if (values.empty())
    return result;
  auto n = static_cast<double>(values.size());
  double sum = 0, squares = 0;
  for (double value : values)
    sum += value;
  result.mean = sum / n;
  for (double value : values)
    squares += (value - result.mean) * (value - result.mean);
  if (values.size() > 1)
    result.error = std::sqrt(squares / (n - 1)) / std::sqrt(n);
  return result;
}

bool QuestionScore::isCut() const {
  return std::find(cut.begin(), cut.end(), true) != cut.end();
}

QuestionScore scoreQuestion(const ChoiceQuestion &question,
                            const QuestionTexts &place,
                            std::span<const ScoredText> texts,
                            std::span<const double> logLikelihoods) {
  QuestionScore score;
  for (size_t i = 0; i < question.answers(); ++i) {
    const ScoredText &text = texts[place.first + i];
    score.logLikelihoods.push_back(logLikelihoods[place.first + i]);
    score.tokens.push_back(text.continuation().size());
    score.cut.push_back(text.isCut());
    if (place.hasAlone)
      score.alone.push_back(logLikelihoods[place.alone + i]);
  }
  return score;
}

size_t firstLargest(std::span<const double> values) {
  return static_cast<size_t>(std::max_element(values.begin(), values.end()) -
                             values.begin());
}

/// Bits per byte of the right choice that takes the fewest.
static double goldBits(const ChoiceQuestion &question,
                       const std::vector<double> &logLikelihoods) {
  double fewest = std::numeric_limits<double>::infinity();
  for (uint32_t i : question.gold) {
    auto bytes = static_cast<double>(question.continuation(i).size());
    fewest = std::min(fewest, -logLikelihoods[i] / (bytes * std::numbers::ln2));
  }
  return fewest;
}

double measureQuestion(const ChoiceQuestion &question,
                       const QuestionScore &score, ChoiceMetric metric) {
  constexpr double none = std::numeric_limits<double>::quiet_NaN();
  if (metric != ChoiceMetric::Acc && !question.hasChoices())
    return none;
  std::vector<double> values = score.logLikelihoods;
  for (size_t i = 0; i < values.size(); ++i) {
    const std::string &text = question.continuation(i);
    switch (metric) {
    case ChoiceMetric::Acc:
      break;
    case ChoiceMetric::AccNorm:
      values[i] /= static_cast<double>(countCharacters(text));
      break;
    case ChoiceMetric::AccBytes:
      values[i] /= static_cast<double>(text.size());
      break;
    case ChoiceMetric::AccMutualInfo:
      if (score.alone.empty())
        return none;
      values[i] -= score.alone[i];
      break;
    case ChoiceMetric::BitsPerByteOfGold:
      return goldBits(question, values);
    }
  }
  return question.isGold(firstLargest(values)) ? 1 : 0;
}

/// Of the questions with these numbers.
static TaskMetrics measureSome(const std::string &task,
                               std::span<const size_t> chosen,
                               const std::vector<ChoiceQuestion> &questions,
                               const std::vector<QuestionScore> &scores) {
  TaskMetrics row;
  row.task = task;
  row.questions = chosen.size();
  for (size_t i : chosen)
    row.cut += scores[i].isCut();
  for (size_t metric = 0; metric < choiceMetricCount; ++metric) {
    std::vector<double> values;
    for (size_t i : chosen) {
      double value = measureQuestion(questions[i], scores[i],
                                     static_cast<ChoiceMetric>(metric));
      if (!std::isnan(value))
        values.push_back(value);
    }
    row.metrics[metric] = estimate(values);
  }
  return row;
}

std::vector<TaskMetrics>
measureTasks(const std::vector<ChoiceQuestion> &questions,
             const std::vector<QuestionScore> &scores) {
  std::vector<std::string> names;
  std::map<std::string, std::vector<size_t>> byTask;
  std::vector<size_t> all;
  for (size_t i = 0; i < questions.size(); ++i) {
    std::vector<size_t> &chosen = byTask[questions[i].task];
    if (chosen.empty())
      names.push_back(questions[i].task);
    chosen.push_back(i);
    all.push_back(i);
  }
  std::vector<TaskMetrics> rows;
  for (const std::string &name : names)
    rows.push_back(measureSome(name, byTask[name], questions, scores));
  rows.push_back(measureSome("all", all, questions, scores));
  return rows;
}

} // namespace lns::tool
