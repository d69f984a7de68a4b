//===- RowKernel.cpp - From row programs to launches ----------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "codegen/cpu/RowEmitter.h"

using namespace mlir;
using namespace lns;
using namespace lns::cpu;

LogicalResult cpu::lowerRowOps(Operation *op, KernelSet &set,
                               Launches &launches) {
  FailureOr<RowProgram> built = buildRowProgram(
      op, [&](StringRef key, auto make) { return set.getConstant(key, make); });
  if (failed(built))
    return failure();
  RowProgram &program = *built;

  KernelSpec spec("row", getStructuralKey(program));
  spec.hint = getSymbolHint(program);
  spec.source = getSourceText(program);
  Type f32 = Float32Type::get(op->getContext());
  auto bufferOf = [&](Value value) {
    auto type = cast<RankedTensorType>(value.getType());
    Type element = type.getElementType();
    bool hasColumns = type.getRank() == program.rank || program.isTable(value);
    return hasColumns ? rowBuffer(element, program.width) : flatBuffer(element);
  };
  LaunchBuilder launch;
  for (auto [inner, outer] : llvm::zip(program.inputs, program.outerInputs)) {
    spec.buffers.push_back(bufferOf(inner));
    launch.value(outer);
  }
  for (auto [inner, outer] : llvm::zip(program.outputs, program.outerOutputs)) {
    spec.buffers.push_back(bufferOf(inner));
    launch.value(outer);
  }
  for (auto &[rope, tables] : program.tables) {
    spec.buffers.append(2, rowBuffer(f32, program.headDim / 2));
    launch.constant(tables.first).constant(tables.second);
  }
  spec.floats = program.floats.size();
  spec.isNorm = writesNorm(program);
  launch.launch.kernel = set.getKernel(
      spec, op->getLoc(), [&](CodeBuilder &code, KernelFrame &frame) {
        emitRowProgram(code, frame, program);
      });
  launch.launch.floats = program.floats;
  launch.launch.items = program.rows;
  launches.push_back(std::move(launch.launch));
  return success();
}
