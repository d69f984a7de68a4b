//===- FoldDepthScale.cpp - The depth scale into the linears ----*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// norm(x) * s read by linears only: s moves into the `alpha` of each of them.
// Legal because s goes through the product, and the bias is added after it:
// alpha (s h) W^T + b = (alpha s) h W^T + b.
//
// A reader of another kind needs s h itself, so the scale then stays for all
// readers: the normalized value is written once, not twice.
//
//===----------------------------------------------------------------------===//

#include "dialect/LnsDialect.h"
#include "dialect/LnsOps.h"
#include "passes/Passes.h"

#include "mlir/IR/Remarks.h"
#include "mlir/Pass/Pass.h"
#include <cmath>

namespace lns {
#define GEN_PASS_DEF_FOLDDEPTHSCALE
#include "passes/Passes.h.inc"
} // namespace lns

using namespace mlir;
using namespace lns;

namespace {

/// The first reader that is not a linear's input, if any.
Operation *findOtherReader(NormOp norm) {
  for (OpOperand &use : norm.getResult().getUses()) {
    auto linear = dyn_cast<LinearOp>(use.getOwner());
    if (!linear || use.getOperandNumber() != 0)
      return use.getOwner();
  }
  return nullptr;
}

struct FoldDepthScalePass : lns::impl::FoldDepthScaleBase<FoldDepthScalePass> {
  void runOnOperation() override {
    getOperation()->walk([&](NormOp norm) {
      double scale = norm.getScale().convertToDouble();
      if (scale == 1.0)
        return;
      auto options =
          remark::RemarkOpts::name("fold-depth-scale").category("lns-norm");
      if (Operation *other = findOtherReader(norm)) {
        // One string: a remark shows each piece as an argument of its own.
        std::string reason =
            ("depth scale stays: a reader is '" +
             other->getName().getStringRef() + "', not the input of lns.linear")
                .str();
        remark::missed(norm.getLoc(), options) << reason;
        return;
      }
      SmallVector<std::pair<LinearOp, double>> readers;
      for (Operation *user : norm.getResult().getUsers()) {
        auto linear = cast<LinearOp>(user);
        double alpha = linear.getAlpha().convertToDouble() * scale;
        if (!std::isfinite(alpha)) {
          remark::missed(norm.getLoc(), options)
              << "depth scale stays: times the alpha of a reader, it is not "
                 "finite";
          return;
        }
        readers.push_back({linear, alpha});
      }
      for (auto [linear, alpha] : readers)
        linear.setAlphaAttr(
            FloatAttr::get(linear.getAlphaAttr().getType(), alpha));
      norm.setScaleAttr(FloatAttr::get(norm.getScaleAttr().getType(), 1.0));
      remark::passed(norm.getLoc(), options)
          << "depth scale folded into readers"
          << remark::metric("readers", readers.size());
    });
  }
};

} // namespace
