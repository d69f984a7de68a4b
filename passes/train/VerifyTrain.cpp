//===- VerifyTrain.cpp - What training form must be -------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "dialect/LnsDialect.h"
#include "dialect/LnsOps.h"
#include "passes/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/Pass.h"
#include "llvm/ADT/StringMap.h"

namespace lns {
#define GEN_PASS_DEF_VERIFYTRAIN
#include "passes/Passes.h.inc"
} // namespace lns

using namespace mlir;
using namespace lns;

namespace {

struct VerifyTrainPass : lns::impl::VerifyTrainBase<VerifyTrainPass> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    bool failed = false;
    for (StringRef entry : {"logits", "eval", "grads", "apply", "train_step"})
      if (!module.lookupSymbol<func::FuncOp>(entry)) {
        module.emitError() << "training form lacks the function '" << entry
                           << "'";
        failed = true;
      }
    module.walk([&](NormOp norm) {
      norm.emitOpError("is left, but training form has no norms; run "
                       "'lns-decompose-norms'");
      failed = true;
    });
    module.walk([&](LinearOp linear) {
      if (!linear.getBias())
        return;
      linear.emitOpError("has a bias, but in training form biases are row ops; "
                         "run 'lns-split-bias'");
      failed = true;
    });
    for (StringRef entry : {"grads", "train_step"}) {
      auto function = module.lookupSymbol<func::FuncOp>(entry);
      if (!function)
        continue;
      llvm::StringMap<unsigned> stored;
      function.walk([&](SetOp set) {
        if (set.getStorage() == Storage::gradient)
          ++stored[set.getSymbol()];
      });
      for (auto parameter : module.getOps<ParameterOp>())
        if (unsigned count = stored.lookup(parameter.getSymName());
            count != 1) {
          parameter.emitOpError()
              << "has its gradient stored " << count << " times in '" << entry
              << "', but must have it stored once";
          failed = true;
        }
    }
    if (failed)
      signalPassFailure();
  }
};

} // namespace
