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

/// Warps of a block, in both kernels.
static constexpr int64_t kWarps = 8;

/// Rows that one block adds up: enough blocks for a large device, and not more
/// sums of chunks than that takes.
static int64_t getChunkRows(int64_t rows) {
  int64_t chunk = llvm::divideCeil(rows, 256);
  return std::clamp<int64_t>(llvm::alignTo(chunk, kWarps), kWarps, 256);
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
  spec.key = text(width) + (isDot ? " dot" : " sum");
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

  KernelSpec rest;
  rest.kind = "add_chunks";
  rest.key = text(width);
  rest.source = "column_dot";
  rest.includes = {"column_dot.cuh"};
  rest.buffers = {{f32, "partials", false, true}, {f32, "result", true, true}};
  rest.floats = {"scale"};
  rest.ints = {"chunks"};
  rest.threads = 32 * kWarps;
  rest.sharedBytes = kWarps * 32 * sizeof(float);
  rest.noSpills = true;
  LaunchBuilder second;
  second.launch.kernel =
      set.getKernel(rest, printCall("addChunks", {text(width), text(kWarps)},
                                    {"partials", "result", "scale", "chunks"}));
  second.argument(partials).value(op.getResult());
  second.number(op.getScale().convertToDouble()).count(chunks);
  second.grid(llvm::divideCeil(width, 32));
  launches.push_back(std::move(second.launch));
  return success();
}
