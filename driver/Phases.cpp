//===- Phases.cpp - What all targets share ----------------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "driver/Phases.h"
#include "passes/Pipelines.h"

#include "mlir/Pass/PassManager.h"

using namespace mlir;
using namespace lns;

LogicalResult lns::runPhase(ModuleOp module, const CompileOptions &options,
                            TimingScope &timing,
                            llvm::function_ref<void(OpPassManager &)> build) {
  PassManager manager(module.getContext());
  if (options.configure && failed(options.configure(manager)))
    return failure();
  manager.enableTiming(timing);
  build(manager);
  return manager.run(module);
}

LogicalResult lns::buildGraph(ModuleOp module, const CompileOptions &options,
                              TimingScope &timing) {
  return runPhase(module, options, timing, [&](OpPassManager &manager) {
    buildGraphPipeline(manager, options.batch / options.microBatches,
                       options.sequence);
  });
}

LogicalResult lns::buildTraining(ModuleOp module, const CompileOptions &options,
                                 TimingScope &timing) {
  return runPhase(module, options, timing, [&](OpPassManager &manager) {
    if (options.padWidths)
      buildPaddingPipeline(manager);
    buildEliminationPipeline(manager, options.eliminateNorms, options.bf16);
    if (options.bf16)
      buildMixedPrecisionPipeline(manager);
    buildTrainPipeline(manager, options.microBatches);
  });
}
