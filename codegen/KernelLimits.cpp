//===- KernelLimits.cpp - What kernels may want -----------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "codegen/KernelLimits.h"
#include "runtime/plan/plan_limits.h"

#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/Operation.h"
#include <algorithm>
#include <cmath>

using namespace mlir;
using namespace lns;

LogicalResult lns::checkLaunch(Operation *op, const KernelLaunch &launch,
                               bool isCuda) {
  for (float value : launch.floats)
    if (!std::isfinite(value))
      return op->emitOpError(
          "has a scale that is not finite in f32, the kernels' type");
  size_t buffers = launch.buffers.size(), floats = launch.floats.size(),
         ints = launch.ints.size();
  bool fits = isCuda ? getCudaArgumentBytes(buffers, floats, ints) <=
                           kMaxCudaArgumentBytes
                     : std::max({buffers, floats, ints}) <= kMaxKernelArguments;
  if (!fits) {
    InFlightDiagnostic diagnostic = op->emitOpError()
                                    << "becomes a kernel that takes " << buffers
                                    << " tensors, " << floats << " floats and "
                                    << ints << " integers, but ";
    if (isCuda)
      diagnostic << "arguments of a CUDA kernel have at most "
                 << kMaxCudaArgumentBytes << " bytes";
    else
      diagnostic << "a CPU kernel takes at most " << kMaxKernelArguments
                 << " of each";
    return diagnostic << "; write what it computes with fewer ops";
  }
  auto [x, y, z] = launch.grid;
  if (isCuda && !isCudaGrid(x, y, z))
    return op->emitOpError()
           << "needs a grid of " << x << " x " << y << " x " << z
           << " blocks, but CUDA has at most " << kMaxGridX << " x "
           << kMaxGridYZ << " x " << kMaxGridYZ
           << "; use a smaller batch or sequence";
  return success();
}

LogicalResult lns::checkAlpha(Operation *op, double alpha) {
  if (std::isfinite(static_cast<float>(alpha)))
    return success();
  return op->emitOpError() << "has an alpha of " << alpha
                           << ", which is not finite in f32, the kernels' type";
}

LogicalResult lns::checkCudaProduct(Operation *op,
                                    const KernelProduct &product) {
  if (failed(checkAlpha(op, product.alpha)))
    return failure();
  for (uint64_t extent : {product.m, product.n, product.k})
    if (extent > kMaxCudaProductExtent)
      return op->emitOpError()
             << "is a product with an extent of " << extent
             << ", but CUDA's have at most " << kMaxCudaProductExtent
             << "; use a smaller batch or sequence";
  return success();
}

LogicalResult lns::checkCpuScratch(Operation *op, uint64_t bytes) {
  if (bytes <= kMaxCpuScratchBytes)
    return success();
  return op->emitOpError() << "becomes a kernel with " << bytes
                           << " bytes of scratch on each thread, but a CPU "
                              "kernel has at most "
                           << kMaxCpuScratchBytes << "; make its rows shorter";
}
