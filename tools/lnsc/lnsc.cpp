//===- lnsc.cpp - The compiler's driver -------------------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// lnsc MODEL -o PLAN: reads a model (model form, or a Hugging Face
// config.json), runs the pipeline and writes a plan. --emit stops after any
// phase and prints what is there.
//
// Targets share everything up to training form; from there each has a module of
// its own.
//
//===----------------------------------------------------------------------===//

#include "codegen/plan/ModelIdentity.h"
#include "dialect/LnsMemory.h"
#include "dialect/LnsOps.h"
#include "dialect/Register.h"
#include "passes/Passes.h"
#include "passes/Pipelines.h"
#include "tools/lnsc/Cubins.h"
#include "tools/lnsc/Options.h"
#include "tools/lnsc/ReadModel.h"
#include "tools/lnsc/Report.h"
#include "tools/lnsc/ShortLines.h"
#include "tools/lnsc/WritePlan.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/AsmState.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Support/Timing.h"
#include "mlir/Support/ToolUtilities.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/SourceMgr.h"

using namespace mlir;
using namespace lns;
using namespace lns::driver;

namespace {

/// Runs one phase's passes with the command line's pass-manager options.
LogicalResult runPhase(ModuleOp module, TimingScope &timing,
                       llvm::function_ref<void(OpPassManager &)> build) {
  PassManager manager(module.getContext());
  if (failed(applyPassManagerCLOptions(manager)))
    return failure();
  manager.enableTiming(timing);
  build(manager);
  return manager.run(module);
}

/// What is left to do for one target, from its training form.
class TargetCompiler {
public:
  TargetCompiler(const Request &request, TimingScope &timing)
      : request(request), timing(timing) {}
  virtual ~TargetCompiler() = default;

  /// Training form to the phase that --emit names, or to a part of `plan`.
  LogicalResult run(ModuleOp module, Plan &plan) {
    if (failed(prepare(module)))
      return failure();
    if (emit == Phase::Train)
      return success();
    if (failed(runPhase(module, timing,
                        [&](OpPassManager &manager) { buildFusion(manager); })))
      return failure();
    if (emit == Phase::Fused)
      return success();
    if (failed(runPhase(module, timing, [](OpPassManager &manager) {
          buildMemoryPipeline(manager);
        })))
      return failure();
    return emit == Phase::Plan ? success() : addProgram(module, plan);
  }

  /// Whether the budget is met. Changes the module, prints nothing.
  bool fits(ModuleOp module) {
    ScopedDiagnosticHandler quiet(module.getContext(),
                                  [](Diagnostic &) { return success(); });
    return succeeded(prepare(module));
  }

  Recomputed recomputed;   ///< to fit the budget
  bool overBudget = false; ///< what `run` failed for

protected:
  /// Training form to what the target's kernels want, within the budget.
  virtual LogicalResult prepare(ModuleOp module) = 0;
  virtual void buildFusion(OpPassManager &manager) = 0;
  /// Makes recomputation plan with what buildFusion builds.
  virtual void setFusion(RecomputeOptions &options) = 0;
  /// Puts all but machine code into a plan.
  virtual LogicalResult draft(ModuleOp module, Plan &plan) = 0;
  virtual LogicalResult addProgram(ModuleOp module, Plan &plan) = 0;
  virtual SessionMemory getMemory(const Plan &plan) = 0;

