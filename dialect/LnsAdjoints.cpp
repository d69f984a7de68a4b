//===- LnsAdjoints.cpp - Reverse-mode derivatives of ops ------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

//
// DifferentiableOpInterface of every op that has an adjoint. Each returns
// vector-Jacobian products in terms of other lns ops; terms are exact, for any
// element type.
//
//===----------------------------------------------------------------------===//

#include "dialect/LnsOps.h"
#include "dialect/LnsVerifiers.h"

using namespace mlir;
using namespace lns;

/// factor * value; the value itself when the factor is 1.
static Value scaled(OpBuilder &builder, Location loc, Value value,
                    const APFloat &factor) {
  if (factor.convertToDouble() == 1.0)
    return value;
  return ScaleOp::create(builder, loc, value.getType(), value,
                         builder.getF64FloatAttr(factor.convertToDouble()));
}

/// A product of two wide operands is wide: one that is to be narrow, because
/// the primal value is, is rounded after.
static Value matmul(OpBuilder &builder, Location loc, Type type, Value a,
                    bool transposeA, Value b, bool transposeB,
                    Value gain = Value(), double alpha = 1.0) {
  auto narrow = cast<RankedTensorType>(type);
  bool hasNarrowOperand = tensorOf(a).getElementType().isBF16() ||
                          tensorOf(b).getElementType().isBF16();
  if (hasNarrowOperand || !narrow.getElementType().isBF16())
    return MatmulOp::create(builder, loc, type, a, b, transposeA, transposeB,
                            gain, alpha);
  Value wide =
      MatmulOp::create(builder, loc, narrow.clone(builder.getF32Type()), a, b,
                       transposeA, transposeB, gain, alpha);
  return CastOp::create(builder, loc, type, wide);
}

/// The gradient of the only differentiable result; an error when the gradient
/// arrives at another one.
static FailureOr<Value> onlyGrad(Operation *op, ValueRange resultGrads) {
  for (auto [index, grad] : llvm::enumerate(resultGrads.drop_front()))
    if (grad)
      return op->emitError("no gradient can flow through result ")
             << index + 1 << ", only through result 0";
  return resultGrads.front();
}

//===----------------------------------------------------------------------===//
// Forward ops
//===----------------------------------------------------------------------===//

/// dtable = embedding_grad(dy, tokens).
LogicalResult EmbeddingOp::buildAdjoint(OpBuilder &builder,
                                        ValueRange resultGrads,
                                        SmallVectorImpl<Value> &operandGrads) {
  operandGrads.push_back(EmbeddingGradOp::create(
      builder, getLoc(), getTable().getType(), resultGrads[0], getTokens(),
      /*addend=*/Value()));
  operandGrads.push_back(Value());
  return success();
}

/// With z = alpha * x (+ shift), t = f(z) and du = s * g * dy,
/// y = s * (g * t + b), so
///   dz = du * f'(z), dx = alpha * dz, dalpha = sum of dz * x,
///   dshift = sum of dz,
///   dg = s * column_dot(dy, t), db = s * column sums of dy.
static void buildFunctionAdjoint(NormOp norm, OpBuilder &builder, Value dy,
                                 SmallVectorImpl<Value> &operandGrads) {
  Location loc = norm.getLoc();
  Value x = norm.getInput(), gain = norm.getGain(), bias = norm.getBias();
  RankedTensorType type = tensorOf(x);
  FloatAttr scale = builder.getF64FloatAttr(norm.getScale().convertToDouble());
  ActivationOp function = norm.buildFunction(builder);
  Value value = function.getResult();
  Value du = ScaleColumnsOp::create(builder, loc, type, dy, gain, scale);
  Value dz = ActivationGradOp::create(builder, loc, du, function.getInput(),
                                      function.getActivation());
  operandGrads.push_back(ScaleByOp::create(builder, loc, dz, norm.getAlpha()));
  if (gain)
    operandGrads.push_back(
        ColumnDotOp::create(builder, loc, gain.getType(), dy, value, scale));
  if (bias)
    operandGrads.push_back(
        ColumnDotOp::create(builder, loc, bias.getType(), dy, Value(), scale));
  Value dots = RowDotOp::create(builder, loc, rowVectorType(type), dz, x);
  operandGrads.push_back(
      SumOp::create(builder, loc, norm.getAlpha().getType(), dots));
  if (Value shift = norm.getShift()) {
    Value sums = RowSumOp::create(builder, loc, rowVectorType(type), dz);
    operandGrads.push_back(SumOp::create(builder, loc, shift.getType(), sums));
  }
}

