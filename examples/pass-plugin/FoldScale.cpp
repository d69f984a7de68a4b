//===- FoldScale.cpp - A pass as a plugin -----------------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// f * (alpha x W^T) = (f alpha) x W^T: a scale that is the only reader of a
// linear goes into its alpha. docs/writing-a-pass.md builds this file up.
//
//===----------------------------------------------------------------------===//

#include "dialect/LnsDialect.h"
#include "dialect/LnsOps.h"

#include "mlir/IR/Remarks.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Tools/Plugins/PassPlugin.h"
#include "llvm/Config/llvm-config.h"
#include <cmath>

namespace example {
#define GEN_PASS_DECL
#define GEN_PASS_DEF_FOLDSCALE
#define GEN_PASS_REGISTRATION
#include "FoldScale.h.inc"
} // namespace example

using namespace mlir;
using namespace lns;

namespace {

struct FoldScalePass : example::impl::FoldScaleBase<FoldScalePass> {
  using FoldScaleBase::FoldScaleBase;

  void runOnOperation() override {
    // The negation also refuses NaN.
    if (!(maxAlpha > 0 && std::isfinite(maxAlpha))) {
      getOperation()->emitError()
          << "max-alpha is " << maxAlpha << ", expected a positive number";
      return signalPassFailure();
    }
    // Readers come after what they read, so the outer scale of two sees the
    // linear that the inner one left.
    getOperation()->walk([&](ScaleOp scale) {
      if (auto linear = scale.getInput().getDefiningOp<LinearOp>())
        fold(linear, scale);
    });
  }

private:
  /// Why the factor must stay where it is; empty when it may go.
  StringRef findObstacle(LinearOp linear, double alpha) const {
    if (!linear.getResult().hasOneUse())
      return "scale stays: the linear has another reader";
    if (linear.getBias())
      return "scale stays: alpha does not multiply the linear's bias";
    if (!(std::abs(alpha) <= maxAlpha))
      return "scale stays: alpha would exceed max-alpha";
    return {};
  }

  void fold(LinearOp linear, ScaleOp scale) const {
    auto options =
        remark::RemarkOpts::name("fold-scale").category("lns-example");
    double alpha = linear.getAlpha().convertToDouble() *
                   scale.getFactor().convertToDouble();
    StringRef obstacle = findObstacle(linear, alpha);
    if (!obstacle.empty()) {
      remark::missed(scale.getLoc(), options) << obstacle;
      return;
    }
    linear.setAlphaAttr(FloatAttr::get(linear.getAlphaAttr().getType(), alpha));
    remark::passed(scale.getLoc(), options)
        << "scale folded into the linear" << remark::metric("alpha", alpha);
    scale.getResult().replaceAllUsesWith(linear.getResult());
    scale.erase();
  }
};

} // namespace

/// What the tools look for in a plugin.
extern "C" LLVM_ATTRIBUTE_WEAK PassPluginLibraryInfo mlirGetPassPluginInfo() {
  return {MLIR_PLUGIN_API_VERSION, "FoldScale", LLVM_VERSION_STRING,
          [] { example::registerExamplePasses(); }};
}
