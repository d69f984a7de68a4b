//===- FuseNormMatmul.cpp - Norms into the matmuls they feed ----*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// linear(norm(x, g), W) = row_scale(linear(x, W, gain g), r), r = row_rstd(x).
//
// The matmul then reads the raw residual stream, the normalized activation is
// never written nor kept, and the row scale is applied where the result is next
// touched. The same algebra was used by hand for inference (FlashNorm, arXiv
// 2407.09577); its backward half follows from the adjoints of the three ops.
// The folded weight W diag(g) is never written either: the product scales W's
// columns while it reads them.
//
//===----------------------------------------------------------------------===//

#include "dialect/LnsDialect.h"
#include "dialect/LnsOps.h"
#include "dialect/LnsShapes.h"
#include "passes/Passes.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/Remarks.h"
#include "mlir/Pass/Pass.h"

namespace lns {
#define GEN_PASS_DEF_FUSENORMMATMUL
#include "passes/Passes.h.inc"
} // namespace lns

using namespace mlir;
using namespace lns;

namespace {

struct FuseNormMatmulPass : lns::impl::FuseNormMatmulBase<FuseNormMatmulPass> {
  void runOnOperation() override {
    SmallVector<NormOp> norms;
    getOperation()->walk([&](NormOp norm) { norms.push_back(norm); });
    for (NormOp norm : norms) {
      auto options =
          remark::RemarkOpts::name("fuse-norm-matmul").category("lns-norm");
      std::string reason = getRefusal(norm);
      if (!reason.empty()) {
        remark::missed(norm.getLoc(), options) << reason;
        continue;
      }
      unsigned readers = fuse(norm);
      remark::passed(norm.getLoc(), options)
          << "norm fused into its matmuls"
          << remark::metric("matmuls", readers);
    }
  }

private:
  /// Why the norm cannot or should not be fused; empty if it can.
  std::string getRefusal(NormOp norm) {
    if (norm.getKind() != NormKind::rms)
      return "only rms norms are fused";
    if (norm.getScale().convertToDouble() != 1.0)
      return "its scale is not folded";
    if (norm.getResult().use_empty())
      return "it has no reader";
    for (OpOperand &use : norm.getResult().getUses()) {
      auto linear = dyn_cast<LinearOp>(use.getOwner());
      if (!linear || use.getOperandNumber() != 0)
        return ("a reader is '" + use.getOwner()->getName().getStringRef() +
                "', not the input of lns.linear: the normalized value must "
                "exist "
                "for it")
            .str();
      if (linear.getBias())
        return "a reader has a bias, which comes after the row scale";
      if (linear.getGain())
        return "a reader has a gain already";
    }
    return "";
  }

  unsigned fuse(NormOp norm) {
    OpBuilder builder(norm);
    auto rows =
        rowVectorType(cast<RankedTensorType>(norm.getInput().getType()));
    Value rstd = RowRstdOp::create(builder, norm.getLoc(), rows,
                                   norm.getInput(), norm.getEpsAttr());
    unsigned readers = 0;
    for (Operation *user :
         llvm::make_early_inc_range(norm.getResult().getUsers())) {
      auto linear = cast<LinearOp>(user);
      builder.setInsertionPoint(linear);
      Location location = linear.getLoc();
      Value product =
          LinearOp::create(builder, location, linear.getResult().getType(),
                           norm.getInput(), linear.getWeight(), norm.getGain(),
                           /*bias=*/Value(), linear.getAlphaAttr());
      Value scaled = RowScaleOp::create(builder, location, product.getType(),
                                        product, rstd);
      linear.getResult().replaceAllUsesWith(scaled);
      linear.erase();
      ++readers;
    }
    norm.erase();
    return readers;
  }
};

} // namespace
