//===- LnsRowOps.cpp - What row ops compute -----------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// RowOpInterface of every row op: the one place where its formula is code. The
// order of steps is the order in which f32 rounds.
//
//===----------------------------------------------------------------------===//

#include "dialect/LnsOps.h"

using namespace mlir;
using namespace lns;
using Scalar = ScalarProgram::Scalar;

//===----------------------------------------------------------------------===//
// Sums, scales, casts
//===----------------------------------------------------------------------===//

void AddOp::buildElement(ScalarProgram &p) {
  p.yield(p.add(p.operand(0), p.operand(1)));
}
bool AddOp::worksOnNumbers() { return true; }

void ScaleOp::buildElement(ScalarProgram &p) {
  p.yield(p.mul(p.argument(0), p.operand(0)));
}
ArrayRef<StringLiteral> ScaleOp::getArgumentNames() {
  static constexpr StringLiteral names[] = {"factor"};
  return names;
}
bool ScaleOp::isCheap() { return true; }
bool ScaleOp::worksOnNumbers() { return true; }

void ResidualOp::buildElement(ScalarProgram &p) {
  p.yield(
      p.fma(p.argument(0), p.operand(0), p.mul(p.argument(1), p.operand(1))));
}
ArrayRef<StringLiteral> ResidualOp::getArgumentNames() {
  static constexpr StringLiteral names[] = {"skip_scale", "branch_scale"};
  return names;
}
bool ResidualOp::worksOnNumbers() { return true; }

/// Kernels compute in f32: what is loaded is widened, what is stored rounded.
void CastOp::buildElement(ScalarProgram &p) { p.yield(p.operand(0)); }
bool CastOp::worksOnNumbers() { return true; }

void RowScaleOp::buildElement(ScalarProgram &p) {
  p.yield(p.mul(p.operand(1), p.operand(0)));
}
RowOperand RowScaleOp::getRowOperand(unsigned operand) {
  return operand == 1 ? RowOperand::number : RowOperand::row;
}
bool RowScaleOp::isCheap() { return true; }

void ScaleColumnsOp::buildElement(ScalarProgram &p) {
  Scalar scale = p.argument(0);
  if (getGain())
    scale = p.mul(scale, p.operand(1));
  p.yield(p.mul(scale, p.operand(0)));
}
RowOperand ScaleColumnsOp::getRowOperand(unsigned operand) {
  return operand == 1 ? RowOperand::columns : RowOperand::row;
}
ArrayRef<StringLiteral> ScaleColumnsOp::getArgumentNames() {
  static constexpr StringLiteral names[] = {"scale"};
  return names;
}
bool ScaleColumnsOp::isCheap() { return true; }

void AddBiasOp::buildElement(ScalarProgram &p) {
  p.yield(p.fma(p.argument(0), p.operand(1), p.operand(0)));
}
RowOperand AddBiasOp::getRowOperand(unsigned operand) {
  return operand == 1 ? RowOperand::columns : RowOperand::row;
}
ArrayRef<StringLiteral> AddBiasOp::getArgumentNames() {
  static constexpr StringLiteral names[] = {"scale"};
  return names;
}
bool AddBiasOp::isCheap() { return true; }

void AddPositionsOp::buildElement(ScalarProgram &p) {
  p.yield(p.add(p.operand(0), p.operand(1)));
}
RowOperand AddPositionsOp::getRowOperand(unsigned operand) {
  return operand == 1 ? RowOperand::positions : RowOperand::row;
}

int64_t RopeOp::getRotatedHeadDim() { return int64_t(getHeadDim()); }

//===----------------------------------------------------------------------===//
// Sums over columns
//===----------------------------------------------------------------------===//

static Scalar mean(ScalarProgram &p, Scalar sum) {
  return p.mul(sum, p.constant(1.0 / double(p.getWidth())));
}

void RowRstdOp::buildTerm(ScalarProgram &p) {
  p.yield(p.mul(p.operand(0), p.operand(0)));
}
void RowRstdOp::buildTotal(ScalarProgram &p) {
  p.yield(p.div(p.constant(1),
                p.sqrt(p.add(mean(p, p.operand(0)), p.argument(0)))));
}
ArrayRef<StringLiteral> RowRstdOp::getArgumentNames() {
  static constexpr StringLiteral names[] = {"eps"};
  return names;
}