  /// Makes training form fit the budget, if there is one.
  LogicalResult fitBudget(ModuleOp module) {
    if (!request.budget)
      return success();
    uint64_t logitsArena = 0;
    FailureOr<SessionMemory> memory = planMemory(module, &logitsArena);
    if (failed(memory))
      return failure();
    uint64_t reserved = memory->total() - memory->arena();
    if (logitsArena != 0 && reserved + logitsArena > *request.budget) {
      // A budget is about training, which has no logits in f32.
      auto logits = module.lookupSymbol<func::FuncOp>("logits");
      if (!std::exchange(saidNoLogits, true))
        logits.emitRemark()
            << "the plan has no entry point 'logits', which needs "
            << logitsArena
            << " bytes of arena: more than the memory budget "
               "leaves; training does without it";
      logits.erase();
      return fitBudget(module);
    }
    uint64_t arena = memory->arena();
    OwningOpRef<ModuleOp> before = module.clone();
    // What is reserved only grows, until it fits or nothing does.
    while (tryBudget(module, reserved)) {
      memory = planMemory(module);
      if (failed(memory))
        return failure();
      if (memory->total() <= *request.budget) {
        compare(*before, arena, module, memory->arena());
        return success();
      }
      reserved = memory->total() - memory->arena();
      restore(module, *before);
    }
    // What is reserved where all is computed again that can be is exact.
    restore(module, *before);
    if (failed(recompute(module, 0, /*tightest=*/true)))
      return failure();
    memory = planMemory(module);
    if (failed(memory))
      return failure();
    if (memory->total() <= *request.budget) {
      compare(*before, arena, module, memory->arena());
      return success();
    }
    restore(module, *before);
    overBudget = true;
    // Says what the smallest budget is.
    return recompute(module, memory->total() - memory->arena());
  }

  const Request &request;
  TimingScope &timing;

private:
  bool saidNoLogits = false;

  /// The ops of a step, or of each part of it, and what they cost.
  std::pair<int64_t, int64_t> countWork(ModuleOp module) {
    auto function = module.lookupSymbol<func::FuncOp>("micro_grads");
    if (!function)
      function = module.lookupSymbol<func::FuncOp>("grads");
    int64_t ops = 0, flops = 0;
    if (function)
      for (Operation &op : function.getBody().front()) {
        ++ops;
        if (auto cost = dyn_cast<CostOpInterface>(op))
          flops += cost.getFlops();
      }
    return {ops, flops * request.microBatches};
  }

  void compare(ModuleOp before, uint64_t arenaBefore, ModuleOp after,
               uint64_t arenaAfter) {
    auto [opsBefore, flopsBefore] = countWork(before);
    auto [opsAfter, flopsAfter] = countWork(after);
    recomputed = {opsAfter - opsBefore, flopsAfter - flopsBefore, flopsBefore,
                  arenaBefore - std::min(arenaBefore, arenaAfter)};
  }

  LogicalResult recompute(ModuleOp module, uint64_t reserved,
                          bool tightest = false) {
    RecomputeOptions options;
    options.budgetBytes = *request.budget;
    options.reservedBytes = reserved;
    options.tightest = tightest;
    setFusion(options);
    return runPhase(module, timing, [&](OpPassManager &manager) {
      manager.addPass(createRecompute(options));
    });
  }

  /// Without a word where it fails.
  bool tryBudget(ModuleOp module, uint64_t reserved) {
    ScopedDiagnosticHandler quiet(
        module.getContext(), [](Diagnostic &diagnostic) {
          return success(diagnostic.getSeverity() == DiagnosticSeverity::Error);
        });
    return succeeded(recompute(module, reserved));
  }

  static void restore(ModuleOp module, ModuleOp before) {
    OwningOpRef<ModuleOp> copy = before.clone();
    module.getBodyRegion().takeBody(copy->getBodyRegion());
  }

  /// What a session of a plan of this training form allocates. Computing ops
  /// again may change more than the arena: where they are computed, others may
  /// share a kernel with them, which takes other scratch.
  FailureOr<SessionMemory> planMemory(ModuleOp trained,
                                      uint64_t *logitsArena = nullptr) {
    OwningOpRef<ModuleOp> copy = trained.clone();
    PassManager manager(copy->getContext());
    buildFusion(manager);
    buildMemoryPipeline(manager);
    Plan plan;
    if (failed(manager.run(*copy)) || failed(draft(*copy, plan)))
      return failure();
    auto logits = copy->lookupSymbol<func::FuncOp>("logits");
    if (logitsArena && logits)
      *logitsArena =
          logits->getAttrOfType<IntegerAttr>(kArenaBytesAttr).getInt();
    return getMemory(plan);
  }
};

class CpuCompiler final : public TargetCompiler {
public:
  using TargetCompiler::TargetCompiler;

