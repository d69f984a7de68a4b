//===- metrics.cpp - The log of a training run ----------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/train/metrics.h"

#include "tools/lns/base/file_io.h"

#include <cmath>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <numbers>
#include <sstream>

using nlohmann::ordered_json;

namespace lns::tool {

double bitsPerToken(double nats) { return nats / std::numbers::ln2; }

/// JSON has no number for what is not finite.
static std::string toJson(double value) {
  return std::isfinite(value) ? fmt::format("{}", value) : "null";
}

static std::string toLine(const StepMetrics &m) {
  return fmt::format(
      "{{\"step\":{},\"loss\":{},\"grad_norm\":{},\"lr\":{},"
      "\"ms\":{:.3f},\"tokens_per_s\":{:.1f},\"targets\":{}{}}}\n",
      m.step, toJson(m.loss), toJson(m.gradientNorm), m.lr, m.milliseconds,
      m.tokensPerSecond, m.targets, m.skipped ? ",\"skipped\":true" : "");
}

static std::string toLine(const EvalMetrics &m) {
  return fmt::format(
      "{{\"step\":{},\"val_loss\":{},\"val_bits_per_token\":{}}}\n", m.step,
      toJson(m.loss), toJson(bitsPerToken(m.loss)));
}

static double number(const ordered_json &line, const char *key) {
  auto it = line.find(key);
  if (it == line.end())
    return 0;
  return it->is_number() ? it->get<double>() : NAN;
}

/// Lines of older versions do not have it.
static uint64_t count(const ordered_json &line, const char *key) {
  auto it = line.find(key);
  return it != line.end() && it->is_number_unsigned() ? it->get<uint64_t>() : 0;
}

static bool isTrue(const ordered_json &line, const char *key) {
  auto it = line.find(key);
  return it != line.end() && it->is_boolean() && it->get<bool>();
}

/// Lines that are not ours or not complete are dropped: the last one of a
/// killed run may be cut.
static std::string keepUntil(const std::string &text, uint64_t lastStep,
                             MetricsHistory &history) {
  std::string kept, line;
  std::istringstream lines(text);
  while (std::getline(lines, line)) {
    ordered_json value = ordered_json::parse(line, nullptr, false);
    if (!value.is_object() || !value.contains("step") ||
        !value["step"].is_number_unsigned())
      continue;
    uint64_t step = value["step"].get<uint64_t>();
    if (step > lastStep)
      continue;
    if (value.contains("val_loss"))
      history.evals.push_back({step, number(value, "val_loss")});
    else
      history.steps.push_back(
          {step, number(value, "loss"), number(value, "grad_norm"),
           number(value, "lr"), number(value, "ms"),
           number(value, "tokens_per_s"), isTrue(value, "skipped"),
           count(value, "targets")});
    kept += line + "\n";
  }
  return kept;
}

Expected<MetricsWriter> MetricsWriter::open(const std::string &path,
                                            uint64_t resumeStep,
                                            MetricsHistory &history) {
  std::string kept;
  if (pathExists(path)) {
    Expected<std::string> text = readTextFile(path, size_t{1} << 31);
    if (!text)
      return text.status();
    kept = keepUntil(*text, resumeStep, history);
  }
  Expected<AtomicFile> whole = AtomicFile::create(path);
  if (!whole)
    return whole.status();
  LNS_RETURN_IF_ERROR(whole->write(kept));
  LNS_RETURN_IF_ERROR(whole->commit());
  Expected<AppendFile> file = AppendFile::open(path);
  if (!file)
    return file.status();
  return MetricsWriter(std::move(*file));
}

Status MetricsWriter::add(const StepMetrics &metrics) {
  return file.append(toLine(metrics));
}

Status MetricsWriter::add(const EvalMetrics &metrics) {
  return file.append(toLine(metrics));
}

} // namespace lns::tool
