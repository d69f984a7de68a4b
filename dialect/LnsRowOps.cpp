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
#include <cmath>

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

void OffsetOp::buildElement(ScalarProgram &p) {
  p.yield(p.add(p.operand(0), p.argument(0)));
}
ArrayRef<StringLiteral> OffsetOp::getArgumentNames() {
  static constexpr StringLiteral names[] = {"by"};
  return names;
}
bool OffsetOp::isCheap() { return true; }

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

void ScaleByOp::buildElement(ScalarProgram &p) {
  p.yield(p.mul(p.operand(1), p.operand(0)));
}
RowOperand ScaleByOp::getRowOperand(unsigned operand) {
  return operand == 1 ? RowOperand::scalar : RowOperand::row;
}
bool ScaleByOp::isCheap() { return true; }

void ShiftByOp::buildElement(ScalarProgram &p) {
  p.yield(p.add(p.operand(0), p.operand(1)));
}
RowOperand ShiftByOp::getRowOperand(unsigned operand) {
  return operand == 1 ? RowOperand::scalar : RowOperand::row;
}
bool ShiftByOp::isCheap() { return true; }

void StopGradientOp::buildElement(ScalarProgram &p) { p.yield(p.operand(0)); }
bool StopGradientOp::isCheap() { return true; }
bool StopGradientOp::worksOnNumbers() { return true; }

/// 1 / n of operands a and b, n^2 = a^2 + b^2 + eps.
static Scalar getInverseLength(ScalarProgram &p) {
  Scalar a = p.operand(1), b = p.operand(2);
  Scalar squares = p.add(p.fma(a, a, p.mul(b, b)), p.argument(0));
  return p.div(p.constant(1), p.sqrt(squares));
}

void MixFactorsOp::buildElement(ScalarProgram &p) {
  Scalar factor = p.mul(p.operand(0), getInverseLength(p));
  p.yield(p.mul(factor, p.operand(1)));
  p.yield(p.mul(factor, p.operand(2)));
}
ArrayRef<StringLiteral> MixFactorsOp::getArgumentNames() {
  static constexpr StringLiteral names[] = {"eps"};
  return names;
}

void MixFactorsGradOp::buildElement(ScalarProgram &p) {
  Scalar inverse = getInverseLength(p);
  Scalar a = p.mul(p.operand(1), inverse), b = p.mul(p.operand(2), inverse);
  Scalar u = p.operand(3), v = p.operand(4);
  Scalar along = p.fma(a, u, p.mul(b, v));
  Scalar factor = p.mul(p.operand(0), inverse);
  p.yield(along);
  p.yield(p.mul(factor, p.sub(u, p.mul(a, along))));
  p.yield(p.mul(factor, p.sub(v, p.mul(b, along))));
}
ArrayRef<StringLiteral> MixFactorsGradOp::getArgumentNames() {
  static constexpr StringLiteral names[] = {"eps"};
  return names;
}

void AddPositionsOp::buildElement(ScalarProgram &p) {
  p.yield(p.add(p.operand(0), p.operand(1)));
}
RowOperand AddPositionsOp::getRowOperand(unsigned operand) {
  return operand == 1   ? RowOperand::positions
         : operand == 2 ? RowOperand::starts
                        : RowOperand::row;
}

