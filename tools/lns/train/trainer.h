//===- trainer.h - The training loop ----------------------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOOLS_LNS_TRAIN_TRAINER_H
#define LNS_TOOLS_LNS_TRAIN_TRAINER_H

#include "tools/lns/base/file_io.h"
#include "tools/lns/base/progress.h"
#include "tools/lns/base/status.h"
#include "tools/lns/checkpoint/run_folder.h"
#include "tools/lns/checkpoint/run_record.h"
#include "tools/lns/data/batch.h"
#include "tools/lns/train/lr_schedule.h"
#include "tools/lns/train/metrics.h"
#include "tools/lns/train/plan_session.h"

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace lns::tool {

struct TrainerOptions {
  std::string runFolder;
  /// "none", "auto", or the folder of a checkpoint or of a run.
  std::string resume = "none";
  /// Weights to start from where nothing is resumed; empty: drawn by the seed.
  std::string initFrom;
  /// Folder of PEFT's adapter to start from, over `initFrom`; empty: none.
  std::string adapter;
  bool force = false; ///< takes parameters of another model
  /// Of the held-out text (shard_set.h); nothing: not known.
  std::optional<double> bytesPerToken = 1;
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
  double saveMinutes = 10;   ///< 0: never by the clock
  uint64_t keep = 0;         ///< newest checkpoints that stay; 0: see below
  uint64_t maxSkips = 10;    ///< in a row, then the run ends; 0: never
  uint64_t logEvery = 1;
  /// How the data becomes rows, as a resume compares it.
  std::string rowForm = "windows of text";
  RunRecord record; ///< the data; the trainer adds the options
};

/// Trains a session and keeps the run folder: step-*/ checkpoints,
/// metrics.jsonl and loss.svg. What a step computes depends on its number, the
/// seed and the options only, so a run that was interrupted and resumed ends
/// in the same bits as one that was not; a time limit gives that up, because
/// the clock then drives the learning rate.
///
/// Whatever ends the loop, what was trained is saved before anything else that
/// can fail, and the Status says where; its kind is the exit code. A checkpoint
/// is removed only when a newer one is whole and on the disk: with `keep`, all
/// but so many; without, those by the clock, of which the newest is enough.
///
/// A step whose loss or gradient norm is not finite changes nothing in the
/// session (lnsrt_train_step): it is counted, and the run goes on with the next
/// batch, unless too many come in a row.
class Trainer {
public:
  Trainer(const PlanFile &plan, PlanSession &session,
          const TrainingSource &train, const HeldOutSource *heldOut,
          TrainerOptions options);

  /// Runs to the end of the schedule. Ends with the line `val_bpb=X`, bits per
  /// byte, when there is held-out data; behind `val_loss=X`, nats per token, if
  /// tokens are no bytes, and with this alone if their bytes are not known.
  Status run();

private:
  enum class SaveReason { Asked, Clock };

  Status start();
  Status startAnew();
  Status noteClosedBranches();
  Status resumeFrom(const std::string &checkpoint, bool mayPassOver,
                    bool &isLoaded);
  Status loop();
  Status trainStep();
  Status skipStep(const StepMetrics &metrics);
  Status evaluate(uint64_t maxBatches, double &loss);
  Status save(SaveReason reason);
  void saveInPassing(SaveReason reason);
  void removeOldCheckpoints(SaveReason reason);
  Status sample();
  Status drawCurve();
  Status finish();
  bool isDamaged(const CheckpointEntry &entry) const;
  Status end(const Status &why);
  Status endingSignal() const;
  TrainerState makeState() const;

  bool done() const;
  double elapsed() const;
  double timeFraction() const;
  double fractionDone() const;
  double secondsLeft() const;

  const PlanFile &plan;
  PlanSession &session;
  const TrainingSource &train;
  const HeldOutSource *heldOut;
  TrainerOptions options;
  Progress progress;
  MetricsHistory history;
  /// Two trainers would mix their metrics and remove each other's checkpoints
  /// in the making.
  std::optional<FolderLock> lock;
  std::optional<MetricsWriter> metrics;
  Batch batch;
  uint64_t step = 0; ///< batches that were used
  uint64_t skipped = 0, skippedInARow = 0;
  std::optional<uint64_t> savedStep; ///< of a checkpoint in the run folder
  std::string lastCheckpoint;        ///< saved or loaded; empty: none
  /// The one by the clock that goes when a newer one is there.
  std::optional<uint64_t> rollingStep;
  std::vector<std::string> damaged; ///< passed over at the resume
  std::chrono::steady_clock::time_point lastSave;
  double elapsedBefore = 0;
  uint64_t stepsHere = 0;
  std::chrono::steady_clock::time_point begin;
};

} // namespace lns::tool

#endif // LNS_TOOLS_LNS_TRAIN_TRAINER_H
