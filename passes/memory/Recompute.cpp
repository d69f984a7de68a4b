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
#include "dialect/LnsMemory.h"
#include "dialect/LnsOps.h"
#include "passes/Passes.h"
#include "passes/Pipelines.h"
#include "passes/fuse/Cluster.h"
#include "passes/memory/PlanMemory.h"
#include "passes/memory/RecomputeModel.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/Remarks.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/ADT/DenseSet.h"
#include "llvm/ADT/StringMap.h"

namespace lns {
#define GEN_PASS_DEF_RECOMPUTE
#include "passes/Passes.h.inc"
} // namespace lns

using namespace mlir;
using namespace lns;

namespace {

/// A function's copy, in a module of its own with what it names.
struct Draft {
  OwningOpRef<ModuleOp> module;
  func::FuncOp function;

  Draft(ModuleOp from, func::FuncOp original) {
    OpBuilder builder(from.getContext());
    module = ModuleOp::create(from.getLoc());
    builder.setInsertionPointToStart(module->getBody());
    for (Operation &op : *from.getBody())
      if (isa<ParameterOp, ComputeWeightOp>(op))
        builder.clone(op);
    function = cast<func::FuncOp>(builder.clone(*original));
    for (auto repeat : function.getBody().front().getOps<RepeatOp>())
      if (!module->lookupSymbol(repeat.getCallee()))
        builder.clone(*from.lookupSymbol(repeat.getCallee()));
  }
  Block &getBlock() { return function.getBody().front(); }
};

/// One way to run a function.
struct Proposal {
  RecomputeSet set;
  uint64_t arena = 0; ///< bytes
};

/// A set that grows until its estimate is at most a target.
///
/// Each round takes the candidates that are about as cheap as the cheapest;
/// what was taken may have changed the prices of the rest. Where there are few,
/// each is priced and taken by estimates of its own. Where there are many,
/// prices are guesses, so that a round costs a few estimates, however many
/// candidates there are; what the guesses promise for all of them together is
/// checked, and where it is not kept, for halves of them.
class Extension {
public:
  Extension(const RecomputeModel &model, RecomputeSet &set, uint64_t target)
      : model(model), set(set), target(target) {}

  /// False when nothing helps any more.
  bool run() {
    now = model.estimate(set, target);
    while (now && now->peak > target) {
      if (model.getCandidates().size() <= kFew) {
        if (!takeOneByOne())
          return false;
        continue;
      }
      SmallVector<RecomputeModel::Offer> offers = model.getOffers(set, target);
      llvm::erase_if(offers, [&](const RecomputeModel::Offer &offer) {
        return useless.contains(offer.op);
      });
      if (offers.empty())
        return false;
      SmallVector<unsigned> cheapest;
      for (const RecomputeModel::Offer &offer : offers)
        if (offer.price <= 1.25 * offers.front().price)
          cheapest.push_back(offer.op);
      take(cheapest);
    }
    return bool(now);
  }

private:
  struct Step {
    RecomputeSet set;
    RecomputeModel::Estimate estimate;
  };

  static constexpr size_t kFew = 256;

  /// Time for each byte that the step takes off the excess at each moment.
  double getPrice(const Step &step) {
    return model.getCost(step.set, set) / (now->excess - step.estimate.excess);
  }

  /// A round with exact prices. False when nothing helps any more.
  bool takeOneByOne() {
    SmallVector<std::pair<double, unsigned>> prices;
    for (unsigned op : model.getCandidates())
      if (!set.test(op))
        if (std::optional<Step> step = tryStep(op))
          prices.push_back({getPrice(*step), op});
    if (prices.empty())
      return false;
    // Among equals, the first to be made: it is kept for longest.
    llvm::sort(prices);
    double limit = 1.25 * prices.front().first;
    for (auto [price, op] : prices) {
      if (price > limit || now->peak <= target)
        break;
      if (set.test(op))
        continue;
      std::optional<Step> step = tryStep(op);
      if (!step || getPrice(*step) > limit)
        continue;
      set = std::move(step->set);
      now = step->estimate;
    }
    return true;
  }

