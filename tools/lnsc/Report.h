//===- Report.h - What the driver prints ------------------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOOLS_LNSC_REPORT_H
#define LNS_TOOLS_LNSC_REPORT_H

#include "codegen/plan/Plan.h"
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

/// What a step computes again to fit a budget.
struct Recomputed {
  int64_t ops = 0;        ///< more than without a budget
  int64_t flops = 0;      ///< of them, in all parts of a step
  int64_t totalFlops = 0; ///< of a step without a budget
  uint64_t bytes = 0;     ///< by which it makes the arena smaller
};
/// One line, nothing where nothing is computed again.
void printRecomputed(llvm::raw_ostream &os, const Recomputed &recomputed,
                     llvm::StringRef target);

} // namespace lns::driver

#endif // LNS_TOOLS_LNSC_REPORT_H
