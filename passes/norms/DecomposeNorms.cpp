//===- DecomposeNorms.cpp - Norms that stay, as row ops ---------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// rms:   s * norm(x, g)    = row_scale(scale_columns(x, g, s), row_rstd(x))
// layer: s * norm(x, g, b) = add_bias(row_scale(scale_columns(c, g, s),
//                                               row_rstd(c)), b, s)
//        with c = center_rows(x)
// tanh:  s * norm(x, g, b) = add_bias(scale_columns(t, g, s), b, s)
//        with t = tanh(scale_by(x, alpha))
// erf:   the same with t = erf(shift_by(scale_by(x, alpha), shift))
//
// Row ops, which clustering puts into one kernel with whatever stands around
// them.
//
//===----------------------------------------------------------------------===//

#include "dialect/LnsDialect.h"
#include "dialect/LnsOps.h"
#include "dialect/LnsShapes.h"
#include "passes/Passes.h"

#include "mlir/IR/Builders.h"
#include "mlir/Pass/Pass.h"

namespace lns {
#define GEN_PASS_DEF_DECOMPOSENORMS
#include "passes/Passes.h.inc"
} // namespace lns

using namespace mlir;
using namespace lns;

namespace {

struct DecomposeNormsPass : lns::impl::DecomposeNormsBase<DecomposeNormsPass> {
  void runOnOperation() override {
    getOperation()->walk([](NormOp norm) { decompose(norm); });
  }

private:
  static void decompose(NormOp norm) {
    OpBuilder builder(norm);
    auto type = cast<RankedTensorType>(norm.getInput().getType());
    Value value = norm.getInput(), rstd;
    if (norm.getKind() == NormKind::layer)
      value = CenterRowsOp::create(builder, norm.getLoc(), value);
    if (!norm.isOfRows())
      value = norm.buildFunction(builder);
    else
      rstd = RowRstdOp::create(builder, norm.getLoc(), rowVectorType(type),
                               value, norm.getEpsAttr());
    if (norm.getGain() || norm.getScale().convertToDouble() != 1.0)
      value = ScaleColumnsOp::create(builder, norm.getLoc(), type, value,
                                     norm.getGain(), norm.getScaleAttr());
    if (rstd)
      value = RowScaleOp::create(builder, norm.getLoc(), type, value, rstd);
    if (norm.getBias())
      value = AddBiasOp::create(builder, norm.getLoc(), type, value,
                                norm.getBias(), norm.getScaleAttr());
    norm.getResult().replaceAllUsesWith(value);
    norm.erase();
  }
};

} // namespace
