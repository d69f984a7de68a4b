//===- inspect.h - What a checkpoint is, and is it whole? -------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOOLS_LNS_CHECKPOINT_INSPECT_H
#define LNS_TOOLS_LNS_CHECKPOINT_INSPECT_H

#include "tools/lns/base/status.h"
#include "tools/lns/checkpoint/model_weights.h"
#include "tools/lns/checkpoint/weight_files.h"

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace lns::tool {

/// Whatever WeightFiles opens, with what stands beside it.
struct CheckpointFiles {
  std::string folder; ///< of the files
  bool isInFolder = false;
  WeightFiles weights;
  WeightsOrigin origin;

  static Expected<CheckpointFiles> open(const std::string &path);
};

/// Everything that is known without reading a parameter; keys as in
/// docs/exchange.md.
Expected<nlohmann::ordered_json> describeCheckpoint(const std::string &path);

/// What a check has gone through.
struct VerifiedCheckpoint {
  uint64_t files = 0, checksums = 0, tensors = 0, elements = 0;
};

/// Compares all files with their manifest, moments with the parameters that
/// they are of, and reads every number: each must be finite. The error names
/// the first damage of each kind.
Expected<VerifiedCheckpoint> verifyCheckpoint(const std::string &path);

/// One tensor that two checkpoints have, in one shape.
struct TensorDifference {
  std::string name;
  double largest = 0;  ///< of |a - b|
  double relative = 0; ///< largest / the largest |a|; infinite where that is 0
  uint64_t differing = 0, elements = 0;
};

struct CheckpointDifference {
  std::vector<std::string> onlyInA, onlyInB;
  std::vector<std::string> shapes;       ///< "NAME: [2] and [3]", and types
  std::vector<std::string> models;       ///< of identities and marks
  std::vector<TensorDifference> tensors; ///< those with other values

  bool isEmpty() const {
    return onlyInA.empty() && onlyInB.empty() && shapes.empty() &&
           models.empty() && tensors.empty();
  }
};

/// Compares the parameters of two checkpoints as numbers, and what they say of
/// their models. A NaN differs from everything but a NaN.
Expected<CheckpointDifference> diffCheckpoints(const std::string &a,
                                               const std::string &b);

} // namespace lns::tool

#endif // LNS_TOOLS_LNS_CHECKPOINT_INSPECT_H
