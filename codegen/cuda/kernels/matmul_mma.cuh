//===- matmul_mma.cuh - Tiles of bf16 on tensor cores ----------*- CUDA -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// The accumulators of one block, mma.m16n8k16 with sums in f32. Each warp has a
// rectangle of WarpM x WarpN of the block's tile.
//
//===----------------------------------------------------------------------===//

#pragma once

#include "device.cuh"

namespace lns {

/// Sixteen rows or columns of an operand by sixteen k: as four 8x8 matrices,
/// [0] the first, then [1] by `outerFirst` the next eight of its own axis or of
/// k. `tile` has `Layout` and is [outer][k] where KContiguous, else [k][outer].
template <class Layout, bool KContiguous, bool OuterFirst>
__device__ __forceinline__ void loadOperand(unsigned (&matrices)[4],
                                            const unsigned char *tile,
                                            int outer, int k) {
  int lane = laneId();
  int inMatrix = lane & 7, first = lane >> 3 & 1, second = lane >> 4;
  int outer8 = OuterFirst ? first : second;
  int k8 = OuterFirst ? second : first;
  if constexpr (KContiguous)
    loadMatrix4(matrices, tile + Layout::offset(outer + outer8 * 8 + inMatrix,
                                                k / 8 + k8));
  else
    loadMatrix4Trans(matrices, tile + Layout::offset(k + k8 * 8 + inMatrix,
                                                     outer / 8 + outer8));
}

template <class Config> class MmaAccumulator {
public:
  /// How much of k one fragment has.
  static constexpr int kFragmentK = 16;
  static constexpr int kWarpM = Config::kM / Config::kWarpsM;
  static constexpr int kWarpN = Config::kN / Config::kWarpsN;
  static constexpr int kTilesM = kWarpM / 16, kTilesN = kWarpN / 8;
  static_assert(kWarpM % 16 == 0 && kWarpN % 16 == 0,
                "operands are loaded 16 by 16");

  /// What one warp multiplies at once.
  struct Fragment {
    unsigned a[kTilesM][4];
    unsigned b[kTilesN / 2][4];
  };

  __device__ __forceinline__ MmaAccumulator() {
    int warp = int(threadIdx.x) / 32;
    warpRow = warp / Config::kWarpsN * kWarpM;
    warpColumn = warp % Config::kWarpsN * kWarpN;
#pragma unroll
    for (int i = 0; i < kTilesM; ++i)
#pragma unroll
      for (int j = 0; j < kTilesN; ++j)
#pragma unroll
        for (int e = 0; e < 4; ++e)
          sums[i][j][e] = 0.0f;
  }

  __device__ __forceinline__ void load(Fragment &fragment,
                                       const unsigned char *a,
                                       const unsigned char *b, int k) const {
#pragma unroll
    for (int i = 0; i < kTilesM; ++i)
      loadOperand<typename Config::CopyA::Layout, Config::kAKContiguous, true>(
          fragment.a[i], a, warpRow + i * 16, k);
#pragma unroll
    for (int j = 0; j < kTilesN / 2; ++j)
      loadOperand<typename Config::CopyB::Layout, Config::kBKContiguous, false>(
          fragment.b[j], b, warpColumn + j * 16, k);
  }

  __device__ __forceinline__ void multiply(const Fragment &fragment) {
#pragma unroll
    for (int i = 0; i < kTilesM; ++i)
#pragma unroll
      for (int j = 0; j < kTilesN; ++j) {
        // Back and forth, so that neighbours share a register of b.
        int column = i % 2 ? kTilesN - 1 - j : j;
        const unsigned (&pair)[4] = fragment.b[column / 2];
        unsigned b[2] = {pair[column % 2 * 2], pair[column % 2 * 2 + 1]};
        mmaBf16(sums[i][column], fragment.a[i], b);
      }
  }

  template <class Tile>
  __device__ __forceinline__ void store(const Tile &tile) const {
    int row = warpRow + laneId() / 4, column = warpColumn + laneId() % 4 * 2;
#pragma unroll
    for (int i = 0; i < kTilesM; ++i)
#pragma unroll
      for (int j = 0; j < kTilesN; ++j)
#pragma unroll
        for (int half = 0; half < 2; ++half)
          storeVec(
              tile.at(row + i * 16 + half * 8, column + j * 8),
              Vec<float, 2>{{sums[i][j][half * 2], sums[i][j][half * 2 + 1]}});
  }

private:
  float sums[kTilesM][kTilesN][4];
  int warpRow, warpColumn;
};

} // namespace lns
