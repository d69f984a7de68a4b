//===- Recompute.cpp - Memory to a budget -----------------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// A step keeps what its backward pass reads. Where that is more than the
// budget, some of it is computed again: first what costs least time for each
// byte that it frees. The model in RecomputeModel.h proposes, the real passes
// dispose: what is proposed is clustered and planned on a copy, and the
// proposal goes on until the arena fits.
//
//===----------------------------------------------------------------------===//

#include "dialect/LnsDialect.h"
#include "dialect/LnsOps.h"
#include "passes/Cluster.h"
#include "passes/Passes.h"
#include "passes/Pipelines.h"
#include "passes/PlanMemory.h"
#include "passes/RecomputeModel.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/Remarks.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Pass/PassManager.h"

namespace lns {
#define GEN_PASS_DEF_RECOMPUTE
#include "passes/Passes.h.inc"
} // namespace lns

using namespace mlir;
using namespace lns;

namespace {

/// A function's copy, in a module of its own with the parameters that it names,
/// and what was measured on it.
struct Draft {
  OwningOpRef<ModuleOp> module;
  func::FuncOp function;

  Draft(ModuleOp from, func::FuncOp original) {
    OpBuilder builder(from.getContext());
    module = ModuleOp::create(from.getLoc());
    builder.setInsertionPointToStart(module->getBody());
    for (auto parameter : from.getOps<ParameterOp>())
      builder.clone(*parameter);
    function = cast<func::FuncOp>(builder.clone(*original));
  }
  Block &getBlock() { return function.getBody().front(); }
};

/// One way to run a function.
struct Proposal {
  RecomputeSet set;
  uint64_t arena = 0; ///< bytes
};

struct RecomputePass : lns::impl::RecomputeBase<RecomputePass> {
  using RecomputeBase::RecomputeBase;

  void runOnOperation() override {
    if (budgetBytes < 0)
      return;
    uint64_t budget = budgetBytes, reserved = reservedBytes, smallest = 0;
    uint64_t limit = budget > reserved ? budget - reserved : 0;
    func::FuncOp largest;
    for (auto function :
         llvm::make_early_inc_range(getOperation().getOps<func::FuncOp>())) {
      if (function.isExternal() || !function.getBody().hasOneBlock())
        continue;
      uint64_t arena = 0;
      if (failed(fit(function, limit, arena)))
        return signalPassFailure();
      if (!largest || arena > smallest) {
        smallest = arena;
        largest = function;
      }
    }
    if (!largest || (smallest <= limit && reserved <= budget))
      return;
    largest.emitError() << "memory budget of " << budget
                        << " bytes cannot be met: '" << largest.getSymName()
                        << "' needs an arena of " << smallest
                        << " bytes when all is computed again that can be, and "
                           "a session allocates "
                        << reserved << " others; the smallest budget is "
                        << smallest + reserved << " bytes";
    signalPassFailure();
  }

private:
  /// Bytes of the arena that the rest of the pipeline plans for a function.
  FailureOr<uint64_t> measure(ModuleOp draft, const RecomputeSet *set) {
    auto copy = cast<ModuleOp>(draft->clone());
    // Pipelines run on what stands in the module.
    getOperation().getBody()->push_back(copy);
    auto function = *copy.getOps<func::FuncOp>().begin();
    if (set)
      RecomputeModel(function.getBody().front()).apply(*set);
    OpPassManager manager(ModuleOp::getOperationName());
    buildFusePipeline(manager);
    buildMemoryPipeline(manager);
    FailureOr<uint64_t> bytes = failure();
    if (succeeded(runPipeline(manager, copy)))
      bytes = function->getAttrOfType<IntegerAttr>(kArenaBytesAttr).getInt();
    copy.erase();
    return bytes;
  }

  /// A set with one more candidate, if that helps: time for each byte that it
  /// takes off the excess at each moment.
  struct Step {
    RecomputeSet set;
    RecomputeModel::Estimate estimate;
    double price;
  };
  static std::optional<Step> tryStep(const RecomputeModel &model,
                                     const RecomputeSet &set,
                                     const RecomputeModel::Estimate &now,
                                     unsigned op, uint64_t target) {
    if (set.test(op))
      return std::nullopt;
    Step step{set, {}, 0};
    if (!model.add(step.set, op))
      return std::nullopt;
    std::optional<RecomputeModel::Estimate> then =
        model.estimate(step.set, target);
    if (!then || then->excess >= now.excess || then->peak > now.peak)
      return std::nullopt;
    step.estimate = *then;
    step.price = model.getCost(step.set, set) / (now.excess - then->excess);
    return step;
  }

