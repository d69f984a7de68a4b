//===- checkpoint.h - Checkpoints -------------------------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOOLS_LNS_CHECKPOINT_H
#define LNS_TOOLS_LNS_CHECKPOINT_H

#include "status.h"
#include "tensor_store.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace lns::tool {

/// Where a run stands; trainer_state.json.
struct TrainerState {
  uint64_t step = 0; ///< steps done
  uint64_t seed = 0;
  uint64_t batch = 0;
  uint64_t sequence = 0;
  double elapsedSeconds = 0;
};

/// Writes the folder `path` with model.safetensors (parameters),
/// optimizer.safetensors (exp_avg.NAME, exp_avg_sq.NAME), trainer_state.json
/// and, unless `config` is empty, config.json. The folder appears when all of
/// it is on the disk, and never replaces another.
Status saveCheckpoint(const std::string &path, TensorStore &store,
                      const TrainerState &state, const std::string &config);

/// Reads parameters, optimizer state and trainer state back. Every name, shape
/// and type is compared with the store before anything is written into it.
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

/// The checkpoint of a run folder with the largest step, if there is one.
std::optional<std::string> latestCheckpoint(const std::string &runFolder);

/// "RUN/step-000123".
std::string checkpointPath(const std::string &runFolder, uint64_t step);

} // namespace lns::tool

#endif // LNS_TOOLS_LNS_CHECKPOINT_H
