//===- ReuseOutputs.cpp - Row dots from outputs, not inputs -----*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// With y = row_scale(z, r), the gradient of r is dr = row_dot(dy, z). The
// adjoint of row_rstd wants r * dr = row_dot(dy, r z) = row_dot(dy, y): no z.
// With q = rope(y), dy is dq rotated back, and row_dot(dy, y) = row_dot(dq, q),
// because a rotation keeps dot products. y or q is what attention keeps for its
// own adjoint, so the products before the row scale need not be kept.
//
// With a bias in between, q = y + b or q = rope(y + b), y is q rotated back
// less b: row ops, which cost less in the row dot's kernel than keeping z. Not
// where q is rounded to bf16: its error is relative to q, and where b is much
// larger than y, as with a row near zero, q less b is nothing but that error,
// which the adjoint of row_rstd then multiplies by up to 1 / sqrt(eps).
//
// r is not 0: it is 1 / sqrt of something finite.
//
//===----------------------------------------------------------------------===//

#include "dialect/LnsDialect.h"
#include "dialect/LnsInterfaces.h"
#include "dialect/LnsOps.h"
#include "passes/Passes.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/Remarks.h"
#include "mlir/IR/TypeUtilities.h"
#include "mlir/Pass/Pass.h"

namespace lns {
#define GEN_PASS_DEF_REUSEOUTPUTS
#include "passes/Passes.h.inc"
} // namespace lns

using namespace mlir;
using namespace lns;

