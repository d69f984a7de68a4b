//===- builtin_matmul.cpp - Blocked matrix product
//--------------------------===//
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
// A sum runs over k in order; between blocks of kDepth it is rounded into c. So
// the bits depend on the shape alone, not on tiles or threads.
//
//===----------------------------------------------------------------------===//

#include "runtime/cpu_matmul.h"

#include <algorithm>

using namespace lns;

/// Extent of a block in m, n and k. A block of c stays in the third-level cache
/// while k runs; a block of packed a and b is shared by all threads.
static constexpr int64_t kBlockRows = 512;
static constexpr int64_t kBlockColumns = 1024;
static constexpr int64_t kDepth = 512;

/// Up to so many products for each element of an operand, packing does not pay.
static constexpr int64_t kFewUses = 1024;
/// Rows so many floats apart share lines of the first-level cache.
static constexpr int64_t kConflictStride = 1024;

/// Room behind a panel of a for the register that packing writes too far.
static constexpr int64_t kSpare = 16;

static int64_t ceilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }

static int64_t panelFloatsA(const GemmKernels &kernels) {
  return kernels.rows * kDepth + kSpare;
}
static int64_t panelFloatsB(const GemmKernels &kernels) {
  return kernels.columns * kDepth;
}

uint64_t lns::builtinWorkspaceBytes(const GemmKernels &kernels) {
  return sizeof(float) *
         uint64_t(ceilDiv(kBlockRows, kernels.rows) * panelFloatsA(kernels) +
                  ceilDiv(kBlockColumns, kernels.columns) *
                      panelFloatsB(kernels));
}

void lns::builtinMatmul(const GemmKernels &kernels, const MatmulShape &shape,
                        const float *a, const float *b, float *c,
                        const float *gain, float *workspace, ThreadPool &pool) {
  const int64_t m = shape.m, n = shape.n, k = shape.k;
  const int64_t lda = shape.transA ? m : k;
  const int64_t ldb = shape.transB ? k : n;
  const int64_t strideA = panelFloatsA(kernels);
  const int64_t strideB = panelFloatsB(kernels);
  float *packedB = workspace;
  float *packedA = packedB + ceilDiv(kBlockColumns, kernels.columns) * strideB;

  // Packing costs about as much as a handful of products for each element. When
  // an element takes part in few, operands that the register tile can read
  // where they are stay there, unless their rows fall on the same lines of the
  // cache.
  auto inPlace = [](int64_t stride, int64_t uses) {
    return uses <= kFewUses && stride % kConflictStride != 0;
  };
  // A transposed a is read across its rows: that pays half as long. Packing is
  // where b gets its gain.
  const bool directA = inPlace(lda, shape.transA ? 2 * n : n);
  const bool directB =
      !shape.transB && !gain && n % kernels.columns == 0 && inPlace(ldb, m);

  // Blocks of nearly the same extent: no thin one at the end.
  const int64_t blockRows = ceilDiv(m, ceilDiv(m, kBlockRows));
  const int64_t blockColumns =
      ceilDiv(ceilDiv(n, ceilDiv(n, kBlockColumns)), kernels.columns) *
      kernels.columns;
  const int64_t blockDepth = ceilDiv(k, ceilDiv(k, kDepth));

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
              int64_t i = i0 + item * height;
              kernels.packA(packedA + item * strideA,
                            shape.transA ? a + p0 * lda + i : a + i * lda + p0,
                            lda, shape.transA, std::min(height, i0 + rows - i),
                            depth);
            } else {
              int64_t panel = item - packsA;
              int64_t j = j0 + panel * kernels.columns;
              kernels.packB(packedB + panel * strideB,
                            shape.transB ? b + j * ldb + p0 : b + p0 * ldb + j,
                            ldb, shape.transB,
                            gain ? gain + (shape.transB ? p0 : j) : nullptr,
                            std::min(kernels.columns, j0 + columns - j), depth);
            }
          }
        };
        pool.run(packsA + packsB, 4, pack);

        const float beta = p0 == 0 ? shape.beta : 1.0f;
        auto multiply = [&](int64_t begin, int64_t end, unsigned) {
          for (int64_t item = begin; item < end; ++item) {
            const int64_t firstA = item % itemsA * groupA;
            const int64_t firstB = item / itemsA * groupB;
            const int64_t lastA = std::min(firstA + groupA, panelsA);
            const int64_t lastB = std::min(firstB + groupB, panelsB);
            GemmTile tile;
            tile.strideC = n;
            tile.depth = depth;
            tile.alpha = shape.alpha;
            tile.beta = beta;
            for (int64_t panelB = firstB; panelB < lastB; ++panelB) {
              const int64_t j = j0 + panelB * kernels.columns;
              tile.width = std::min(kernels.columns, j0 + columns - j);
              tile.b = directB ? b + p0 * ldb + j : packedB + panelB * strideB;
              tile.depthB = directB ? ldb : kernels.columns;
              for (int64_t panelA = firstA; panelA < lastA; ++panelA) {
                const int64_t i = i0 + panelA * height;
                tile.height = std::min(height, i0 + rows - i);
                tile.a = packedA + panelA * strideA;
                tile.rowsA = 1;
                tile.depthA = tile.height;
                if (directA) {
                  tile.a = shape.transA ? a + p0 * lda + i : a + i * lda + p0;
                  (shape.transA ? tile.depthA : tile.rowsA) = lda;
                }
                tile.c = c + i * n + j;
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
