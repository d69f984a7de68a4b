//===- run_record.h - What shapes a run -------------------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOOLS_LNS_CHECKPOINT_RUN_RECORD_H
#define LNS_TOOLS_LNS_CHECKPOINT_RUN_RECORD_H

#include "tools/lns/base/status.h"

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace lns::tool {

/// A shard as far as it can be told without reading all of it: size, and a
/// checksum of its beginning, its end and 64 blocks between.
struct ShardFingerprint {
  std::string name; ///< without its folder, which may move
  uint64_t bytes = 0;
  std::string digest;

  bool operator==(const ShardFingerprint &) const = default;
};

/// Everything but the model on which the bits of a run depend. Checkpoints
/// store it, so that a resume can name what has changed.
struct RunRecord {
  /// Options under their names ("--lr") and facts ("device"), as text.
  std::map<std::string, std::string> options;
  std::vector<ShardFingerprint> data, heldOut;
};

Expected<std::vector<ShardFingerprint>>
fingerprintShards(const std::vector<std::string> &paths);

/// A line for everything that differs: "--lr is 0.001, it was 0.003". What only
/// one of them knows is no difference.
std::vector<std::string> describeChanges(const RunRecord &before,
                                         const RunRecord &now);

/// The members "options", "data" and "held_out" of a JSON object.
void writeRecord(const RunRecord &record, nlohmann::ordered_json &json);
/// Reads them back; false if they are not what writeRecord writes. Absent ones
/// stay empty.
bool readRecord(const nlohmann::json &json, RunRecord &record);

} // namespace lns::tool

#endif // LNS_TOOLS_LNS_CHECKPOINT_RUN_RECORD_H
