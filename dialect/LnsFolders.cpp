//===- LnsFolders.cpp - Folders -------------------------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

//
// A constant is known to folders by its value as an f64 attribute, whatever
// the element type of its tensor (LnsDialect::materializeConstant).
//
//===----------------------------------------------------------------------===//

#include "dialect/LnsOps.h"
#include "dialect/LnsShapes.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/PatternMatch.h"
#include <cmath>

using namespace mlir;
using namespace lns;

static OpFoldResult constantResult(MLIRContext *context, double value) {
  return FloatAttr::get(Float64Type::get(context), value);
}

OpFoldResult ConstantOp::fold(FoldAdaptor) { return getValueAttr(); }

/// scale(x, 1) = x; scale(constant c, f) = constant c * f;
/// scale(scale(x, f), g) = scale(x, f * g).
OpFoldResult ScaleOp::fold(FoldAdaptor adaptor) {
  double factor = getFactor().convertToDouble();
  if (factor == 1.0)
    return getInput();
  // A product of two finite numbers may still overflow; then nothing folds.
  if (auto value = dyn_cast_if_present<FloatAttr>(adaptor.getInput())) {
    double product = value.getValueAsDouble() * factor;
    if (!std::isfinite(product))
      return {};
    return constantResult(getContext(), product);
  }
  auto inner = getInput().getDefiningOp<ScaleOp>();
  if (!inner || inner == *this)
    return {};
  double product = inner.getFactor().convertToDouble() * factor;
  if (!std::isfinite(product))
    return {};
  setFactorAttr(FloatAttr::get(Float64Type::get(getContext()), product));
  getInputMutable().assign(inner.getInput());
  return getResult();
}

/// mean_grad(constant c) = constant c / n, where n is known.
OpFoldResult MeanGradOp::fold(FoldAdaptor adaptor) {
  auto value = dyn_cast_if_present<FloatAttr>(adaptor.getGrad());
  int64_t elements = countOf(getType());
  if (!value || elements == 0 || getCount())
    return {};
  return constantResult(getContext(), value.getValueAsDouble() /
                                          static_cast<double>(elements));
}

/// Whether every number of type `from` is one of type `to`.
static bool isWidening(Type from, Type to) {
  return from.getIntOrFloatBitWidth() < to.getIntOrFloatBitWidth();
}

/// Whether `value` is a number of the floating-point type `type`.
static bool isExactIn(const APFloat &value, Type type) {
  APFloat converted = value;
  bool lossy = false;
  converted.convert(cast<FloatType>(type).getFloatSemantics(),
                    APFloat::rmNearestTiesToEven, &lossy);
  return !lossy;
}

/// cast(x) to x's type = x; cast(cast(x)) = cast(x) where the inner one lost
/// nothing; cast(constant c) = constant c where c is a number of both types.
OpFoldResult CastOp::fold(FoldAdaptor adaptor) {
  auto input = cast<RankedTensorType>(getInput().getType());
  auto result = cast<RankedTensorType>(getType());
  if (input == result)
    return getInput();
  if (auto value = dyn_cast_if_present<FloatAttr>(adaptor.getInput()))
    if (isExactIn(value.getValue(), input.getElementType()) &&
        isExactIn(value.getValue(), result.getElementType()))
      return value;
  auto inner = getInput().getDefiningOp<CastOp>();
  if (!inner || inner == *this)
    return {};
  auto source = cast<RankedTensorType>(inner.getInput().getType());
  if (!isWidening(source.getElementType(), input.getElementType()) ||
      !shapesAgree(source.getShape(), result.getShape()))
    return {};
  if (source == result)
    return inner.getInput();
  getInputMutable().assign(inner.getInput());
  return getResult();
}

/// reshape(x) to x's type = x; reshape(reshape(x)) to x's type = x;
/// reshape(constant c) = constant c.
OpFoldResult ReshapeOp::fold(FoldAdaptor adaptor) {
  if (getInput().getType() == getType())
    return getInput();
  if (auto value = dyn_cast_if_present<FloatAttr>(adaptor.getInput()))
    return value;
  auto inner = getInput().getDefiningOp<ReshapeOp>();
  if (inner && inner != *this && inner.getInput().getType() == getType())
    return inner.getInput();
  return {};
}

namespace {

/// cast(product -> bf16) to f32 = product -> f32: the sum is f32 already, and
/// nobody else wants it rounded.
template <typename Product> struct GiveWideResult : OpRewritePattern<CastOp> {
  using OpRewritePattern<CastOp>::OpRewritePattern;

  LogicalResult matchAndRewrite(CastOp op,
                                PatternRewriter &rewriter) const override {
    auto product = op.getInput().getDefiningOp<Product>();
    auto element =
        cast<RankedTensorType>(op.getInput().getType()).getElementType();
    if (!product || !element.isBF16() ||
        !cast<RankedTensorType>(op.getType()).getElementType().isF32())
      return failure();
    if (!product.getResult().hasOneUse())
      return rewriter.notifyMatchFailure(op, "the bf16 product has a reader");
    // An addend has the result's type.
    if constexpr (std::is_same_v<Product, MatmulOp>)
      if (product.getAddend())
        return rewriter.notifyMatchFailure(op,
                                           "the bf16 product has an addend");
    rewriter.modifyOpInPlace(
        product, [&] { product.getResult().setType(op.getType()); });
    rewriter.replaceOp(op, product.getResult());
    return success();
  }
};

} // namespace

void CastOp::getCanonicalizationPatterns(RewritePatternSet &patterns,
                                         MLIRContext *context) {
  patterns.add<GiveWideResult<LinearOp>, GiveWideResult<MatmulOp>>(context);
}

/// Whether the mean of every row is zero because of the op that makes it:
/// centering, and what multiplies a centered row by a number.
static bool isCentered(Value value) {
  Operation *op = value.getDefiningOp();
  if (!op)
    return false;
  if (isa<CenterRowsOp>(op))
    return true;
  if (isa<ScaleOp, RowScaleOp, RowRstdGradOp>(op))
    return isCentered(op->getOperand(0));
  if (auto columns = dyn_cast<ScaleColumnsOp>(op))
    return !columns.getGain() && isCentered(columns.getInput());
  return false;
}

/// center_rows(x) = x where the rows of x are centered. The adjoint of a
/// LayerNorm's statistic ends in such an op.
OpFoldResult CenterRowsOp::fold(FoldAdaptor) {
  return isCentered(getInput()) ? getInput() : Value();
}
