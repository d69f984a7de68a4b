//===- WarnUnreadParameters.cpp - Parameters without effect -----*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// A parameter that the logits do not depend on takes memory and a place in
// every checkpoint, gets gradients of zero and decays. Who declares one has
// forgotten the op that reads it, or reads another one twice.
//
//===----------------------------------------------------------------------===//

#include "dialect/LnsDialect.h"
#include "dialect/LnsOps.h"
#include "passes/Passes.h"

#include "mlir/Pass/Pass.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/StringSet.h"

namespace lns {
#define GEN_PASS_DEF_WARNUNREADPARAMETERS
#include "passes/Passes.h.inc"
} // namespace lns

using namespace mlir;
using namespace lns;

namespace {

/// The ops that the model's logits depend on. A block of layers depends on all
/// that it yields: in its next turn, each carried value may reach the first.
llvm::SetVector<Operation *> findReached(ModelOp model) {
  llvm::SetVector<Operation *> reached;
  reached.insert(model.getBody().front().getTerminator());
  for (size_t i = 0; i < reached.size(); ++i) {
    Operation *op = reached[i];
    for (Value operand : op->getOperands())
      if (Operation *source = operand.getDefiningOp())
        reached.insert(source);
    if (auto layers = dyn_cast<LayersOp>(op))
      reached.insert(layers.getBody().front().getTerminator());
  }
  return reached;
}

struct WarnUnreadParametersPass
    : lns::impl::WarnUnreadParametersBase<WarnUnreadParametersPass> {
  void runOnOperation() override {
    for (auto model : getOperation().getOps<ModelOp>()) {
      llvm::SetVector<Operation *> reached = findReached(model);
      // One name may be declared twice, as a tied head is.
      llvm::StringSet<> read;
      for (Operation *op : reached)
        if (auto param = dyn_cast<ParamOp>(op))
          read.insert(param.getName());
      model.walk([&](ParamOp param) {
        if (read.insert(param.getName()).second)
          param.emitWarning() << "parameter '" << param.getName()
                              << "' has no effect: the logits do not depend on "
                                 "it; remove it, or read it";
      });
    }
  }
};

} // namespace
