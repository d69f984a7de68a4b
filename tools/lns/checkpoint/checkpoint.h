//===- checkpoint.h - Checkpoints -------------------------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOOLS_LNS_CHECKPOINT_CHECKPOINT_H
#define LNS_TOOLS_LNS_CHECKPOINT_CHECKPOINT_H

#include "tools/lns/base/status.h"
#include "tools/lns/checkpoint/run_record.h"
#include "tools/lns/checkpoint/tensor_store.h"
#include "tools/lns/checkpoint/weight_files.h"

#include <cstdint>
#include <string>
#include <vector>

namespace lns::tool {

/// Where a run stands; trainer_state.json.
struct TrainerState {
  uint64_t step = 0; ///< batches of the data that were used
  uint64_t seed = 0;
  uint64_t batch = 0;
  uint64_t sequence = 0;
  double elapsedSeconds = 0;
  /// Of the steps, those whose loss or gradient was not finite: they updated
  /// nothing, and AdamW's bias correction does not count them.
  uint64_t skippedSteps = 0;
  uint64_t skippedInARow = 0; ///< up to the last step
  /// Made by the clock: to be removed when a newer one is whole.
  bool rolling = false;
  std::string identity; ///< what the plan computes; empty: not known
  RunRecord record;
};

/// The key, in the metadata of optimizer.safetensors, of how many parameters
/// are frozen and so have no moments; absent: none.
inline constexpr const char *frozenKey = "lns_frozen";

/// Writes the folder `path` with model.safetensors (parameters),
/// optimizer.safetensors (exp_avg.NAME, exp_avg_sq.NAME of what is not frozen),
/// trainer_state.json,
/// config.json unless `config` is empty, and the manifest of them all. The
/// folder appears when all of it is on the disk, and never replaces another.
/// Parameters that are not finite are not written: the error's kind is
/// Diverged.
Status saveCheckpoint(const std::string &path, TensorStore &store,
                      const TrainerState &state, const std::string &config);

/// A checkpoint folder whose every byte has been compared with its manifest.
class Checkpoint {
public:
  /// An error says which file is missing or damaged. A folder of an older lns,
  /// without a manifest, is whole as far as its files' own headers tell.
  static Expected<Checkpoint> open(const std::string &path);

  const std::string &path() const { return folder; }
  const TrainerState &state() const { return trainer; }
  bool hasManifest() const { return verified; }

  /// Reads parameters and optimizer state. Every name, shape and type is
  /// compared with the store before anything is written into it.
  Status load(TensorStore &store) const;

private:
  std::string folder;
  TrainerState trainer;
  bool verified = false;
  WeightFiles model, optimizer;
};

/// Opens and loads.
Expected<TrainerState> loadCheckpoint(const std::string &path,
                                      TensorStore &store);

/// A tensor that belongs to no store: a result.
struct ExtraTensor {
  std::string name;
  std::vector<int64_t> shape;
  std::vector<float> data;
};

/// Writes all tensors of one kind into a single file under their own names,
/// then `extras`.
Status saveTensors(const std::string &path, TensorStore &store, TensorKind kind,
                   const std::vector<ExtraTensor> &extras);

} // namespace lns::tool

#endif // LNS_TOOLS_LNS_CHECKPOINT_CHECKPOINT_H
