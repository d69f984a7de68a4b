//===- ProjectKernels.cpp - Rows and columns of length 1 ------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// Sizes are launch arguments; only how many columns one access of a row has is
// code.
//
//===----------------------------------------------------------------------===//

#include "codegen/cuda/FlatKernel.h"

using namespace mlir;
using namespace lns;
using namespace lns::cuda;

/// Warps of a block: a row each, or every eighth row at 32 columns.
static constexpr int64_t kWarps = 8;

LogicalResult cuda::lowerProject(ProjectOp op, KernelSet &set,
                                 Launches &launches) {
  auto type = cast<RankedTensorType>(op.getType());
  int64_t rows = type.getDimSize(0), columns = type.getDimSize(1);
  bool isRows = op.getAlong() == Projection::rows;
  Type f32 = Float32Type::get(op.getContext());
  KernelSpec spec;
  spec.kind = "project";
  spec.hint = isRows ? "rows" : "columns";
  spec.source = isRows ? "project rows" : "project columns";
  spec.includes = {"project.cuh"};
  spec.buffers = {{f32, "matrix", true, true}};
  if (op.getFactor())
    spec.buffers.push_back({f32, "factor", false, true});
  spec.ints = {"rows", "columns"};
  spec.threads = 32 * kWarps;
  if (!isRows)
    spec.sharedBytes = spec.threads * sizeof(double);
  spec.noSpills = true;
  SmallVector<std::string> types;
  if (isRows)
    types.push_back(text(getLanes(f32, columns)));
  types.push_back(text(kWarps));
  LaunchBuilder launch;
  launch.launch.kernel = set.getKernel(
      spec, printCall(isRows ? "projectRows" : "projectColumns", types,
                      {"matrix", op.getFactor() ? "factor" : "nullptr", "rows",
                       "columns"}));
  launch.parameter(KernelArgument::Kind::Parameter, op.getSymbol());
  if (op.getFactor())
    launch.value(op.getFactor());
  launch.count(rows).count(columns);
  launch.grid(llvm::divideCeil(isRows ? rows : columns, isRows ? kWarps : 32));
  launches.push_back(std::move(launch.launch));
  return success();
}
