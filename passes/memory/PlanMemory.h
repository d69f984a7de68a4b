//===- PlanMemory.h - How large a value is in a plan ------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_PASSES_MEMORY_PLANMEMORY_H
#define LNS_PASSES_MEMORY_PLANMEMORY_H

#include "mlir/IR/Types.h"
#include <cstdint>
#include <optional>

namespace lns {

/// Bytes of a dense tensor; nullopt for dynamic shapes and beyond 2^46 bytes.
std::optional<uint64_t> getTensorBytes(mlir::Type type);

} // namespace lns

#endif // LNS_PASSES_MEMORY_PLANMEMORY_H
