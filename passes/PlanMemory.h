//===- PlanMemory.h - Where every value stands ------------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// What `lns-plan-memory` leaves in the IR.
//
//===----------------------------------------------------------------------===//

#ifndef LNS_PASSES_PLANMEMORY_H
#define LNS_PASSES_PLANMEMORY_H

#include "dialect/LnsOps.h"

#include "mlir/IR/Types.h"
#include "llvm/ADT/StringRef.h"
#include <cstdint>
#include <optional>

namespace lns {

/// On an op: one offset in bytes per result, -1 for results that live outside
/// the arena.
inline constexpr llvm::StringLiteral kOffsetsAttr = "lns.offsets";
/// On a function: size of its arena.
inline constexpr llvm::StringLiteral kArenaBytesAttr = "lns.arena_bytes";
/// On a function: most bytes of its arena that are in use at one time.
inline constexpr llvm::StringLiteral kLiveBytesAttr = "lns.live_bytes";
/// On a function: bytes of token-dependent values that live across the loss,
/// that is what the forward pass keeps for the backward pass.
inline constexpr llvm::StringLiteral kActivationBytesAttr =
    "lns.activation_bytes";

/// The lns.set in whose place a value may be computed: the first that stores
/// it, or that stores what is computed over it and by nobody else read. Null
/// where there is none.
SetOp findStore(mlir::Value value);

/// Bytes of a dense tensor; nullopt for dynamic shapes and beyond 2^46 bytes.
std::optional<uint64_t> getTensorBytes(mlir::Type type);

} // namespace lns

#endif // LNS_PASSES_PLANMEMORY_H
