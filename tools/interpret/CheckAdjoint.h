//===- CheckAdjoint.h - Adjoints against finite differences -----*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOOLS_INTERPRET_CHECKADJOINT_H
#define LNS_TOOLS_INTERPRET_CHECKADJOINT_H

#include "tools/interpret/EntryPoint.h"
#include "llvm/Support/raw_ostream.h"

namespace lns::interpret {

/// The derivative of `along` at 0 by central differences of fourth order:
/// exact up to terms in step^4. `along` fails where the function does.
llvm::LogicalResult
differentiate(llvm::function_ref<llvm::LogicalResult(double, double &)> along,
              double step, double &derivative);

/// Makes, beside `function`, a function "NAME.adjoint" that takes the arguments
/// of `function` and a gradient for each of its float results, and returns the
/// gradient of each float argument. Each op builds its own adjoint
/// (DifferentiableOpInterface). Emits an error and gives null when an op on a
/// path from an argument to a result has none.
mlir::func::FuncOp buildAdjoint(mlir::func::FuncOp function);

struct AdjointOptions {
  InputOptions inputs;
  /// Largest error of an element, relative to the gradient's largest element.
  double tolerance = 1e-8;
  /// For tests of the check itself: added to element 0 of every gradient,
  /// relative to the gradient's largest element.
  double perturbation = 0;
};

/// Compares the adjoint of `function` with finite differences, for every
/// element of every float argument and a random gradient of its results. Says
/// on `report` how far each was; emits an error for the first that is too far,
/// and for a gradient that is zero everywhere, which would show nothing.
llvm::LogicalResult checkAdjoint(mlir::func::FuncOp function,
                                 const Environment &environment,
                                 const AdjointOptions &options,
                                 llvm::raw_ostream &report);

} // namespace lns::interpret

#endif // LNS_TOOLS_INTERPRET_CHECKADJOINT_H
