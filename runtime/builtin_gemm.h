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
//===----------------------------------------------------------------------===//

#ifndef LNS_RUNTIME_BUILTIN_GEMM_H
#define LNS_RUNTIME_BUILTIN_GEMM_H

#include <stdint.h>

namespace lns {

/// One product of a register tile: c[height, width] = alpha * a b + beta * c.
/// c is not read when beta is 0.
struct GemmTile {
  const float *a; ///< (i, p) is at a[i * rowsA + p * depthA]; one of them is 1
  const float *b; ///< (p, j) is at b[p * depthB + j]; whole tiles are read
  float *c;
  int64_t rowsA, depthA;
  int64_t depthB;
  int64_t strideC;
  int64_t height, width, depth;
  float alpha, beta;
};

/// Packed operands: a in panels of up to `rows` rows, each k-major with a pitch
/// of the panel's own height; b in panels of `columns` columns, k-major, the
/// last one padded with zeros.
struct GemmKernels {
  const char *name;
  int64_t rows;
  int64_t columns;

  /// Packs height x depth of op(a) into `to`. Element (i, p) of op(a) is at
  /// from[i * stride + p], or from[p * stride + i] when `transposed`.
  void (*packA)(float *to, const float *from, int64_t stride, bool transposed,
                int64_t height, int64_t depth);

  /// Packs depth x width of op(b) into `to`. Element (p, j) of op(b) is at
  /// from[p * stride + j], or from[j * stride + p] when `transposed`. `gain`
  /// multiplies the stored columns, j or when `transposed` p; null: none.
  void (*packB)(float *to, const float *from, int64_t stride, bool transposed,
                const float *gain, int64_t width, int64_t depth);

  /// height <= rows, width <= columns.
  void (*multiply)(const GemmTile &tile);
};

#if defined(__x86_64__)
extern const GemmKernels kGemmAvx512; ///< needs x86-64-v4
extern const GemmKernels kGemmAvx2;   ///< needs x86-64-v3
#endif
extern const GemmKernels kGemmGeneric;

} // namespace lns

#endif // LNS_RUNTIME_BUILTIN_GEMM_H
