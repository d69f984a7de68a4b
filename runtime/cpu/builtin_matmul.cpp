//===- builtin_matmul.cpp - Blocked matrix product ------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// The usual blocking (Goto and van de Geijn, "Anatomy of high-performance
// matrix multiplication", ACM TOMS 2008): operands are packed block by block
// into the order in which the register tile reads them. All threads pack a
// block together, then all multiply it.
//
// A sum runs over k in order; between blocks of the depth it is rounded into c,
// or into f32 memory of our own when c is bf16. So the bits depend on the shape
// alone, not on tiles or threads.
//
//===----------------------------------------------------------------------===//

#include "runtime/cpu/cpu_matmul.h"

#include <algorithm>
#include <bit>

using namespace lns;

/// Extent of a block in m, n and (in words) k. A block of c stays in the
/// third-level cache while k runs; a block of packed a and b is shared by all
/// threads.
static constexpr int64_t kBlockRows = 512;
static constexpr int64_t kBlockColumns = 1024;
static constexpr int64_t kDepth = 512;

/// Bounds of the kernels' register tiles.
static constexpr int64_t kMinRows = 4, kMaxRows = 16;
static constexpr int64_t kMaxColumns = 32;

/// Up to so many products for each element of an operand, packing does not pay.
static constexpr int64_t kFewUses = 1024;
/// Rows so many words apart share lines of the first-level cache.
static constexpr int64_t kConflictStride = 1024;

/// Room behind a panel of a for the register that packing writes too far.
static constexpr int64_t kSpare = 16;

static int64_t ceilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }
static int64_t roundUp(int64_t a, int64_t b) { return ceilDiv(a, b) * b; }

/// Words of the packed block of a: panels of at most kMaxRows rows.
static constexpr int64_t kWordsA =
    (kBlockRows + kMaxRows) * kDepth + kBlockRows / kMinRows * kSpare;
/// Words of the packed block of b, whose last panel is padded.
static constexpr int64_t kWordsB = (kBlockColumns + kMaxColumns) * kDepth;
/// Sums of a block of c.
static constexpr int64_t kSums = kBlockRows * (kBlockColumns + kMaxColumns);

static_assert(4 * (kWordsA + kWordsB + kSums) <= kMatmulWorkspaceBytes,
              "a plan counts on so much");

namespace {

/// A stored operand.
struct Operand {
  const unsigned char *data;
  int64_t stride; ///< elements from one stored row to the next
  bool across;    ///< stored rows run across the depth
  bool bf16;

  /// Element (depth, other).
  int64_t index(int64_t depth, int64_t other) const {
    return across ? depth * stride + other : other * stride + depth;
  }
  const void *at(int64_t depth, int64_t other) const {
    return data + index(depth, other) * (bf16 ? 2 : 4);
  }
};

} // namespace

/// Whether a register tile reads the operand where it is. Packing costs about
/// as much as a handful of products for each element. When an element takes
/// part in few, operands that the register tile can read where they are stay
/// there, unless their rows fall on the same lines of the cache.
static bool inPlace(const Operand &operand, bool mixed, int64_t group,
                    int64_t uses) {
  // Words must be there already: nothing to round, whole pairs in each row.
  if (mixed && (!operand.bf16 || group == 1 || operand.across ||
                operand.stride % 2 != 0))
    return false;
  return uses <= kFewUses && operand.stride / group % kConflictStride != 0;
}

/// Columns of c in a work item of dot products: some hundred kilobytes of b,
/// and lines of c that no other thread writes.
static constexpr int64_t kDotColumns = 64;

static float toFloat(uint16_t bits) {
  return std::bit_cast<float>(uint32_t(bits) << 16);
}

/// To nearest, ties to even; infinity and NaN stay what they are.
static float roundedToBf16(float value) {
  auto bits = std::bit_cast<uint32_t>(value);
  bits = value != value ? bits | 0x400000 : bits + ((bits >> 16 & 1) + 0x7fff);
  return std::bit_cast<float>(bits & 0xffff0000u);
}

/// Whether the product is computed as dot products: few rows, and a second
/// operand that is stored along the depth, as a weight is.
static bool isOfDots(const MatmulShape &shape) {
  return shape.m <= kMaxDotRows && !shape.transA && shape.transB &&
         shape.k <= kWordsA / kMaxDotRows - kMaxRows;
}

