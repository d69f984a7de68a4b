//===- choice_report.cpp - What evaluations print -------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/eval/choice_report.h"

#include "tools/lns/base/file_io.h"
#include "tools/lns/base/printable.h"

#include <cmath>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

using nlohmann::ordered_json;

namespace lns::tool {

static std::string formatEstimate(const Estimate &estimate) {
  if (estimate.count == 0)
    return "-";
  return std::isnan(estimate.error)
             ? fmt::format("{:.4f}", estimate.mean)
             : fmt::format("{:.4f} +- {:.4f}", estimate.mean, estimate.error);
}

std::string formatTable(const std::vector<TaskMetrics> &rows) {
  size_t shown = rows.size() == 2 ? 1 : rows.size();
  size_t width = 4;
  std::vector<std::string> names;
  bool isPartial = false;
  for (size_t i = 0; i < shown; ++i) {
    names.push_back(printable(rows[i].task, 40));
    width = std::max(width, names.back().size());
    for (const Estimate &estimate : rows[i].metrics)
      isPartial |= estimate.count != 0 && estimate.count != rows[i].questions;
  }
  std::string text = fmt::format("{:{}}  {:>7}", "task", width, "n");
  for (const char *name : choiceMetricNames)
    text += fmt::format("  {:17}", name);
  text += "  cut\n";
  for (size_t i = 0; i < shown; ++i) {
    text += fmt::format("{:{}}  {:>7}", names[i], width, rows[i].questions);
    for (const Estimate &estimate : rows[i].metrics)
      text += fmt::format("  {:17}", formatEstimate(estimate));
    text += fmt::format("  {:>3}\n", rows[i].cut);
  }
  if (isPartial)
    text += "questions without choices of their own count in acc alone\n";
  return text;
}

/// JSON has no number for what is not there.
static ordered_json numberOrNull(double value) {
  return std::isfinite(value) ? ordered_json(value) : ordered_json();
}

static ordered_json toJson(const TaskMetrics &row) {
  ordered_json json = {{"n", row.questions}, {"cut", row.cut}};
  for (size_t i = 0; i < choiceMetricCount; ++i) {
    std::string name = choiceMetricNames[i];
    json[name] = numberOrNull(row.metrics[i].mean);
    json[name + "_stderr"] = numberOrNull(row.metrics[i].error);
    json[name + "_n"] = row.metrics[i].count;
  }
  return json;
}

static std::string dump(const ordered_json &json) {
  return json.dump(-1, ' ', false, ordered_json::error_handler_t::replace) +
         "\n";
}

std::string formatJson(const std::vector<TaskMetrics> &rows,
                       const std::string &path, uint32_t sequence,
                       int32_t prefixToken) {
  ordered_json tasks = ordered_json::object();
  for (size_t i = 0; i + 1 < rows.size(); ++i)
    tasks[rows[i].task] = toJson(rows[i]);
  return dump({{"choices", path},
               {"sequence", sequence},
               {"prefix_token", prefixToken},
               {"tasks", std::move(tasks)},
               {"all", toJson(rows.back())}});
}

Status writeSamples(const std::string &path,
                    const std::vector<ChoiceQuestion> &questions,
                    const std::vector<QuestionScore> &scores) {
  Expected<AtomicFile> file = AtomicFile::create(path);
  if (!file)
    return file.status();
  for (size_t i = 0; i < questions.size(); ++i) {
    const ChoiceQuestion &question = questions[i];
    ordered_json json = {{"task", question.task},
                         {"id", question.id},
                         {"line", question.line},
                         {"gold", question.gold},
                         {"choice", firstLargest(scores[i].logLikelihoods)},
                         {"ll", scores[i].logLikelihoods}};
    if (!scores[i].alone.empty())
      json["ll_alone"] = scores[i].alone;
    json["tokens"] = scores[i].tokens;
    json["cut"] = scores[i].cut;
    LNS_RETURN_IF_ERROR(file->write(dump(json)));
  }
  return file->commit();
}

} // namespace lns::tool
