//===- DeferRowScale.cpp - Row scales, as late as they can be ---*- C++ -*-===//
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
// row_scale(z, r) + linear(row_scale(a, r), B) = row_scale(z + linear(a, B),
// r). That is a linear with an adapter behind a norm. The norm's adjoint wants
// the dot of each row of the sum with its gradient; with one row scale, behind
// the sum, it finds it in the result, which is kept, and not in the two
// products.
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
    SmallVector<AddOp> sums;
    getOperation()->walk([&](AddOp add) { sums.push_back(add); });
    for (AddOp sum : sums)
      deferBehind(sum);
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

private:
  static void deferBehind(AddOp sum) {
    auto bias = sum.getA().getDefiningOp<AddBiasOp>();
    if (bias && !bias.getResult().hasOneUse())
      return;
    auto scale =
        (bias ? bias.getInput() : sum.getA()).getDefiningOp<RowScaleOp>();
    auto linear = sum.getB().getDefiningOp<LinearOp>();
    if (!scale || !linear || linear.getGain() || linear.getBias() ||
        !linear.getResult().hasOneUse())
      return;
    auto inner = linear.getInput().getDefiningOp<RowScaleOp>();
    if (!inner || inner.getFactors() != scale.getFactors())
      return;
    auto options =
        remark::RemarkOpts::name("defer-row-scale").category("lns-norm");
    if (!scale.getResult().hasOneUse() || !inner.getResult().hasOneUse()) {
      remark::missed(sum.getLoc(), options)
          << "a row scale of a sum has another reader";
      return;
    }
    OpBuilder builder(sum);
    linear.getInputMutable().assign(inner.getInput());
    Value total = AddOp::create(builder, sum.getLoc(), sum.getType(),
                                scale.getInput(), linear.getResult());
    Value result = RowScaleOp::create(builder, scale.getLoc(), sum.getType(),
                                      total, scale.getFactors());
    if (bias)
      result = AddBiasOp::create(builder, bias.getLoc(), result, bias.getBias(),
                                 bias.getScaleAttr());
    sum.getResult().replaceAllUsesWith(result);
    sum.erase();
    if (bias)
      bias.erase();
    scale.erase();
    inner.erase();
    remark::passed(linear.getLoc(), options)
        << "row scale deferred behind a sum of products";
  }
};

} // namespace