static void multiplyFewRows(const GemmKernels &kernels,
                            const MatmulShape &shape, const void *aData,
                            const void *b, void *c, const float *gain,
                            unsigned char *workspace, ThreadPool &pool) {
  const int64_t k = shape.k, stride = roundUp(k, kMaxRows);
  const bool mixed = shape.isMixed();
  auto *a = reinterpret_cast<float *>(workspace);
  for (int64_t i = 0; i < shape.m; ++i) {
    float *row = a + i * stride;
    for (int64_t p = 0; p < k; ++p) {
      const int64_t at = i * k + p;
      float value = shape.typeA == MatmulType::Bf16
                        ? toFloat(static_cast<const uint16_t *>(aData)[at])
                        : static_cast<const float *>(aData)[at];
      if (mixed)
        value = roundedToBf16(value);
      else if (gain)
        value *= gain[p];
      row[p] = value;
    }
    std::fill(row + k, row + stride, 0.0f);
  }
  const bool rounds = shape.typeC == MatmulType::Bf16;
  const size_t elementB = shape.typeB == MatmulType::Bf16 ? 2 : 4;
  auto multiply = [&](int64_t begin, int64_t end, unsigned) {
    for (int64_t item = begin; item < end; ++item) {
      const int64_t j = item * kDotColumns;
      GemmDots dots;
      dots.a = a;
      dots.strideA = stride;
      dots.rows = shape.m;
      dots.depth = k;
      dots.b = static_cast<const unsigned char *>(b) + size_t(j * k) * elementB;
      dots.strideB = k;
      dots.columns = std::min(kDotColumns, shape.n - j);
      dots.bf16 = shape.typeB == MatmulType::Bf16;
      dots.mixed = mixed;
      dots.gain = mixed ? gain : nullptr;
      dots.c = rounds ? nullptr : static_cast<float *>(c) + j;
      dots.rounded = rounds ? static_cast<uint16_t *>(c) + j : nullptr;
      dots.strideC = shape.n;
      dots.alpha = shape.alpha;
      dots.beta = shape.beta;
      kernels.multiplyDots(dots);
    }
  };
  pool.run(ceilDiv(shape.n, kDotColumns), 1, multiply);
}