  /// The set with more candidates, if that helps.
  std::optional<Step> tryStep(ArrayRef<unsigned> more) {
    Step step{set, {}};
    for (unsigned op : more)
      if (!model.add(step.set, op))
        return std::nullopt;
    std::optional<RecomputeModel::Estimate> then =
        model.estimate(step.set, target);
    if (!then || then->excess >= now->excess || then->peak > now->peak)
      return std::nullopt;
    step.estimate = *then;
    return step;
  }

  /// Takes those that help, and no more than it takes.
  void take(ArrayRef<unsigned> more) {
    if (now->peak <= target)
      return;
    std::optional<Step> step = tryStep(more);
    if (!step) {
      if (more.size() == 1) {
        useless.insert(more.front());
        return;
      }
      take(more.take_front(more.size() / 2));
      take(more.drop_front(more.size() / 2));
      return;
    }
    size_t tooFew = 0, enough = more.size();
    while (step->estimate.peak <= target && enough - tooFew > 1) {
      size_t middle = (tooFew + enough) / 2;
      std::optional<Step> part = tryStep(more.take_front(middle));
      if (part && part->estimate.peak <= target) {
        step = std::move(part);
        enough = middle;
      } else {
        tooFew = middle;
      }
    }
    set = std::move(step->set);
    now = step->estimate;
  }

  const RecomputeModel &model;
  RecomputeSet &set;
  uint64_t target;
  std::optional<RecomputeModel::Estimate> now; ///< of the set
  llvm::DenseSet<unsigned> useless;            ///< alone, too
};

bool extend(const RecomputeModel &model, RecomputeSet &set, uint64_t target) {
  return Extension(model, set, target).run();
}

/// Proposals that compute more and more again. A step's path is that of all
/// functions that begin as it does.
struct Path {
  SmallVector<SmallVector<unsigned>> sets; ///< positions of ops
  double target = 0;                       ///< estimate that was asked for last
  bool ended = false;

  /// Nothing behind the end.
  std::optional<RecomputeSet> get(const RecomputeModel &model, unsigned step) {
    while (sets.size() <= step && !ended) {
      RecomputeSet set = model.getEmptySet();
      if (!sets.empty())
        for (unsigned op : sets.back())
          set.set(op);
      target *= 0.9;
      ended = !extend(model, set, uint64_t(target));
      sets.emplace_back(set.set_bits_begin(), set.set_bits_end());
    }
    if (step >= sets.size())
      return std::nullopt;
    RecomputeSet set = model.getEmptySet();
    for (unsigned op : sets[step])
      set.set(op);
    return set;
  }
};

struct RecomputePass : lns::impl::RecomputeBase<RecomputePass> {
  using RecomputeBase::RecomputeBase;

  void runOnOperation() override {
    if (budgetBytes < 0 && !tightest)
      return;
    uint64_t budget = budgetBytes, reserved = reservedBytes, smallest = 0;
    uint64_t limit = budget > reserved && !tightest ? budget - reserved : 0;
    func::FuncOp largest;
    // A repeated function's arena stands before those of its callers.
    llvm::StringMap<uint64_t> callers;
    for (auto function : getOperation().getOps<func::FuncOp>()) {
      if (function.isExternal() || !function.getBody().hasOneBlock())
        continue;
      for (auto repeat : function.getBody().front().getOps<RepeatOp>()) {
        FailureOr<uint64_t> own =
            measure(*Draft(getOperation(), function).module, nullptr);
        if (failed(own))
          return signalPassFailure();
        uint64_t &most = callers[repeat.getCallee()];
        most = std::max(most, *own);
      }
    }
    for (auto function :
         llvm::make_early_inc_range(getOperation().getOps<func::FuncOp>())) {
      if (function.isExternal() || !function.getBody().hasOneBlock())
        continue;
      uint64_t arena = 0, behind = callers.lookup(function.getSymName());
      if (failed(fit(function, limit > behind ? limit - behind : 0, arena)))
        return signalPassFailure();
      arena += behind;
      if (!largest || arena > smallest) {
        smallest = arena;
        largest = function;
      }
    }
    if (!largest || tightest || (smallest <= limit && reserved <= budget))
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
    if (cuda) {
      // What is to be kept from step to step is so already.
      buildCudaPreparePipeline(manager, /*keepWeights=*/false);
      buildCudaFusePipeline(manager, products);
    } else {
      buildFusePipeline(manager);
    }
    buildMemoryPipeline(manager);
    FailureOr<uint64_t> bytes = failure();
    if (succeeded(runPipeline(manager, copy)))
      bytes = function->getAttrOfType<IntegerAttr>(kArenaBytesAttr).getInt();
    copy.erase();
    return bytes;
  }

