//===- LnsVerifiers.cpp - Checks that several verifiers share -------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "dialect/LnsVerifiers.h"
#include "llvm/ADT/APFloat.h"
#include <cmath>

using namespace mlir;
using namespace lns;

LogicalResult lns::verifyHasColumns(Operation *op, StringRef what,
                                    RankedTensorType type) {
  if (type.getRank() >= 1)
    return success();
  return op->emitOpError() << what << " has type " << type
                           << ", expected at least one dimension";
}

LogicalResult lns::verifySameElement(Operation *op, StringRef what,
                                     RankedTensorType type, StringRef otherWhat,
                                     RankedTensorType other) {
  if (type.getElementType() == other.getElementType())
    return success();
  return op->emitOpError() << what << " has element type "
                           << type.getElementType() << ", but " << otherWhat
                           << " has element type " << other.getElementType();
}

LogicalResult lns::verifyWideElement(Operation *op, StringRef what,
                                     RankedTensorType type, StringRef otherWhat,
                                     RankedTensorType other) {
  Type expected = wideElement(other.getElementType());
  if (type.getElementType() == expected)
    return success();
  return op->emitOpError() << what << " has element type "
                           << type.getElementType() << ", but " << otherWhat
                           << " of element type " << other.getElementType()
                           << " needs " << expected;
}

LogicalResult lns::verifyProductTypes(Operation *op, StringRef aName,
                                      RankedTensorType a, StringRef bName,
                                      RankedTensorType b, StringRef resultName,
                                      RankedTensorType result) {
  // Without bf16 among the operands, one type for all.
  if (!a.getElementType().isBF16() && !b.getElementType().isBF16()) {
    if (failed(verifySameElement(op, aName, a, bName, b)) ||
        failed(verifySameElement(op, resultName, result, aName, a)))
      return failure();
    return success();
  }
  for (auto [name, type] :
       {std::pair(aName, a), {bName, b}, {resultName, result}})
    if (!type.getElementType().isBF16() && !type.getElementType().isF32())
      return op->emitOpError()
             << name << " has element type " << type.getElementType()
             << ", but a product with a bf16 operand takes and gives bf16 or "
                "f32";
  return success();
}

LogicalResult lns::verifyType(Operation *op, StringRef what,
                              RankedTensorType type, RankedTensorType expected,
                              StringRef why) {
  if (type.getElementType() == expected.getElementType() &&
      shapesAgree(type.getShape(), expected.getShape()))
    return success();
  return op->emitOpError() << what << " has type " << type << ", expected "
                           << expected << " from " << why;
}

LogicalResult lns::verifyFinite(Operation *op, StringRef what,
                                const APFloat &value) {
  if (value.isFinite())
    return success();
  return op->emitOpError() << what << " must be finite, got "
                           << value.convertToDouble();
}

LogicalResult lns::verifyPositive(Operation *op, StringRef what,
                                  const APFloat &value) {
  if (value.isFinite() && !value.isNegative() && !value.isZero())
    return success();
  return op->emitOpError() << what << " must be positive and finite, got "
                           << value.convertToDouble();
}

LogicalResult lns::verifyFactors(Operation *op, const APFloat &learningRate,
                                 const APFloat &eps, const APFloat &decay) {
  for (auto [name, factor, mayBeZero] :
       {std::tuple<StringRef, const APFloat &, bool>("lr_factor", learningRate,
                                                     false),
        {"eps_factor", eps, false},
        {"decay_factor", decay, true}}) {
    // Kernels multiply in f32: a rate that became 0 or infinite there would
    // make parameters NaN.
    constexpr double least = 1e-12, most = 1e12;
    double value = factor.convertToDouble();
    if ((value >= least && value <= most) || (mayBeZero && factor.isZero()))
      continue;
    return op->emitOpError()
           << name << " is " << value << ", but must be "
           << (mayBeZero ? "0, or " : "") << "from 1e-12 to 1e12";
  }
  return success();
}

LogicalResult lns::verifySameTypes(Operation *op, StringRef leftName,
                                   TypeRange left, StringRef rightName,
                                   TypeRange right) {
  if (left.size() != right.size())
    return op->emitOpError() << "has " << left.size() << ' ' << leftName
                             << " but " << right.size() << ' ' << rightName;
  for (auto [index, pair] : llvm::enumerate(llvm::zip_equal(left, right)))
    if (std::get<0>(pair) != std::get<1>(pair))
      return op->emitOpError()
             << leftName << " and " << rightName << " differ at " << index
             << ": " << std::get<0>(pair) << " and " << std::get<1>(pair);
  return success();
}