  std::string llvmIr; ///< with --emit=llvm

private:
  LogicalResult prepare(ModuleOp module) override { return fitBudget(module); }
  void buildFusion(OpPassManager &manager) override {
    buildFusePipeline(manager);
  }
  void setFusion(RecomputeOptions &options) override { options.cuda = false; }
  LogicalResult draft(ModuleOp module, Plan &plan) override {
    cpu::KernelLowering kernels(module.getContext());
    return buildPlan(module, kernels, plan);
  }
  SessionMemory getMemory(const Plan &plan) override {
    return getSessionMemory(plan, getThreads());
  }

  LogicalResult addProgram(ModuleOp module, Plan &plan) override {
    TimingScope lowering = timing.nest("Kernels");
    cpu::KernelLowering kernels(module.getContext());
    if (failed(buildPlan(module, kernels, plan)))
      return failure();
    lowering.stop();
    TimingScope code = timing.nest("Machine code");
    std::vector<std::vector<char>> objects;
    if (failed(cpu::compileKernels(kernels.getModule(), request.levels, objects,
                                   emit == Phase::Llvm ? &llvmIr : nullptr)))
      return failure();
    if (emit == Phase::Llvm)
      return success();
    for (auto [level, object] : llvm::zip(request.levels, objects))
      plan.code.push_back({level, std::move(object)});
    return success();
  }
};

class CudaCompiler final : public TargetCompiler {
public:
  using TargetCompiler::TargetCompiler;

private:
  LogicalResult prepare(ModuleOp module) override {
    if (failed(runPhase(module, timing, [](OpPassManager &manager) {
          buildCudaPreparePipeline(manager, /*keepWeights=*/false);
        })))
      return failure();
    if (disableKeptWeights)
      return fitBudget(module);
    OwningOpRef<ModuleOp> without;
    if (request.budget)
      without = module.clone();
    if (failed(runPhase(module, timing, buildKeepWeightsPipeline)))
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
    module.getBodyRegion().takeBody(without.getBodyRegion());
    if (failed(fitBudget(module)))
      return failure();
    module.emitRemark("the memory budget leaves no room to keep compute "
                      "weights; every step computes them");
    return success();
  }
  void buildFusion(OpPassManager &manager) override {
    buildCudaFusePipeline(manager, !disableProductFusion);
  }
  void setFusion(RecomputeOptions &options) override {
    options.cuda = true;
    options.products = !disableProductFusion;
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

/// Model form to training form, or to the phase that --emit names.
LogicalResult buildTraining(ModuleOp module, const Request &request,
                            TimingScope &timing) {
  if (failed(runPhase(module, timing, [&](OpPassManager &manager) {
        buildGraphPipeline(manager, batch / request.microBatches, sequence);
      })))
    return failure();
  if (emit == Phase::Graph)
    return success();
  return runPhase(module, timing, [&](OpPassManager &manager) {
    if (!disablePadding)
      buildPaddingPipeline(manager);
    buildEliminationPipeline(manager, !disableNormElimination, request.bf16);
    if (request.bf16)
      buildMixedPrecisionPipeline(manager);
    buildTrainPipeline(manager, request.microBatches);
  });
}

/// Says with which --micro-batch the budget would be met, which no
/// --micro-batch or a larger one has missed. `model` is the model form.
template <typename Compiler>
void suggestMicroBatch(ModuleOp model, const Request &request) {
  auto isMet = [&](int64_t part) {
    Request other = request;
    other.microBatches = batch / part;
    TimingScope untimed;
    OwningOpRef<ModuleOp> module = model.clone();
    ScopedDiagnosticHandler quiet(model.getContext(),
                                  [](Diagnostic &) { return success(); });
    return succeeded(buildTraining(*module, other, untimed)) &&
           Compiler(other, untimed).fits(*module);
  };
  SmallVector<int64_t> parts; // smaller ones, the smallest first
  for (int64_t part = 1; part < batch / request.microBatches; ++part)
    if (batch % part == 0)
      parts.push_back(part);
  if (parts.empty())
    return;
  if (!isMet(parts.front())) {
    llvm::errs() << "lnsc: note: no --micro-batch meets the budget, nor does "
                    "--micro-batch=1; give a larger one, or a smaller --seq or "
                    "model\n";
    return;
  }
  size_t met = 0, missed = parts.size();
  while (missed - met > 1) {
    size_t middle = (met + missed) / 2;
    (isMet(parts[middle]) ? met : missed) = middle;
  }
  llvm::errs() << "lnsc: note: --micro-batch=" << parts[met]
               << " meets the budget\n";
}

int compileModel() {
  DefaultTimingManager timingManager;
  applyDefaultTimingManagerCLOptions(timingManager);
  TimingScope timing = timingManager.getRootScope();

  DialectRegistry registry;
  registerDialects(registry);
  MLIRContext context(registry);
  // One line per error; --mlir-print-op-on-diagnostic brings the op back.
  context.printOpOnDiagnostic(false);
  llvm::SourceMgr sourceMgr;
  ShortLines errors(llvm::errs());
  SourceMgrDiagnosticHandler diagnostics(sourceMgr, &context, errors);

  Request request;
  if (!readRequest(request))
    return 1;
  Plan plan;
  TimingScope parsing = timing.nest("Parse");
  OwningOpRef<ModuleOp> module = readModel(context, sourceMgr, plan.sourceHash);
  parsing.stop();
  if (!module)
    return 1;
  if (emit == Phase::Model)
    return printModule(*module);
  for (auto model : module->getOps<ModelOp>())
    plan.identity = getModelIdentity(model);
  if (emit == Phase::Identity)
    return printTo([&](llvm::raw_ostream &os) { os << plan.identity; });
  OwningOpRef<ModuleOp> model;
  if (request.budget)
    model = module->clone();
  if (failed(buildTraining(*module, request, timing)))
    return 1;
  if (emit == Phase::Graph)
    return printModule(*module);

  CpuCompiler cpuCompiler(request, timing);
  CudaCompiler cudaCompiler(request, timing);
  if (emit == Phase::Train || emit == Phase::Fused || emit == Phase::Plan) {
    TargetCompiler *first = &cudaCompiler;
    if (request.cpu)
      first = &cpuCompiler;
    return failed(first->run(*module, plan)) ? 1 : printModule(*module);
  }
  bool printsCuda = emit == Phase::Cuda || emit == Phase::Resources;
  if (request.cpu && !printsCuda) {
    OwningOpRef<ModuleOp> own = module->clone();
    if (failed(cpuCompiler.run(*own, plan))) {
      if (cpuCompiler.overBudget)
        suggestMicroBatch<CpuCompiler>(*model, request);
      return 1;
    }
  }
  if (emit == Phase::Llvm)
    return printTo([&](llvm::raw_ostream &os) { os << cpuCompiler.llvmIr; });
  if (request.cuda && failed(cudaCompiler.run(*module, plan))) {
    if (cudaCompiler.overBudget)
      suggestMicroBatch<CudaCompiler>(*model, request);
    return 1;
  }
  if (emit == Phase::Cuda)
    return printTo(
        [&](llvm::raw_ostream &os) { printKernels(os, *plan.cuda); });
  if (!cudaArchs.empty()) {
    TimingScope cubins = timing.nest("Cubins");
    if (!addCubins(*plan.cuda, cudaArchs))
      return 1;
  }
  if (emit == Phase::Resources)
    return printTo(
        [&](llvm::raw_ostream &os) { printResources(os, *plan.cuda); });
  TimingScope writing = timing.nest("Write");
  if (int code = writePlan(plan, request))
    return code;
  llvm::raw_ostream &os = outputPath == "-" ? llvm::errs() : llvm::outs();
  printRecomputed(os, cpuCompiler.recomputed, "the CPU");
  printRecomputed(os, cudaCompiler.recomputed, "CUDA");
  return 0;
}

} // namespace

int main(int argc, char **argv) {
  llvm::InitLLVM initialization(argc, argv);
  registerLnsPasses();
  registerAsmPrinterCLOptions();
  registerMLIRContextCLOptions();
  registerPassManagerCLOptions();
  registerDefaultTimingManagerCLOptions();
  llvm::cl::AddExtraVersionPrinter([](llvm::raw_ostream &stream) {
    stream << "lnsc " << LNS_VERSION << "\n";
  });
  parseCommandLine(argc, argv);
  return compileModel();
}
