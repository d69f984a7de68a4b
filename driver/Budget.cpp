//===- Budget.cpp - Training form within a memory budget --------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "dialect/LnsMemory.h"
#include "dialect/LnsOps.h"
#include "driver/Phases.h"
#include "passes/Passes.h"
#include "passes/Pipelines.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/PassManager.h"

using namespace mlir;
using namespace lns;

static void restore(ModuleOp module, ModuleOp before) {
  OwningOpRef<ModuleOp> copy = before.clone();
  module.getBodyRegion().takeBody(copy->getBodyRegion());
}

/// The ops of a step, or of each part of it, and what they cost.
std::pair<int64_t, int64_t> TargetCompiler::countWork(ModuleOp module) {
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
  return {ops, flops * options.microBatches};
}

LogicalResult TargetCompiler::recompute(ModuleOp module, uint64_t reserved,
                                        bool tightest) {
  RecomputeOptions recompute;
  recompute.budgetBytes = *options.budget;
  recompute.reservedBytes = reserved;
  recompute.tightest = tightest;
  setFusion(recompute);
  return runPhase(module, [&](OpPassManager &manager) {
    manager.addPass(createRecompute(recompute));
  });
}

/// Without a word where it fails.
bool TargetCompiler::tryBudget(ModuleOp module, uint64_t reserved) {
  ScopedDiagnosticHandler quiet(
      module.getContext(), [](Diagnostic &diagnostic) {
        return success(diagnostic.getSeverity() == DiagnosticSeverity::Error);
      });
  return succeeded(recompute(module, reserved));
}

/// What a session of a plan of this training form allocates. Computing ops
/// again may change more than the arena: where they are computed, others may
/// share a kernel with them, which takes other scratch.
FailureOr<SessionMemory> TargetCompiler::planMemory(ModuleOp trained,
                                                    ForwardArenas *arenas) {
  OwningOpRef<ModuleOp> copy = trained.clone();
  PassManager manager(copy->getContext());
  buildFusion(manager);
  if (failed(addPassesAfter(Form::Fused, options, manager)))
    return failure();
  buildMemoryPipeline(manager);
  if (failed(addPassesAfter(Form::Planned, options, manager)))
    return failure();
  Plan plan;
  if (failed(runPasses(manager, *copy)) || failed(draft(*copy, plan)))
    return failure();
  auto getArena = [&](StringRef name) -> uint64_t {
    auto function = copy->lookupSymbol<func::FuncOp>(name);
    return function
               ? function->getAttrOfType<IntegerAttr>(kArenaBytesAttr).getInt()
               : 0;
  };
  if (arenas)
    *arenas = {getArena("logits"), getArena("trace"), getArena("decode")};
  return getMemory(plan);
}

/// Whether the budget is met by a module in which ops are computed again that
/// were not `before`; if so, notes what that costs. Gives its memory.
FailureOr<bool> TargetCompiler::isMet(ModuleOp module, ModuleOp before,
                                      uint64_t arenaBefore,
                                      SessionMemory &memory) {
  FailureOr<SessionMemory> planned = planMemory(module);
  if (failed(planned))
    return failure();
  memory = *planned;
  if (memory.total() > *options.budget)
    return false;
  auto [opsBefore, flopsBefore] = countWork(before);
  auto [opsAfter, flopsAfter] = countWork(module);
  recomputed = {opsAfter - opsBefore, flopsAfter - flopsBefore, flopsBefore,
                arenaBefore - std::min(arenaBefore, memory.arena())};
  return true;
}

LogicalResult TargetCompiler::fitBudget(ModuleOp module) {
  if (!options.budget)
    return success();
  ForwardArenas arenas;
  FailureOr<SessionMemory> whole = planMemory(module, &arenas);
  if (failed(whole))
    return failure();
  SessionMemory memory = *whole;
  uint64_t reserved = memory.total() - memory.arena();
  // Nothing can be computed again there: all of it is results.
  if (arenas.trace != 0 && reserved + arenas.trace > *options.budget) {
    overBudget = true;
    return module.lookupSymbol<func::FuncOp>("trace").emitError()
           << "what diagnostics trace takes " << arenas.trace
           << " bytes beside " << reserved << ", but the memory budget is "
           << *options.budget
           << "; give a larger one or a smaller --micro-batch, or compile "
              "without --diagnostics";
  }
  if (arenas.decode != 0 && reserved + arenas.decode > *options.budget) {
    overBudget = true;
    return module.lookupSymbol<func::FuncOp>("decode").emitError()
           << "what decodes a token takes " << arenas.decode << " bytes beside "
           << reserved << ", caches among them, but the memory budget is "
           << *options.budget
           << "; give a larger one or a smaller --batch, or compile without "
              "--decode";
  }
  if (arenas.logits != 0 && reserved + arenas.logits > *options.budget) {
    // A budget is about training, which has no logits in f32.
    auto logits = module.lookupSymbol<func::FuncOp>("logits");
    leftOut = {logits.getLoc(), arenas.logits};
    logits.erase();
    return fitBudget(module);
  }
  uint64_t arena = memory.arena();
  OwningOpRef<ModuleOp> before = module.clone();
  // What is reserved only grows, until it fits or nothing does.
  while (tryBudget(module, reserved)) {
    FailureOr<bool> met = isMet(module, *before, arena, memory);
    if (failed(met) || *met)
      return met;
    reserved = memory.total() - memory.arena();
    restore(module, *before);
  }
  // What is reserved where all is computed again that can be is exact.
  restore(module, *before);
  if (failed(recompute(module, 0, /*tightest=*/true)))
    return failure();
  FailureOr<bool> met = isMet(module, *before, arena, memory);
  if (failed(met) || *met)
    return met;
  restore(module, *before);
  overBudget = true;
  // Says what the smallest budget is.
  return recompute(module, memory.total() - memory.arena());
}

std::optional<int64_t> lns::findMicroBatch(
    ModuleOp model, const CompileOptions &options,
    llvm::function_ref<std::unique_ptr<TargetCompiler>(const CompileOptions &,
                                                       TimingScope &)>
        create) {
  auto isMet = [&](int64_t part) {
    CompileOptions other = options;
    other.microBatches = options.batch / part;
    TimingScope untimed;
    OwningOpRef<ModuleOp> module = model.clone();
    ScopedDiagnosticHandler quiet(model.getContext(),
                                  [](Diagnostic &) { return success(); });
    return succeeded(buildGraph(*module, other, untimed)) &&
           succeeded(buildTraining(*module, other, untimed)) &&
           create(other, untimed)->fits(*module);
  };
  SmallVector<int64_t> parts; // smaller ones, the smallest first
  for (int64_t part = 1; part < options.batch / options.microBatches; ++part)
    if (options.batch % part == 0)
      parts.push_back(part);
  if (parts.empty())
    return std::nullopt;
  if (!isMet(parts.front()))
    return 0;
  size_t met = 0, missed = parts.size();
  while (missed - met > 1) {
    size_t middle = (met + missed) / 2;
    (isMet(parts[middle]) ? met : missed) = middle;
  }
  return parts[met];
}
