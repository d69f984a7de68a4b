//===- KernelLaunch.cpp - What an op becomes on a device ------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "codegen/KernelLaunch.h"

using namespace lns;

KernelTarget::~KernelTarget() = default;

llvm::LogicalResult
KernelTarget::lowerWithLibrary(mlir::Operation *,
                               llvm::SmallVectorImpl<KernelStep> &) {
  return llvm::success();
}
