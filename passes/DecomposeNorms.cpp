//===- DecomposeNorms.cpp - Norms that stay, as row ops ---------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// norm(x, g) * s = row_scale(scale_columns(x, g, s), row_rstd(x)): three row
// ops that clustering puts into one kernel with whatever stands around them.
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
    WalkResult result = getOperation()->walk([&](NormOp norm) {
      if (norm.getKind() != NormKind::rms) {
        norm.emitOpError() << "of kind '" << stringifyNormKind(norm.getKind())
                           << "' cannot be compiled; only 'rms' can";
        return WalkResult::interrupt();
      }
      decompose(norm);
      return WalkResult::advance();
    });
    if (result.wasInterrupted())
      signalPassFailure();
  }

private:
  static void decompose(NormOp norm) {
    OpBuilder builder(norm);
    auto type = cast<RankedTensorType>(norm.getInput().getType());
    Value rstd = RowRstdOp::create(builder, norm.getLoc(), rowVectorType(type),
                                   norm.getInput(), norm.getEpsAttr());
    Value value = norm.getInput();
    if (norm.getGain() || norm.getScale().convertToDouble() != 1.0)
      value = ScaleColumnsOp::create(builder, norm.getLoc(), type, value,
                                     norm.getGain(), norm.getScaleAttr());
    value = RowScaleOp::create(builder, norm.getLoc(), type, value, rstd);
    norm.getResult().replaceAllUsesWith(value);
    norm.erase();
  }
};

} // namespace
