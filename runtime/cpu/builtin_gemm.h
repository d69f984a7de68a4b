//===- builtin_gemm.h - Inner loops of the builtin product -------- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// The inner loops are compiled once per instruction set, from gemm_kernel.inc.
// This header is what those files share with the rest. It must not include any
// header with inline functions: the linker could keep the copy with AVX-512 in
// it for everybody.
//
// Operands are made of words of 32 bits: an f32, or two bf16 that follow each
// other along k.
//
//===----------------------------------------------------------------------===//

#ifndef LNS_RUNTIME_CPU_BUILTIN_GEMM_H
#define LNS_RUNTIME_CPU_BUILTIN_GEMM_H

#include <stdint.h>

namespace lns {

/// One product of a register tile: c[height, width] = alpha * a b + beta * c.
/// c is not read when beta is 0. Strides of a and b count words.
struct GemmTile {
  const void *a; ///< (i, p) is at a[i * rowsA + p * depthA]; one of them is 1
  const void *b; ///< (p, j) is at b[p * depthB + j]; whole tiles are read
  float *c;
  /// Where the result goes instead, rounded to bf16; null: to c.
  uint16_t *rounded;
  int64_t rowsA, depthA;
  int64_t depthB;
  int64_t strideC, strideRounded;
  int64_t height, width;
  int64_t depth; ///< words
  float alpha, beta;
};

/// A block of op(a) or op(b), height x depth (depth x height of op(b)), where
/// it is stored. Rows of the storage run along the depth, or across it.
struct GemmSource {
  const void *data; ///< the block's first element
  int64_t stride;   ///< elements from one stored row to the next
  bool across;      ///< stored rows run across the depth
  bool bf16;        ///< type of the elements
  bool mixed;       ///< values are multiplied as bf16: f32 ones are rounded
  const float
      *gain; ///< of the block's stored columns, before rounding; null: 1
};

/// Most rows of a product that is computed as dot products.
inline constexpr int kMaxDotRows = 8;

/// c = alpha * a op(b diag(gain)) + beta * c, where stored rows of b run along
/// the depth.
struct GemmDots {
  /// [rows, strideA], as it is multiplied: rounded where the product is mixed,
  /// times the gain where it is not. Zeros fill up the last register.
  const float *a;
  int64_t strideA, rows; ///< rows <= kMaxDotRows
  int64_t depth;
  const void *b; ///< the first of `columns` stored rows
  int64_t strideB, columns;
  bool bf16;         ///< type of b's elements
  bool mixed;        ///< values are multiplied as bf16: f32 ones are rounded
  const float *gain; ///< of b, before rounding; only of a mixed product
  float *c;
  uint16_t *rounded; ///< as GemmTile has it
  int64_t strideC;
  float alpha, beta;
};

/// Packed operands: a in panels of up to `rows` rows, each k-major with a pitch
/// of the panel's own height; b in panels of `columns` columns, k-major. Odd
/// depths of pairs end with a zero.
struct GemmKernels {
  const char *name;
  int64_t rows;
  int64_t columns;
  int64_t group; ///< elements in a word; 2: only for mixed products

  /// Packs a panel of height <= rows. Writes up to one register too far.
  void (*packA)(void *to, const GemmSource &from, int64_t height,
                int64_t depth);
  /// Packs a panel of width <= columns.
  void (*packB)(void *to, const GemmSource &from, int64_t width, int64_t depth);

  /// height <= rows, width <= columns.
  void (*multiply)(const GemmTile &tile);

  void (*multiplyDots)(const GemmDots &dots);
};

#if defined(__x86_64__)
extern const GemmKernels kGemmAvx512Bf16; ///< needs x86-64-v4 and avx512bf16
extern const GemmKernels kGemmAvx512;     ///< needs x86-64-v4
extern const GemmKernels kGemmAvx2;       ///< needs x86-64-v3
#endif
extern const GemmKernels kGemmGeneric;

} // namespace lns

#endif // LNS_RUNTIME_CPU_BUILTIN_GEMM_H
