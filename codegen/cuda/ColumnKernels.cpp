//===- ColumnKernels.cpp - Sums over rows ---------------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "codegen/cuda/FlatKernel.h"

using namespace mlir;
using namespace lns;
using namespace lns::cuda;

/// Warps of a block.
static constexpr int64_t kWarps = 8;

/// Rows that one block adds up: about 64 chunks, with a few blocks along the
/// columns enough for a large device, and few enough for one thread a column to
/// add them up.
static int64_t getChunkRows(int64_t rows) {
  return std::max(kWarps,
                  int64_t(llvm::alignTo(llvm::divideCeil(rows, 64), kWarps)));
}

LogicalResult cuda::lowerColumnDot(ColumnDotOp op, KernelSet &set,
                                   Launches &launches) {
  auto type = cast<RankedTensorType>(op.getA().getType());
  int64_t width = type.getShape().back(), rows = getRows(type);
  bool isDot = bool(op.getB());
  Type f32 = Float32Type::get(op.getContext()), element = elementOf(op.getA());
  int64_t lanes = getLanes(element, width);
  int64_t chunkRows = getChunkRows(rows);
  int64_t chunks = llvm::divideCeil(rows, chunkRows);
  KernelArgument partials = set.getScratch(chunks * width * sizeof(float));

  KernelSpec spec;
  spec.kind = "column_dot";
  spec.source = isDot ? "column_dot" : "column_dot of one operand";
  spec.includes = {"column_dot.cuh"};
  spec.buffers = {{element, "a", false, true}};
  if (isDot)
    spec.buffers.push_back({element, "b", false, true});
  spec.buffers.push_back({f32, "partials", true, true});
  spec.ints = {"rows", "chunkRows"};
  spec.threads = 32 * kWarps;
  spec.sharedBytes = kWarps * 32 * lanes * sizeof(float);
  spec.noSpills = true;
  LaunchBuilder first;
  first.launch.kernel = set.getKernel(
      spec,
      printCall("columnDotChunk",
                {getTypeName(element).str(), text(width), text(lanes),
                 text(kWarps), isDot ? "true" : "false"},
                {"a", isDot ? "b" : "a", "partials", "rows", "chunkRows"}));
  first.value(op.getA());
  if (isDot)
    first.value(op.getB());
  first.argument(partials).count(rows).count(chunkRows);
  first.grid(llvm::divideCeil(width, 32 * lanes), chunks);
  launches.push_back(std::move(first.launch));

  KernelArgument result;
  result.value = op.getResult();
  launches.push_back(launchChunkSum(partials, chunks, width,
                                    op.getScale().convertToDouble(), result,
                                    /*accumulate=*/false, set));
  return success();
}

KernelLaunch cuda::launchChunkSum(const KernelArgument &chunks, int64_t count,
                                  int64_t width, double scale,
                                  const KernelArgument &result, bool accumulate,
                                  KernelSet &set) {
  Type f32 = Float32Type::get(result.value.getContext());
  int64_t lanes = getLanes(f32, width);
  KernelSpec spec;
  spec.kind = "column_dot";
  spec.hint = "sum";
  spec.source = "column_dot or weight_grad: result = scale * (sum of chunks) "
                "[+ result]";
  spec.includes = {"column_dot.cuh"};
  spec.buffers = {{f32, "chunks", false, true}, {f32, "result", true, true}};
  spec.floats = {"scale"};
  spec.ints = {"count", "width", "accumulates"};
  spec.threads = 32 * kWarps;
  spec.sharedBytes = kWarps * 32 * lanes * sizeof(float);
  spec.noSpills = true;
  LaunchBuilder launch;
  launch.launch.kernel =
      set.getKernel(spec, printCall("sumChunks", {text(lanes), text(kWarps)},
                                    {"chunks", "result", "scale", "count",
                                     "width", "accumulates != 0"}));
  launch.argument(chunks).argument(result).number(scale);
  launch.count(count).count(width).count(accumulate);
  launch.grid(llvm::divideCeil(width, 32 * lanes));
  return std::move(launch.launch);
}