  /// Makes the function's arena at most `limit` bytes, if it can; `arena` is
  /// then what it is, else the least that it can be, and nothing is changed but
  /// by `tightest`, which makes it that.
  ///
  /// The proposals that are tried lie on one path, which does not depend on the
  /// limit: each needs 10 % less than the one before, so says the model. What
  /// one budget can do, a larger one can, and the smallest is the path's
  /// smallest.
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

    if (!model.beginsAs(pathOps)) {
      path = Path();
      path.target = model.estimate(model.getEmptySet(), 0)->peak;
      pathOps = model.getForwardOps();
    }
    auto accept = [&](const Proposal &proposal) {
      report(function, model, proposal.set, *before, proposal.arena);
      arena = proposal.arena;
      model.apply(proposal.set);
      function.getBody().takeBody(draft.function.getBody());
    };
    Proposal least{model.getEmptySet(), arena};
    RecomputeSet last = model.getEmptySet();
    SmallVector<RecomputeSet> unlikely;
    for (unsigned step = 0;; ++step) {
      std::optional<RecomputeSet> set = path.get(model, step);
      if (!set)
        break;
      // A model that is wrong by half would be a bad guide.
      if (model.estimate(*set, 0)->peak / 3 > limit / 2) {
        unlikely.push_back(*set);
        last = *set;
        continue;
      }
      FailureOr<uint64_t> bytes = measure(*draft.module, &*set);
      if (failed(bytes))
        return failure();
      if (*bytes <= limit) {
        Proposal proposal{*set, *bytes};
        if (failed(refine(*draft.module, model, last, limit, proposal)))
          return failure();
        accept(proposal);
        return success();
      }
      if (*bytes < least.arena)
        least = {*set, *bytes};
      last = *set;
    }
    for (const RecomputeSet &set : unlikely) {
      FailureOr<uint64_t> bytes = measure(*draft.module, &set);
      if (failed(bytes))
        return failure();
      if (*bytes < least.arena)
        least = {set, *bytes};
    }
    if (tightest && least.arena < *before)
      accept(least);
    arena = least.arena;
    return success();
  }

  /// Looks for a proposal that computes less again, between one that does not
  /// fit and one that does.
  LogicalResult refine(ModuleOp draft, const RecomputeModel &model,
                       RecomputeSet low, uint64_t limit, Proposal &high) {
    for (int round = 0; round < 4; ++round) {
      uint64_t target =
          (model.estimate(low, 0)->peak + model.estimate(high.set, 0)->peak) /
          2;
      RecomputeSet middle = low;
      if (!extend(model, middle, target) || middle == low || middle == high.set)
        break;
      FailureOr<uint64_t> bytes = measure(draft, &middle);
      if (failed(bytes))
        return failure();
      if (*bytes > limit)
        low = middle;
      else if (model.getFlops(middle) <= model.getFlops(high.set))
        high = {middle, *bytes};
      else
        break;
    }
    return success();
  }

  Path path;
  SmallVector<OperationName> pathOps; ///< what the path is one of

  static void report(func::FuncOp function, const RecomputeModel &model,
                     const RecomputeSet &set, uint64_t before, uint64_t after) {
    auto options = remark::RemarkOpts::name("recompute").category("lns-memory");
    int64_t ops = 0;
    for (unsigned op : set.set_bits()) {
      // A view costs nothing, and nothing keeps it.
      if (isa<ReshapeOp>(model.getOp(op)))
        continue;
      ++ops;
      remark::passed(model.getOp(op)->getLoc(), options)
          << "computed again behind the loss"
          << remark::metric("bytes", int64_t(model.getKeptBytes(op)));
    }
    remark::passed(function.getLoc(), options)
        << "arena made smaller" << remark::metric("ops", ops)
        << remark::metric("flops", model.getFlops(set))
        << remark::metric("before", int64_t(before))
        << remark::metric("after", int64_t(after));
  }
};

} // namespace