  /// Adds to the set until its estimate is at most `target`. Each round takes
  /// the candidates that are about as cheap as the cheapest; what was taken may
  /// have changed the prices of the rest. False when nothing helps any more.
  static bool extend(const RecomputeModel &model, RecomputeSet &set,
                     uint64_t target) {
    std::optional<RecomputeModel::Estimate> now = model.estimate(set, target);
    while (now && now->peak > target) {
      SmallVector<std::pair<double, unsigned>> prices;
      for (unsigned op : model.getCandidates())
        if (std::optional<Step> step = tryStep(model, set, *now, op, target))
          prices.push_back({step->price, op});
      if (prices.empty())
        return false;
      // Among equals, the first to be made: it is kept for longest.
      llvm::sort(prices);
      double limit = 1.25 * prices.front().first;
      for (auto [price, op] : prices) {
        if (price > limit || now->peak <= target)
          break;
        std::optional<Step> step = tryStep(model, set, *now, op, target);
        if (!step || step->price > limit)
          continue;
        set = std::move(step->set);
        now = step->estimate;
      }
    }
    return bool(now);
  }

  /// Makes the function's arena at most `limit` bytes, if it can; `arena` is
  /// then what it is, else the least that it can be, and nothing is changed.
  LogicalResult fit(func::FuncOp function, uint64_t limit, uint64_t &arena) {
    Draft draft(getOperation(), function);
    FailureOr<uint64_t> before = measure(*draft.module, nullptr);
    if (failed(before))
      return failure();
    arena = *before;
    if (arena <= limit)
      return success();
    // Clustering does this first of all. Done now, the model sees what is kept.
    cloneCheapRowOps(draft.getBlock());
    RecomputeModel model(draft.getBlock());
    if (!model.hasBackward())
      return success();

    std::optional<Proposal> best;
    auto consider = [&](const RecomputeSet &set) -> FailureOr<uint64_t> {
      FailureOr<uint64_t> bytes = measure(*draft.module, &set);
      if (succeeded(bytes) && *bytes <= limit)
        best = {set, *bytes};
      return bytes;
    };
    // @train_step begins as @grads does: what was right there is right here.
    if (!previous.empty()) {
      RecomputeSet set = model.getEmptySet();
      bool same = llvm::all_of(previous, [&](unsigned op) {
        return op < set.size() && model.add(set, op);
      });
      if (same && model.estimate(set, 0) && failed(consider(set)))
        return failure();
    }
    // The model is off by what it does not know; each measurement corrects it.
    RecomputeSet set = model.getEmptySet();
    uint64_t estimated = model.estimate(set, 0)->peak;
    uint64_t target = correct(limit, arena, estimated);
    for (bool more = true; more && !best;) {
      more = extend(model, set, target);
      FailureOr<uint64_t> bytes = consider(set);
      if (failed(bytes))
        return failure();
      estimated = std::min(model.estimate(set, 0)->peak, target);
      target = correct(limit, *bytes, estimated);
    }
    if (!best) {
      set = model.getEmptySet();
      extend(model, set, 0);
      FailureOr<uint64_t> bytes = consider(set);
      if (failed(bytes))
        return failure();
      arena = std::min(arena, *bytes);
    }
    if (!best)
      return success();
    report(function, model, best->set, arena, best->arena);
    arena = best->arena;
    previous.assign(best->set.set_bits_begin(), best->set.set_bits_end());
    model.apply(best->set);
    function.getBody().takeBody(draft.function.getBody());
    return success();
  }

  /// The estimate to ask for where one of `estimated` was in truth `measured`.
  static uint64_t correct(uint64_t limit, uint64_t measured,
                          uint64_t estimated) {
    if (measured <= limit)
      return estimated;
    uint64_t over = measured - limit;
    return estimated > over ? estimated - over : 0;
  }

  /// What was taken for the function before.
  SmallVector<unsigned> previous;

  static void report(func::FuncOp function, const RecomputeModel &model,
                     const RecomputeSet &set, uint64_t before, uint64_t after) {
    auto options = remark::RemarkOpts::name("recompute").category("lns-memory");
    for (unsigned op : set.set_bits())
      remark::passed(model.getOp(op)->getLoc(), options)
          << "computed again behind the loss"
          << remark::metric("bytes", int64_t(model.getKeptBytes(op)));
    remark::passed(function.getLoc(), options)
        << "arena made smaller" << remark::metric("ops", int64_t(set.count()))
        << remark::metric("flops", model.getFlops(set))
        << remark::metric("before", int64_t(before))
        << remark::metric("after", int64_t(after));
  }
};

} // namespace
