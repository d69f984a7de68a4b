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

/// Runs one phase's passes, as the options configure them.
llvm::LogicalResult
runPhase(mlir::ModuleOp module, const CompileOptions &options,
         mlir::TimingScope &timing,
         llvm::function_ref<void(mlir::OpPassManager &)> build);

} // namespace lns

#endif // LNS_DRIVER_PHASES_H