void lns::builtinMatmul(const GemmKernels &kernels, const MatmulShape &shape,
                        const void *aData, const void *bData, void *cData,
                        const float *gain, unsigned char *workspace,
                        ThreadPool &pool) {
  if (isOfDots(shape))
    return multiplyFewRows(kernels, shape, aData, bData, cData, gain, workspace,
                           pool);
  const int64_t m = shape.m, n = shape.n, k = shape.k;
  const int64_t group = kernels.group;
  const bool mixed = shape.isMixed();
  const Operand a = {static_cast<const unsigned char *>(aData),
                     shape.transA ? m : k, shape.transA,
                     shape.typeA == MatmulType::Bf16};
  const Operand b = {static_cast<const unsigned char *>(bData),
                     shape.transB ? k : n, !shape.transB,
                     shape.typeB == MatmulType::Bf16};

  auto *packedA = reinterpret_cast<uint32_t *>(workspace);
  uint32_t *packedB = packedA + kWordsA;
  auto *sums = reinterpret_cast<float *>(packedB + kWordsB);
  const int64_t panelA = kernels.rows * kDepth + kSpare;
  const int64_t panelB = kernels.columns * kDepth;

  // A transposed a is read across its rows: that pays half as long. Packing is
  // where b gets its gain.
  const bool directA = inPlace(a, mixed, group, shape.transA ? 2 * n : n);
  const bool directB = b.across && !gain && n % kernels.columns == 0 &&
                       inPlace(b, mixed, group, m);

  // Blocks of nearly the same extent: no thin one at the end.
  const int64_t blockRows = ceilDiv(m, ceilDiv(m, kBlockRows));
  const int64_t blockColumns =
      roundUp(ceilDiv(n, ceilDiv(n, kBlockColumns)), kernels.columns);
  const int64_t blockDepth =
      roundUp(ceilDiv(k, ceilDiv(k, kDepth * group)), group);

  // Where sums are between blocks of the depth.
  const bool rounds = shape.typeC == MatmulType::Bf16;
  auto *c = static_cast<float *>(cData);
  auto *rounded = static_cast<uint16_t *>(cData);
  const int64_t strideC = rounds ? blockColumns : n;

  for (int64_t i0 = 0; i0 < m; i0 += blockRows) {
    const int64_t rows = std::min(blockRows, m - i0);
    const int64_t panelsA = ceilDiv(rows, kernels.rows);
    const int64_t height = ceilDiv(rows, panelsA);
    for (int64_t j0 = 0; j0 < n; j0 += blockColumns) {
      const int64_t columns = std::min(blockColumns, n - j0);
      const int64_t panelsB = ceilDiv(columns, kernels.columns);

      // A work item is a rectangle of tiles: as large as is good for the
      // caches, but enough of them for all threads.
      int64_t groupA = std::min<int64_t>(panelsA, 8);
      int64_t groupB = std::min<int64_t>(panelsB, 8);
      const int64_t wanted = 8 * int64_t(pool.threads());
      while (ceilDiv(panelsA, groupA) * ceilDiv(panelsB, groupB) < wanted &&
             groupA * groupB > 4)
        (groupA > groupB ? groupA : groupB) = std::max(groupA, groupB) / 2;
      const int64_t itemsA = ceilDiv(panelsA, groupA);
      const int64_t itemsB = ceilDiv(panelsB, groupB);

      for (int64_t p0 = 0; p0 < k; p0 += blockDepth) {
        const int64_t depth = std::min(blockDepth, k - p0);
        const int64_t packsA = directA ? 0 : panelsA;
        const int64_t packsB = directB ? 0 : panelsB;
        auto pack = [&](int64_t begin, int64_t end, unsigned) {
          for (int64_t item = begin; item < end; ++item) {
            if (item < packsA) {
              const int64_t i = i0 + item * height;
              const GemmSource from = {a.at(p0, i), a.stride, a.across,
                                       a.bf16,      mixed,    nullptr};
              kernels.packA(packedA + item * panelA, from,
                            std::min(height, i0 + rows - i), depth);
            } else {
              const int64_t panel = item - packsA;
              const int64_t j = j0 + panel * kernels.columns;
              const GemmSource from = {
                  b.at(p0, j), b.stride,
                  b.across,    b.bf16,
                  mixed,       gain ? gain + (b.across ? j : p0) : nullptr};
              kernels.packB(packedB + panel * panelB, from,
                            std::min(kernels.columns, j0 + columns - j), depth);
            }
          }
        };
        pool.run(packsA + packsB, 4, pack);

        const float beta = p0 == 0 ? shape.beta : 1.0f;
        const bool last = p0 + depth == k;
        auto multiply = [&](int64_t begin, int64_t end, unsigned) {
          for (int64_t item = begin; item < end; ++item) {
            const int64_t firstA = item % itemsA * groupA;
            const int64_t firstB = item / itemsA * groupB;
            const int64_t lastA = std::min(firstA + groupA, panelsA);
            const int64_t lastB = std::min(firstB + groupB, panelsB);
            GemmTile tile;
            tile.strideC = strideC;
            tile.strideRounded = n;
            tile.depth = ceilDiv(depth, group);
            tile.alpha = shape.alpha;
            tile.beta = beta;
            for (int64_t right = firstB; right < lastB; ++right) {
              const int64_t j = j0 + right * kernels.columns;
              tile.width = std::min(kernels.columns, j0 + columns - j);
              tile.b = directB ? b.at(p0, j) : packedB + right * panelB;
              tile.depthB = directB ? b.stride : kernels.columns;
              for (int64_t left = firstA; left < lastA; ++left) {
                const int64_t i = i0 + left * height;
                tile.height = std::min(height, i0 + rows - i);
                tile.a = packedA + left * panelA;
                tile.rowsA = 1;
                tile.depthA = tile.height;
                if (directA) {
                  tile.a = a.at(p0, i);
                  tile.depthA = 1;
                  (a.across ? tile.depthA : tile.rowsA) = a.stride / group;
                }
                tile.c =
                    rounds ? sums + (i - i0) * strideC + j - j0 : c + i * n + j;
                tile.rounded = rounds && last ? rounded + i * n + j : nullptr;
                kernels.multiply(tile);
              }
            }
          }
        };
        pool.run(itemsA * itemsB, 1, multiply);
      }
    }
  }
}
