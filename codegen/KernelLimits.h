//===- KernelLimits.h - What kernels may want -------------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// What the runtime would refuse (runtime/plan/plan_limits.h) is refused at the
// op that wants it. Each emits an error otherwise.
//
//===----------------------------------------------------------------------===//

#ifndef LNS_CODEGEN_KERNELLIMITS_H
#define LNS_CODEGEN_KERNELLIMITS_H

#include "codegen/KernelLaunch.h"

namespace lns {

/// Numbers, how many arguments there are, and for CUDA the grid.
llvm::LogicalResult checkLaunch(mlir::Operation *op, const KernelLaunch &launch,
                                bool isCuda);

/// What multiplies a matrix product, which is f32 in a plan.
llvm::LogicalResult checkAlpha(mlir::Operation *op, double alpha);

/// Alpha and extents of a product that CUDA's library computes.
llvm::LogicalResult checkCudaProduct(mlir::Operation *op,
                                     const KernelProduct &product);

/// Bytes that a CPU kernel for `op` has on each thread.
llvm::LogicalResult checkCpuScratch(mlir::Operation *op, uint64_t bytes);

} // namespace lns

#endif // LNS_CODEGEN_KERNELLIMITS_H
