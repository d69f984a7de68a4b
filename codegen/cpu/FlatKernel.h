//===- FlatKernel.h - Kernels over flat vectors of any length ---*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// Internal to codegen/cpu. Such kernels get the number of elements as an
// argument, so that one of them serves all tensors.
//
//===----------------------------------------------------------------------===//

#ifndef LNS_CODEGEN_CPU_FLATKERNEL_H
#define LNS_CODEGEN_CPU_FLATKERNEL_H

#include "codegen/cpu/KernelSet.h"

namespace lns::cpu {

using FlatBody = llvm::function_ref<void(mlir::Value index, int64_t lanes)>;
using FlatTerm =
    llvm::function_ref<mlir::Value(mlir::Value index, int64_t lanes)>;

/// Full vectors over [from, to), then the rest one by one (as 1-lane vectors).
void overElements(CodeBuilder &b, mlir::Value from, mlir::Value to,
                  FlatBody body);

/// The loop over items, each `chunk` elements of `count` (a multiple of
/// kLanes, but for the last).
void overChunks(CodeBuilder &b, KernelFrame &frame, int64_t chunk,
                mlir::Value count, FlatBody body);

/// Sum of `term` over [from, to), in f64 and in a fixed order. The term gives
/// f64 vectors.
mlir::Value sumInDouble(CodeBuilder &b, mlir::Value from, mlir::Value to,
                        FlatTerm term);

/// An index as f32.
mlir::Value toReal(CodeBuilder &b, mlir::Value index);

} // namespace lns::cpu

#endif // LNS_CODEGEN_CPU_FLATKERNEL_H
