//===- metrics.cpp - The log of a training run ----------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "metrics.h"

#include "file_io.h"

#include <cerrno>
#include <cmath>
#include <fcntl.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <numbers>
#include <sstream>
#include <unistd.h>

using nlohmann::ordered_json;

namespace lns::tool {

double bitsPerToken(double nats) { return nats / std::numbers::ln2; }

static std::string toLine(const StepMetrics &m) {
  return fmt::format("{{\"step\":{},\"loss\":{},\"grad_norm\":{},\"lr\":{},"
                     "\"ms\":{:.3f},\"tokens_per_s\":{:.1f}}}\n",
                     m.step, m.loss, m.gradientNorm, m.lr, m.milliseconds,
                     m.tokensPerSecond);
}

static std::string toLine(const EvalMetrics &m) {
  return fmt::format(
      "{{\"step\":{},\"val_loss\":{},\"val_bits_per_token\":{}}}\n", m.step,
      m.loss, bitsPerToken(m.loss));
}

static double number(const ordered_json &line, const char *key) {
  auto it = line.find(key);
  return it != line.end() && it->is_number() ? it->get<double>() : 0;
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
      history.steps.push_back({step, number(value, "loss"),
                               number(value, "grad_norm"), number(value, "lr"),
                               number(value, "ms"),
                               number(value, "tokens_per_s")});
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
  Expected<AtomicFile> file = AtomicFile::create(path);
  if (!file)
    return file.status();
  LNS_RETURN_IF_ERROR(file->write(kept));
  LNS_RETURN_IF_ERROR(file->commit());
  MetricsWriter writer;
  writer.path = path;
  writer.fd = ::open(path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
  if (writer.fd < 0)
    return Status::failure(
        fmt::format("{}: cannot open: {}", path, describeErrno(errno)));
  return writer;
}

MetricsWriter::MetricsWriter(MetricsWriter &&other) noexcept
    : path(std::move(other.path)), fd(std::exchange(other.fd, -1)) {}

MetricsWriter::~MetricsWriter() {
  if (fd >= 0)
    ::close(fd);
}

Status MetricsWriter::writeLine(const std::string &line) {
  ssize_t written = ::write(fd, line.data(), line.size());
  if (written == static_cast<ssize_t>(line.size()))
    return Status::success();
  return Status::failure(
      fmt::format("{}: cannot write: {}", path,
                  describeErrno(written < 0 ? errno : ENOSPC)));
}

Status MetricsWriter::add(const StepMetrics &metrics) {
  return writeLine(toLine(metrics));
}

Status MetricsWriter::add(const EvalMetrics &metrics) {
  return writeLine(toLine(metrics));
}

} // namespace lns::tool
