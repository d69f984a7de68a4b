//===- Overwritten.h - What may not be read any later -----------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// A value never changes, and the planner keeps its memory until the last
// reader; but lns.get gives a parameter's own memory. A reader that moves
// behind a write makes the planner copy the parameter: the numbers stay what
// they were, and whoever moves readers to save memory asks first.
//
//===----------------------------------------------------------------------===//

#ifndef LNS_PASSES_ANALYSIS_OVERWRITTEN_H
#define LNS_PASSES_ANALYSIS_OVERWRITTEN_H

#include "mlir/IR/Operation.h"
#include "llvm/ADT/StringRef.h"

namespace lns {

/// A symbol that `reader` reads, a parameter, its gradient or a compute weight,
/// through an lns.get, and that may be written behind it and before `until`, an
/// op of the same block. Empty if there is none.
llvm::StringRef findOverwritten(mlir::Operation *reader,
                                mlir::Operation *until);

} // namespace lns

#endif // LNS_PASSES_ANALYSIS_OVERWRITTEN_H