/// With c = x (kind rms) or center(x) (kind layer), r = row_rstd(c) and
/// u = s * g * c, y = r * u + s * b, so
///   du = r * dy, dr = row_dot(dy, u), dg = s * column_dot(du, c),
///   db = s * column sums of dy, dc = s * g * du + row_rstd_grad(c, r, dr),
///   dx = dc or center(dc).
LogicalResult NormOp::buildAdjoint(OpBuilder &builder, ValueRange resultGrads,
                                   SmallVectorImpl<Value> &operandGrads) {
  if (getDepthScale() != DepthScale::none)
    return emitError("depth scale '")
           << stringifyEnum(getDepthScale())
           << "' has no adjoint, instantiate the model first";
  if (!isOfRows()) {
    buildFunctionAdjoint(*this, builder, resultGrads[0], operandGrads);
    return success();
  }
  Location loc = getLoc();
  Value x = getInput(), gain = getGain(), dy = resultGrads[0];
  RankedTensorType type = tensorOf(x), rows = rowVectorType(type);
  FloatAttr scale = builder.getF64FloatAttr(getScale().convertToDouble());
  FloatAttr eps = builder.getF64FloatAttr(getEps().convertToDouble());
  bool isLayer = getKind() == NormKind::layer;
  if (isLayer)
    x = CenterRowsOp::create(builder, loc, x);

  Value r = RowRstdOp::create(builder, loc, rows, x, eps);
  Value u = ScaleColumnsOp::create(builder, loc, type, x, gain, scale);
  Value du = RowScaleOp::create(builder, loc, type, dy, r);
  Value dr = RowDotOp::create(builder, loc, rows, dy, u);
  Value direct = ScaleColumnsOp::create(builder, loc, type, du, gain, scale);
  Value throughR = RowRstdGradOp::create(builder, loc, type, x, r, dr,
                                         /*relative=*/false);
  Value dx = AddOp::create(builder, loc, type, direct, throughR);
  operandGrads.push_back(isLayer ? CenterRowsOp::create(builder, loc, dx) : dx);
  if (gain)
    operandGrads.push_back(
        ColumnDotOp::create(builder, loc, gain.getType(), du, x, scale));
  if (Value bias = getBias())
    operandGrads.push_back(
        ColumnDotOp::create(builder, loc, bias.getType(), dy, Value(), scale));
  return success();
}

/// Without a gain: dx = alpha * dy W, dW = alpha * dy^T x, db = column sums of
/// dy. With a gain g, and p = dy W:
///   dx = alpha * p diag(g), dW = alpha * dy^T x diag(g),
///   dg = alpha * column_dot(p, x),
/// since sum_j W_jk (dy^T x)_jk = sum_i (dy W)_ik x_ik. So the gradient of the
/// gain comes from the tokens' side, and dW leaves its product as it is stored.
LogicalResult LinearOp::buildAdjoint(OpBuilder &builder, ValueRange resultGrads,
                                     SmallVectorImpl<Value> &operandGrads) {
  Location loc = getLoc();
  Value x = getInput(), weight = getWeight(), gain = getGain();
  Value dy = resultGrads[0];
  double alpha = getAlpha().convertToDouble();
  FloatAttr scale = builder.getF64FloatAttr(alpha);
  Value p = matmul(builder, loc, x.getType(), dy, /*transposeA=*/false, weight,
                   /*transposeB=*/false, /*gain=*/Value(), gain ? 1.0 : alpha);
  operandGrads.push_back(
      gain ? ScaleColumnsOp::create(builder, loc, x.getType(), p, gain, scale)
           : p);
  operandGrads.push_back(matmul(builder, loc, weight.getType(), dy,
                                /*transposeA=*/true, x, /*transposeB=*/false,
                                gain, alpha));
  if (gain)
    operandGrads.push_back(
        ColumnDotOp::create(builder, loc, gain.getType(), p, x, scale));
  if (Value bias = getBias())
    operandGrads.push_back(ColumnDotOp::create(builder, loc, bias.getType(), dy,
                                               Value(), FloatAttr()));
  return success();
}

