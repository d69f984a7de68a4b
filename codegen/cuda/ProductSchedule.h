//===- ProductSchedule.h - How a product is cut into blocks -----*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// Internal to codegen/cuda: the size of a product's tiles, and whether its k is
// cut into slices. Both follow from the shape alone: the same bits on every
// device, whatever it has of multiprocessors. Tiles follow from the number of
// tokens, so that all products of a kind in a model share one kernel; slices
// from a model of the time that they take.
//
//===----------------------------------------------------------------------===//

#ifndef LNS_CODEGEN_CUDA_PRODUCTSCHEDULE_H
#define LNS_CODEGEN_CUDA_PRODUCTSCHEDULE_H

#include <cstdint>

namespace lns::cuda {

/// The numbers among the arguments of MatmulConfig (kernels/matmul.cuh).
struct ProductTile {
  int64_t m, n, k;
  int warpsM, warpsN, stages;

  int threads() const { return warpsM * warpsN * 32; }
  /// How many tiles a result of rows x columns has.
  int64_t count(int64_t rows, int64_t columns) const;
  /// The larger of all stages and a tile of the result.
  uint64_t sharedBytes(bool isBf16) const;
};

struct ProductSchedule {
  ProductTile tile;
  int64_t slices = 1; ///< of k
  int64_t slice = 0;  ///< how long each is, a multiple of the tile's k
};

/// Of a product about `tokens` tokens, one slice where `mayCut` is false.
ProductSchedule getProductSchedule(int64_t m, int64_t n, int64_t k,
                                   int64_t tokens, bool isBf16, bool mayCut);

/// Of a product with row ops behind it. Sums over rows go by tile, so where
/// there are any, or two products in a tile, tiles have one width: `isWide`.
ProductTile getFusedTile(int64_t tokens, bool isBf16, bool isWide);

} // namespace lns::cuda

#endif // LNS_CODEGEN_CUDA_PRODUCTSCHEDULE_H
