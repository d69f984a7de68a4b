//===- Compiler.h - From model form to a plan -------------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// The road from a model to a plan, for lnsc and for programs that embed the
// compiler:
//
//   buildGraph -> buildTraining -> a TargetCompiler for every target
//
// A module may get in at any form (Forms.h), and passes of the caller's run
// behind any form.
//
// Targets share everything up to training form; from there each has a module of
// its own. All functions change the module they get, emit errors on it, and are
// called on one thread for one MLIRContext; none looks at global options.
//
//===----------------------------------------------------------------------===//

#ifndef LNS_DRIVER_COMPILER_H
#define LNS_DRIVER_COMPILER_H

#include "codegen/cpu/CpuKernels.h"
#include "codegen/plan/Plan.h"
#include "driver/Adapters.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Support/Timing.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include <functional>
#include <memory>
#include <optional>
#include <vector>

namespace mlir {
class OpPassManager;
class PassManager;
} // namespace mlir

namespace lns {

struct RecomputeOptions;

/// What a module is, and with which a phase of the road ends.
enum class Form { Model, Graph, Train, Fused, Planned, Plan };

/// What a model is compiled for.
struct CompileOptions {
  int64_t batch = 8;          ///< sequences in a step
  int64_t sequence = 256;     ///< tokens in a sequence
  int64_t microBatches = 1;   ///< parts of a step, a divisor of `batch`
  bool documents = false;     ///< several in a sequence; their starts are input
  bool diagnostics = false;   ///< the plan also traces the stream
  bool decode = false;        ///< the plan also decodes token by token
  bool bf16 = false;          ///< activations
  bool padWidths = true;      ///< between linears
  bool eliminateNorms = true; ///< false: each is computed where it stands
  bool fuseProducts = true;   ///< CUDA: row ops are in products' kernels
  bool keepWeights = true;    ///< CUDA: as products read them, between steps
  std::optional<uint64_t> budget;     ///< bytes of a session
  unsigned threads = 1;               ///< of a CPU session that is kept to it
  std::vector<cpu::CodeLevel> levels; ///< of CPU code
  /// LoRA: what is trained of a model that is frozen itself.
  std::optional<AdapterChoice> adapters;

  /// Pipelines for a module, in MLIR's text form, that run where a form from
  /// graph to planned form is reached, in this order; those of one form are
  /// checked by that form's own verifier. Fused and planned form are reached by
  /// every target. The identity of the plan names them: what it computes is not
  /// the model alone.
  std::vector<std::pair<Form, std::string>> passesAfter;

  /// Called with every pass manager before its passes are added.
  std::function<llvm::LogicalResult(mlir::PassManager &)> configure;
};

/// Lets in a module that is in graph, training, fused or planned form: checks
/// that it is, and runs the passes behind that form.
llvm::LogicalResult enterForm(mlir::ModuleOp module, Form form,
                              const CompileOptions &options,
                              mlir::TimingScope &timing);

/// What a plan will say that it computes, from a module of this form, behind
/// which no pass of the options is left to run: with those that later forms
/// have behind them. (Model form has none.) `own` is what addAdapters gave for
/// model form, empty for others, which know it themselves.
std::string getPlanIdentity(mlir::ModuleOp module, Form form,
                            const CompileOptions &options, std::string own);

/// Adds the adapters of the options, if there are any, to model form. Gives
/// what the model, with them, computes.
llvm::FailureOr<std::string> addAdapters(mlir::ModuleOp module,
                                         const CompileOptions &options,
                                         mlir::TimingScope &timing);

/// Model form to graph form, with the adapters of the options.
llvm::LogicalResult buildGraph(mlir::ModuleOp module,
                               const CompileOptions &options,
                               mlir::TimingScope &timing);

/// Graph form to training form, with norms eliminated.
llvm::LogicalResult buildTraining(mlir::ModuleOp module,
                                  const CompileOptions &options,
                                  mlir::TimingScope &timing);

/// What a step computes again to fit a budget.
struct Recomputed {
  int64_t ops = 0;        ///< more than without a budget
  int64_t flops = 0;      ///< of them, in all parts of a step
  int64_t totalFlops = 0; ///< of a step without a budget
  uint64_t bytes = 0;     ///< by which it makes the arena smaller
};

/// What is left to do for one target, from training form. Of one module, once.
class TargetCompiler {
public:
  /// `options` and `timing` outlive the compiler.
  TargetCompiler(const CompileOptions &options, mlir::TimingScope &timing)
      : options(options), timing(timing) {}
  virtual ~TargetCompiler() = default;