namespace {

/// One term of the gradient of r.
struct Part {
  RowDotOp dot;             // null: the factors_grad of `loss`
  Value outputGrad, output; // row_dot(outputGrad, output) = r * dot
  CrossEntropyGradOp loss;
  // What must be undone to get from `output` to that: last to first.
  RopeOp rotation;
  AddBiasOp bias;
};

/// The terms of a sum whose partial sums have no other reader.
void collectTerms(Value sum, SmallVectorImpl<Value> &terms) {
  auto add = sum.getDefiningOp<AddOp>();
  if (!add || !sum.hasOneUse()) {
    terms.push_back(sum);
    return;
  }
  collectTerms(add.getA(), terms);
  collectTerms(add.getB(), terms);
}

/// row_scale(z, r) that stands before `before`, if there is one.
RowScaleOp findRowScale(Value z, Value r, Operation *before) {
  for (Operation *user : z.getUsers())
    if (auto scale = dyn_cast<RowScaleOp>(user))
      if (scale.getInput() == z && scale.getFactors() == r &&
          scale->getBlock() == before->getBlock() &&
          scale->isBeforeInBlock(before))
        return scale;
  return nullptr;
}

/// Whether `inverse` undoes `rope`.
bool areInverse(RopeOp rope, RopeOp inverse) {
  return rope.getInverse() != inverse.getInverse() &&
         rope.getInput().getType() == inverse.getInput().getType() &&
         rope.getHeadDim() == inverse.getHeadDim() &&
         rope.getStarts() == inverse.getStarts() &&
         rope.getAngularFrequencies() == inverse.getAngularFrequencies();
}

/// (dq, q) for (dy, y) where q = rope(y) and dy = dq rotated back.
void moveBehindRotation(Part &part) {
  auto back = part.outputGrad.getDefiningOp<RopeOp>();
  if (!back)
    return;
  for (Operation *user : part.output.getUsers())
    if (auto rope = dyn_cast<RopeOp>(user))
      if (areInverse(rope, back) && rope->getBlock() == part.dot->getBlock() &&
          rope->isBeforeInBlock(part.dot)) {
        part.outputGrad = back.getInput();
        part.output = rope.getResult();
        return;
      }
}

/// Whether an op with a kernel of its own reads the value, which is then in
/// memory anyway.
bool isKept(Value value) {
  return llvm::any_of(value.getUsers(), [](Operation *user) {
    return !isa<RowOpInterface>(user);
  });
}

/// q for y where q is kept and y + b, or that rotated.
void moveBehindBias(Part &part) {
  auto isBefore = [&](Operation *op) {
    return op->getBlock() == part.dot->getBlock() &&
           op->isBeforeInBlock(part.dot);
  };
  for (Operation *user : part.output.getUsers()) {
    auto bias = dyn_cast<AddBiasOp>(user);
    // It may be read as the bias itself: of a normalized vector.
    if (!bias || bias.getInput() != part.output || !isBefore(bias) ||
        getElementTypeOrSelf(bias.getType()).isBF16())
      continue;
    if (isKept(bias.getResult())) {
      part.bias = bias;
      part.output = bias.getResult();
      return;
    }
    for (Operation *next : bias.getResult().getUsers())
      if (auto rope = dyn_cast<RopeOp>(next);
          rope && isBefore(rope) && isKept(rope.getResult())) {
        part.rotation = rope;
        part.bias = bias;
        part.output = rope.getResult();
        return;
      }
  }
}

/// `output` less the bias, rotated back before.
Value undo(OpBuilder &builder, Part part) {
  Value value = part.output;
  if (part.rotation) {
    auto back = cast<RopeOp>(builder.clone(*part.rotation));
    back.getInputMutable().assign(value);
    back.setInverse(!part.rotation.getInverse());
    value = back;
  }
  if (part.bias)
    value = AddBiasOp::create(
        builder, part.bias.getLoc(), value, part.bias.getBias(),
        builder.getF64FloatAttr(-part.bias.getScale().convertToDouble()));
  return value;
}

/// Fills `part`; says why not otherwise, nothing where there is no point.
std::optional<StringRef> matchPart(Value term, Value r, Part &part) {
  if (!term.hasOneUse())
    return "a part of the gradient of r has another reader";
  if (auto loss = term.getDefiningOp<CrossEntropyGradOp>()) {
    if (loss.getFactorsGrad() != term || loss.getFactors() != r ||
        loss.getRelative())
      return "a part of the gradient of r is a loss with other factors";
    part.loss = loss;
    return std::nullopt;
  }
  part.dot = term.getDefiningOp<RowDotOp>();
  if (!part.dot)
    return "a part of the gradient of r is no row dot";
  for (bool swap : {false, true}) {
    Value z = swap ? part.dot.getA() : part.dot.getB();
    RowScaleOp scale = findRowScale(z, r, part.dot);
    if (!scale)
      continue;
    // What a row op computes is computed again for free; only what a product
    // writes has to be kept.
    if (Operation *producer = z.getDefiningOp();
        producer && isa<RowOpInterface>(producer))
      return "the row dot's operand is not kept";
    part.outputGrad = swap ? part.dot.getB() : part.dot.getA();
    part.output = scale.getResult();
    moveBehindRotation(part);
    moveBehindBias(part);
    return std::nullopt;
  }
  return "a row dot is with no input of a row scale by r";
}

struct ReuseOutputsPass : lns::impl::ReuseOutputsBase<ReuseOutputsPass> {
  void runOnOperation() override {
    SmallVector<RowRstdGradOp> adjoints;
    getOperation()->walk([&](RowRstdGradOp op) {
      if (!op.getRelative())
        adjoints.push_back(op);
    });
    for (RowRstdGradOp adjoint : adjoints)
      rewrite(adjoint);
  }

private:
  static void rewrite(RowRstdGradOp adjoint) {
    auto options =
        remark::RemarkOpts::name("reuse-outputs").category("lns-norm");
    SmallVector<Value> terms;
    collectTerms(adjoint.getGrad(), terms);
    SmallVector<Part> parts(terms.size());
    for (auto [term, part] : llvm::zip(terms, parts))
      if (std::optional<StringRef> reason =
              matchPart(term, adjoint.getRstd(), part)) {
        remark::missed(adjoint.getLoc(), options) << *reason;
        return;
      }
    unsigned rotations = 0, biases = 0;
    for (Part &part : parts) {
      if (part.loss) {
        part.loss.setRelative(true);
        continue;
      }
      rotations += isa<RopeOp>(part.output.getDefiningOp());
      biases += bool(part.bias);
      OpBuilder builder(part.dot);
      part.dot.getAMutable().assign(part.outputGrad);
      part.dot.getBMutable().assign(undo(builder, part));
    }
    adjoint.setRelative(true);
    remark::passed(adjoint.getLoc(), options)
        << "row dots taken from outputs" << remark::metric("dots", parts.size())
        << remark::metric("behind_rotations", rotations)
        << remark::metric("behind_biases", biases);
  }
};

} // namespace
