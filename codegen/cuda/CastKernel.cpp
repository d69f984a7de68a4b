//===- CastKernel.cpp - Casts, and weights with their gains ---------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// A cast, with or without a gain of columns before it, does not depend on where
// rows end but for the gain. So one kernel with run-time extents serves all
// weights, of any shape.
//
//===----------------------------------------------------------------------===//

#include "codegen/cuda/FlatKernel.h"

using namespace mlir;
using namespace lns;
using namespace lns::cuda;

static constexpr int64_t kThreads = 256;

namespace {

/// to = cast(scale * gain * from).
struct ScaledCast {
  Value from, gain, to;
  double scale = 1;
};

} // namespace

/// The value outside for one of the program's inputs; null for others.
static Value getOuter(const RowProgram &program, Value inner) {
  auto *input = llvm::find(program.inputs, inner);
  if (input == program.inputs.end())
    return {};
  return program.outerInputs[input - program.inputs.begin()];
}

static std::optional<ScaledCast> getScaledCast(const RowProgram &program) {
  auto cast = dyn_cast<CastOp>(program.ops.back());
  if (!cast || program.outputs.size() != 1 ||
      program.outputs.front() != cast.getResult() || program.ops.size() > 2)
    return std::nullopt;
  ScaledCast found;
  found.to = program.outerOutputs.front();
  Value from = cast.getInput();
  if (program.ops.size() == 2) {
    auto columns = dyn_cast<ScaleColumnsOp>(program.ops.front());
    if (!columns || columns.getResult() != from)
      return std::nullopt;
    from = columns.getInput();
    found.scale = columns.getScale().convertToDouble();
    if (columns.getGain()) {
      found.gain = getOuter(program, columns.getGain());
      if (!found.gain || !elementOf(found.gain).isF32())
        return std::nullopt;
    }
  }
  found.from = getOuter(program, from);
  // Elements are numbered in 32 bits, with room for the last block.
  if (!found.from || countElements(found.from) > INT32_MAX)
    return std::nullopt;
  return found;
}

bool cuda::lowerScaledCast(const RowProgram &program, KernelSet &set,
                           Launches &launches) {
  std::optional<ScaledCast> cast = getScaledCast(program);
  if (!cast)
    return false;
  Type from = elementOf(cast->from), to = elementOf(cast->to);
  int64_t elements = countElements(cast->from);
  int64_t width = cast->gain ? program.width : elements;
  int64_t lanes = getLanes(from.isBF16() ? from : to, width);

  KernelSpec spec;
  spec.kind = "cast";
  spec.source = "[scale_columns,] cast";
  spec.includes = {"cast.cuh"};
  // The gain may be no buffer of its own.
  spec.buffers = {{from, "from"},
                  {Float32Type::get(from.getContext()), "gain"},
                  {to, "to", true, true}};
  spec.floats = {"scale"};
  spec.ints = {"elements", "width", "hasGain"};
  spec.threads = kThreads;
  spec.noSpills = true;
  LaunchBuilder launch;
  launch.launch.kernel = set.getKernel(
      spec, printCall("scaleAndCast",
                      {getTypeName(from).str(), getTypeName(to).str(),
                       text(lanes), text(kThreads)},
                      {"from", "hasGain ? gain : nullptr", "to", "scale",
                       "elements", "width"}));
  launch.value(cast->from).value(cast->gain ? cast->gain : cast->from);
  launch.value(cast->to).number(cast->scale);
  launch.count(elements).count(width).count(bool(cast->gain));
  launch.grid(llvm::divideCeil(elements, kThreads * lanes));
  launches.push_back(std::move(launch.launch));
  return true;
}
