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
llvm::LogicalResult
runPhase(mlir::ModuleOp module, const CompileOptions &options,
         mlir::TimingScope &timing,
         llvm::function_ref<void(mlir::OpPassManager &)> build,
         std::optional<Form> end = std::nullopt);

/// Adds the passes that the options name for a form, and its verifier.
llvm::LogicalResult addPassesAfter(Form form, const CompileOptions &options,
                                   mlir::OpPassManager &manager);

} // namespace lns

#endif // LNS_DRIVER_PHASES_H
