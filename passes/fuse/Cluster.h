//===- Cluster.h - What clustering keeps out of memory ----------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_PASSES_FUSE_CLUSTER_H
#define LNS_PASSES_FUSE_CLUSTER_H

#include "mlir/IR/Operation.h"

namespace lns {

/// Whether computing the op again, in the kernel of each of its readers, is
/// cheaper than writing and reading its result.
bool isCheapRowOp(mlir::Operation *op);

/// Whether a reader may have the cheap op that it reads in its own kernel.
bool canShareKernel(mlir::OpOperand &use);

/// `lns-cluster`'s first step: gives every row op that reads a cheap op a clone
/// of its own. Where a reader is no row op (a matmul, attention), the tensor is
/// in memory anyway, and all share the original: a clone would read the op's
/// input, which then would have to be kept.
void cloneCheapRowOps(mlir::Block &block);

} // namespace lns

#endif // LNS_PASSES_FUSE_CLUSTER_H
