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

#include "passes/memory/Packing.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/MathExtras.h"
#include <map>
#include <vector>

using namespace llvm;
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

namespace {

/// Which bytes of the block are taken when: a segment tree over time. A node
/// knows what is taken at any moment of its span, and what is taken at all of
/// them by intervals that end with the span or beyond.
///
/// What lies side by side is one range, whatever its intervals: a packing that
/// is dense from below has a few ranges in each node, and a search a few steps,
/// however many intervals there are.
class Occupancy {
public:
  explicit Occupancy(unsigned moments)
      : moments(llvm::PowerOf2Ceil(std::max(moments, 1u))),
        nodes(2 * this->moments) {}

  /// The lowest offset at which `size` bytes are free from `first` to `last`.
  uint64_t findFree(unsigned first, unsigned last, uint64_t size) {
    SmallVector<const Ranges *> taken;
    visit(1, 0, moments - 1, first, last, [&](Node &node, bool isInside) {
      const Ranges &ranges = isInside ? node.any : node.all;
      if (!ranges.empty())
        taken.push_back(&ranges);
    });
    uint64_t offset = 0;
    bool moved = true;
    while (moved) {
      moved = false;
      for (const Ranges *ranges : taken) {
        uint64_t free = findFree(*ranges, offset, size);
        moved |= free != offset;
        offset = free;
      }
    }
    return offset;
  }

  void take(unsigned first, unsigned last, uint64_t offset, uint64_t size) {
    if (size == 0)
      return;
    visit(1, 0, moments - 1, first, last, [&](Node &node, bool isInside) {
      add(node.any, {offset, offset + size});
      if (isInside)
        add(node.all, {offset, offset + size});
    });
  }

private:
  struct Range {
    uint64_t begin, end;
  };
  using Ranges = SmallVector<Range, 1>; // ascending, apart from each other
  struct Node {
    Ranges any, all;
  };

  /// Calls back for the largest nodes inside of [first, last], which make it
  /// up, and for those above them.
  template <typename Callback>
  void visit(unsigned node, unsigned begin, unsigned end, unsigned first,
             unsigned last, Callback callback) {
    if (last < begin || end < first)
      return;
    bool isInside = first <= begin && end <= last;
    callback(nodes[node], isInside);
    if (isInside)
      return;
    unsigned middle = begin + (end - begin) / 2;
    visit(2 * node, begin, middle, first, last, callback);
    visit(2 * node + 1, middle + 1, end, first, last, callback);
  }

  static uint64_t findFree(const Ranges &ranges, uint64_t offset,
                           uint64_t size) {
    const auto *it = llvm::partition_point(
        ranges, [&](const Range &range) { return range.end <= offset; });
    for (; it != ranges.end() && it->begin < offset + size; ++it)
      offset = it->end;
    return offset;
  }

  static void add(Ranges &ranges, Range range) {
    auto *it = llvm::partition_point(
        ranges, [&](const Range &other) { return other.end < range.begin; });
    auto *end = it;
    for (; end != ranges.end() && end->begin <= range.end; ++end)
      range = {std::min(range.begin, end->begin),
               std::max(range.end, end->end)};
    if (it == end) {
      ranges.insert(it, range);
      return;
    }
    *it = range;
    ranges.erase(std::next(it), end);
  }

  unsigned moments; // a power of two
  std::vector<Node> nodes;
};

} // namespace

/// Places the intervals in the order given. Time is counted in moments at which
/// one begins.
static uint64_t placeInOrder(ArrayRef<MemoryInterval *> order) {
  SmallVector<unsigned> begins;
  for (const MemoryInterval *interval : order)
    begins.push_back(interval->first);
  llvm::sort(begins);
  begins.erase(llvm::unique(begins), begins.end());
  uint64_t total = 0;
  Occupancy occupancy(begins.size());
  for (MemoryInterval *interval : order) {
    unsigned first =
        llvm::lower_bound(begins, interval->first) - begins.begin();
    // Two intervals overlap where one of them begins.
    unsigned last =
        llvm::upper_bound(begins, interval->last) - begins.begin() - 1;
    uint64_t size = getPaddedSize(*interval);
    interval->offset = occupancy.findFree(first, last, size);
    occupancy.take(first, last, interval->offset, size);
    total = std::max(total, interval->offset + size);
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
