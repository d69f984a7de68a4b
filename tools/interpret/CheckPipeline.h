//===- CheckPipeline.h - The same numbers before and after passes ---------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOOLS_INTERPRET_CHECKPIPELINE_H
#define LNS_TOOLS_INTERPRET_CHECKPIPELINE_H

#include "tools/interpret/EntryPoint.h"
#include "llvm/Support/raw_ostream.h"

namespace lns::interpret {

/// ||a - b|| / ||a||, and ||b|| where a is zero. NaN when an element of either
/// is not finite; infinity when shapes or tokens differ.
double distance(const Tensor &a, const Tensor &b);

/// Whether `measured` is within `limit`; NaN never is.
inline bool agrees(double measured, double limit) { return measured <= limit; }

struct PipelineOptions {
  InputOptions inputs;
  /// The one entry point to compare, empty for all.
  std::string entry;
  double tolerance = 1e-12;
  /// For tests of the check: what to make wrong by 1e-9 after the passes, in
  /// its last element: "result", "gradient", "parameter", "exp_avg" or
  /// "exp_avg_sq".
  std::string perturbed;
  /// Of the runs after the passes.
  Memory memory = Memory::Values;
};

/// Runs every entry point that both modules have on the same inputs and
/// parameters, and compares results, gradients, parameters and moments. Says
/// on `report` what was compared. Emits an error that names the first
/// difference, with both norms, and fails if a distance exceeds the tolerance,
/// if a run fails or if there is nothing to compare. `environment` has the
/// parameters of both modules.
llvm::LogicalResult checkSameMeaning(mlir::ModuleOp before,
                                     mlir::ModuleOp after,
                                     const Environment &environment,
                                     const PipelineOptions &options,
                                     llvm::raw_ostream &report);

} // namespace lns::interpret

#endif // LNS_TOOLS_INTERPRET_CHECKPIPELINE_H
