//===- loaded_model.cpp - A plan with a checkpoint ------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/commands/loaded_model.h"

#include "tools/lns/checkpoint/model_weights.h"
#include "tools/lns/commands/session_options.h"
#include "tools/lns/exchange/adapter_files.h"

#include <fmt/format.h>
#include <utility>
#include <vector>

namespace lns::tool {

/// How many steps the parameters were trained, for a plan that asks; `given` by
/// the command line before what the checkpoint says.
static Status tellSteps(const LoadedModel &model, const std::string &checkpoint,
                        std::optional<uint64_t> given,
                        std::optional<uint64_t> found) {
  if (model.plan->info().schedules == 0)
    return Status::success();
  if (!given && !found)
    return Status::failure(fmt::format(
        "{}: does not say how many steps it was trained, by which branches of "
        "{} are open; give --steps-done",
        checkpoint, model.plan->path()));
  return takeError(
      lnsrt_set_steps_done(model.session->get(), given ? *given : *found));
}

void declareStepsDone(ArgParser &parser, uint64_t *steps) {
  parser.option(
      "--steps-done", "N", steps,
      "steps that the checkpoint was trained, if it does not say, for "
      "a model whose branches open with them");
}

std::optional<uint64_t> getStepsDone(const ArgParser &parser, uint64_t steps) {
  return parser.given("--steps-done") ? std::optional(steps) : std::nullopt;
}

void declareAdapter(ArgParser &parser, std::string *path) {
  parser.option("--adapter", "DIR", path,
                "adapter of PEFT for a plan with adapters, in place of those "
                "of the checkpoint, which need have none");
}

Expected<LoadedModel> loadModel(const std::string &planPath,
                                const std::string &checkpoint,
                                const std::string &adapter, bool force,
                                std::optional<uint64_t> stepsDone,
                                const PlanSession::Options &options) {
  Expected<PlanFile> plan = PlanFile::open(planPath);
  if (!plan)
    return plan.status();
  LoadedModel model;
  model.plan = std::make_unique<PlanFile>(std::move(*plan));
  Expected<PlanSession> session = PlanSession::create(*model.plan, options);
  if (!session)
    return session.status();
  model.session = std::make_unique<PlanSession>(std::move(*session));
  std::vector<std::string> notes;
  std::optional<uint64_t> found;
  PlanModel text = {model.plan->identity(), model.plan->config()};
  // Before anything is read: it is about two small files.
  std::optional<AdapterFiles> adapters;
  if (!adapter.empty()) {
    Expected<AdapterFiles> opened = openAdapter(adapter);
    if (!opened)
      return opened.status();
    adapters = std::move(*opened);
  }
  LNS_RETURN_IF_ERROR(loadModelWeights(checkpoint, text, force, *model.session,
                                       notes, found,
                                       /*mayBeBase=*/adapters.has_value()));
  if (adapters) {
    LNS_RETURN_IF_ERROR(loadAdapter(*adapters, text, *model.session));
    notes.push_back(
        fmt::format("{}: taken for the plan's adapters", adapters->place()));
  }
  LNS_RETURN_IF_ERROR(model.session->project(checkpoint, notes));
  printNotes(notes);
  LNS_RETURN_IF_ERROR(tellSteps(model, checkpoint, stepsDone, found));
  return model;
}

} // namespace lns::tool
