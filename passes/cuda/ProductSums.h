//===- ProductSums.h - Products that a cluster adds up ----------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_PASSES_CUDA_PRODUCTSUMS_H
#define LNS_PASSES_CUDA_PRODUCTSUMS_H

#include "dialect/LnsOps.h"

#include "llvm/ADT/MapVector.h"
#include <string>

namespace lns {

struct ProductSums {
  /// Products of each sum that a kernel can add up before all else, in order.
  llvm::SmallVector<llvm::SmallVector<mlir::Operation *>> sums;
  /// Products that a sum leaves out, and why.
  llvm::MapVector<mlir::Operation *, std::string> refused;
};

/// Finds the sums of `candidates`, products that the cluster may take, in its
/// additions, and rewrites these: first the products one to another, then what
/// else is added. An addend of such a product, and the product that it may be,
/// becomes an operand of the cluster: `candidates` then has what stands in the
/// product's place, and the addend.
ProductSums
gatherProductSums(ClusterOp cluster,
                  llvm::SmallVectorImpl<mlir::Operation *> &candidates);

} // namespace lns

#endif // LNS_PASSES_CUDA_PRODUCTSUMS_H
