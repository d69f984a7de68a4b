//===- loaded_model.h - A plan with a checkpoint ----------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOOLS_LNS_COMMANDS_LOADED_MODEL_H
#define LNS_TOOLS_LNS_COMMANDS_LOADED_MODEL_H

#include "tools/lns/base/arg_parser.h"
#include "tools/lns/train/plan_session.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace lns::tool {

/// Plan and session with the parameters of a checkpoint.
struct LoadedModel {
  // On the heap: the session refers to the plan.
  std::unique_ptr<PlanFile> plan;
  std::unique_ptr<PlanSession> session;
};

/// Declares --steps-done, into `steps`, and what it was given as.
void declareStepsDone(ArgParser &parser, uint64_t *steps);
std::optional<uint64_t> getStepsDone(const ArgParser &parser, uint64_t steps);

/// Declares --adapter, into `path`.
void declareAdapter(ArgParser &parser, std::string *path);

/// Opens the plan, makes its session, and reads the checkpoint's parameters
/// into it. Prints notes. `stepsDone` of the command line goes before what the
/// checkpoint says of how many steps it was trained. The adapter of the folder
/// `adapter`, if there is one, takes the place of the checkpoint's, which need
/// not have any then.
Expected<LoadedModel> loadModel(const std::string &planPath,
                                const std::string &checkpoint,
                                const std::string &adapter, bool force,
                                std::optional<uint64_t> stepsDone,
                                const PlanSession::Options &options);

} // namespace lns::tool

#endif // LNS_TOOLS_LNS_COMMANDS_LOADED_MODEL_H
