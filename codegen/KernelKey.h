//===- KernelKey.h - What tells two kernels apart ---------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// Ops that need the same code share a kernel. What an op's code may depend on
// is all that the op says: its name, its properties and its types. So that is
// its key, and what is not part of the code is listed here as such: a new
// attribute tells kernels apart before anybody has thought of it.
//
//===----------------------------------------------------------------------===//

#ifndef LNS_CODEGEN_KERNELKEY_H
#define LNS_CODEGEN_KERNELKEY_H

#include "mlir/IR/Operation.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"
#include <string>

namespace lns {

/// Which extents of an op's tensors are in its code; the others are arguments
/// of a launch.
enum class KeyExtents {
  all,
  columns, ///< the last one of each tensor
  none     ///< not even the rank: the kernel works on flat buffers
};

/// A property of an op that is a float argument of its launches.
struct LaunchFloat {
  llvm::StringRef property;
  double value;
};

/// In the order in which row kernels take them.
llvm::SmallVector<LaunchFloat, 2> getLaunchFloats(mlir::Operation *op);

/// Text that is equal for ops with equal code: name, properties and types, but
/// for launch arguments. The element types of the kernel's buffers are compared
/// beside it.
std::string getKernelKey(mlir::Operation *op, KeyExtents extents);

} // namespace lns

#endif // LNS_CODEGEN_KERNELKEY_H
