//===- LaunchBuilder.h - Short ways to write a lowering ---------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// What the lowerings of all targets are written with.
//
//===----------------------------------------------------------------------===//

#ifndef LNS_CODEGEN_LAUNCHBUILDER_H
#define LNS_CODEGEN_LAUNCHBUILDER_H

#include "codegen/KernelLaunch.h"

#include "mlir/IR/BuiltinTypes.h"

namespace lns {

/// A launch under construction.
struct LaunchBuilder {
  KernelLaunch launch;

  LaunchBuilder &value(mlir::Value value);
  LaunchBuilder &parameter(KernelArgument::Kind kind, llvm::StringRef symbol);
  LaunchBuilder &constant(unsigned number);
  LaunchBuilder &argument(KernelArgument argument);
  LaunchBuilder &number(double value);
  LaunchBuilder &count(int64_t value);
  LaunchBuilder &grid(uint64_t x, uint64_t y = 1, uint64_t z = 1);
};

/// The element type of a tensor.
mlir::Type elementOf(mlir::Value tensor);

/// Product of all dimensions but the last.
int64_t getRows(mlir::RankedTensorType type);

/// Kernels compute in f32 over static shapes of f32, bf16 and i32. `partials`
/// of a clip factor is the only f64 there is. Emits an error at the op, which
/// names the target.
llvm::LogicalResult checkKernelTypes(mlir::Operation *op,
                                     llvm::StringRef target);

} // namespace lns

#endif // LNS_CODEGEN_LAUNCHBUILDER_H
