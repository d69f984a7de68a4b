//===- LaunchBuilder.cpp - Short ways to write a lowering -----------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "codegen/LaunchBuilder.h"

#include "dialect/LnsOps.h"

using namespace mlir;
using namespace lns;

LaunchBuilder &LaunchBuilder::value(Value value) {
  KernelArgument argument;
  argument.value = value;
  launch.buffers.push_back(std::move(argument));
  return *this;
}

LaunchBuilder &LaunchBuilder::parameter(KernelArgument::Kind kind,
                                        StringRef symbol) {
  KernelArgument argument;
  argument.kind = kind;
  argument.symbol = symbol.str();
  launch.buffers.push_back(std::move(argument));
  return *this;
}

LaunchBuilder &LaunchBuilder::constant(unsigned number) {
  KernelArgument argument;
  argument.kind = KernelArgument::Kind::Constant;
  argument.constant = number;
  launch.buffers.push_back(std::move(argument));
  return *this;
}

LaunchBuilder &LaunchBuilder::argument(KernelArgument argument) {
  launch.buffers.push_back(std::move(argument));
  return *this;
}

LaunchBuilder &LaunchBuilder::number(double value) {
  launch.floats.push_back(float(value));
  return *this;
}

LaunchBuilder &LaunchBuilder::count(int64_t value) {
  launch.ints.push_back(value);
  return *this;
}

LaunchBuilder &LaunchBuilder::grid(uint64_t x, uint64_t y, uint64_t z) {
  launch.grid = {uint32_t(x), uint32_t(y), uint32_t(z)};
  return *this;
}

Type lns::elementOf(Value tensor) {
  return cast<RankedTensorType>(tensor.getType()).getElementType();
}

int64_t lns::getRows(RankedTensorType type) {
  int64_t rows = 1;
  for (int64_t extent : type.getShape().drop_back(type.getRank() > 0 ? 1 : 0))
    rows *= extent;
  return rows;
}

LogicalResult lns::checkKernelTypes(Operation *op, StringRef target) {
  auto check = [&](Type type, const char *what, unsigned number) {
    auto tensor = dyn_cast<RankedTensorType>(type);
    bool ok = tensor && tensor.hasStaticShape();
    if (ok) {
      Type element = tensor.getElementType();
      ok = element.isF32() || element.isBF16() || element.isInteger(32) ||
           (element.isF64() && isa<ClipFactorOp>(op));
    }
    if (ok)
      return success();
    return LogicalResult(op->emitOpError()
                         << what << " " << number << " has type " << type
                         << ", but " << target
                         << " kernels need static shapes of f32, "
                            "bf16 or i32; lower the model in f32");
  };
  for (auto [i, type] : llvm::enumerate(op->getOperandTypes()))
    if (failed(check(type, "operand", i)))
      return failure();
  for (auto [i, type] : llvm::enumerate(op->getResultTypes()))
    if (failed(check(type, "result", i)))
      return failure();
  return success();
}
