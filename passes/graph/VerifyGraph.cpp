//===- VerifyGraph.cpp - What graph form must be ----------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "dialect/LnsDialect.h"
#include "dialect/LnsOps.h"
#include "passes/Passes.h"

#include "mlir/Pass/Pass.h"

namespace lns {
#define GEN_PASS_DEF_VERIFYGRAPH
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
      if (auto ramp = dyn_cast<RampOp>(op); ramp && ramp.getPerLayer()) {
        op->emitOpError("takes more steps in each layer, which must be numbers "
                        "in graph form");
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

} // namespace
