//===- SplitBias.cpp - A linear's bias as a row op --------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// linear(x, W) + b = add_bias(linear(x, W), b). A matrix product then has no
// epilogue, whoever computes it; the bias is added where the result is next
// touched, in the kernel of that row op.
//
//===----------------------------------------------------------------------===//

#include "dialect/LnsDialect.h"
#include "dialect/LnsOps.h"
#include "passes/Passes.h"

#include "mlir/IR/Builders.h"
#include "mlir/Pass/Pass.h"

namespace lns {
#define GEN_PASS_DEF_SPLITBIAS
#include "passes/Passes.h.inc"
} // namespace lns

using namespace mlir;
using namespace lns;

namespace {

struct SplitBiasPass : lns::impl::SplitBiasBase<SplitBiasPass> {
  void runOnOperation() override {
    getOperation()->walk([](LinearOp linear) {
      Value bias = linear.getBias(), result = linear.getResult();
      if (!bias)
        return;
      linear.getBiasMutable().clear();
      OpBuilder builder(linear);
      builder.setInsertionPointAfter(linear);
      auto sum = AddBiasOp::create(builder, linear.getLoc(), result, bias,
                                   builder.getF64FloatAttr(1.0));
      result.replaceAllUsesExcept(sum, sum);
    });
  }
};

} // namespace
