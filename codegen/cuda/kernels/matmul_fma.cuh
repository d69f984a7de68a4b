//===- matmul_fma.cuh - Tiles of f32 by multiply-add -----------*- CUDA -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// The accumulators of one block in true f32. A warp is 8 x 4 threads and each
// has kRows x kColumns of the warp's rectangle; which ones depends on the
// operand's order, so that every read of a tile is 16 bytes and the eight lanes
// that read together read different banks:
//   [outer][k]  elements 1 apart in lanes and one span of lanes apart in a
//               thread, four k in a read;
//   [k][outer]  four neighbours in a thread, one k in a read.
//
//===----------------------------------------------------------------------===//

#pragma once

#include "device.cuh"

namespace lns {

/// One thread's `Count` elements of an operand's axis; `Lanes` threads share
/// Count * Lanes of them. Count is a multiple of four.
template <class Layout, bool KContiguous, int Count, int Lanes>
struct FmaOperand {
  /// Index of element i of thread `lane`.
  static __device__ __forceinline__ int index(int lane, int i) {
    return KContiguous ? lane + i * Lanes : (lane + i / 4 * Lanes) * 4 + i % 4;
  }

  /// values[i][kk] for k to k + 3.
  static __device__ __forceinline__ void load(float (&values)[Count][4],
                                              const unsigned char *tile,
                                              int begin, int lane, int k) {
    if constexpr (KContiguous) {
#pragma unroll
      for (int i = 0; i < Count; ++i) {
        auto four = loadVec<Vec<float, 4>>(
            tile + Layout::offset(begin + index(lane, i), k / 4));
#pragma unroll
        for (int kk = 0; kk < 4; ++kk)
          values[i][kk] = four.at[kk];
      }
    } else {
#pragma unroll
      for (int kk = 0; kk < 4; ++kk)
#pragma unroll
        for (int i = 0; i < Count; i += 4) {
          auto four = loadVec<Vec<float, 4>>(
              tile + Layout::offset(k + kk, (begin + index(lane, i)) / 4));
#pragma unroll
          for (int e = 0; e < 4; ++e)
            values[i + e][kk] = four.at[e];
        }
    }
  }
};

template <class Config> class FmaAccumulator {
public:
  static constexpr int kFragmentK = 4;
  static constexpr int kWarpM = Config::kM / Config::kWarpsM;
  static constexpr int kWarpN = Config::kN / Config::kWarpsN;
  static constexpr int kRows = kWarpM / 8, kColumns = kWarpN / 4;
  static_assert(kRows % 4 == 0 && kColumns % 4 == 0,
                "threads read four elements at once");
  using OperandA = FmaOperand<typename Config::CopyA::Layout,
                              Config::kAKContiguous, kRows, 8>;
  using OperandB = FmaOperand<typename Config::CopyB::Layout,
                              Config::kBKContiguous, kColumns, 4>;

  struct Fragment {
    float a[kRows][4];
    float b[kColumns][4];
  };

  __device__ __forceinline__ FmaAccumulator() {
    int warp = int(threadIdx.x) / 32;
    warpRow = warp / Config::kWarpsN * kWarpM;
    warpColumn = warp % Config::kWarpsN * kWarpN;
#pragma unroll
    for (int i = 0; i < kRows; ++i)
#pragma unroll
      for (int j = 0; j < kColumns; ++j)
        sums[i][j] = 0.0f;
  }

  __device__ __forceinline__ void load(Fragment &fragment,
                                       const unsigned char *a,
                                       const unsigned char *b, int k) const {
    OperandA::load(fragment.a, a, warpRow, laneId() % 8, k);
    OperandB::load(fragment.b, b, warpColumn, laneId() / 8, k);
  }

  __device__ __forceinline__ void multiply(const Fragment &fragment) {
#pragma unroll
    for (int kk = 0; kk < 4; ++kk)
#pragma unroll
      for (int i = 0; i < kRows; ++i)
#pragma unroll
        for (int j = 0; j < kColumns; ++j)
          sums[i][j] = fmaf(fragment.a[i][kk], fragment.b[j][kk], sums[i][j]);
  }

  template <class Tile>
  __device__ __forceinline__ void store(const Tile &tile) const {
#pragma unroll
    for (int i = 0; i < kRows; ++i)
#pragma unroll
      for (int j = 0; j < kColumns; ++j)
        *tile.at(warpRow + OperandA::index(laneId() % 8, i),
                 warpColumn + OperandB::index(laneId() / 8, j)) = sums[i][j];
  }

private:
  float sums[kRows][kColumns];
  int warpRow, warpColumn;
};

} // namespace lns
