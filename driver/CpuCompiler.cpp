//===- CpuCompiler.cpp - Training form to machine code ----------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "driver/Compiler.h"
#include "passes/Passes.h"
#include "passes/Pipelines.h"

#include "llvm/ADT/STLExtras.h"

using namespace mlir;
using namespace lns;

namespace {

class CpuCompiler final : public TargetCompiler {
public:
  CpuCompiler(const CompileOptions &options, TimingScope &timing,
              std::string *llvmIr)
      : TargetCompiler(options, timing), llvmIr(llvmIr) {}

private:
  LogicalResult prepare(ModuleOp module) override { return fitBudget(module); }
  void buildFusion(OpPassManager &manager) override {
    buildFusePipeline(manager);
  }
  void setFusion(RecomputeOptions &recompute) override {
    recompute.cuda = false;
  }
  LogicalResult draft(ModuleOp module, Plan &plan) override {
    cpu::KernelLowering kernels(module.getContext());
    return buildPlan(module, kernels, plan);
  }
  SessionMemory getMemory(const Plan &plan) override {
    return getSessionMemory(plan, options.threads);
  }

  LogicalResult addProgram(ModuleOp module, Plan &plan) override {
    TimingScope lowering = timing.nest("Kernels");
    cpu::KernelLowering kernels(module.getContext());
    if (failed(buildPlan(module, kernels, plan)))
      return failure();
    lowering.stop();
    TimingScope code = timing.nest("Machine code");
    std::vector<std::vector<char>> objects;
    if (failed(cpu::compileKernels(kernels.getModule(), options.levels, objects,
                                   llvmIr)))
      return failure();
    if (llvmIr)
      return success();
    for (auto [level, object] : llvm::zip(options.levels, objects))
      plan.code.push_back({level, std::move(object)});
    return success();
  }

  std::string *llvmIr;
};

} // namespace

std::unique_ptr<TargetCompiler>
lns::createCpuCompiler(const CompileOptions &options, TimingScope &timing,
                       std::string *llvmIr) {
  return std::make_unique<CpuCompiler>(options, timing, llvmIr);
}
