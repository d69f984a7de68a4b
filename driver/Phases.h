//===- Phases.h - One phase of the road -------------------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_DRIVER_PHASES_H
#define LNS_DRIVER_PHASES_H

#include "driver/Compiler.h"

namespace lns {

/// Runs one phase's passes, as the options configure them, and behind them
/// those that the options name for the form that the phase ends with, if any.
/// What the module says that it computes stays as it was, whatever such passes
/// do to it, and gets a line that names them.
llvm::LogicalResult
runPhase(mlir::ModuleOp module, const CompileOptions &options,
         mlir::TimingScope &timing,
         llvm::function_ref<void(mlir::OpPassManager &)> build,
         std::optional<Form> end = std::nullopt);

/// Adds the passes that the options name for a form, and its verifiers.
llvm::LogicalResult addPassesAfter(Form form, const CompileOptions &options,
                                   mlir::OpPassManager &manager);

/// Runs the passes; where one fails without an error, emits one that names it,
/// and the form, if any, behind which it runs.
llvm::LogicalResult runPasses(mlir::PassManager &manager, mlir::ModuleOp module,
                              std::optional<Form> behind = std::nullopt);

} // namespace lns

#endif // LNS_DRIVER_PHASES_H