/// dx = -x r^3 / K dr, of which a relative gradient brings one r.
void RowRstdGradOp::buildElement(ScalarProgram &p) {
  Scalar x = p.operand(0), r = p.operand(1), grad = p.operand(2);
  Scalar power = p.mul(r, r);
  if (!getRelative())
    power = p.mul(power, r);
  Scalar factor =
      p.mul(p.mul(power, grad), p.constant(-1.0 / double(p.getWidth())));
  p.yield(p.mul(factor, x));
}
RowOperand RowRstdGradOp::getRowOperand(unsigned operand) {
  return operand == 0 ? RowOperand::row : RowOperand::number;
}

void RowDotOp::buildTerm(ScalarProgram &p) {
  p.yield(p.mul(p.operand(0), p.operand(1)));
}

void CenterRowsOp::buildTerm(ScalarProgram &p) { p.yield(p.operand(0)); }
void CenterRowsOp::buildTotal(ScalarProgram &p) {
  p.yield(mean(p, p.operand(0)));
}
void CenterRowsOp::buildElement(ScalarProgram &p) {
  p.yield(p.sub(p.operand(0), p.operand(1)));
}

//===----------------------------------------------------------------------===//
// Activations
//===----------------------------------------------------------------------===//

namespace {
/// act(x) and its derivative. All but relu are x * sigmoid(v), with v = x
/// (silu) or, as (1 + tanh(u)) / 2 = sigmoid(2u), v = 2 sqrt(2/pi) (x +
/// 0.044715 x^3) (gelu_tanh). With s = sigmoid(v): d (x s) = s (1 + x (1 - s)
/// v').
struct Activated {
  static constexpr double kLinear = 1.5957691216057308; // 2 sqrt(2/pi)
  static constexpr double kCubic = 0.044715 * kLinear;

  Activated(ScalarProgram &p, Activation activation, Scalar x)
      : p(p), activation(activation), x(x), gate(x) {
    if (activation == Activation::relu)
      return;
    Scalar v = x;
    if (activation == Activation::gelu_tanh)
      v = p.mul(x, p.fma(p.mul(x, x), p.constant(kCubic), p.constant(kLinear)));
    gate = p.sigmoid(v);
  }

  Scalar value() {
    // Not a number stays so.
    return activation == Activation::relu ? p.max(p.constant(0), x)
                                          : p.mul(x, gate);
  }
  Scalar slope() {
    Scalar one = p.constant(1);
    if (activation == Activation::relu)
      return p.positive(x, one, p.constant(0));
    Scalar rise = x;
    if (activation == Activation::gelu_tanh)
      rise = p.mul(
          x, p.fma(p.mul(x, x), p.constant(3 * kCubic), p.constant(kLinear)));
    return p.mul(gate, p.fma(rise, p.sub(one, gate), one));
  }

  ScalarProgram &p;
  Activation activation;
  Scalar x, gate;
};
} // namespace

void ActivationOp::buildElement(ScalarProgram &p) {
  p.yield(Activated(p, getActivation(), p.operand(0)).value());
}

void ActivationGradOp::buildElement(ScalarProgram &p) {
  Scalar grad = p.operand(0), x = p.operand(1);
  p.yield(p.mul(grad, Activated(p, getActivation(), x).slope()));
}

void GatedActivationOp::buildElement(ScalarProgram &p) {
  Scalar gate = p.operand(0), up = p.operand(1);
  p.yield(p.mul(Activated(p, getActivation(), gate).value(), up));
}

void GatedActivationGradOp::buildElement(ScalarProgram &p) {
  Scalar grad = p.operand(0), gate = p.operand(1), up = p.operand(2);
  Activated activated(p, getActivation(), gate);
  p.yield(p.mul(p.mul(grad, up), activated.slope()));
  p.yield(p.mul(grad, activated.value()));
}