/// The rotation is orthogonal: its adjoint rotates back.
LogicalResult RopeOp::buildAdjoint(OpBuilder &builder, ValueRange resultGrads,
                                   SmallVectorImpl<Value> &operandGrads) {
  auto rope = cast<RopeOp>(builder.clone(*getOperation()));
  rope.getInputMutable().assign(resultGrads[0]);
  rope.setInverse(!getInverse());
  operandGrads.push_back(rope);
  if (getStarts())
    operandGrads.push_back(Value());
  return success();
}

/// Adds the log-sum-exp of every row of scores, [B, heads, T].
Operation *AttentionOp::prepareForward(OpBuilder &builder) {
  if (getLse())
    return *this;
  RankedTensorType query = tensorOf(getQuery());
  auto lse = RankedTensorType::get({query.getDimSize(0),
                                    static_cast<int64_t>(getHeads()),
                                    query.getDimSize(1)},
                                   wideElement(query.getElementType()));
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPoint(*this);
  auto prepared = AttentionOp::create(builder, getLoc(),
                                      TypeRange{getResult().getType(), lse},
                                      getOperands(), (*this)->getAttrs());
  getResult().replaceAllUsesWith(prepared.getResult());
  erase();
  return prepared;
}

LogicalResult AttentionOp::buildAdjoint(OpBuilder &builder,
                                        ValueRange resultGrads,
                                        SmallVectorImpl<Value> &operandGrads) {
  FailureOr<Value> grad = onlyGrad(*this, resultGrads);
  if (failed(grad))
    return failure();
  if (!getLse())
    return emitError("the adjoint of attention needs the log-sum-exp, call "
                     "prepareForward first");
  auto adjoint = AttentionGradOp::create(
      builder, getLoc(), getQuery().getType(), getKey().getType(),
      getValue().getType(), getQuery(), getKey(), getValue(), getResult(),
      getLse(), *grad, getStarts(), getHeadsAttr(), getKvHeadsAttr(),
      getCausalAttr(), getSoftmaxScaleAttr(), getWindowAttr(),
      getSoftcapAttr());
  llvm::append_range(operandGrads, adjoint.getResults());
  if (getStarts())
    operandGrads.push_back(Value());
  return success();
}

LogicalResult
GatedActivationOp::buildAdjoint(OpBuilder &builder, ValueRange resultGrads,
                                SmallVectorImpl<Value> &operandGrads) {
  auto adjoint = GatedActivationGradOp::create(
      builder, getLoc(), getGate().getType(), getUp().getType(), resultGrads[0],
      getGate(), getUp(), getActivationAttr());
  llvm::append_range(operandGrads, adjoint.getResults());
  return success();
}

LogicalResult ActivationOp::buildAdjoint(OpBuilder &builder,
                                         ValueRange resultGrads,
                                         SmallVectorImpl<Value> &operandGrads) {
  operandGrads.push_back(ActivationGradOp::create(
      builder, getLoc(), resultGrads[0], getInput(), getActivation()));
  return success();
}

LogicalResult SoftcapOp::buildAdjoint(OpBuilder &builder,
                                      ValueRange resultGrads,
                                      SmallVectorImpl<Value> &operandGrads) {
  operandGrads.push_back(
      SoftcapGradOp::create(builder, getLoc(), getInput().getType(),
                            resultGrads[0], getInput(), getCapAttr()));
  return success();
}

LogicalResult OffsetOp::buildAdjoint(OpBuilder &, ValueRange resultGrads,
                                     SmallVectorImpl<Value> &operandGrads) {
  operandGrads.push_back(resultGrads[0]);
  return success();
}

/// dx = dy, dtable = add_positions_grad(dy).
LogicalResult
AddPositionsOp::buildAdjoint(OpBuilder &builder, ValueRange resultGrads,
                             SmallVectorImpl<Value> &operandGrads) {
  operandGrads.push_back(resultGrads[0]);
  operandGrads.push_back(AddPositionsGradOp::create(
      builder, getLoc(), getTable().getType(), resultGrads[0], getStarts()));
  if (getStarts())
    operandGrads.push_back(Value());
  return success();
}

LogicalResult ResidualOp::buildAdjoint(OpBuilder &builder,
                                       ValueRange resultGrads,
                                       SmallVectorImpl<Value> &operandGrads) {
  operandGrads.push_back(
      scaled(builder, getLoc(), resultGrads[0], getSkipScale()));
  operandGrads.push_back(
      scaled(builder, getLoc(), resultGrads[0], getBranchScale()));
  return success();
}

