//===- CheckPipeline.h - The same numbers before and after passes -*- C++
//-*-===//
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

/// Runs every entry point that both modules have (only `entry` unless it is
/// empty) on the same inputs and parameters, and compares results, gradients,
/// parameters and moments. Says on `report` what was compared. Emits an error
/// that names the first difference, with both values, and fails if a distance
/// exceeds `tolerance`, if a run fails or if there is nothing to compare.
/// `environment` has the parameters of both modules.
llvm::LogicalResult checkSameMeaning(mlir::ModuleOp before,
                                     mlir::ModuleOp after,
                                     const Environment &environment,
                                     const InputOptions &options,
                                     llvm::StringRef entry, double tolerance,
                                     llvm::raw_ostream &report);

} // namespace lns::interpret

#endif // LNS_TOOLS_INTERPRET_CHECKPIPELINE_H
