//===- Packing.h - Intervals of time in one block of memory -----*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// The packing algorithm of `lns-plan-memory`.
//
//===----------------------------------------------------------------------===//

#ifndef LNS_PASSES_MEMORY_PACKING_H
#define LNS_PASSES_MEMORY_PACKING_H

#include "llvm/ADT/ArrayRef.h"
#include <cstdint>

namespace lns {

/// Offsets are multiples of this: a cache line, and the widest vector.
inline constexpr uint64_t kPackAlignment = 64;

/// A value's life in op positions, both ends included.
struct MemoryInterval {
  unsigned first = 0;
  unsigned last = 0;
  uint64_t size = 0;   ///< bytes; packing rounds them up
  uint64_t offset = 0; ///< set by packIntervals
};

/// Gives every interval an offset such that intervals that overlap in time do
/// not overlap in memory. Returns the bytes needed. Requires first <= last.
uint64_t packIntervals(llvm::MutableArrayRef<MemoryInterval> intervals);

/// Most bytes that live at one position: no packing needs less.
uint64_t getLiveBytes(llvm::ArrayRef<MemoryInterval> intervals);

} // namespace lns

#endif // LNS_PASSES_MEMORY_PACKING_H
