//===- DeferRowScale.cpp - The last row scale, inside the loss --*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// cross_entropy(row_scale(z, r)) = cross_entropy(z) factors(r). The norm before
// the head scales rows as wide as the vocabulary; the loss reads every logit
// anyway and multiplies on the way.
//
//===----------------------------------------------------------------------===//

#include "dialect/LnsDialect.h"
#include "dialect/LnsOps.h"
#include "passes/Passes.h"

#include "mlir/IR/Remarks.h"
#include "mlir/Pass/Pass.h"

namespace lns {
#define GEN_PASS_DEF_DEFERROWSCALE
#include "passes/Passes.h.inc"
} // namespace lns

using namespace mlir;
using namespace lns;

namespace {

struct DeferRowScalePass : lns::impl::DeferRowScaleBase<DeferRowScalePass> {
  void runOnOperation() override {
    getOperation()->walk([&](CrossEntropyOp loss) {
      auto scale = loss.getLogits().getDefiningOp<RowScaleOp>();
      if (!scale)
        return;
      auto options =
          remark::RemarkOpts::name("defer-row-scale").category("lns-norm");
      if (loss.getFactors()) {
        remark::missed(loss.getLoc(), options)
            << "the loss has factors already";
        return;
      }
      if (!scale.getResult().hasOneUse()) {
        remark::missed(loss.getLoc(), options)
            << "the scaled logits have another reader, so they are written "
               "anyway";
        return;
      }
      loss.getLogitsMutable().assign(scale.getInput());
      loss.getFactorsMutable().assign(scale.getFactors());
      scale.erase();
      remark::passed(loss.getLoc(), options)
          << "row scale deferred into the loss";
    });
  }
};

} // namespace
