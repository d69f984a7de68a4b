//===- checkpoint_model.h - A plan as the files of a run see it -*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOOLS_LNS_COMMANDS_CHECKPOINT_MODEL_H
#define LNS_TOOLS_LNS_COMMANDS_CHECKPOINT_MODEL_H

#include "tools/lns/exchange/hf_import.h"

#include <string>

namespace lns::tool {

/// Of the plan at `path`, which is opened for that.
Expected<CheckpointModel> readCheckpointModel(const std::string &path);

} // namespace lns::tool

#endif // LNS_TOOLS_LNS_COMMANDS_CHECKPOINT_MODEL_H
