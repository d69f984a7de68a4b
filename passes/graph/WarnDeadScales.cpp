//===- WarnDeadScales.cpp - Scales that a norm divides out ------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// norm(f x) = norm(x) for f > 0, but for eps: a factor on a value that only
// norms read does nothing. Who writes one means something else, as a rule a
// depth scale behind the norm (LayerNorm Scaling) or on one branch of a
// residual.
//
// A norm of kind tanh divides nothing out.
//
// The sign goes through a norm, and so does zero: f <= 0 is no dead code.
//
//===----------------------------------------------------------------------===//

#include "dialect/LnsDialect.h"
#include "dialect/LnsMemory.h"
#include "dialect/LnsOps.h"
#include "passes/Passes.h"

#include "mlir/Pass/Pass.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"

namespace lns {
#define GEN_PASS_DEF_WARNDEADSCALES
#include "passes/Passes.h.inc"
} // namespace lns

using namespace mlir;
using namespace lns;

namespace {

/// Whether norms normalize the value, and nothing else reads it.
bool isReadByNormsOnly(Value value) {
  SmallVector<OpOperand *> reads = getReads(value);
  return !reads.empty() && llvm::all_of(reads, [](OpOperand *read) {
    auto norm = dyn_cast<NormOp>(read->getOwner());
    return norm && norm.isOfRows() && read->getOperandNumber() == 0;
  });
}

/// "factor 0.5", where that multiplies all of the result, else empty.
std::string describe(StringRef place, const APFloat &factor) {
  double value = factor.convertToDouble();
  if (value <= 0 || value == 1)
    return "";
  std::string text;
  llvm::raw_string_ostream(text) << place << llvm::format(" %g", value);
  return text;
}

/// The factor that the op gives to all of its result.
std::string findFactor(Operation *op) {
  return llvm::TypeSwitch<Operation *, std::string>(op)
      .Case([](ScaleOp op) { return describe("factor", op.getFactor()); })
      .Case([](LinearOp op) {
        return op.getBias() ? "" : describe("alpha", op.getAlpha());
      })
      .Case([](ResidualOp op) {
        // What counts is how the two compare: the rest is a common factor.
        return op.getSkipScale() == op.getBranchScale()
                   ? describe("skip_scale = branch_scale =", op.getSkipScale())
                   : "";
      })
      .Case([](NormOp op) {
        if (op.getDepthScale() != DepthScale::none)
          return ("depth scale '" + stringifyEnum(op.getDepthScale()) + "'")
              .str();
        return describe("scale", op.getScale());
      })
      .Default([](Operation *) { return ""; });
}

struct WarnDeadScalesPass : lns::impl::WarnDeadScalesBase<WarnDeadScalesPass> {
  void runOnOperation() override {
    getOperation()->walk([](Operation *op) {
      if (op->getNumResults() != 1 || !isReadByNormsOnly(op->getResult(0)))
        return;
      std::string factor = findFactor(op);
      if (factor.empty())
        return;
      InFlightDiagnostic warning = op->emitWarning(
          factor + " has no effect: only norms read the result, and but for "
                   "eps they divide it out; remove it, or scale the norm's "
                   "output instead");
      warning.attachNote(
          getReads(op->getResult(0)).front()->getOwner()->getLoc())
          << "a norm reads it here";
    });
  }
};

} // namespace
