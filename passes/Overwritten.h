//===- Overwritten.h - What may not be read any later -----------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// A value never changes, and the planner keeps its memory until the last
// reader; but lns.get gives a parameter's own memory, so that whoever reads it
// must not move behind a write.
//
//===----------------------------------------------------------------------===//

#ifndef LNS_PASSES_OVERWRITTEN_H
#define LNS_PASSES_OVERWRITTEN_H

#include "dialect/LnsOps.h"

#include "llvm/ADT/StringRef.h"

namespace lns {

/// What an lns.get names: a symbol, and which of its tensors.
using StoredTensor = std::pair<mlir::StringAttr, Storage>;

/// What `get` reads.
StoredTensor getStoredTensor(GetOp get);

/// What lns.set and lns.adamw write and an lns.get may read; nothing for other
/// ops. A repeated function may write all there is, which is not asked here.
llvm::SmallVector<StoredTensor, 2> getWrittenTensors(mlir::Operation *op);

/// A symbol that `reader` reads, a parameter, its gradient or a compute weight,
/// through an lns.get, and that is written behind it and before `until`, an op
/// of the same block. Empty if there is none.
llvm::StringRef findOverwritten(mlir::Operation *reader,
                                mlir::Operation *until);

} // namespace lns

#endif // LNS_PASSES_OVERWRITTEN_H
