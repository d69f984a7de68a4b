//===- RowKernel.cpp - From row programs to launches ----------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "codegen/cuda/KernelSet.h"
#include "codegen/cuda/RowKernelText.h"
#include "codegen/cuda/RowText.h"

using namespace mlir;
using namespace lns;
using namespace lns::cuda;

LogicalResult cuda::checkRows(Operation *op, int64_t rows) {
  if (rows <= INT32_MAX)
    return success();
  return op->emitOpError() << "has " << rows
                           << " rows, but kernels count up to " << INT32_MAX
                           << "; use a smaller batch";
}

KernelLaunch cuda::launchRowKernel(const RowProgram &program,
                                   ArrayRef<KernelArgument> places,
                                   KernelSet &set) {
  RowNames names(program);
  RowMapping mapping(program);

  KernelSpec spec;
  spec.kind = "row";
  spec.hint = getSymbolHint(program);
  spec.source = getSourceText(program);
  spec.includes = {"row.cuh"};
  addIncludes(program, spec.includes);
  if (mapping.isShort())
    spec.includes.push_back("short_row.cuh");
  LaunchBuilder launch;
  // The planner gives results places of their own.
  for (auto [inner, outer] : llvm::zip(program.inputs, program.outerInputs)) {
    spec.buffers.push_back(
        {elementOf(inner), names.of(inner).str(), false, true});
    if (outer) {
      launch.value(outer);
      continue;
    }
    launch.argument(places.front());
    places = places.drop_front();
  }
  for (auto [i, output] : llvm::enumerate(program.outputs)) {
    spec.buffers.push_back(
        {elementOf(output), RowNames::output(i), true, true});
    launch.value(program.outerOutputs[i]);
  }
  Type f32 = Float32Type::get(program.ops.front()->getContext());
  for (auto &[rope, tables] : program.tables) {
    spec.buffers.push_back({f32, names.cosines(rope), false, true});
    spec.buffers.push_back({f32, names.sines(rope), false, true});
    launch.constant(tables.first).constant(tables.second);
  }
  llvm::append_range(spec.floats, names.allScales());
  spec.ints = {"rows"};
  spec.threads = mapping.threads;
  spec.minBlocks = mapping.isFlat ? 0 : 1;
  spec.sharedBytes = mapping.sharedFloats * sizeof(float);
  spec.isNorm = writesNorm(program);
  spec.noSpills = true;
  launch.launch.kernel =
      set.getKernel(spec, [&](llvm::raw_ostream &, llvm::raw_ostream &body) {
        printRowKernel(body, program, mapping);
      });
  launch.launch.floats = program.floats;
  launch.count(program.rows).grid(mapping.getBlocks(program.rows));
  return std::move(launch.launch);
}

LogicalResult cuda::lowerRowOps(Operation *op, KernelSet &set,
                                Launches &launches) {
  FailureOr<RowProgram> program = buildRowProgram(
      op, [&](StringRef key, auto make) { return set.getConstant(key, make); });
  if (failed(program) || failed(checkRows(op, program->rows)))
    return failure();
  if (!lowerScaledCast(*program, set, launches))
    launches.push_back(launchRowKernel(*program, {}, set));
  return success();
}
