//===- trainer.h - The training loop ----------------------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOOLS_LNS_TRAINER_H
#define LNS_TOOLS_LNS_TRAINER_H

#include "data_loader.h"
#include "file_io.h"
#include "lr_schedule.h"
#include "metrics.h"
#include "plan_session.h"
#include "progress.h"
#include "status.h"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace lns::tool {

struct TrainerOptions {
  std::string runFolder;
  std::string resume = "none"; ///< "none", "auto" or a checkpoint folder
  /// Weights to start from where nothing is resumed; empty: drawn by the seed.
  std::string initFrom;
  bool tokensAreBytes = true; ///< bits per token are bits per byte
  LrSchedule schedule;
  double maxSeconds = 0; ///< 0: no limit
  double clip = 1.0;
  double weightDecay = 0.1;
  double beta1 = 0.9;
  double beta2 = 0.95;
  double eps = 1e-8;
  uint64_t seed = 0;
  uint64_t evalEvery = 0;    ///< 0: at the end only
  uint64_t evalBatches = 0;  ///< 0: the whole held-out set
  uint64_t sampleEvery = 0;  ///< 0: never
  uint64_t sampleBytes = 80; ///< of each of up to four texts
  uint64_t saveEvery = 0;    ///< 0: at the end only
  uint64_t logEvery = 1;
};

/// Trains a session and keeps the run folder: step-*/ checkpoints,
/// metrics.jsonl and loss.svg. What a step computes depends on its number, the
/// seed and the options only, so a run that was interrupted and resumed ends
/// in the same bits as one that was not; a time limit gives that up, because
/// the clock then drives the learning rate.
class Trainer {
public:
  Trainer(const PlanFile &plan, PlanSession &session, const DataLoader &train,
          const DataLoader *heldOut, TrainerOptions options);

  /// Runs to the end of the schedule. Ends with the line `val_bpb=X` when
  /// there is held-out data.
  Status run();

private:
  Status start();
  Status trainStep();
  Status evaluate(uint64_t maxBatches, double &loss);
  Status save();
  Status sample();
  Status drawCurve();
  Status finish();

  bool done() const;
  double elapsed() const;
  double timeFraction() const;
  double fractionDone() const;
  double secondsLeft() const;

  const PlanFile &plan;
  PlanSession &session;
  const DataLoader &train;
  const DataLoader *heldOut;
  TrainerOptions options;
  Progress progress;
  MetricsHistory history;
  /// Two trainers would mix their metrics and remove each other's checkpoints
  /// in the making.
  std::optional<FolderLock> lock;
  std::optional<MetricsWriter> metrics;
  std::vector<int32_t> tokens, targets;
  uint64_t step = 0;
  std::optional<uint64_t> savedStep;
  double elapsedBefore = 0;
  uint64_t stepsHere = 0;
  std::chrono::steady_clock::time_point begin;
};

} // namespace lns::tool

#endif // LNS_TOOLS_LNS_TRAINER_H
