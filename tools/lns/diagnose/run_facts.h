//===- run_facts.h - What is known of a diagnosed run -----------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOOLS_LNS_DIAGNOSE_RUN_FACTS_H
#define LNS_TOOLS_LNS_DIAGNOSE_RUN_FACTS_H

#include "tools/lns/train/plan_session.h"

#include <nlohmann/json.hpp>
#include <string>

namespace lns::tool {

/// Scheme, sizes and digest of the plan's model.
nlohmann::ordered_json describeModel(const PlanFile &plan);

/// Step, seed and options of the checkpoint at `path`, as far as
/// trainer_state.json beside it says, and the losses of metrics.jsonl of its
/// run up to that step, some hundred of them.
Expected<nlohmann::ordered_json> describeRun(const std::string &path);

} // namespace lns::tool

#endif // LNS_TOOLS_LNS_DIAGNOSE_RUN_FACTS_H
