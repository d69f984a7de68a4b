//===- ColumnKernels.cpp - Sums over rows ---------------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "codegen/cuda/FlatKernel.h"
#include "codegen/cuda/Product.h"

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

  // The chunks' sums are a product's slices with one row.
  Product sum;
  sum.m = 1;
  sum.n = width;
  sum.element = elementOf(op.getResult());
  sum.c.value = op.getResult();
  launches.push_back(
      launchSum(sum, partials, chunks, op.getScale().convertToDouble(), set));
  return success();
}
