//===- CheckGradients.h - Parameter gradients against differences ---------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOOLS_INTERPRET_CHECKGRADIENTS_H
#define LNS_TOOLS_INTERPRET_CHECKGRADIENTS_H

#include "tools/interpret/CheckAdjoint.h"

namespace lns::interpret {

/// Compares the gradients that @grads stores with finite differences of the
/// loss of @eval: for each parameter, along a direction that mixes the gradient
/// with noise, and for its largest and two other elements. Errors are relative
/// to the gradient's norm. Emits an error for the first that exceeds the
/// tolerance, for a gradient that is not stored, and for one that is zero.
llvm::LogicalResult checkGradients(mlir::ModuleOp module,
                                   const Environment &environment,
                                   const AdjointOptions &options,
                                   llvm::raw_ostream &report);

} // namespace lns::interpret

#endif // LNS_TOOLS_INTERPRET_CHECKGRADIENTS_H
