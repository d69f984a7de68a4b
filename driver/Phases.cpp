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
#include "mlir/IR/Verifier.h"
#include "mlir/Pass/PassInstrumentation.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"

using namespace mlir;
using namespace lns;

/// "passes_after_graph: my-pass" among the facts of an identity.
static std::string namePassesAfter(std::string identity, Form form,
                                   const CompileOptions &options) {
  for (const auto &[place, text] : options.passesAfter)
    if (place == form)
      identity = addFact(std::move(identity),
                         ("passes_after_" + getName(form)).str(), text);
  return identity;
}

std::string lns::getPlanIdentity(ModuleOp module, Form form,
                                 const CompileOptions &options,
                                 std::string own) {
  std::string identity = own.empty() ? getIdentity(module) : std::move(own);
  for (Form later : {Form::Graph, Form::Train, Form::Fused, Form::Planned})
    if (later > form)
      identity = namePassesAfter(std::move(identity), later, options);
  return identity;
}

/// A form is all that the forms before it are. `logits`: whether it must have
/// @logits, which is left out where a memory budget has no room for it.
static void addVerifiers(Form form, bool logits, OpPassManager &manager) {
  manager.addPass(createVerifyGraph());
  if (form >= Form::Train) {
    VerifyTrainOptions options;
    options.logits = logits;
    manager.addPass(createVerifyTrain(options));
  }
  if (form == Form::Fused)
    manager.addNestedPass<func::FuncOp>(createVerifyFused());
  if (form == Form::Planned)
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
    addVerifiers(form, /*logits=*/form == Form::Train, manager);
  return success();
}

namespace {
/// Keeps the name of the pass that failed first.
struct FailedPass : PassInstrumentation {
  explicit FailedPass(std::string &name) : name(name) {}
  void runAfterPassFailed(Pass *pass, Operation *) override {
    if (name.empty())
      name =
          (pass->getArgument().empty() ? pass->getName() : pass->getArgument())
              .str();
  }
  std::string &name;
};
} // namespace

LogicalResult lns::runPasses(PassManager &manager, ModuleOp module,
                             std::optional<Form> behind) {
  std::string name;
  manager.addInstrumentation(std::make_unique<FailedPass>(name));
  bool hasError = false;
  {
    ScopedDiagnosticHandler handler(
        module.getContext(), [&](Diagnostic &diagnostic) {
          hasError |= diagnostic.getSeverity() == DiagnosticSeverity::Error;
          return failure(); // others are to have it, too
        });
    if (succeeded(manager.run(module)))
      return success();
  }
  if (hasError)
    return failure();
  InFlightDiagnostic diagnostic = module.emitError()
                                  << "pass '" << name << "' failed";
  if (behind)
    diagnostic << " behind " << getName(*behind) << " form";
  return diagnostic << " and did not say why";
}

static LogicalResult runPassesAfter(ModuleOp module, Form form,
                                    const CompileOptions &options,
                                    TimingScope &timing) {
  if (llvm::none_of(options.passesAfter,
                    [&](const auto &after) { return after.first == form; }))
    return success();
  PassManager manager(module.getContext());
  if (options.configure && failed(options.configure(manager)))
    return failure();
  manager.enableTiming(timing);
  // Out of their reach.
  std::string identity = getIdentity(module);
  if (failed(addPassesAfter(form, options, manager)) ||
      failed(runPasses(manager, module, form)) || failed(checkForm(module)))
    return failure();
  setIdentity(module, namePassesAfter(identity, form, options));
  return success();
}

LogicalResult lns::runPhase(ModuleOp module, const CompileOptions &options,
                            TimingScope &timing,
                            llvm::function_ref<void(OpPassManager &)> build,
                            std::optional<Form> end) {
  PassManager manager(module.getContext());
  if (options.configure && failed(options.configure(manager)))
    return failure();
  manager.enableTiming(timing);
  // Behind each of these passes would take more than a quarter of the time that
  // compiling takes; lns-opt, and so every pass's test, does that. Once here:
  // whatever comes next may rely on it.
  manager.enableVerifier(false);
  build(manager);
  if (failed(runPasses(manager, module)) || failed(verify(module)))
    return failure();
  return end ? runPassesAfter(module, *end, options, timing) : success();
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
  auto verify = [&](OpPassManager &manager) {
    addVerifiers(form, /*logits=*/false, manager);
  };
  return runPhase(module, options, timing, verify, form);
}

FailureOr<std::string> lns::addAdapters(ModuleOp module,
                                        const CompileOptions &options,
                                        TimingScope &timing) {
  std::string base = getIdentity(module);
  if (!options.adapters)
    return base;
  auto build = [&](OpPassManager &manager) {
    AddAdaptersOptions adapters;
    adapters.rank = options.adapters->rank;
    adapters.alpha = options.adapters->alpha;
    adapters.rslora = options.adapters->rslora;
    llvm::append_range(adapters.targets, options.adapters->targets);
    llvm::append_range(adapters.save, options.adapters->save);
    manager.addPass(createAddAdapters(adapters));
  };
  if (failed(runPhase(module, options, timing, build)))
    return failure();
  return joinIdentities(getIdentity(module), base, *options.adapters);
}

LogicalResult lns::buildGraph(ModuleOp module, const CompileOptions &options,
                              TimingScope &timing) {
  FailureOr<std::string> identity = addAdapters(module, options, timing);
  if (failed(identity))
    return failure();
  InstantiateOptions instantiate;
  instantiate.batch = options.batch / options.microBatches;
  instantiate.seq = options.sequence;
  instantiate.documents = options.documents;
  instantiate.diagnostics = options.diagnostics;
  // A token of all sequences takes less room than a part of a step.
  instantiate.decode = options.decode ? options.batch : 0;
  auto build = [&](OpPassManager &manager) {
    buildGraphPipeline(manager, instantiate);
  };
  if (failed(runPhase(module, options, timing, build)) ||
      failed(checkForm(module)))
    return failure();
  setIdentity(module, *identity);
  return runPassesAfter(module, Form::Graph, options, timing);
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
