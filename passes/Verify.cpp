//===- Verify.cpp - What must be gone after each phase ----------*- C++ -*-===//
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
#define GEN_PASS_DEF_VERIFYGRAPH
#define GEN_PASS_DEF_VERIFYTRAIN
#include "passes/Passes.h.inc"
} // namespace lns

using namespace mlir;
using namespace lns;

namespace {

struct VerifyGraphPass : lns::impl::VerifyGraphBase<VerifyGraphPass> {
  void runOnOperation() override {
    bool failed = false;
    getOperation()->walk([&](Operation *op) {
      if (isa<ModelOp, LayersOp, ParamOp>(op)) {
        op->emitOpError("is model form, which must be gone after "
                        "'lns-instantiate'");
        failed = true;
        return;
      }
      if (auto norm = dyn_cast<NormOp>(op);
          norm && norm.getDepthScale() != DepthScale::none) {
        op->emitOpError("has a symbolic depth scale, which must be a number in "
                        "graph form");
        failed = true;
      }
      SmallVector<Type> types(op->getResultTypes());
      for (Region &region : op->getRegions())
        for (Block &block : region)
          llvm::append_range(types, block.getArgumentTypes());
      for (Type type : types)
        if (auto tensor = dyn_cast<RankedTensorType>(type);
            tensor && !tensor.hasStaticShape()) {
          op->emitOpError() << "has type " << tensor
                            << ", but graph form has static shapes only";
          failed = true;
        }
    });
    if (failed)
      signalPassFailure();
  }
};

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