  /// From training, fused or planned form to the form that is asked for, one
  /// that is not before it: for Form::Plan, to a part of `plan`.
  llvm::LogicalResult run(mlir::ModuleOp module, Form from, Form until,
                          Plan &plan);

  /// Whether the budget is met. Changes the module, emits nothing.
  bool fits(mlir::ModuleOp module);

  Recomputed recomputed;   ///< to fit the budget
  bool overBudget = false; ///< what `run` failed for

protected:
  /// Passes that end with no form.
  llvm::LogicalResult
  runPhase(mlir::ModuleOp module,
           llvm::function_ref<void(mlir::OpPassManager &)> build);

  /// Training form to what the target's kernels want, within the budget.
  virtual llvm::LogicalResult prepare(mlir::ModuleOp module) = 0;
  virtual void buildFusion(mlir::OpPassManager &manager) = 0;
  /// Makes recomputation plan with what buildFusion builds.
  virtual void setFusion(RecomputeOptions &recompute) = 0;
  /// Puts all but machine code into a plan.
  virtual llvm::LogicalResult draft(mlir::ModuleOp module, Plan &plan) = 0;
  virtual llvm::LogicalResult addProgram(mlir::ModuleOp module, Plan &plan) = 0;
  virtual SessionMemory getMemory(const Plan &plan) = 0;

  /// Makes training form fit the budget, if there is one.
  llvm::LogicalResult fitBudget(mlir::ModuleOp module);

  const CompileOptions &options;
  mlir::TimingScope &timing;
  /// @logits, where the budget has no room for it, and what it needs.
  std::optional<std::pair<mlir::Location, uint64_t>> leftOut;

private:
  std::pair<int64_t, int64_t> countWork(mlir::ModuleOp module);
  llvm::FailureOr<bool> isMet(mlir::ModuleOp module, mlir::ModuleOp before,
                              uint64_t arenaBefore, SessionMemory &memory);
  llvm::LogicalResult recompute(mlir::ModuleOp module, uint64_t reserved,
                                bool tightest = false);
  bool tryBudget(mlir::ModuleOp module, uint64_t reserved);
  /// Bytes of the arenas that @logits, @trace and @decode need; 0 without them.
  struct ForwardArenas {
    uint64_t logits = 0, trace = 0, decode = 0;
  };
  llvm::FailureOr<SessionMemory> planMemory(mlir::ModuleOp trained,
                                            ForwardArenas *arenas = nullptr);
};

/// With `llvmIr`, the compiler gives the first level's optimized LLVM IR and
/// puts no machine code into the plan.
std::unique_ptr<TargetCompiler>
createCpuCompiler(const CompileOptions &options, mlir::TimingScope &timing,
                  std::string *llvmIr = nullptr);
/// Kernels as text; driver/Cubins.h compiles them.
std::unique_ptr<TargetCompiler>
createCudaCompiler(const CompileOptions &options, mlir::TimingScope &timing);

/// The largest part of a batch, smaller than those of `options`, with which a
/// target meets the budget; 0 if none does; nothing if there is no smaller one.
/// `model` is model form and stays.
std::optional<int64_t> findMicroBatch(
    mlir::ModuleOp model, const CompileOptions &options,
    llvm::function_ref<std::unique_ptr<TargetCompiler>(const CompileOptions &,
                                                       mlir::TimingScope &)>
        create);

/// The plan as the bytes of a file that the runtime has opened: one that it
/// refuses is a fault of the compiler. Fails with a message.
bool writePlan(const Plan &plan, std::vector<char> &bytes, std::string &error);

} // namespace lns

#endif // LNS_DRIVER_COMPILER_H
