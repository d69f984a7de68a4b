//===- hf_import.h - Checkpoints of Hugging Face files ----------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOOLS_LNS_EXCHANGE_HF_IMPORT_H
#define LNS_TOOLS_LNS_EXCHANGE_HF_IMPORT_H

#include "tools/lns/base/status.h"
#include "tools/lns/checkpoint/model_weights.h"
#include "tools/lns/checkpoint/tensor_store.h"

#include <cstdint>
#include <string>
#include <vector>

namespace lns::tool {

/// What a plan says of the checkpoints of its model.
struct CheckpointModel {
  std::vector<TensorDescription> tensors;
  PlanModel text;
  uint64_t batch = 0, sequence = 0;
  bool followsSteps = false; ///< computes something else at step 0 than later
};

struct ImportSummary {
  std::string checkpoint; ///< its path
  bool isUnfolded = false;
  uint64_t elements = 0;
  std::vector<std::string> notes;
};

/// Adds what a run at step 0 means for a model that follows its steps.
void noteFirstStep(const CheckpointModel &model,
                   std::vector<std::string> &notes);

/// Makes the run folder `out` with one checkpoint, at step 0 and with moments
/// of zero, of the files `path`: a folder of Hugging Face's or what else
/// WeightFiles opens. They are compared with the model as loadModelWeights()
/// does it before anything is written, and numbers that are not finite are an
/// error. The folder appears when all of it is on the disk.
Expected<ImportSummary> importModel(const std::string &path,
                                    const std::string &out,
                                    const CheckpointModel &model, uint64_t seed,
                                    bool force);

} // namespace lns::tool

#endif // LNS_TOOLS_LNS_EXCHANGE_HF_IMPORT_H
