//===- Report.h - What the driver prints ------------------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOOLS_LNSC_REPORT_H
#define LNS_TOOLS_LNSC_REPORT_H

#include "driver/Compiler.h"
#include "tools/lnsc/Options.h"

#include "llvm/ADT/STLFunctionalExtras.h"

namespace lns::driver {

/// Opens what -o names, standard output without it, and has `write` fill it.
/// A full disk is an error here, not an abort when the stream closes. Returns
/// the process's exit code.
int printTo(llvm::function_ref<void(llvm::raw_ostream &)> write);

int printModule(mlir::ModuleOp module);

/// The CUDA kernels, one after another.
void printKernels(llvm::raw_ostream &os, const PlanCuda &program);

/// One line on the model, and one on the memory of each target.
void printSummary(llvm::raw_ostream &os, const Plan &plan,
                  const Request &request, size_t bytes);

/// One line, nothing where nothing is computed again.
void printRecomputed(llvm::raw_ostream &os, const Recomputed &recomputed,
                     llvm::StringRef target);

} // namespace lns::driver

#endif // LNS_TOOLS_LNSC_REPORT_H
