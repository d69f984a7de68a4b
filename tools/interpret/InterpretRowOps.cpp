//===- InterpretRowOps.cpp - What row ops compute -------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// Every op with RowOpInterface, from its programs; only rotations, which take
// two columns at once, have code of their own.
//
//===----------------------------------------------------------------------===//

#include "tools/interpret/OpCall.h"
#include <cmath>

using namespace mlir;
using namespace lns;
using namespace lns::interpret;

static LogicalResult interpretRope(OpCall &call, RopeOp op) {
  const Tensor &x = *call.get(op.getInput());
  Tensor *y = call.allocate(0, x.shape);
  auto headDim = static_cast<int64_t>(op.getHeadDim());
  int64_t width = x.columns(), half = headDim / 2;
  if (!y)
    return failure();
  if (width % headDim)
    return op.emitOpError("head_dim ")
           << headDim << " does not divide the width " << width;
  SmallVector<double> frequencies = op.getAngularFrequencies();
  double direction = op.getInverse() ? -1.0 : 1.0;
  const Tensor *starts = call.get(op.getStarts());
  if (starts && failed(op.getPositions()
                           ? call.expectPositions(op.getStarts(), x.shape,
                                                  int64_t(*op.getPositions()))
                           : call.expectStarts(op.getStarts(), x.shape)))
    return failure();
  int64_t times = x.shape[1],
          rowsPerTime = x.shape.size() == 4 ? x.shape[2] : 1;
  for (int64_t row = 0; row < x.rows(); ++row) {
    int64_t place = row / rowsPerTime;
    int64_t time = place % times - (starts ? starts->tokens[place] : 0);
    for (int64_t j = 0; j < half; ++j) {
      double angle = direction * static_cast<double>(time) * frequencies[j];
      double cosine = std::cos(angle), sine = std::sin(angle);
      for (int64_t head = 0; head < width; head += headDim) {
        int64_t first = row * width + head + j, second = first + half;
        double a = x.values[first], b = x.values[second];
        y->values[first] = a * cosine - b * sine;
        y->values[second] = b * cosine + a * sine;
      }
    }
  }
  return success();
}

namespace {

/// The operands of a row op, at one element after the other.
class RowOperands {
public:
  /// Fails with an error at the op unless their shapes are those of `rows`.
  LogicalResult read(OpCall &call, RowOpInterface op, const Tensor &whole) {
    rows = &whole;
    // A scalar is a row of one column.
    width = whole.shape.empty() ? 1 : whole.columns();
    for (OpOperand &operand : op->getOpOperands()) {
      RowOperand kind = op.getRowOperand(operand.getOperandNumber());
      const Tensor &tensor = *call.get(operand.get());
      tensors.push_back({&tensor, kind});
      if (kind == RowOperand::starts)
        starts = &tensor;
      if (kind == RowOperand::positions)
        positions = tensor.rows();
      // A document may have begun before the rows, as far as the table knows.
      if (kind == RowOperand::positions ? failed(checkTable(call, tensor))
          : kind == RowOperand::starts
              ? failed(
                    call.expectPositions(operand.get(), rows->shape, positions))
              : failed(call.expectShape(operand.get(), getShape(kind))))
        return failure();
    }
    return success();
  }

  /// Those of the flat element `i`.
  void at(int64_t i, SmallVectorImpl<double> &values) const {
    values.clear();
    for (auto [tensor, kind] : tensors)
      switch (kind) {
      case RowOperand::row:
        values.push_back(tensor->values[i]);
        break;
      case RowOperand::number:
        values.push_back(tensor->values[i / width]);
        break;
      case RowOperand::columns:
        values.push_back(tensor->values[i % width]);
        break;
      case RowOperand::positions:
        values.push_back(tensor->values[getPosition(i) * width + i % width]);
        break;
      case RowOperand::scalar:
        values.push_back(tensor->values[0]);
        break;
      case RowOperand::starts:
        values.push_back(0); // no program reads it
        break;
      }
  }

private:
  /// Of rows [batch, time, columns].
  int64_t getPosition(int64_t i) const {
    int64_t row = i / width;
    return row % rows->shape[1] - (starts ? starts->tokens[row] : 0);
  }

  ArrayRef<int64_t> getShape(RowOperand kind) const {
    static constexpr int64_t one[] = {1};
    ArrayRef<int64_t> shape = rows->shape;
    switch (kind) {
    case RowOperand::row:
    case RowOperand::positions:
    case RowOperand::starts:
      return shape;
    case RowOperand::number:
      return shape.drop_back();
    case RowOperand::columns:
      return shape.take_back(1);
    case RowOperand::scalar:
      return one;
    }
    llvm_unreachable("all kinds are above");
  }

  /// A table of positions has a row for every time of the rows.
  LogicalResult checkTable(OpCall &call, const Tensor &table) const {
    if (table.columns() == rows->columns() && table.rows() >= rows->shape[1])
      return success();
    return call.op->emitOpError("a table of shape ")
           << formatShape(table.shape) << " does not hold positions of "
           << formatShape(rows->shape);
  }

  const Tensor *rows = nullptr, *starts = nullptr;
  int64_t width = 1, positions = 0;
  SmallVector<std::pair<const Tensor *, RowOperand>> tensors;
};

} // namespace

std::optional<LogicalResult> lns::interpret::interpretRowOp(OpCall &call) {
  if (auto rope = dyn_cast<RopeOp>(call.op))
    return interpretRope(call, rope);
  auto op = dyn_cast<RowOpInterface>(call.op);
  if (!op)
    return std::nullopt;
  const Tensor &whole = *call.get(op->getOperand(0));
  RowOperands operands;
  if (failed(operands.read(call, op, whole)))
    return failure();
  int64_t size = whole.size();
  int64_t width = whole.shape.empty() ? 1 : whole.columns();
  SmallVector<double> arguments(op.getArgumentValues()), values, steps;
  std::vector<double> totals;
  if (op.isReduction()) {
    ScalarProgram term = op.getTermProgram(width);
    ScalarProgram total = op.getTotalProgram(width);
    totals.resize(whole.rows());
    for (int64_t i = 0; i < size; ++i) {
      operands.at(i, values);
      term.evaluate(values, arguments, steps);
      totals[i / width] += steps[term.getResults()[0]];
    }
    for (double &sum : totals) {
      total.evaluate(sum, arguments, steps);
      sum = steps[total.getResults()[0]];
    }
    if (!op.isRowSum())
      call.roundInside(totals);
  }
  if (op.isRowSum()) {
    Tensor *result =
        call.allocate(0, ArrayRef<int64_t>(whole.shape).drop_back());
    if (!result)
      return failure();
    result->values = totals;
    return success();
  }
  ScalarProgram element = op.getElementProgram(width);
  SmallVector<Tensor *> results;
  for (unsigned i = 0; i < op->getNumResults(); ++i) {
    results.push_back(call.allocate(i, whole.shape));
    if (!results.back())
      return failure();
  }
  for (int64_t i = 0; i < size; ++i) {
    operands.at(i, values);
    if (!totals.empty())
      values.push_back(totals[i / width]);
    element.evaluate(values, arguments, steps);
    for (auto [result, step] : llvm::zip_equal(results, element.getResults()))
      result->values[i] = steps[step];
  }
  return success();
}
