//===- matmul_epilogue.cuh - What happens to a product's sums --*- CUDA -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// A product ends with its sums in shared memory, as a ResultTile, and calls its
// epilogue for every cell of the tile, eight neighbouring columns of one row:
//
//   struct SomeEpilogue {
//     ... pointers, numbers ...
//     template <class Tile>
//     __device__ void operator()(Cell &cell, const Tile &tile) const;
//   };
//
// The epilogue stores what is to be stored; nothing is stored without it. It
// may read and write any tensor at the cell's place: no two cells of a grid are
// the same place, and a cell is read and written by one thread. It may change
// cell.value at will.
//
// All threads of a block call it together, the same number of times, for cells
// outside of the result as well (count 0): so it may use warp functions, for
// example tile.sumOfRow. The kLanesPerRow lanes in succession that have one row
// have all columns of the tile in that row.
//
// tile.load reads the sums of other columns, as long as they lie in the tile:
// a tile begins at a multiple of its width, so columns [i * d, (i + 1) * d) lie
// in one tile if d divides kColumns.
//
//===----------------------------------------------------------------------===//

#pragma once

#include "device.cuh"

namespace lns {

/// How many columns a cell has.
constexpr int kCellColumns = 8;

struct Cell {
  long long row, column; ///< the first column's place in the result
  int count;             ///< how many columns lie in it: 0 to kCellColumns
  float value[kCellColumns];
};

/// Rows x Columns of f32 in shared memory at `memory`. A row's first halves of
/// cells lie before all second halves, each permuted by the row: no conflicts
/// for lanes that read the cells of a row, nor for those that write the rows of
/// an mma's accumulator.
template <int Rows, int Columns> class ResultTile {
public:
  static constexpr int kRows = Rows, kColumns = Columns;
  static constexpr int kLanesPerRow = Columns / kCellColumns;
  static constexpr int kBytes = Rows * Columns * int(sizeof(float));
  static_assert(kLanesPerRow >= 8 && kLanesPerRow <= 32 &&
                    (kLanesPerRow & (kLanesPerRow - 1)) == 0,
                "a row is a part of a warp");

  __device__ __forceinline__ ResultTile(unsigned char *memory)
      : memory(memory) {}

  /// The element at a place in the tile; three more follow it in memory if
  /// column is a multiple of four.
  __device__ __forceinline__ float *at(int row, int column) const {
    int half = column / 4 & 1;
    int permuted = column / kCellColumns ^ (((row ^ row >> 2) & 3) * 2 + half);
    return reinterpret_cast<float *>(
               memory +
               (row * 2 * kLanesPerRow + half * kLanesPerRow + permuted) * 16) +
           column % 4;
  }

  /// The eight sums from `column` on, a multiple of eight.
  __device__ __forceinline__ void load(float (&value)[kCellColumns], int row,
                                       int column) const {
#pragma unroll
    for (int i = 0; i < kCellColumns; i += 4) {
      auto four = loadVec<Vec<float, 4>>(at(row, column + i));
#pragma unroll
      for (int e = 0; e < 4; ++e)
        value[i + e] = four.at[e];
    }
  }

  /// Eight sums from `column` on, a multiple of eight.
  __device__ __forceinline__ void store(const float (&value)[kCellColumns],
                                        int row, int column) const {
#pragma unroll
    for (int i = 0; i < kCellColumns; i += 4)
      storeVec(
          at(row, column + i),
          Vec<float, 4>{{value[i], value[i + 1], value[i + 2], value[i + 3]}});
  }

  /// The sums `shift` columns on in the cell's row, a multiple of eight that
  /// stays in the tile.
  __device__ __forceinline__ void load(float (&value)[kCellColumns],
                                       const Cell &cell, int shift) const {
    load(value, int(cell.row % Rows), int(cell.column % Columns) + shift);
  }

  /// The sum over this lane's row, or the Part columns of it that begin at a
  /// multiple of Part: the same bits in all of their lanes.
  template <int Part = Columns>
  static __device__ __forceinline__ float sumOfRow(float value) {
    static_assert(Columns % Part == 0, "parts are whole");
#pragma unroll
    for (int mask = Part / kCellColumns / 2; mask > 0; mask /= 2)
      value += shuffleXor(value, mask);
    return value;
  }

  /// How many cells each of `Threads` threads has.
  template <int Threads>
  static constexpr int kPasses = Rows / (Threads / kLanesPerRow);

  /// This thread's cell number `pass`, without values, where the tile begins at
  /// (rowBegin, columnBegin) of m x n.
  template <int Threads>
  static __device__ __forceinline__ Cell getCell(int pass, long long rowBegin,
                                                 long long columnBegin,
                                                 long long m, long long n) {
    Cell cell;
    cell.row = rowBegin + int(threadIdx.x) / kLanesPerRow +
               pass * (Threads / kLanesPerRow);
    cell.column = columnBegin + int(threadIdx.x) % kLanesPerRow * kCellColumns;
    long long left = cell.row < m ? n - cell.column : 0;
    cell.count = left <= 0 ? 0 : left < kCellColumns ? int(left) : kCellColumns;
    return cell;
  }

  /// Calls the epilogue for every cell.
  template <int Threads, class Epilogue>
  __device__ __forceinline__ void
  finish(const Epilogue &epilogue, long long rowBegin, long long columnBegin,
         long long m, long long n) const {
#pragma unroll 1
    for (int pass = 0; pass < kPasses<Threads>; ++pass) {
      Cell cell = getCell<Threads>(pass, rowBegin, columnBegin, m, n);
      load(cell.value, cell, 0);
      epilogue(cell, *this);
    }
  }

private:
  unsigned char *memory;
};

/// The first `count` of eight elements; the others become zero. Whole: count is
/// 0 or 8, and `source` is aligned to 16 bytes.
template <bool Whole, class T>
__device__ __forceinline__ void loadCell(float (&value)[kCellColumns],
                                         const T *source, int count) {
  if constexpr (Whole) {
    constexpr int kPerChunk = 16 / int(sizeof(T));
#pragma unroll
    for (int i = 0; i < kCellColumns; i += kPerChunk) {
      Vec<T, kPerChunk> chunk = {};
      if (count > 0)
        chunk = loadVec<Vec<T, kPerChunk>>(source + i);
#pragma unroll
      for (int e = 0; e < kPerChunk; ++e)
        value[i + e] = toFloat(chunk.at[e]);
    }
  } else {
#pragma unroll
    for (int i = 0; i < kCellColumns; ++i)
      value[i] = i < count ? toFloat(source[i]) : 0.0f;
  }
}

/// The reverse: rounds and stores the first `count`.
template <bool Whole, class T>
__device__ __forceinline__ void
storeCell(T *target, const float (&value)[kCellColumns], int count) {
  if constexpr (!Whole) {
#pragma unroll
    for (int i = 0; i < kCellColumns; ++i)
      if (i < count)
        target[i] = fromFloat<T>(value[i]);
  } else if (count > 0) {
    if constexpr (sizeof(T) == 2) {
      Vec<unsigned, 4> packed;
#pragma unroll
      for (int i = 0; i < 4; ++i)
        packed.at[i] = packBf16(value[i * 2], value[i * 2 + 1]);
      storeVec(target, packed);
    } else {
#pragma unroll
      for (int i = 0; i < kCellColumns; i += 4)
        storeVec(target + i, Vec<float, 4>{{value[i], value[i + 1],
                                            value[i + 2], value[i + 3]}});
    }
  }
}

/// result = alpha * factors * sums * gain, and + result if `accumulates`,
/// rounded once. Whole: `columns`, the result's width, is a multiple of eight.
template <class T, bool Whole> struct ScaleAndAdd {
  T *result;
  const float *gain;    ///< a number for every column; null for ones
  const float *factors; ///< one for every row
  float alpha;
  long long columns;
  bool accumulates;

  template <class Tile>
  __device__ __forceinline__ void operator()(Cell &cell, const Tile &) const {
    T *place = result + cell.row * columns + cell.column;
    float factor[kCellColumns], before[kCellColumns];
    if (gain)
      loadCell<Whole>(factor, gain + cell.column, cell.count);
    if (accumulates)
      loadCell<Whole>(before, place, cell.count);
    float scale = alpha;
    if (factors && cell.count > 0)
      scale *= factors[cell.row];
#pragma unroll
    for (int i = 0; i < kCellColumns; ++i) {
      factor[i] = gain ? scale * factor[i] : scale;
      cell.value[i] = accumulates ? fmaf(cell.value[i], factor[i], before[i])
                                  : cell.value[i] * factor[i];
    }
    storeCell<Whole>(place, cell.value, cell.count);
  }
};

/// The sums themselves, those of slice number s of k at s * rows * columns:
/// what sumSlices adds up.
template <bool Whole> struct StoreSlice {
  float *slices;
  long long rows, columns;

  template <class Tile>
  __device__ __forceinline__ void operator()(Cell &cell, const Tile &) const {
    storeCell<Whole>(slices + (blockIdx.z * rows + cell.row) * columns +
                         cell.column,
                     cell.value, cell.count);
  }
};

/// One of both, for a product that may be cut: slices if there are any.
template <class T, bool Whole> struct ScaleOrSlice {
  ScaleAndAdd<T, Whole> whole;
  StoreSlice<Whole> slice;
  bool isCut;

  template <class Tile>
  __device__ __forceinline__ void operator()(Cell &cell,
                                             const Tile &tile) const {
    if (isCut)
      slice(cell, tile);
    else
      whole(cell, tile);
  }
};

} // namespace lns
