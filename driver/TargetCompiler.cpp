//===- TargetCompiler.cpp - Training form to one target ---------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "driver/Phases.h"
#include "passes/Pipelines.h"

using namespace mlir;
using namespace lns;

LogicalResult
TargetCompiler::runPhase(ModuleOp module,
                         llvm::function_ref<void(OpPassManager &)> build) {
  return lns::runPhase(module, options, timing, build);
}

LogicalResult TargetCompiler::run(ModuleOp module, Form from, Form until,
                                  Plan &plan) {
  if (from <= Form::Train) {
    if (failed(prepare(module)))
      return failure();
    // Only now: of a budget that is not met, there is nothing else to say.
    if (leftOut)
      emitRemark(leftOut->first)
          << "the plan has no entry point 'logits', which needs "
          << leftOut->second
          << " bytes of arena: more than the memory budget leaves; training "
             "does without it";
  }
  if (until == Form::Train)
    return success();
  auto fuse = [&](OpPassManager &manager) { buildFusion(manager); };
  if (from < Form::Fused &&
      failed(lns::runPhase(module, options, timing, fuse, Form::Fused)))
    return failure();
  if (until == Form::Fused)
    return success();
  if (from < Form::Planned &&
      failed(lns::runPhase(module, options, timing, buildMemoryPipeline,
                           Form::Planned)))
    return failure();
  return until == Form::Planned ? success() : addProgram(module, plan);
}

bool TargetCompiler::fits(ModuleOp module) {
  ScopedDiagnosticHandler quiet(module.getContext(),
                                [](Diagnostic &) { return success(); });
  return succeeded(prepare(module));
}
