//===- RecomputeActivations.cpp - Activations, again ------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// What an activation function computes is the input of a product, so it would
// be kept for the gradient of that product's weight. Its own adjoint reads the
// same inputs and computes most of it on the way: computed there again, it
// costs one write and no read, and is not kept.
//
//===----------------------------------------------------------------------===//

#include "dialect/LnsDialect.h"
#include "dialect/LnsMemory.h"
#include "dialect/LnsOps.h"
#include "dialect/LnsShapes.h"
#include "passes/Passes.h"
#include "passes/analysis/Loss.h"
#include "passes/analysis/Overwritten.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/Remarks.h"
#include "mlir/Pass/Pass.h"

namespace lns {
#define GEN_PASS_DEF_RECOMPUTEACTIVATIONS
#include "passes/Passes.h.inc"
} // namespace lns

using namespace mlir;
using namespace lns;

namespace {

struct RecomputeActivationsPass
    : lns::impl::RecomputeActivationsBase<RecomputeActivationsPass> {
  void runOnOperation() override {
    func::FuncOp function = getOperation();
    if (function.isExternal() || !function.getBody().hasOneBlock())
      return;
    Block &block = function.getBody().front();
    loss = findLoss(block);
    if (!loss)
      return;
    SmallVector<Operation *> activations;
    for (Operation &op : block)
      if (isa<GatedActivationOp, ActivationOp>(op))
        activations.push_back(&op);
    for (Operation *op : activations)
      recompute(op);
  }

private:
  bool isGradient(Operation *op) { return loss->isBeforeInBlock(op); }

  void recompute(Operation *op) {
    Value result = op->getResult(0);
    Operation *first = nullptr;
    for (Operation *user : result.getUsers())
      if (isGradient(user) && (!first || user->isBeforeInBlock(first)))
        first = user;
    if (!first || isGradient(op))
      return;
    auto isKept = [&](Value value) {
      return llvm::any_of(
          getReads(getViewedValue(value)),
          [&](OpOperand *read) { return isGradient(read->getOwner()); });
    };
    auto options = remark::RemarkOpts::name("recompute-activations")
                       .category("lns-memory");
    if (!llvm::all_of(op->getOperands(), isKept)) {
      remark::missed(op->getLoc(), options)
          << "its input is not kept, so its result is";
      return;
    }
    if (StringRef symbol = findOverwritten(op, first); !symbol.empty()) {
      std::string reason = ("'" + symbol +
                            "', which it reads, is overwritten before its "
                            "gradient")
                               .str();
      remark::missed(op->getLoc(), options) << reason;
      return;
    }
    OpBuilder builder(first);
    Operation *clone = builder.clone(*op);
    clone->setLoc(getRecomputedLocation(op->getLoc()));
    result.replaceUsesWithIf(clone->getResult(0), [&](OpOperand &use) {
      return isGradient(use.getOwner());
    });
    remark::passed(op->getLoc(), options)
        << "computed again for its gradient"
        << remark::metric("bytes", bytesOf(result.getType()));
  }

  Operation *loss = nullptr;
};

} // namespace
