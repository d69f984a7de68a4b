//===- Packing.cpp - Intervals of time in one block of memory ---*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// Greedy: intervals in some order, each at the lowest offset that is free for
// its whole life (Pisarchyk and Lee, arXiv 2001.03288). Two orders are tried.
// Largest first is best where one tensor towers over the rest. Longest first
// is best for a training step: what the forward pass keeps lies nested like a
// stack, and whatever comes and goes fills the room above it. An order that
// needs no more than what lives at the busiest moment ends the search.
//
//===----------------------------------------------------------------------===//

#include "passes/Packing.h"
#include "dialect/LnsDialect.h"
#include "dialect/LnsOps.h"
#include "passes/Passes.h"

#include "mlir/Pass/Pass.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/MathExtras.h"
#include <map>

namespace lns {
#define GEN_PASS_DEF_PACK
#include "passes/Passes.h.inc"
} // namespace lns

using namespace mlir;
using namespace lns;

static uint64_t getPaddedSize(const MemoryInterval &interval) {
  return llvm::alignTo(interval.size, kPackAlignment);
}

uint64_t lns::getLiveBytes(ArrayRef<MemoryInterval> intervals) {
  std::map<unsigned, int64_t> changes;
  for (const MemoryInterval &interval : intervals) {
    changes[interval.first] += int64_t(getPaddedSize(interval));
    changes[interval.last + 1] -= int64_t(getPaddedSize(interval));
  }
  int64_t live = 0, most = 0;
  for (auto [position, change] : changes)
    most = std::max(most, live += change);
  return uint64_t(most);
}

/// Places the intervals in the order given.
static uint64_t placeInOrder(ArrayRef<MemoryInterval *> order) {
  uint64_t total = 0;
  SmallVector<MemoryInterval *> placed; // by ascending offset
  for (MemoryInterval *interval : order) {
    uint64_t offset = 0, size = getPaddedSize(*interval);
    for (MemoryInterval *other : placed) {
      if (other->last < interval->first || interval->last < other->first)
        continue;
      if (offset + size <= other->offset)
        break;
      offset = std::max(offset, other->offset + getPaddedSize(*other));
    }
    interval->offset = offset;
    total = std::max(total, offset + size);
    placed.insert(llvm::upper_bound(placed, interval,
                                    [](const auto *a, const auto *b) {
                                      return a->offset < b->offset;
                                    }),
                  interval);
  }
  return total;
}

uint64_t lns::packIntervals(MutableArrayRef<MemoryInterval> intervals) {
  SmallVector<MemoryInterval *> order;
  for (MemoryInterval &interval : intervals)
    order.push_back(&interval);
  // Among equals, in the order given, so that plans are reproducible.
  llvm::sort(order, [](const MemoryInterval *a, const MemoryInterval *b) {
    return a->size != b->size ? a->size > b->size : a < b;
  });
  uint64_t bySize = placeInOrder(order);
  if (bySize == getLiveBytes(intervals))
    return bySize;

  SmallVector<uint64_t> offsets;
  for (const MemoryInterval &interval : intervals)
    offsets.push_back(interval.offset);
  llvm::sort(order, [](const MemoryInterval *a, const MemoryInterval *b) {
    unsigned lifeA = a->last - a->first, lifeB = b->last - b->first;
    return lifeA != lifeB ? lifeA > lifeB : a < b;
  });
  uint64_t byLife = placeInOrder(order);
  if (byLife < bySize)
    return byLife;
  for (auto [interval, offset] : llvm::zip_equal(intervals, offsets))
    interval.offset = offset;
  return bySize;
}

namespace {

struct PackPass : lns::impl::PackBase<PackPass> {
  void runOnOperation() override {
    getOperation()->walk([](PackOp pack) {
      SmallVector<MemoryInterval> intervals;
      for (auto [first, last, size] :
           llvm::zip_equal(pack.getFirst(), pack.getLast(), pack.getSizes()))
        intervals.push_back({unsigned(first), unsigned(last), uint64_t(size)});
      pack.setTotal(packIntervals(intervals));
      pack.setOffsets(
          llvm::map_to_vector(intervals, [](const MemoryInterval &interval) {
            return int64_t(interval.offset);
          }));
    });
  }
};

} // namespace
