//===- Epilogue.h - What of a cluster may follow a product ------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// A product's kernel has its result in tiles of some rows and some columns,
// while a row kernel has whole rows. So only a part of a cluster may be able to
// follow a product in its kernel: what works element by element, and sums over
// rows that nothing in the kernel waits for. `lns-fuse-products` asks here what
// that part is, and what it would save.
//
//===----------------------------------------------------------------------===//

#ifndef LNS_PASSES_CUDA_EPILOGUE_H
#define LNS_PASSES_CUDA_EPILOGUE_H

#include "dialect/LnsOps.h"

#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/SetVector.h"
#include <string>

namespace lns {

/// Columns of a tile: a head that is rotated must lie within one.
inline constexpr int64_t kEpilogueTile = 128;

/// Where an op of a cluster goes: into a kernel before the product's, with the
/// product, or into a kernel behind it.
enum class Part { before, epilogue, after };
inline constexpr Part kParts[] = {Part::before, Part::epilogue, Part::after};

/// A cluster's body, cut in three for the products whose results it reads.
class Epilogue {
public:
  /// `products` stand in the cluster's block, before it.
  Epilogue(ClusterOp cluster, llvm::ArrayRef<mlir::Operation *> products);

  /// Ops of a part, in the body's order.
  llvm::SmallVector<mlir::Operation *> getOps(Part part) const;
  /// Whether an op that depends on the products is in the epilogue.
  bool isEmpty() const { return !hasDependent; }
  /// The first op that depends on the products and is not in the epilogue, and
  /// why; null if there is none.
  mlir::Operation *getObstacle() const { return obstacle; }
  std::string describeObstacle() const;

  /// What a part reads: operands of the cluster, and values of other parts. The
  /// products' results are the epilogue's own.
  llvm::SetVector<mlir::Value> getInputs(Part part) const;
  /// Values of a part that others read, or the function.
  llvm::SmallVector<mlir::Value> getOutputs(Part part) const;

  /// Bytes that less is read and written when the cluster is cut so.
  int64_t getSavedBytes() const;

private:
  void place(mlir::Operation *op);
  void moveToReaders(mlir::Operation *op);
  bool isProductResult(mlir::Value value) const;
  /// The cluster's operand for one of its block arguments, else `value`.
  mlir::Value getOuter(mlir::Value value) const;
  std::optional<Part> getPart(mlir::Value value) const;
  bool isReadElsewhere(mlir::Value outer) const;

  ClusterOp cluster;
  llvm::SmallVector<mlir::Operation *> products;
  mlir::RankedTensorType rows; ///< of the products' results
  llvm::DenseMap<mlir::Operation *, Part> parts;
  llvm::DenseSet<mlir::Operation *> dependent; ///< on the products
  mlir::Operation *obstacle = nullptr;
  bool hasDependent = false;
};

} // namespace lns

#endif // LNS_PASSES_CUDA_EPILOGUE_H
