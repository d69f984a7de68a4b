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

/// mean_grad(constant c) = constant c / n.
OpFoldResult MeanGradOp::fold(FoldAdaptor adaptor) {
  auto value = dyn_cast_if_present<FloatAttr>(adaptor.getGrad());
  int64_t elements = countOf(getType());
  if (!value || elements == 0)
    return {};
  return constantResult(getContext(), value.getValueAsDouble() /
                                          static_cast<double>(elements));
}
