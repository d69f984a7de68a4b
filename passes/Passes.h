//===- Passes.h - All passes ------------------------------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_PASSES_PASSES_H
#define LNS_PASSES_PASSES_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/Pass.h"
#include <cstdint>
#include <memory>

namespace lns {

#define GEN_PASS_DECL
#include "passes/Passes.h.inc"

/// Registers every pass and pipeline with the tools' command lines.
void registerLnsPasses();

} // namespace lns

#endif // LNS_PASSES_PASSES_H
