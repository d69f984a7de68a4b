//===- attention_tile.cuh - Tiles of rows for attention --------*- CUDA -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// What the attention kernels share: the shape of a head, tiles of its rows in
// shared memory, and fragments, the pieces of a matrix that a warp holds in
// registers.
//
// A tile in shared memory has rows of kDepth elements, the head size rounded up
// to 16 with zeros (to 32 above 128, where two warps may share a row's
// columns), at a distance of kStride: 16 bytes more than kDepth, an odd
// multiple of 16 bytes, so that eight rows at one column lie in different
// banks.
//
//===----------------------------------------------------------------------===//

#pragma once
#include "device.cuh"

namespace lns {

/// One attention: element type, head size, heads, what a query sees, whether
/// scores have a soft-cap, and whether rows hold several documents.
template <class T, int HeadDim, int Heads, int KvHeads, bool Causal,
          bool Windowed = false, bool Capped = false, bool Documents = false>
struct AttentionShape {
  using Element = T;
  static constexpr int kHeadDim = HeadDim;
  static constexpr bool kCausal = Causal;
  static constexpr bool kWindowed = Windowed; ///< and causal
  static constexpr bool kCapped = Capped;
  static constexpr bool kDocuments = Documents; ///< and causal
  /// Whether a query may not see the first keys.
  static constexpr bool kBounded = Windowed || Documents;
  static constexpr int kHeads = Heads;
  static constexpr int kKvHeads = KvHeads;
  static constexpr int kGroup = Heads / KvHeads;
  /// Elements from one time to the next in global memory.
  static constexpr int kQueryRow = Heads * HeadDim;
  static constexpr int kKeyRow = KvHeads * HeadDim;
  static constexpr int kDepth =
      HeadDim <= 128 ? (HeadDim + 15) / 16 * 16 : (HeadDim + 31) / 32 * 32;
  static constexpr int kStride = kDepth + 16 / int(sizeof(T));
  /// Elements that one access may take: what every row's start is aligned to,
  /// 16 bytes at most.
  static constexpr int kMost = 16 / int(sizeof(T));
  static constexpr int kWidth = HeadDim % kMost == 0         ? kMost
                                : HeadDim % (kMost / 2) == 0 ? kMost / 2
                                                             : 2;
};

/// How a block works: `Warps` warps in `Warps / Groups` rows of warps, each
/// with 16 * RowTiles rows of the block's tile; the warps of one row share its
/// results' columns. The block walks over tiles of `Columns` rows of the other
/// side, with `Stages` of them in shared memory.
template <int Warps, int RowTiles, int Columns, int Stages, int Groups>
struct AttentionTiles {
  static constexpr int kThreads = 32 * Warps;
  static constexpr int kGroups = Groups;
  static constexpr int kRowTiles = RowTiles;
  static constexpr int kWarpRows = 16 * RowTiles;
  static constexpr int kRows = Warps / Groups * kWarpRows;
  static constexpr int kColumns = Columns;
  static constexpr int kStages = Stages;
};

/// A warp's part of a matrix of 16 M x 8 N, laid out as the tensor cores do:
/// lane l holds rows l / 4 and l / 4 + 8 (values 0, 1 and 2, 3) and columns
/// 2 (l % 4) and the one after it of every piece of 16 x 8.
template <int M, int N> struct Fragment {
  float at[M][N][4];

  __device__ __forceinline__ void clear() {
#pragma unroll
    for (int m = 0; m < M; ++m)
#pragma unroll
      for (int n = 0; n < N; ++n)
#pragma unroll
        for (int i = 0; i < 4; ++i)
          at[m][n][i] = 0.0f;
  }

  __device__ __forceinline__ void multiply(const Fragment &by) {
#pragma unroll
    for (int m = 0; m < M; ++m)
#pragma unroll
      for (int n = 0; n < N; ++n)
#pragma unroll
        for (int i = 0; i < 4; ++i)
          at[m][n][i] *= by.at[m][n][i];
  }

  /// Calls f(value, row, column) for everything that this lane holds.
  template <class F> __device__ __forceinline__ void forEach(F f) {
    const int row = laneId() / 4, column = laneId() % 4 * 2;
#pragma unroll
    for (int m = 0; m < M; ++m)
#pragma unroll
      for (int n = 0; n < N; ++n)
#pragma unroll
        for (int i = 0; i < 4; ++i)
          f(at[m][n][i], 16 * m + i / 2 * 8 + row, 8 * n + i % 2 + column);
  }
};

/// The sum, or the greatest, of the four lanes that hold one row.
__device__ __forceinline__ float sumOfRow(float x) {
  x += shuffleXor(x, 1);
  return x + shuffleXor(x, 2);
}
__device__ __forceinline__ float maxOfRow(float x) {
  x = fmaxf(x, shuffleXor(x, 1));
  return fmaxf(x, shuffleXor(x, 2));
}

/// Copies rows [first, first + Rows) of a head into a tile; zeros where the
/// sequence or the head ends. `head` is the head's part of row 0. Asynchronous
/// where rows are aligned to 16 bytes: the caller commits and waits.
template <class Shape, int Rows, int Threads, int HeadRow>
__device__ __forceinline__ void loadTile(typename Shape::Element *tile,
                                         const typename Shape::Element *head,
                                         int first, int time) {
  using T = typename Shape::Element;
  constexpr int kWidth = Shape::kWidth;
  constexpr int kPieces = Shape::kDepth / kWidth;
  constexpr int kStep = Threads / kPieces;
  const int thread = int(threadIdx.x);
  const int start = thread / kPieces, column = thread % kPieces * kWidth;
  if (Threads % kPieces != 0 && start == kStep)
    return; // one of the few threads too many for whole rows
  const int left = column < Shape::kHeadDim ? time - first - start : 0;
  head += (long long)(first + start) * HeadRow + column;
  tile += start * Shape::kStride + column;
#pragma unroll
  for (int i = 0; i < (Rows + kStep - 1) / kStep; ++i) {
    if (Rows % kStep != 0 && start + i * kStep >= Rows)
      break;
    const bool inRange = i * kStep < left;
    const T *from = head + i * kStep * HeadRow;
    T *to = tile + i * kStep * Shape::kStride;
    if constexpr (kWidth * sizeof(T) == 16) {
      copyAsync16(to, from, inRange);
    } else {
      Vec<T, kWidth> values = {};
      if (inRange)
        values = loadVec<Vec<T, kWidth>>(from);
      storeVec(to, values);
    }
  }
}

/// Writes a warp's fragment, times `factor`, to rows of a tile.
template <class Shape, int M, int N>
__device__ __forceinline__ void storeFragment(typename Shape::Element *tile,
                                              const Fragment<M, N> &fragment,
                                              const float (&factor)[M][2]) {
  using T = typename Shape::Element;
  const int lane = laneId();
  tile += lane / 4 * Shape::kStride + lane % 4 * 2;
#pragma unroll
  for (int m = 0; m < M; ++m)
#pragma unroll
    for (int half = 0; half < 2; ++half)
#pragma unroll
      for (int n = 0; n < N; ++n) {
        const float *at = fragment.at[m][n] + 2 * half;
        Vec<T, 2> pair = {fromFloat<T>(at[0] * factor[m][half]),
                          fromFloat<T>(at[1] * factor[m][half])};
        storeVec(tile + (16 * m + 8 * half) * Shape::kStride + 8 * n, pair);
      }
}

template <class Shape, int M, int N>
__device__ __forceinline__ void storeFragment(typename Shape::Element *tile,
                                              const Fragment<M, N> &fragment,
                                              float factor) {
  float factors[M][2];
#pragma unroll
  for (int m = 0; m < M; ++m)
    factors[m][0] = factors[m][1] = factor;
  storeFragment<Shape>(tile, fragment, factors);
}

/// Copies a tile to rows [first, first + Rows) of a head, up to its end.
template <class Shape, int Rows, int Threads, int HeadRow>
__device__ __forceinline__ void storeTile(typename Shape::Element *head,
                                          const typename Shape::Element *tile,
                                          int first, int time) {
  using T = typename Shape::Element;
  constexpr int kWidth = Shape::kWidth;
  constexpr int kPieces = Shape::kHeadDim / kWidth;
  for (int piece = int(threadIdx.x); piece < Rows * kPieces; piece += Threads) {
    const int row = piece / kPieces, column = piece % kPieces * kWidth;
    if (first + row < time)
      storeVec(head + (long long)(first + row) * HeadRow + column,
               loadVec<Vec<T, kWidth>>(tile + row * Shape::kStride + column));
  }
}

/// Far below every score, but no infinity: what a query does not see, however
/// its row's other scores are, comes out as 0 of exp2Fast.
constexpr float kMaskedScore = -3e38f;
constexpr float kLog2E = 1.44269504088896341f;

/// The factor from a product q k to the exponent of 2, kept above zero so that
/// it does not lift the mask. Where `scale` is negative, products change their
/// sign instead (`flipScores`), and a row's greatest score is still its
/// greatest product.
__device__ __forceinline__ float exponentFactor(float scale) {
  return fmaxf(fabsf(scale) * kLog2E, 1e-30f);
}
template <int M, int N>
__device__ __forceinline__ void flipScores(Fragment<M, N> &scores,
                                           float scale) {
  if (scale < 0.0f)
    scores.forEach([](float &s, int, int) { s = -s; });
}

/// What a launch says of scores: of products q k times `scale`, or with a
/// soft-cap c, of c tanh(product * scale / c).
template <class Shape> struct Scores {
  float scale, cap;

  /// From what `shape` leaves behind to the exponent of 2.
  __device__ __forceinline__ float factor() const {
    return exponentFactor(Shape::kCapped ? cap : scale);
  }
  /// From what `shape` leaves behind to the score.
  __device__ __forceinline__ float size() const {
    return Shape::kCapped ? cap : fabsf(scale);
  }
  /// Makes products grow with their scores; with a soft-cap they become t, the
  /// score less the factor c.
  template <int M, int N>
  __device__ __forceinline__ void shape(Fragment<M, N> &products) const {
    if constexpr (Shape::kCapped) {
      const float inverse = scale / cap;
      products.forEach([&](float &s, int, int) { s = tanhf(s * inverse); });
    } else {
      flipScores(products, scale);
    }
  }
  /// The derivative 1 - t^2 of a capped score by the one before; 0 of a masked
  /// one.
  static __device__ __forceinline__ float slope(float t) {
    t = fmaxf(t, -1.0f);
    return fmaf(-t, t, 1.0f);
  }
};

/// The first key that a query of the tile from `row` on sees: a window lets it
/// see that of `row` first.
template <class Shape>
__device__ __forceinline__ int firstSeenKey(int row, int window) {
  return Shape::kWindowed && row + 1 > window ? row + 1 - window : 0;
}

/// The first key that each query of a sequence sees: where its window begins,
/// or its document. It never falls from one query to the next.
template <class Shape> struct FirstKeys {
  int window, time;
  const int *starts; ///< of the sequence's documents

  /// Where the document of a query starts; 0 for queries past the end.
  __device__ __forceinline__ int startOf(int row) const {
    return row < time ? starts[row] : 0;
  }
  /// Of queries past the end, what the last one sees first.
  __device__ __forceinline__ int of(int row) const {
    const int first = firstSeenKey<Shape>(row, window);
    if constexpr (Shape::kDocuments) {
      const int start = starts[row < time ? row : time - 1];
      return start > first ? start : first;
    }
    return first;
  }
  /// Hides the keys of other documents from the queries that are a fragment's
  /// rows, from `row` on; its columns are keys from `key` on. Starts are read
  /// where they are wanted, in the few tiles where documents meet: there are no
  /// registers to keep them in.
  template <int M, int N>
  __device__ __forceinline__ void hideKeys(Fragment<M, N> &scores, int row,
                                           int key) const {
    key += laneId() % 4 * 2;
#pragma unroll
    for (int m = 0; m < M; ++m)
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        const int start = startOf(row + 16 * m + 8 * half + laneId() / 4);
#pragma unroll
        for (int n = 0; n < N; ++n)
#pragma unroll
          for (int j = 0; j < 2; ++j)
            if (key + 8 * n + j < start)
              scores.at[m][n][2 * half + j] = kMaskedScore;
      }
  }
  /// The same of a fragment whose rows are keys, and whose columns are queries.
  template <int M, int N>
  __device__ __forceinline__ void hideFromQueries(Fragment<M, N> &scores,
                                                  int key, int row) const {
    key += laneId() / 4;
#pragma unroll
    for (int n = 0; n < N; ++n)
#pragma unroll
      for (int j = 0; j < 2; ++j) {
        const int start = startOf(row + 8 * n + laneId() % 4 * 2 + j);
#pragma unroll
        for (int m = 0; m < M; ++m)
#pragma unroll
          for (int half = 0; half < 2; ++half)
            if (key + 16 * m + 8 * half < start)
              scores.at[m][n][2 * half + j] = kMaskedScore;
      }
  }
  /// The first query in [from, to) whose document starts behind `key`, and
  /// which with all queries behind it sees no key up to there; `to` if there is
  /// none, or if `from` is not before it. All lanes of a warp look for it
  /// together.
  __device__ __forceinline__ int firstBehind(int key, int from, int to) const {
    while (from < to) {
      const int step = (to - from + 31) / 32;
      const int at = from + laneId() * step;
      const int before = popcount(ballot(at < to && starts[at] <= key));
      if (before == 0)
        break;
      const int next = from + before * step;
      from = next - step + 1;
      to = next < to ? next : to;
    }
    return from < to ? from : to;
  }
};

} // namespace lns
