//===- model_weights.h - Parameters of the plan's own model -----*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOOLS_LNS_CHECKPOINT_MODEL_WEIGHTS_H
#define LNS_TOOLS_LNS_CHECKPOINT_MODEL_WEIGHTS_H

#include "tools/lns/checkpoint/tensor_store.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace lns::tool {

/// As loadParameters() of the same path, after the files were found to be of
/// the model with the plan's `identity`, or `force` was given. What they are of
/// is said by the metadata of the tensors' file or, in a folder, by
/// trainer_state.json or a config.json beside it; a file that does not say is
/// taken as it is, with a note. Where it is a checkpoint of ours that is read,
/// `stepsDone` becomes the number of optimizer steps that updated it.
Status loadModelWeights(const std::string &path, std::string_view identity,
                        bool force, TensorStore &store,
                        std::vector<std::string> &notes,
                        std::optional<uint64_t> &stepsDone);

} // namespace lns::tool

#endif // LNS_TOOLS_LNS_CHECKPOINT_MODEL_WEIGHTS_H
