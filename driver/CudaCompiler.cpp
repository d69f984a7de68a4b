//===- CudaCompiler.cpp - Training form to CUDA kernels ---------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "dialect/LnsOps.h"
#include "driver/Compiler.h"
#include "passes/Passes.h"
#include "passes/Pipelines.h"

using namespace mlir;
using namespace lns;

namespace {

class CudaCompiler final : public TargetCompiler {
public:
  using TargetCompiler::TargetCompiler;

private:
  LogicalResult prepare(ModuleOp module) override {
    if (failed(runPhase(module, [](OpPassManager &manager) {
          buildCudaPreparePipeline(manager, /*keepWeights=*/false);
        })))
      return failure();
    if (!options.keepWeights)
      return fitBudget(module);
    OwningOpRef<ModuleOp> without;
    if (options.budget)
      without = module.clone();
    if (failed(runPhase(module, buildKeepWeightsPipeline)))
      return failure();
    if (!without || module.getOps<ComputeWeightOp>().empty())
      return fitBudget(module);
    return fitWithOrWithout(module, *without);
  }

  /// Compute weights are kept where the budget can then be met at all;
  /// otherwise `module` becomes what it is `without`.
  LogicalResult fitWithOrWithout(ModuleOp module, ModuleOp without) {
    {
      // That it cannot be met is no error yet.
      ScopedDiagnosticHandler quiet(module.getContext(),
                                    [](Diagnostic &diagnostic) {
                                      return success(diagnostic.getSeverity() ==
                                                     DiagnosticSeverity::Error);
                                    });
      if (succeeded(fitBudget(module)))
        return success();
    }
    leftOut.reset(); // that was of another module
    module.getBodyRegion().takeBody(without.getBodyRegion());
    if (failed(fitBudget(module)))
      return failure();
    module.emitRemark("the memory budget leaves no room to keep compute "
                      "weights; every step computes them");
    return success();
  }
  void buildFusion(OpPassManager &manager) override {
    buildCudaFusePipeline(manager, options.fuseProducts);
  }
  void setFusion(RecomputeOptions &recompute) override {
    recompute.cuda = true;
    recompute.products = options.fuseProducts;
  }
  LogicalResult draft(ModuleOp module, Plan &plan) override {
    cuda::KernelLowering kernels(module.getContext());
    return buildCudaPlan(module, kernels, plan);
  }
  SessionMemory getMemory(const Plan &plan) override {
    return getCudaSessionMemory(plan);
  }
  LogicalResult addProgram(ModuleOp module, Plan &plan) override {
    TimingScope lowering = timing.nest("CUDA kernels");
    return draft(module, plan);
  }
};

} // namespace

std::unique_ptr<TargetCompiler>
lns::createCudaCompiler(const CompileOptions &options, TimingScope &timing) {
  return std::make_unique<CudaCompiler>(options, timing);
}
