//===- ProductSchedule.cpp - How a product is cut into blocks -------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "codegen/cuda/ProductSchedule.h"

#include "llvm/Support/MathExtras.h"
#include <algorithm>

using namespace lns;
using namespace lns::cuda;

namespace {

/// A tile and what it costs. Time is counted in steps of k of a wave, all
/// multiprocessors full of blocks: 17 ns in bf16 and 84 ns in f32 on an H100,
/// much the same for a few large tiles and for more small ones, which do less
/// and wait more.
struct Candidate {
  ProductTile tile;
  /// How many blocks a multiprocessor has at once, by registers and shared
  /// memory.
  int64_t resident;
  /// Tenths of a wave's time that a multiprocessor takes for one block alone.
  int64_t alone;
};

/// Of sums of slices, in steps: one more launch (3 us), and how many numbers
/// are written and read again in a step.
struct SumCosts {
  int64_t launch, numbers;
};

} // namespace

static constexpr Candidate kBf16Large = {{128, 128, 32, 2, 2, 4}, 2, 7},
                           kBf16Small = {{64, 64, 32, 2, 2, 4}, 5, 5},
                           kF32Large = {{128, 128, 8, 2, 4, 4}, 1, 10},
                           kF32Small = {{64, 64, 8, 2, 2, 4}, 3, 5};
static constexpr ProductTile kBf16Wide = {64, 128, 32, 2, 2, 4},
                             kF32Wide = {64, 128, 16, 2, 4, 4};
static constexpr SumCosts kBf16Sums = {170, 6500}, kF32Sums = {35, 32000};

/// From so many tokens on, tiles are large.
static constexpr int64_t kManyTokens = 1024;

static constexpr int64_t kMultiprocessors = 132;
static constexpr int64_t kMaxSlices = 32;
static constexpr int64_t kMinSlice = 256;
/// All slices of a result, in numbers: a quarter of this is workspace in MiB.
static constexpr int64_t kMaxSliceNumbers = int64_t(16) << 20;

int64_t ProductTile::count(int64_t rows, int64_t columns) const {
  return llvm::divideCeil(rows, m) * llvm::divideCeil(columns, n);
}

uint64_t ProductTile::sharedBytes(bool isBf16) const {
  return std::max<uint64_t>(stages * (m + n) * k * (isBf16 ? 2 : 4),
                            m * n * sizeof(float));
}

/// In tenths of a step.
static int64_t getCost(const Candidate &candidate, const SumCosts &sums,
                       int64_t tiles, int64_t numbers,
                       const ProductSchedule &schedule) {
  int64_t wave = candidate.resident * kMultiprocessors;
  int64_t blocks = tiles * schedule.slices;
  int64_t tenths = blocks / wave * 10;
  if (int64_t rest = llvm::divideCeil(blocks % wave, kMultiprocessors))
    tenths += std::max(candidate.alone, rest * 10 / candidate.resident);
  int64_t cost = tenths * schedule.slice;
  if (schedule.slices > 1)
    cost += 10 * (sums.launch +
                  llvm::divideCeil(schedule.slices * numbers, sums.numbers));
  return cost;
}

/// The cheapest; among equals that with fewer slices. A result that fills a
/// wave as it is stays whole.
ProductSchedule cuda::getProductSchedule(int64_t m, int64_t n, int64_t k,
                                         int64_t tokens, bool isBf16,
                                         bool mayCut) {
  bool isLarge = tokens >= kManyTokens;
  const Candidate &candidate = isBf16    ? isLarge ? kBf16Large : kBf16Small
                               : isLarge ? kF32Large
                                         : kF32Small;
  const ProductTile &tile = candidate.tile;
  ProductSchedule best;
  int64_t bestCost = INT64_MAX, tiles = tile.count(m, n);
  for (int64_t slices = 1; slices <= kMaxSlices; ++slices) {
    ProductSchedule schedule;
    schedule.tile = tile;
    schedule.slice = llvm::alignTo(llvm::divideCeil(k, slices), tile.k);
    schedule.slices = llvm::divideCeil(k, schedule.slice);
    if (slices > 1 &&
        (!mayCut || schedule.slices < slices || schedule.slice < kMinSlice ||
         tiles > candidate.resident * kMultiprocessors ||
         m * n > kMaxSliceNumbers / slices))
      break;
    int64_t cost = getCost(candidate, isBf16 ? kBf16Sums : kF32Sums, tiles,
                           m * n, schedule);
    if (cost < bestCost) {
      best = schedule;
      bestCost = cost;
    }
  }
  return best;
}

ProductTile cuda::getFusedTile(int64_t tokens, bool isBf16, bool isWide) {
  if (tokens >= kManyTokens)
    return (isBf16 ? kBf16Large : kF32Large).tile;
  if (isWide)
    return isBf16 ? kBf16Wide : kF32Wide;
  return (isBf16 ? kBf16Small : kF32Small).tile;
}
