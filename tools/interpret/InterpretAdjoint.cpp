//===- InterpretAdjoint.cpp - Linear algebra of folded norms and adjoints -===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/interpret/OpCall.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace lns;
using namespace lns::interpret;

static LogicalResult interpretMatmul(OpCall &call, MatmulOp op) {
  const Tensor &a = *call.get(op.getA()), &b = *call.get(op.getB());
  bool ta = op.getTransposeA(), tb = op.getTransposeB();
  int64_t rows = ta ? a.columns() : a.rows();
  int64_t inner = ta ? a.rows() : a.columns();
  int64_t innerB = tb ? b.columns() : b.rows();
  int64_t columns = tb ? b.rows() : b.columns();
  // In model form only the operands know how many rows there are.
  SmallVector<int64_t> shape(ArrayRef(a.shape).drop_back());
  shape.push_back(columns);
  auto type = cast<RankedTensorType>(op.getType());
  bool takesRows = !ta && !type.hasStaticShape();
  Tensor *c = takesRows ? call.allocate(0, shape) : call.allocateByType(0);
  if (!c)
    return failure();
  if (inner != innerB || c->rows() != rows || c->columns() != columns)
    return op.emitOpError("cannot multiply ")
           << rows << " x " << inner << " by " << innerB << " x " << columns
           << " into " << c->rows() << " x " << c->columns();
  if ((op.getGain() && failed(call.expectShape(op.getGain(), b.columns()))) ||
      (op.getAddend() && failed(call.expectShape(op.getAddend(), c->shape))))
    return failure();
  std::vector<double> scaled = scaleColumns(b, call.get(op.getGain()));
  std::vector<double> left = a.values;
  if (call.roundsFactors()) {
    roundToBf16(left);
    roundToBf16(scaled);
  }
  multiplyAdd(rows, columns, inner, left.data(), ta, scaled.data(), tb,
              c->values.data());
  double alpha = op.getAlpha().convertToDouble();
  const Tensor *addend = call.get(op.getAddend());
  for (int64_t i = 0; i < c->size(); ++i)
    c->values[i] = alpha * c->values[i] + (addend ? addend->values[i] : 0.0);
  return success();
}

static LogicalResult interpretWeightGrad(OpCall &call, WeightGradOp op) {
  const Tensor &grad = *call.get(op.getGrad());
  const Tensor &input = *call.get(op.getInput());
  const Tensor &weight = *call.get(op.getWeight());
  const Tensor &gain = *call.get(op.getGain());
  const Tensor *addend = call.get(op.getAddend());
  const Tensor *gainAddend = call.get(op.getGainAddend());
  int64_t outputs = grad.columns(), inputs = input.columns();
  Tensor *dw = call.allocate(0, {outputs, inputs});
  Tensor *dg = call.allocate(1, {inputs});
  if (!dw || !dg)
    return failure();
  if (grad.rows() != input.rows())
    return op.emitOpError("cannot multiply ")
           << grad.rows() << " rows by " << input.rows();
  if (failed(call.expectShape(op.getWeight(), {outputs, inputs})) ||
      failed(call.expectShape(op.getGain(), inputs)) ||
      (addend && failed(call.expectShape(op.getAddend(), {outputs, inputs}))) ||
      (gainAddend && failed(call.expectShape(op.getGainAddend(), inputs))))
    return failure();
  std::vector<double> left = grad.values, right = input.values;
  if (call.roundsFactors()) {
    roundToBf16(left);
    roundToBf16(right);
  }
  std::vector<double> folded(dw->size());
  multiplyAdd(outputs, inputs, grad.rows(), left.data(), /*transposeA=*/true,
              right.data(), /*transposeB=*/false, folded.data());
  double alpha = op.getAlpha().convertToDouble();
  for (int64_t i = 0; i < dw->size(); ++i) {
    double term = alpha * folded[i];
    int64_t k = i % inputs;
    dw->values[i] = gain.values[k] * term + (addend ? addend->values[i] : 0.0);
    dg->values[k] += weight.values[i] * term;
  }
  if (gainAddend)
    for (int64_t k = 0; k < inputs; ++k)
      dg->values[k] += gainAddend->values[k];
  return success();
}

static LogicalResult interpretColumnDot(OpCall &call, ColumnDotOp op) {
  const Tensor &a = *call.get(op.getA());
  const Tensor *b = call.get(op.getB());
  Tensor *y = call.allocate(0, a.columns());
  if (!y || (b && failed(call.expectShape(op.getB(), a.shape))))
    return failure();
  for (int64_t i = 0; i < a.size(); ++i)
    y->values[i % a.columns()] += a.values[i] * (b ? b->values[i] : 1.0);
  double scale = op.getScale().convertToDouble();
  for (double &value : y->values)
    value *= scale;
  return success();
}

static LogicalResult interpretSum(OpCall &call, SumOp op) {
  Tensor *y = call.allocate(0, int64_t(1));
  if (!y)
    return failure();
  for (double value : call.get(op.getInput())->values)
    y->values[0] += value;
  return success();
}

std::optional<LogicalResult> lns::interpret::interpretAdjoint(OpCall &call) {
  using Outcome = std::optional<LogicalResult>;
  return llvm::TypeSwitch<Operation *, Outcome>(call.op)
      .Case([&](MatmulOp op) { return interpretMatmul(call, op); })
      .Case([&](WeightGradOp op) { return interpretWeightGrad(call, op); })
      .Case([&](ColumnDotOp op) { return interpretColumnDot(call, op); })
      .Case([&](SumOp op) { return interpretSum(call, op); })
      .Default([](Operation *) { return std::nullopt; });
}