/// dx = a * dy, da = the sum of dy * x over all elements.
LogicalResult ScaleByOp::buildAdjoint(OpBuilder &builder,
                                      ValueRange resultGrads,
                                      SmallVectorImpl<Value> &operandGrads) {
  Value x = getInput(), dy = resultGrads[0];
  operandGrads.push_back(ScaleByOp::create(builder, getLoc(), dy, getFactor()));
  Value dots =
      RowDotOp::create(builder, getLoc(), rowVectorType(tensorOf(x)), dy, x);
  operandGrads.push_back(
      SumOp::create(builder, getLoc(), getFactor().getType(), dots));
  return success();
}

/// dx = dy, ds = the sum of dy over all elements.
LogicalResult ShiftByOp::buildAdjoint(OpBuilder &builder,
                                      ValueRange resultGrads,
                                      SmallVectorImpl<Value> &operandGrads) {
  Value dy = resultGrads[0];
  operandGrads.push_back(dy);
  Value sums = RowSumOp::create(builder, getLoc(),
                                rowVectorType(tensorOf(getInput())), dy);
  operandGrads.push_back(
      SumOp::create(builder, getLoc(), getShift().getType(), sums));
  return success();
}

/// None: that is what it is for.
LogicalResult
StopGradientOp::buildAdjoint(OpBuilder &, ValueRange,
                             SmallVectorImpl<Value> &operandGrads) {
  operandGrads.push_back(Value());
  return success();
}

/// By an op of its own; a result that nothing reads has a gradient of 0.
LogicalResult MixFactorsOp::buildAdjoint(OpBuilder &builder,
                                         ValueRange resultGrads,
                                         SmallVectorImpl<Value> &operandGrads) {
  Value grads[2];
  for (auto [grad, given] : llvm::zip_equal(grads, resultGrads))
    grad = given ? given
                 : ConstantOp::create(builder, getLoc(), getScale().getType(),
                                      builder.getF64FloatAttr(0.0));
  auto adjoint =
      MixFactorsGradOp::create(builder, getLoc(), getScale(), getA(), getB(),
                               grads[0], grads[1], getEpsAttr());
  llvm::append_range(operandGrads, adjoint.getResults());
  return success();
}

LogicalResult
CrossEntropyOp::buildAdjoint(OpBuilder &builder, ValueRange resultGrads,
                             SmallVectorImpl<Value> &operandGrads) {
  FailureOr<Value> grad = onlyGrad(*this, resultGrads);
  if (failed(grad))
    return failure();
  auto adjoint = CrossEntropyGradOp::create(
      builder, getLoc(), getLogits().getType(),
      getFactors() ? getFactors().getType() : Type(), getLogits(), getTargets(),
      getLse(), *grad, getFactors(), /*relative=*/false);
  operandGrads.push_back(adjoint.getResult());
  operandGrads.push_back(Value());
  if (getFactors())
    operandGrads.push_back(adjoint.getFactorsGrad());
  return success();
}

LogicalResult MeanOp::buildAdjoint(OpBuilder &builder, ValueRange resultGrads,
                                   SmallVectorImpl<Value> &operandGrads) {
  operandGrads.push_back(MeanGradOp::create(
      builder, getLoc(), getInput().getType(), resultGrads[0], getCount()));
  if (getCount())
    operandGrads.push_back(Value());
  return success();
}

/// A cast is linear: its adjoint casts back.
LogicalResult CastOp::buildAdjoint(OpBuilder &builder, ValueRange resultGrads,
                                   SmallVectorImpl<Value> &operandGrads) {
  operandGrads.push_back(
      CastOp::create(builder, getLoc(), getInput().getType(), resultGrads[0]));
  return success();
}

LogicalResult ReshapeOp::buildAdjoint(OpBuilder &builder,
                                      ValueRange resultGrads,
                                      SmallVectorImpl<Value> &operandGrads) {
  operandGrads.push_back(ReshapeOp::create(
      builder, getLoc(), getInput().getType(), resultGrads[0]));
  return success();
}

//===----------------------------------------------------------------------===//
// Folded norms and linear algebra
//===----------------------------------------------------------------------===//

