//===- LnsOps.cpp - Builders and small members of ops ---------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "dialect/LnsOps.h"
#include "dialect/LnsShapes.h"
#include <cmath>

using namespace mlir;
using namespace lns;

#define GET_OP_CLASSES
#include "dialect/LnsOps.cpp.inc"

void NormOp::build(OpBuilder &builder, OperationState &state, Value input,
                   Value gain, Value bias, NormKind kind, double eps,
                   double scale) {
  build(builder, state, input.getType(), input, gain, bias, /*alpha=*/Value(),
        /*shift=*/Value(), NormKindAttr::get(builder.getContext(), kind),
        builder.getF64FloatAttr(eps), builder.getF64FloatAttr(scale),
        DepthScaleAttr::get(builder.getContext(), DepthScale::none));
}

ActivationOp NormOp::buildFunction(OpBuilder &builder) {
  assert(!isOfRows() && "a norm of another kind");
  Value value = ScaleByOp::create(builder, getLoc(), getInput(), getAlpha());
  if (getShift())
    value = ShiftByOp::create(builder, getLoc(), value, getShift());
  return ActivationOp::create(builder, getLoc(), value.getType(), value,
                              getKind() == NormKind::tanh ? Activation::tanh
                                                          : Activation::erf);
}

void LinearOp::build(OpBuilder &builder, OperationState &state, Type result,
                     Value input, Value weight, Value bias, double alpha) {
  build(builder, state, result, input, weight, /*gain=*/Value(), bias,
        builder.getF64FloatAttr(alpha));
}

SmallVector<double> RopeOp::getAngularFrequencies() {
  if (std::optional<ArrayRef<double>> given = getFrequencies())
    return SmallVector<double>(*given);
  double base = getBase().convertToDouble();
  int64_t headDim = getHeadDim();
  SmallVector<double> frequencies;
  for (int64_t j = 0; j < headDim / 2; ++j)
    frequencies.push_back(
        std::pow(base, -2.0 * static_cast<double>(j) / headDim));
  return frequencies;
}

StringRef LayersOp::getBlockType(int64_t index) {
  std::optional<ArrayAttr> types = getTypes();
  if (!types || types->empty())
    return "";
  return cast<StringAttr>((*types)[index % types->size()]).getValue();
}

/// Attention and its gradient share these: columns per head of the query, and
/// the scale of the scores.
template <typename Op> static int64_t headDim(Op op) {
  return columnsOf(cast<RankedTensorType>(op.getQuery().getType())) /
         static_cast<int64_t>(op.getHeads());
}
template <typename Op> static double effectiveScale(Op op) {
  if (std::optional<APFloat> scale = op.getSoftmaxScale())
    return scale->convertToDouble();
  return 1.0 / std::sqrt(static_cast<double>(op.getHeadDim()));
}

int64_t AttentionOp::getHeadDim() { return headDim(*this); }
double AttentionOp::getEffectiveScale() { return effectiveScale(*this); }
int64_t AttentionGradOp::getHeadDim() { return headDim(*this); }
double AttentionGradOp::getEffectiveScale() { return effectiveScale(*this); }
int64_t CachedAttentionOp::getHeadDim() { return headDim(*this); }
double CachedAttentionOp::getEffectiveScale() { return effectiveScale(*this); }

int64_t AppendOp::getInPlaceOperand(unsigned) { return 0; }

int64_t CrossEntropyGradOp::getInPlaceOperand(unsigned result) {
  return result == 0 ? 0 : -1;
}
int64_t CrossEntropyWithGradOp::getInPlaceOperand(unsigned result) {
  return result == 1 ? 0 : -1;
}
int64_t EmbeddingGradOp::getInPlaceOperand(unsigned) {
  return getAddend() ? 2 : -1;
}
int64_t MatmulOp::getInPlaceOperand(unsigned) {
  return getAddend() ? int64_t(getODSOperandIndexAndLength(3).first) : -1;
}
int64_t WeightGradOp::getInPlaceOperand(unsigned result) {
  auto [index, count] = getODSOperandIndexAndLength(result == 0 ? 4 : 5);
  return count ? int64_t(index) : -1;
}

//===----------------------------------------------------------------------===//
// Row ops
//===----------------------------------------------------------------------===//

static bool isSharedByRows(RowOpInterface op, unsigned operand) {
  if (!op)
    return false;
  RowOperand kind = op.getRowOperand(operand);
  return kind != RowOperand::row && kind != RowOperand::number &&
         kind != RowOperand::starts;
}

bool lns::isSharedByRows(OpOperand &operand) {
  return ::isSharedByRows(dyn_cast<RowOpInterface>(operand.getOwner()),
                          operand.getOperandNumber());
}

bool lns::isProduct(Operation *op) { return isa<LinearOp, MatmulOp>(op); }

bool lns::isRowSum(Operation *op) {
  auto rowOp = dyn_cast<RowOpInterface>(op);
  return rowOp && rowOp.isRowSum();
}

RankedTensorType lns::wholeRowsType(Operation *op) {
  RankedTensorType whole;
  auto consider = [&](Type type) {
    auto tensor = dyn_cast<RankedTensorType>(type);
    if (tensor && (!whole || tensor.getRank() > whole.getRank()))
      whole = tensor;
  };
  auto rowOp = dyn_cast<RowOpInterface>(op);
  for (auto [i, type] : llvm::enumerate(op->getOperandTypes()))
    if (!::isSharedByRows(rowOp, i))
      consider(type);
  for (Type type : op->getResultTypes())
    consider(type);
  return whole;
}
