//===- data_sources.h - Shards as rows for a plan ---------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOOLS_LNS_COMMANDS_DATA_SOURCES_H
#define LNS_TOOLS_LNS_COMMANDS_DATA_SOURCES_H

#include "tools/lns/base/arg_parser.h"
#include "tools/lns/data/batch.h"
#include "tools/lns/train/plan_session.h"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace lns::tool {

/// How shards with documents become rows; others are cut into windows.
struct RowChoices {
  bool unpacked = false;
  uint64_t align = 1;
};

/// Declares --no-packing and --pack-align.
void declareRowChoices(ArgParser &parser, RowChoices *choices);

/// Data to train on.
struct TrainingData {
  std::unique_ptr<TrainingSource> source;
  bool hasDocuments = false;
  std::string summary; ///< "1.2M training tokens in 3 shards"
  std::string rowForm; ///< as TrainerOptions has it
};

/// Opens `paths` for batches of the plan's size; `seed` fixes which documents
/// are packed together. Prints notes.
Expected<TrainingData> openTraining(const PlanFile &plan,
                                    const std::vector<std::string> &paths,
                                    const std::string &tokenType,
                                    const RowChoices &choices, uint64_t seed);

/// Opens `paths` to be read as a whole, in rows of the plan's length.
/// `*hasDocuments`, if it is not null: whether rows are documents.
Expected<std::unique_ptr<HeldOutSource>>
openHeldOut(const PlanFile &plan, const std::vector<std::string> &paths,
            const std::string &tokenType, const RowChoices &choices,
            bool *hasDocuments = nullptr);

/// The shards, and what stands beside them: all that a run's bits depend on.
std::vector<std::string>
withSideFiles(const std::vector<std::string> &shardPaths);

} // namespace lns::tool

#endif // LNS_TOOLS_LNS_COMMANDS_DATA_SOURCES_H