/// With op(a) = a or a^T: d op(a) = dc op(b)^T and d op(b) = op(a)^T dc; where
/// the operand itself is transposed, so is its gradient. A gain is a
/// scale_columns of b.
LogicalResult MatmulOp::buildAdjoint(OpBuilder &builder, ValueRange resultGrads,
                                     SmallVectorImpl<Value> &operandGrads) {
  Location loc = getLoc();
  Value a = getA(), b = getB(), gain = getGain(), dc = resultGrads[0];
  bool ta = getTransposeA(), tb = getTransposeB();
  double alpha = getAlpha().convertToDouble();
  FloatAttr one = builder.getF64FloatAttr(1.0);
  auto product = [&](Type type, Value left, bool transposeLeft, Value right,
                     bool transposeRight) -> Value {
    return matmul(builder, loc, type, left, transposeLeft, right,
                  transposeRight, Value(), alpha);
  };
  Value scaledB =
      gain ? ScaleColumnsOp::create(builder, loc, b.getType(), b, gain, one)
           : b;
  operandGrads.push_back(ta ? product(a.getType(), scaledB, tb, dc, true)
                            : product(a.getType(), dc, false, scaledB, !tb));
  Value db = tb ? product(b.getType(), dc, true, a, ta)
                : product(b.getType(), a, !ta, dc, false);
  operandGrads.push_back(
      gain ? ScaleColumnsOp::create(builder, loc, b.getType(), db, gain, one)
           : db);
  if (gain)
    operandGrads.push_back(
        ColumnDotOp::create(builder, loc, gain.getType(), db, b, one));
  if (getAddend())
    operandGrads.push_back(dc);
  return success();
}

LogicalResult RowRstdOp::buildAdjoint(OpBuilder &builder,
                                      ValueRange resultGrads,
                                      SmallVectorImpl<Value> &operandGrads) {
  operandGrads.push_back(RowRstdGradOp::create(builder, getLoc(),
                                               getInput().getType(), getInput(),
                                               getResult(), resultGrads[0],
                                               /*relative=*/false));
  return success();
}

/// dx = f * dy, df = row_dot(dy, x).
LogicalResult RowScaleOp::buildAdjoint(OpBuilder &builder,
                                       ValueRange resultGrads,
                                       SmallVectorImpl<Value> &operandGrads) {
  Value dy = resultGrads[0];
  operandGrads.push_back(RowScaleOp::create(
      builder, getLoc(), getInput().getType(), dy, getFactors()));
  operandGrads.push_back(RowDotOp::create(
      builder, getLoc(), getFactors().getType(), dy, getInput()));
  return success();
}

/// dx = s * g * dy, dg = s * column_dot(dy, x).
LogicalResult
ScaleColumnsOp::buildAdjoint(OpBuilder &builder, ValueRange resultGrads,
                             SmallVectorImpl<Value> &operandGrads) {
  Value dy = resultGrads[0];
  operandGrads.push_back(ScaleColumnsOp::create(
      builder, getLoc(), getInput().getType(), dy, getGain(), getScaleAttr()));
  if (Value gain = getGain())
    operandGrads.push_back(ColumnDotOp::create(
        builder, getLoc(), gain.getType(), dy, getInput(), getScaleAttr()));
  return success();
}

/// dx = dy, db = s * column sums of dy.
LogicalResult AddBiasOp::buildAdjoint(OpBuilder &builder,
                                      ValueRange resultGrads,
                                      SmallVectorImpl<Value> &operandGrads) {
  operandGrads.push_back(resultGrads[0]);
  operandGrads.push_back(
      ColumnDotOp::create(builder, getLoc(), getBias().getType(),
                          resultGrads[0], Value(), getScaleAttr()));
  return success();
}

/// The projection is symmetric: dx = center(dy).
LogicalResult CenterRowsOp::buildAdjoint(OpBuilder &builder,
                                         ValueRange resultGrads,
                                         SmallVectorImpl<Value> &operandGrads) {
  operandGrads.push_back(
      CenterRowsOp::create(builder, getLoc(), resultGrads[0]));
  return success();
}

LogicalResult AddOp::buildAdjoint(OpBuilder &, ValueRange resultGrads,
                                  SmallVectorImpl<Value> &operandGrads) {
  operandGrads.assign(2, resultGrads[0]);
  return success();
}

LogicalResult ScaleOp::buildAdjoint(OpBuilder &builder, ValueRange resultGrads,
                                    SmallVectorImpl<Value> &operandGrads) {
  operandGrads.push_back(
      scaled(builder, getLoc(), resultGrads[0], getFactor()));
  return success();
}
