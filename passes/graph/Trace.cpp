//===- Trace.cpp - What each block adds to the stream -----------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "passes/graph/Trace.h"

#include "llvm/ADT/DenseSet.h"

using namespace mlir;
using namespace lns;

/// What the op changes of the stream alone, or null. Its numbers may be
/// learned, but are not the stream's.
static Value getChangedStream(Operation *op) {
  if (isa_and_nonnull<NormOp, ScaleOp, ScaleByOp, ShiftByOp, ScaleColumnsOp,
                      RowScaleOp, AddBiasOp, StopGradientOp, CastOp>(op))
    return op->getOperand(0);
  return nullptr;
}

/// Whether `value` is `stream`, times factors or not.
static bool isMultiple(Value value, Value stream) {
  while (value && value != stream)
    value = getChangedStream(value.getDefiningOp());
  return bool(value);
}

SmallVector<ResidualOp> lns::findStreamResiduals(LayersOp layers) {
  Block &body = layers.getBody().front();
  Value argument = body.getArgument(0);
  Value stream = body.getTerminator()->getOperand(0);
  SmallVector<ResidualOp> residuals;
  while (stream && stream != argument) {
    if (auto residual = stream.getDefiningOp<ResidualOp>()) {
      if (!isMultiple(residual.getBranch(), residual.getSkip()))
        residuals.push_back(residual);
      stream = residual.getSkip();
    } else {
      stream = getChangedStream(stream.getDefiningOp());
    }
  }
  if (!stream)
    residuals.clear();
  return {residuals.rbegin(), residuals.rend()};
}

void TraceBuilder::addBlock(OpBuilder &builder, Value input,
                            ArrayRef<ResidualOp> copies) {
  values.push_back(input);
  for (ResidualOp copy : copies) {
    Value branch = copy.getBranch();
    if (!copy.getBranchScale().isExactlyValue(1.0))
      branch = ScaleOp::create(
          builder, copy.getLoc(), branch.getType(), branch,
          builder.getF64FloatAttr(copy.getBranchScale().convertToDouble()));
    values.push_back(branch);
  }
  branches.push_back(int64_t(copies.size()));
}

LogicalResult TraceBuilder::finish(LayersOp last, Value output) {
  values.push_back(output);
  width = cast<RankedTensorType>(output.getType()).getShape().back();
  llvm::SmallDenseSet<Value> seen;
  for (Value value : values) {
    auto type = cast<RankedTensorType>(value.getType());
    if (type.getRank() != 3 || type != output.getType())
      return last.emitOpError()
             << "has blocks that carry " << type << " and " << output.getType()
             << ", but diagnostics trace a stream of one type, [batch, time, "
                "d]; compile without them";
    if (!seen.insert(value).second)
      return last.emitOpError(
          "has a block that gives back what it takes, or adds one value twice, "
          "so that diagnostics would trace it as two; take the block out, or "
          "compile without them");
  }
  return success();
}
