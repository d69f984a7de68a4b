//===- embedding.cuh - Rows of tables, and what comes back -----*- CUDA -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#pragma once

#include "floats.cuh"

namespace lns {

/// A vector of a row, by number: blocks take THREADS vectors each.
template <int VECTORS, int THREADS> struct VectorPlace {
  long long row;
  int vector;

  __device__ __forceinline__ VectorPlace() {
    const long long first = blockIdx.x * static_cast<long long>(THREADS);
    const unsigned ahead = static_cast<unsigned>(first % VECTORS) + threadIdx.x;
    row = first / VECTORS + ahead / VECTORS;
    vector = static_cast<int>(ahead % VECTORS);
  }
};

/// result[i] = table[tokens[i]]; the runtime has checked the tokens.
template <class T, int WIDTH, int LANES, int THREADS>
__device__ __forceinline__ void embed(const float *table, const int *tokens,
                                      T *result, long long count) {
  const VectorPlace<WIDTH / LANES, THREADS> place;
  if (place.row >= count)
    return;
  const int column = place.vector * LANES;
  const long long token = tokens[place.row];
  storeFloats(result + place.row * WIDTH + column,
              loadFloats<LANES>(table + token * WIDTH + column));
}

/// table[t] = sum over sequences of the gradient at time t, zero beyond TIME.
template <class T, int WIDTH, int TIME, int LANES, int THREADS>
__device__ __forceinline__ void addPositionsGrad(const T *grad, float *table,
                                                 long long sequences,
                                                 long long positions) {
  const VectorPlace<WIDTH / LANES, THREADS> place;
  if (place.row >= positions)
    return;
  const int column = place.vector * LANES;
  Floats<LANES> sum = splat<LANES>(0.0f);
  if (place.row < TIME)
    for (long long i = 0; i < sequences; ++i)
      sum = sum +
            loadFloats<LANES>(grad + (i * TIME + place.row) * WIDTH + column);
  storeFloats(table + place.row * WIDTH + column, sum);
}

//===----------------------------------------------------------------------===//
// The gradient of an embedding
//===----------------------------------------------------------------------===//

/// A block has kRows rows of the table and 32 * LANES columns. It looks through
/// the tokens, a piece at a time: each warp lists, in order, where its part of
/// the piece has one of the block's rows; then every warp takes one row after
/// the other and adds what all lists have for it. So terms are added in the
/// order of the tokens, without atomics, and a row that no token names costs
/// one store.
struct EmbeddingGradShape {
  static constexpr int kRows = 64, kThreads = 256, kWarps = kThreads / 32;
  static constexpr int kPart = 1024, kPiece = kPart * kWarps;
  static constexpr int kSharedBytes = (kPiece + kWarps) * 4;
  static constexpr int kAhead = 8; // rows of the gradient in flight
};

/// One row of the table at a warp's columns.
template <class T, int WIDTH, int LANES> struct EmbeddingGradRow {
  using S = EmbeddingGradShape;
  const T *grad; // of the piece's first token, at this lane's columns
  float *table;  // the row, at this lane's columns
  bool inside;   // whether there are such columns
  bool started;  // whether `sum` has what stands in the table
  Floats<LANES> sum;

  /// Adds up to kAhead of the entries that `matches` names, and takes them off.
  __device__ __forceinline__ void add(int entry, unsigned &matches) {
    Columns<T, LANES> terms[S::kAhead];
    int taken = 0;
#pragma unroll
    for (int i = 0; i < S::kAhead; ++i)
      if (matches != 0) {
        const int place = shuffleFrom(entry, findFirst(matches)) & 0xffff;
        matches &= matches - 1;
        taken = i + 1;
        if (inside)
          terms[i] =
              loadColumns<LANES>(grad + place * static_cast<long long>(WIDTH));
      }
    if (!started && inside)
      sum = loadFloats<LANES>(table);
    started = true;
#pragma unroll
    for (int i = 0; i < S::kAhead; ++i)
      if (i < taken && inside)
        sum = sum + toFloats(terms[i]);
  }

  /// Adds what a list has for the block's row `local`.
  __device__ __forceinline__ void addListed(const int *list, int length,
                                            int local) {
    for (int first = 0; first < length; first += 32) {
      const int at = first + laneId();
      const int entry = at < length ? list[at] : -1;
      unsigned matches = ballot(entry >> 16 == local);
      while (matches != 0)
        add(entry, matches);
    }
  }
};

/// Lists the tokens among `count` that are rows of the block: 65536 times the
/// row of the block, plus the token's place in the piece. Returns how many.
__device__ __forceinline__ int listTokens(const int *tokens, long long count,
                                          int firstPlace, int firstRow,
                                          int *list) {
  using S = EmbeddingGradShape;
  int length = 0;
  for (int i = laneId(); i < S::kPart; i += 32) {
    const int place = firstPlace + i;
    const int row = place < count ? tokens[place] - firstRow : -1;
    const bool isOurs = row >= 0 && row < S::kRows;
    const unsigned matches = ballot(isOurs);
    if (isOurs)
      list[length + popcount(matches & ((1u << laneId()) - 1))] =
          row << 16 | place;
    length += popcount(matches);
  }
  return length;
}

/// Rows start as zero, or with ADDEND as what stands in the table.
template <class T, int WIDTH, int LANES, bool ADDEND>
__device__ __forceinline__ void embeddingGrad(const T *grad, const int *tokens,
                                              float *table, long long count,
                                              long long vocabulary) {
  using S = EmbeddingGradShape;
  int *lists = reinterpret_cast<int *>(dynamicShared());
  int *lengths = lists + S::kPiece;
  const int warp = threadIdx.x / 32;
  const int firstRow = blockIdx.x * S::kRows;
  const int column = (blockIdx.y * 32 + laneId()) * LANES;

  for (long long piece = 0; piece < count; piece += S::kPiece) {
    const int length =
        listTokens(tokens + piece, count - piece, warp * S::kPart, firstRow,
                   lists + warp * S::kPart);
    if (laneId() == 0)
      lengths[warp] = length;
    __syncthreads();
    for (int local = warp; local < S::kRows; local += S::kWarps) {
      if (firstRow + local >= vocabulary)
        break;
      EmbeddingGradRow<T, WIDTH, LANES> row;
      row.grad = grad + piece * WIDTH + column;
      row.table =
          table + (firstRow + local) * static_cast<long long>(WIDTH) + column;
      row.inside = column < WIDTH;
      row.started = piece == 0 && !ADDEND;
      row.sum = splat<LANES>(0.0f);
      for (int part = 0; part < S::kWarps; ++part)
        row.addListed(lists + part * S::kPart, lengths[part], local);
      if (row.started && row.inside)
        storeFloats(row.table, row.sum);
    }
    __syncthreads();
  }
}

} // namespace lns
