//===- run_folder.h - The checkpoints of a run ------------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOOLS_LNS_CHECKPOINT_RUN_FOLDER_H
#define LNS_TOOLS_LNS_CHECKPOINT_RUN_FOLDER_H

#include "tools/lns/base/status.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace lns::tool {

/// A folder "step-N" of a run, whole or not.
struct CheckpointEntry {
  std::string path;
  uint64_t step = 0;
};

/// "RUN/step-000123".
std::string checkpointPath(const std::string &runFolder, uint64_t step);

/// All of a run folder, the one with the largest step first; none if there is
/// no such folder.
std::vector<CheckpointEntry> listCheckpoints(const std::string &runFolder);

/// The first of them.
std::optional<std::string> latestCheckpoint(const std::string &runFolder);

/// Makes room for a checkpoint at `path`: what stands there, a damaged one that
/// a resume has passed over, is renamed, and `movedTo` says to what. Nothing is
/// ever deleted.
Status clearCheckpointPath(const std::string &path, std::string &movedTo);

} // namespace lns::tool

#endif // LNS_TOOLS_LNS_CHECKPOINT_RUN_FOLDER_H
