//===- metrics.h - The log of a training run --------------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOOLS_LNS_TRAIN_METRICS_H
#define LNS_TOOLS_LNS_TRAIN_METRICS_H

#include "tools/lns/base/file_io.h"
#include "tools/lns/base/status.h"

#include <cstdint>
#include <string>
#include <vector>

namespace lns::tool {

struct StepMetrics {
  uint64_t step = 0; ///< 1-based: steps done
  double loss = 0;   ///< nats per token
  double gradientNorm = 0;
  double lr = 0;
  double milliseconds = 0;
  double tokensPerSecond = 0; ///< padding left out
  bool skipped = false; ///< loss or norm was not finite: nothing was updated
  uint64_t targets = 0; ///< that the loss is the mean over
};

struct EvalMetrics {
  uint64_t step = 0;
  double loss = 0; ///< nats per token
};

/// Bits per token; per byte when tokens are bytes.
double bitsPerToken(double nats);

/// Everything that metrics.jsonl holds, for the curve.
struct MetricsHistory {
  std::vector<StepMetrics> steps;
  std::vector<EvalMetrics> evals;
};

/// Appends one JSON object per line to a file and hands every line to the
/// system at once, so that a killed run loses nothing.
class MetricsWriter {
public:
  /// Keeps the lines of an existing file up to `resumeStep` (also in
  /// `history`) and drops the rest: steps that the run is going to repeat.
  static Expected<MetricsWriter>
  open(const std::string &path, uint64_t resumeStep, MetricsHistory &history);

  Status add(const StepMetrics &metrics);
  Status add(const EvalMetrics &metrics);
  /// Flushes all lines to the disk.
  Status sync() { return file.sync(); }

private:
  explicit MetricsWriter(AppendFile file) : file(std::move(file)) {}

  AppendFile file;
};

} // namespace lns::tool

#endif // LNS_TOOLS_LNS_TRAIN_METRICS_H
