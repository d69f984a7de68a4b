//===- FlatKernel.cpp - Kernels over flat vectors of any length -----------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "codegen/cpu/FlatKernel.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace lns::cpu;

/// Where the full vectors of [from, to) end.
static Value endOfVectors(CodeBuilder &b, Value from, Value to) {
  Value count = b.subI(to, from);
  return b.addI(from, b.mulI(b.divI(count, kLanes), kLanes));
}

void lns::cpu::overElements(CodeBuilder &b, Value from, Value to,
                            FlatBody body) {
  Value middle = endOfVectors(b, from, to);
  b.loop(from, middle, kLanes, [&](Value i) { body(i, kLanes); });
  b.loop(middle, to, 1, [&](Value i) { body(i, 1); });
}

void lns::cpu::overChunks(CodeBuilder &b, KernelFrame &frame, int64_t chunk,
                          Value count, FlatBody body) {
  // Items are neighbours, so that a range of them is one stretch.
  Value from = b.mulI(frame.begin, chunk);
  Value to = b.minI(b.mulI(frame.end, chunk), count);
  overElements(b, from, to, body);
}

Value lns::cpu::sumInDouble(CodeBuilder &b, Value from, Value to,
                            FlatTerm term) {
  Value middle = endOfVectors(b, from, to);
  Value zero = arith::ConstantOp::create(
      b, b.loc,
      DenseElementsAttr::get(VectorType::get(kLanes, b.getF64Type()), 0.0));
  Value vector =
      b.loop(from, middle, kLanes, zero, [&](Value i, ValueRange carried) {
        return SmallVector<Value>{b.add(carried[0], term(i, kLanes))};
      })[0];
  Value sum = b.sumAcross(vector);
  return b.loop(middle, to, 1, sum, [&](Value i, ValueRange carried) {
    return SmallVector<Value>{b.add(carried[0], b.sumAcross(term(i, 1)))};
  })[0];
}

Value lns::cpu::toReal(CodeBuilder &b, Value index) {
  Value integer = arith::IndexCastOp::create(b, b.loc, b.getI64Type(), index);
  return arith::SIToFPOp::create(b, b.loc, b.getF32Type(), integer);
}
