//===- Phases.cpp - What all targets share ----------------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "driver/Phases.h"
#include "dialect/LnsOps.h"
#include "driver/Forms.h"
#include "passes/Passes.h"
#include "passes/Pipelines.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"

using namespace mlir;
using namespace lns;

static void addVerifier(Form form, OpPassManager &manager) {
  if (form == Form::Graph)
    manager.addPass(createVerifyGraph());
  else if (form == Form::Train)
    manager.addPass(createVerifyTrain());
  else if (form == Form::Fused)
    manager.addNestedPass<func::FuncOp>(createVerifyFused());
  else
    manager.addNestedPass<func::FuncOp>(createVerifyPlan());
}

LogicalResult lns::addPassesAfter(Form form, const CompileOptions &options,
                                  OpPassManager &manager) {
  bool added = false;
  for (const auto &[place, text] : options.passesAfter) {
    if (place != form)
      continue;
    if (failed(parsePassPipeline(text, manager)))
      return failure();
    added = true;
  }
  if (added)
    addVerifier(form, manager);
  return success();
}

/// "passes_after_graph: my-pass" among the facts of the identity.
static void namePassesAfter(ModuleOp module, Form form,
                            const CompileOptions &options) {
  for (const auto &[place, text] : options.passesAfter)
    if (place == form)
      addIdentityFact(module, ("passes_after_" + getName(form)).str(), text);
}

LogicalResult lns::runPhase(ModuleOp module, const CompileOptions &options,
                            TimingScope &timing,
                            llvm::function_ref<void(OpPassManager &)> build,
                            std::optional<Form> end) {
  PassManager manager(module.getContext());
  if (options.configure && failed(options.configure(manager)))
    return failure();
  manager.enableTiming(timing);
  build(manager);
  if (end && failed(addPassesAfter(*end, options, manager)))
    return failure();
  if (failed(manager.run(module)))
    return failure();
  if (end)
    namePassesAfter(module, *end, options);
  return success();
}

LogicalResult lns::enterForm(ModuleOp module, Form form,
                             const CompileOptions &options,
                             TimingScope &timing) {
  if (failed(checkForm(module)))
    return failure();
  auto weights = module.getOps<ComputeWeightOp>();
  if (openForm(module) && !weights.empty())
    return (*weights.begin())
        .emitError("is kept from step to step, and the module was "
                   "changed since lnsc printed it: that what refreshes "
                   "and updates it still agree is not checked; print it "
                   "with --disable-kept-weights, and change that");
  auto verify = [&](OpPassManager &manager) { addVerifier(form, manager); };
  return runPhase(module, options, timing, verify, form);
}

LogicalResult lns::buildGraph(ModuleOp module, const CompileOptions &options,
                              TimingScope &timing) {
  std::string identity = getIdentity(module);
  auto build = [&](OpPassManager &manager) {
    buildGraphPipeline(manager, options.batch / options.microBatches,
                       options.sequence);
  };
  if (failed(runPhase(module, options, timing, build)))
    return failure();
  setIdentity(module, identity);
  return runPhase(module, options, timing, [](OpPassManager &) {}, Form::Graph);
}

LogicalResult lns::buildTraining(ModuleOp module, const CompileOptions &options,
                                 TimingScope &timing) {
  auto build = [&](OpPassManager &manager) {
    if (options.padWidths)
      buildPaddingPipeline(manager);
    buildEliminationPipeline(manager, options.eliminateNorms, options.bf16);
    if (options.bf16)
      buildMixedPrecisionPipeline(manager);
    buildTrainPipeline(manager, options.microBatches);
  };
  return runPhase(module, options, timing, build, Form::Train);
}