RowOperand RopeOp::getRowOperand(unsigned operand) {
  return operand == 1 ? RowOperand::starts : RowOperand::row;
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

void RowSumOp::buildTerm(ScalarProgram &p) { p.yield(p.operand(0)); }

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
/// act(x) and its derivative. Most are x * gate(x), and then
///   silu:      gate = sigmoid(x)
///   gelu_tanh: gate = sigmoid(v), v = 2 sqrt(2/pi) (x + 0.044715 x^3), as
///              (1 + tanh(u)) / 2 = sigmoid(2u)
///   gelu:      gate = (1 + erf(x / sqrt(2))) / 2
/// with d (x s) = s (1 + x (1 - s) v') for s = sigmoid(v).
class Activated {
public:
  Activated(ScalarProgram &p, Activation activation, Scalar x)
      : p(p), activation(activation), x(x), inner(x) {
    switch (activation) {
    case Activation::relu:
    case Activation::abs:
      return;
    case Activation::relu2:
      inner = p.max(p.constant(0), x); // not a number stays so
      return;
    case Activation::tanh:
      inner = p.tanh(x);
      return;
    case Activation::erf:
      inner = p.erf(x);
      return;
    case Activation::gelu:
      inner = p.fma(p.erf(p.mul(x, p.constant(M_SQRT1_2))), p.constant(0.5),
                    p.constant(0.5));
      return;
    case Activation::silu:
    case Activation::sigmoid:
      inner = p.sigmoid(x);
      return;
    case Activation::gelu_tanh:
      inner = p.sigmoid(p.mul(x, quadratic(kLinear, kCubic)));
      return;
    }
  }

  Scalar value() {
    if (activation == Activation::relu)
      return p.max(p.constant(0), x); // not a number stays so
    if (activation == Activation::abs)
      return p.max(p.mul(x, p.constant(-1)), x); // nor here
    if (activation == Activation::relu2)
      return p.mul(inner, inner);
    bool isGate = activation != Activation::tanh &&
                  activation != Activation::erf &&
                  activation != Activation::sigmoid;
    return isGate ? p.mul(x, inner) : inner;
  }

  Scalar slope() {
    Scalar one = p.constant(1);
    switch (activation) {
    case Activation::relu:
      return p.positive(x, one, p.constant(0));
    case Activation::abs: {
      Scalar negated = p.mul(x, p.constant(-1));
      return p.positive(x, one,
                        p.positive(negated, p.constant(-1), p.constant(0)));
    }
    case Activation::relu2:
      return p.add(inner, inner);
    case Activation::tanh:
      return p.sub(one, p.mul(inner, inner));
    case Activation::sigmoid:
      return p.mul(inner, p.sub(one, inner));
    case Activation::erf: {
      constexpr double kTwoByRootPi = 1.1283791670955126; // 2 / sqrt(pi)
      return p.mul(p.exp(p.mul(p.mul(x, x), p.constant(-1))),
                   p.constant(kTwoByRootPi));
    }
    case Activation::gelu: {
      // The gate's own slope is the normal distribution's density.
      constexpr double kDensity = 0.3989422804014327; // 1 / sqrt(2 pi)
      Scalar density = p.mul(p.exp(p.mul(p.mul(x, x), p.constant(-0.5))),
                             p.constant(kDensity));
      return p.fma(x, density, inner);
    }
    case Activation::silu:
      return p.mul(inner, p.fma(x, p.sub(one, inner), one));
    case Activation::gelu_tanh: {
      Scalar rise = p.mul(x, quadratic(kLinear, 3 * kCubic));
      return p.mul(inner, p.fma(rise, p.sub(one, inner), one));
    }
    }
    llvm_unreachable("all activations are above");
  }

private:
  static constexpr double kLinear = 1.5957691216057308; // 2 sqrt(2/pi)
  static constexpr double kCubic = 0.044715 * kLinear;

  /// constant + factor x^2
  Scalar quadratic(double constant, double factor) {
    return p.fma(p.mul(x, x), p.constant(factor), p.constant(constant));
  }

  ScalarProgram &p;
  Activation activation;
  Scalar x;
  Scalar inner; ///< the gate, or the value
};
} // namespace

void ActivationOp::buildElement(ScalarProgram &p) {
  p.yield(Activated(p, getActivation(), p.operand(0)).value());
}

void ActivationGradOp::buildElement(ScalarProgram &p) {
  Scalar grad = p.operand(0), x = p.operand(1);
  p.yield(p.mul(grad, Activated(p, getActivation(), x).slope()));
}

/// tanh(x / cap); the quotient of the cap is taken once for all columns.
static Scalar getCapped(ScalarProgram &p, Scalar x) {
  return p.tanh(p.mul(x, p.div(p.constant(1), p.argument(0))));
}
static constexpr StringLiteral kCapNames[] = {"cap"};

void SoftcapOp::buildElement(ScalarProgram &p) {
  p.yield(p.mul(p.argument(0), getCapped(p, p.operand(0))));
}
ArrayRef<StringLiteral> SoftcapOp::getArgumentNames() { return kCapNames; }

void SoftcapGradOp::buildElement(ScalarProgram &p) {
  Scalar capped = getCapped(p, p.operand(1));
  p.yield(p.mul(p.operand(0), p.sub(p.constant(1), p.mul(capped, capped))));
}
ArrayRef<StringLiteral> SoftcapGradOp::getArgumentNames() { return kCapNames; }

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
