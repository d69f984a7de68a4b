//===- FuseLoss.cpp - The loss and its gradient in one op -------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// The gradient of a mean does not depend on what is averaged: it is known when
// the targets are. So one pass over the logits makes the losses and their
// gradient, and the largest tensor of a step is read from memory once, not
// twice.
//
//===----------------------------------------------------------------------===//

#include "dialect/LnsDialect.h"
#include "dialect/LnsOps.h"
#include "passes/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/Dominance.h"
#include "mlir/IR/Remarks.h"
#include "mlir/Pass/Pass.h"

namespace lns {
#define GEN_PASS_DEF_FUSELOSS
#include "passes/Passes.h.inc"
} // namespace lns

using namespace mlir;
using namespace lns;

namespace {

/// The gradient ops that read the loss's log-sum-exp.
SmallVector<CrossEntropyGradOp> getGradients(CrossEntropyOp loss) {
  SmallVector<CrossEntropyGradOp> gradients;
  for (Operation *user : loss.getLse().getUsers())
    if (auto gradient = dyn_cast<CrossEntropyGradOp>(user);
        gradient && gradient.getLse() == loss.getLse())
      gradients.push_back(gradient);
  return gradients;
}

/// What makes the losses' gradient behind the loss and could do so before it:
/// all that it reads is there. Null where that is not so.
MeanGradOp getMovable(CrossEntropyOp loss, CrossEntropyGradOp gradient,
                      DominanceInfo &dominance) {
  auto spread = gradient.getGrad().getDefiningOp<MeanGradOp>();
  bool isReady =
      spread && llvm::all_of(spread->getOperands(), [&](Value operand) {
        return dominance.properlyDominates(operand, loss);
      });
  return isReady ? spread : MeanGradOp();
}

/// Why the two cannot be one; empty if they can.
std::string getRefusal(CrossEntropyOp loss, CrossEntropyGradOp gradient,
                       DominanceInfo &dominance) {
  if (!loss.getLse().hasOneUse())
    return "its log-sum-exp has another reader than one gradient";
  if (loss.getLogits() != gradient.getLogits() ||
      loss.getTargets() != gradient.getTargets() ||
      loss.getFactors() != gradient.getFactors())
    return "its gradient is of other logits, targets or factors";
  if (!dominance.properlyDominates(gradient.getGrad(), loss) &&
      !getMovable(loss, gradient, dominance))
    return "the gradient of its losses is made behind it";
  return "";
}

struct FuseLossPass : lns::impl::FuseLossBase<FuseLossPass> {
  void runOnOperation() override {
    auto &dominance = getAnalysis<DominanceInfo>();
    SmallVector<CrossEntropyOp> losses;
    getOperation().walk([&](CrossEntropyOp loss) { losses.push_back(loss); });
    for (CrossEntropyOp loss : losses) {
      SmallVector<CrossEntropyGradOp> gradients = getGradients(loss);
      if (gradients.empty())
        continue; // It is not trained with.
      auto options = remark::RemarkOpts::name("fuse-loss").category("lns-loss");
      CrossEntropyGradOp gradient = gradients.front();
      std::string reason = getRefusal(loss, gradient, dominance);
      if (!reason.empty()) {
        remark::missed(loss.getLoc(), options) << reason;
        continue;
      }
      remark::passed(loss.getLoc(), options)
          << "the loss and its gradient are one pass over the logits";
      if (!dominance.properlyDominates(gradient.getGrad(), loss))
        getMovable(loss, gradient, dominance)->moveBefore(loss);
      fuse(loss, gradient);
    }
  }

private:
  static void fuse(CrossEntropyOp loss, CrossEntropyGradOp gradient) {
    OpBuilder builder(loss);
    SmallVector<Type> types = {loss.getLosses().getType(),
                               gradient.getResult().getType()};
    if (gradient.getFactorsGrad())
      types.push_back(gradient.getFactorsGrad().getType());
    auto both = CrossEntropyWithGradOp::create(
        builder, loss.getLoc(), types, loss.getLogits(), loss.getTargets(),
        gradient.getGrad(), loss.getFactors(), gradient.getRelative());
    loss.getLosses().replaceAllUsesWith(both.getLosses());
    gradient.getResult().replaceAllUsesWith(both.getResult());
    if (gradient.getFactorsGrad())
      gradient.getFactorsGrad().replaceAllUsesWith(both.getFactorsGrad());
    gradient.erase();
    loss.erase();
  }
};

} // namespace
