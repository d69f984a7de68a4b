//===- ProjectKernels.cpp - Rows and columns of length 1 ------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// One kernel for the rows of all matrices and one for columns: sizes are launch
// arguments. A line's sum of squares is one work item's, in a fixed order.
//
//===----------------------------------------------------------------------===//

#include "codegen/cpu/FlatKernel.h"
#include "codegen/cpu/KernelSet.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

#include <cmath>
#include <limits>

using namespace mlir;
using namespace lns;
using namespace lns::cpu;

/// Like `like`, an f64 number or vector of them.
static Value makeDouble(CodeBuilder &b, double value, Type like) {
  TypedAttr attr = b.getF64FloatAttr(value);
  if (auto vector = dyn_cast<VectorType>(like))
    attr = DenseElementsAttr::get(vector, Attribute(attr));
  return arith::ConstantOp::create(b, b.loc, attr);
}

/// Of a sum of squares, or several: whether the line is to be scaled. Lines of
/// zeros are not, nor those that have length 1 or none that is a number.
static Value isProjected(CodeBuilder &b, Value squares) {
  using Predicate = arith::CmpFPredicate;
  auto compare = [&](Predicate predicate, double limit) -> Value {
    return arith::CmpFOp::create(b, b.loc, predicate, squares,
                                 makeDouble(b, limit, squares.getType()));
  };
  auto both = [&](Value x, Value y) -> Value {
    return arith::AndIOp::create(b, b.loc, x, y);
  };
  const double slack = std::ldexp(1.0, -20);
  Value above =
      both(compare(Predicate::OGT, 1 + slack),
           compare(Predicate::OLE, std::numeric_limits<double>::max()));
  Value below =
      both(compare(Predicate::OLT, 1 - slack), compare(Predicate::OGT, 0));
  return arith::OrIOp::create(b, b.loc, above, below);
}

/// What the line is multiplied by: 1 where it is to stay as it is.
static Value getScale(CodeBuilder &b, Value squares, Value projected) {
  Value one = makeDouble(b, 1, squares.getType());
  return b.select(projected, b.div(one, b.sqrt(squares)), one);
}

static Value getSquare(CodeBuilder &b, Value memref, Value i, int64_t lanes) {
  Value x = b.toDouble(b.loadVector(memref, i, lanes));
  return b.mul(x, x);
}

static void scaleVector(CodeBuilder &b, Value memref, Value i, int64_t lanes,
                        Value scale) {
  Value x = b.toDouble(b.loadVector(memref, i, lanes));
  b.storeVector(b.toFloat(b.mul(x, scale)), memref, i);
}

static Value multiply(CodeBuilder &b, Value x, Value y) {
  return arith::MulIOp::create(b, b.loc, x, y);
}

/// Items are rows.
static void emitRows(CodeBuilder &b, KernelFrame &frame, Value end) {
  Value matrix = frame.buffers[0], columns = frame.ints[1];
  b.loop(frame.begin, end, 1, [&](Value row) {
    Value from = multiply(b, row, columns);
    Value to = b.addI(from, columns);
    Value squares = sumInDouble(b, from, to, [&](Value i, int64_t lanes) {
      return getSquare(b, matrix, i, lanes);
    });
    Value projected = isProjected(b, squares);
    Value scale = getScale(b, squares, projected);
    // A row that stays as it is has no elements to write.
    overElements(b, from, b.select(projected, to, from),
                 [&](Value i, int64_t lanes) {
                   scaleVector(b, matrix, i, lanes, b.broadcast(scale, lanes));
                 });
  });
}

/// Items are as many columns as a vector has lanes.
static void emitColumns(CodeBuilder &b, KernelFrame &frame, Value end) {
  Value matrix = frame.buffers[0], rows = frame.ints[0],
        columns = frame.ints[1];
  b.loop(frame.begin, end, 1, [&](Value item) {
    Value first = b.mulI(item, kLanes);
    Value last = b.minI(b.addI(first, kLanes), columns);
    overElements(b, first, last, [&](Value column, int64_t lanes) {
      auto at = [&](Value row) {
        return b.addI(multiply(b, row, columns), column);
      };
      Value zero = makeDouble(b, 0, VectorType::get(lanes, b.getF64Type()));
      Value squares =
          b.loop(b.index(0), rows, 1, zero, [&](Value row, ValueRange carried) {
            return SmallVector<Value>{
                b.add(carried[0], getSquare(b, matrix, at(row), lanes))};
          })[0];
      Value scale = getScale(b, squares, isProjected(b, squares));
      b.loop(b.index(0), rows, 1,
             [&](Value row) { scaleVector(b, matrix, at(row), lanes, scale); });
    });
  });
}

LogicalResult cpu::lowerProject(ProjectOp op, KernelSet &set,
                                Launches &launches) {
  auto type = cast<RankedTensorType>(op.getType());
  bool isRows = op.getAlong() == Projection::rows, hasFactor = !!op.getFactor();
  KernelSpec spec("project", getKernelKey(op, KeyExtents::none));
  spec.source = isRows ? "project rows" : "project columns";
  spec.hint = isRows ? "rows" : "columns";
  spec.buffers.assign(hasFactor ? 2 : 1,
                      flatBuffer(Float32Type::get(op.getContext())));
  spec.ints = 2; // rows, columns
  LaunchBuilder launch;
  launch.launch.kernel =
      set.getKernel(spec, op.getLoc(), [&](CodeBuilder &b, KernelFrame &frame) {
        Value end = frame.end;
        // A step that must change nothing has no items.
        if (hasFactor) {
          Value factor = b.load(frame.buffers[1], b.index(0));
          Value isStep = arith::CmpFOp::create(
              b, b.loc, arith::CmpFPredicate::ORD, factor, factor);
          end = b.select(isStep, end, frame.begin);
        }
        isRows ? emitRows(b, frame, end) : emitColumns(b, frame, end);
      });
  launch.parameter(KernelArgument::Kind::Parameter, op.getSymbol());
  if (hasFactor)
    launch.value(op.getFactor());
  int64_t rows = type.getDimSize(0), columns = type.getDimSize(1);
  launch.launch.ints = {rows, columns};
  launch.launch.items = isRows ? rows : roundUp(columns, kLanes) / kLanes;
  launches.push_back(std::move(launch.launch));
  return success();
}
