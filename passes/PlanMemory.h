//===- PlanMemory.h - Packing of live intervals -----------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// What `lns-plan-memory` leaves in the IR, and its packing algorithm as a
// function of its own, which unit tests can call without a module.
//
//===----------------------------------------------------------------------===//

#ifndef LNS_PASSES_PLANMEMORY_H
#define LNS_PASSES_PLANMEMORY_H

#include "mlir/IR/Types.h"
#include "llvm/ADT/ArrayRef.h"
#include <cstdint>
#include <optional>

namespace lns {

/// On an op: one offset in bytes per result, -1 for results that live outside
/// the arena.
inline constexpr llvm::StringLiteral kOffsetsAttr = "lns.offsets";
/// On a function: size of its arena.
inline constexpr llvm::StringLiteral kArenaBytesAttr = "lns.arena_bytes";
/// On a function: bytes of token-dependent values that live across the loss,
/// that is what the forward pass keeps for the backward pass.
inline constexpr llvm::StringLiteral kActivationBytesAttr =
    "lns.activation_bytes";

/// A value's life in op positions, both ends included.
struct MemoryInterval {
  unsigned first = 0;
  unsigned last = 0;
  uint64_t size = 0;   ///< bytes, already aligned
  uint64_t offset = 0; ///< set by packIntervals
};

/// Gives every interval an offset such that intervals that overlap in time do
/// not overlap in memory. Returns the bytes needed. O(n^2).
uint64_t packIntervals(llvm::MutableArrayRef<MemoryInterval> intervals);

/// Bytes of a dense tensor; nullopt for dynamic shapes and beyond 2^46 bytes.
std::optional<uint64_t> getTensorBytes(mlir::Type type);

} // namespace lns

#endif // LNS_PASSES_PLANMEMORY_H
