//===- checkpoint_model.cpp - A plan as the files of a run see it ---------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/commands/checkpoint_model.h"

#include "tools/lns/train/plan_session.h"

namespace lns::tool {

Expected<CheckpointModel> readCheckpointModel(const std::string &path) {
  Expected<PlanFile> plan = PlanFile::open(path);
  if (!plan)
    return plan.status();
  Expected<std::vector<TensorDescription>> tensors = plan->tensors();
  if (!tensors)
    return tensors.status();
  CheckpointModel model;
  model.tensors = std::move(*tensors);
  model.text = {plan->identity(), plan->config()};
  model.batch = plan->info().batch;
  model.sequence = plan->info().sequence;
  model.followsSteps = plan->info().schedules != 0;
  return model;
}

} // namespace lns::tool
