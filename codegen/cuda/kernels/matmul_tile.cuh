//===- matmul_tile.cuh - Operand tiles in shared memory --------*- CUDA -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// A product reads both operands in tiles of [outer][k] or [k][outer], outer
// being the operand's own axis of the result (m or n): as the operand lies in
// global memory, so that a tile is copied in 16-byte chunks and nothing is
// transposed on the way. Whoever computes reads either order.
//
//===----------------------------------------------------------------------===//

#pragma once

#include "device.cuh"

namespace lns {

template <class T, class U> struct IsSame {
  static constexpr bool value = false;
};
template <class T> struct IsSame<T, T> {
  static constexpr bool value = true;
};

/// Rows of `Width` elements in chunks of 16 bytes. A row's chunks are permuted
/// by its number so that the same chunk of eight rows in succession covers all
/// 32 banks once: then neither copies by row nor reads by column (ldmatrix, or
/// eight lanes with 16 bytes each) meet a bank conflict.
template <class T, int Rows, int Width> struct TileLayout {
  static constexpr int kPerChunk = 16 / int(sizeof(T));
  static constexpr int kChunks = Width / kPerChunk;
  static constexpr int kBytes = Rows * Width * int(sizeof(T));
  /// 128 bytes are a line of banks.
  static constexpr int kRowsPerLine = kChunks >= 8 ? 1 : 8 / kChunks;
  static constexpr int kMask = kChunks >= 8 ? 7 : kChunks - 1;
  static_assert((kChunks & (kChunks - 1)) == 0, "chunks are permuted by xor");

  /// In bytes from the tile's start.
  static __device__ __forceinline__ int offset(int row, int chunk) {
    return (row * kChunks + (chunk ^ (row / kRowsPerLine & kMask))) * 16;
  }
};

/// Copies one chunk, `left` elements of which are in range: asynchronously if
/// all or none are and they need no rounding, else through registers, with
/// zeros behind them. Source is the element type in global memory.
template <int PerChunk, bool Aligned, class T, class Source>
__device__ __forceinline__ void copyChunk(unsigned char *to,
                                          const Source *source, int left) {
  if constexpr (Aligned && IsSame<Source, T>::value) {
    copyAsync16(to, source, left > 0);
  } else {
    Vec<T, PerChunk> chunk;
#pragma unroll
    for (int i = 0; i < PerChunk; ++i)
      chunk.at[i] = fromFloat<T>(i < left ? toFloat(source[i]) : 0.0f);
    storeVec(to, chunk);
  }
}

/// One thread's share of copying one operand's tiles, in order of k.
///
/// Source is the element type in global memory and T that in the tile; where
/// they differ, elements are rounded on the way. Outer x K is the tile,
/// KContiguous says that k is the operand's inner axis. Aligned says that every
/// row starts at a multiple of 16 bytes, else elements move one by one.
template <class Source, class T, int Outer, int K, bool KContiguous,
          bool Aligned, int Threads>
class TileCopy {
public:
  using Layout =
      TileLayout<T, KContiguous ? Outer : K, KContiguous ? K : Outer>;

  /// The operand begins at `data`, has `outer` x `k` elements, and rows of
  /// `pitch` of them. Tiles begin at (outerBegin, kBegin), and are zero from
  /// `outer` and from kEnd on.
  __device__ __forceinline__ TileCopy(const Source *data, long long pitch,
                                      long long outer, long long outerBegin,
                                      long long kBegin, long long kEnd)
      : stride(kRowsPerPass * pitch) {
    int row = int(threadIdx.x) / Layout::kChunks;
    int chunk = int(threadIdx.x) % Layout::kChunks;
    int column = chunk * Layout::kPerChunk;
    target = Layout::offset(row, chunk);
    long long left = outer - outerBegin;
    int outerLeft = left < Outer ? int(left) : Outer;
    int kLeft = int(kEnd - kBegin);
    rowsLeft = (KContiguous ? outerLeft : kLeft) - row;
    columnsLeft = (KContiguous ? kLeft : outerLeft) - column;
    long long rowBegin = KContiguous ? outerBegin : kBegin;
    long long columnBegin = KContiguous ? kBegin : outerBegin;
    next = data + (rowBegin + row) * pitch + columnBegin + column;
  }

  /// Copies the next tile to `tile`: asynchronously, or at once where the
  /// elements have to pass through registers.
  __device__ __forceinline__ void copy(unsigned char *tile) {
    const Source *source = next;
#pragma unroll
    for (int pass = 0; pass < kPasses; ++pass) {
      // Rows of a pass are permuted like those of the first.
      unsigned char *to =
          tile + target + pass * kRowsPerPass * Layout::kChunks * 16;
      bool inRange = pass * kRowsPerPass < rowsLeft && columnsLeft > 0;
      copyChunk<Layout::kPerChunk, Aligned, T>(to, source,
                                               inRange ? columnsLeft : 0);
      source += stride;
    }
    // All passes together are a tile's rows, which are K of k or all of m or n.
    next = KContiguous ? next + K : source;
    (KContiguous ? columnsLeft : rowsLeft) -= K;
  }

private:
  static constexpr int kRowsPerPass = Threads / Layout::kChunks;
  static constexpr int kRows = KContiguous ? Outer : K;
  static constexpr int kPasses = kRows / kRowsPerPass;
  static_assert(Threads % Layout::kChunks == 0 && kRows % kRowsPerPass == 0,
                "threads divide a tile evenly");
  static_assert(kRowsPerPass % 8 == 0, "the permutation repeats every 8 rows");
  const Source *next;
  long long stride;          ///< from pass to pass
  int rowsLeft, columnsLeft; ///< from this thread's first chunk on
  int target;                ///< where that chunk goes
};

} // namespace lns
