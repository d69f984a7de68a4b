//===- HomeReplay.h - What stands in the homes of stored tensors *- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// A part of `lns-verify-plan`: what lns.get gives without a copy, and what is
// computed where an lns.set stores it, stands in memory that outlives the
// function and that others write.
//
//===----------------------------------------------------------------------===//

#ifndef LNS_PASSES_MEMORY_HOMEREPLAY_H
#define LNS_PASSES_MEMORY_HOMEREPLAY_H

#include "dialect/LnsMemory.h"

#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/MapVector.h"

namespace lns {

/// Replays a block, op by op, and watches which values still stand where they
/// were read from or are stored.
class HomeReplay {
public:
  /// Fails, with an error at the op, where the op reads a value whose home has
  /// other contents by now, where it reads or writes a home in which a value
  /// waits to be stored, or where a result has no place at all.
  llvm::LogicalResult visit(mlir::Operation *op);

private:
  struct Home {
    llvm::SmallVector<mlir::Value, 2> values; ///< that stand there now
    mlir::Operation *writer = nullptr; ///< the last one, if there was one
  };

  llvm::LogicalResult checkReads(mlir::Operation *op);
  llvm::LogicalResult checkEffects(mlir::Operation *op);
  llvm::LogicalResult addResult(mlir::OpResult result);
  llvm::LogicalResult computeInHome(mlir::OpResult result, SetOp set);

  llvm::MapVector<StoredTensor, Home> homes;
  /// What is computed in its home and not stored yet. Apart from the homes,
  /// because an op that may read all of them asks about these few alone. No
  /// MapVector: taking a value out of one costs as many steps as are in it.
  llvm::DenseMap<StoredTensor, mlir::Value> waiting;
  llvm::DenseMap<mlir::Value, StoredTensor> homeOf;
};

} // namespace lns

#endif // LNS_PASSES_MEMORY_HOMEREPLAY_H
