//===- matmul_group.cuh - Products of one input, side by side --*- CUDA -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// a op(b0), a op(b1), ..., with an epilogue each: the tiles of all results in
// one grid, side by side in columns, so that blocks that run together share a's
// tiles in the L2 cache. A block has a tile of one result; it multiplies as for
// a single product, and differs from its neighbours in pointers, widths and the
// epilogue that it ends with.
//
//===----------------------------------------------------------------------===//

#pragma once

#include "matmul_cluster.cuh"

namespace lns {

/// One product: its second operand, its result's width, its epilogue.
template <class B, class Epilogue> struct GroupMember {
  const B *b;
  long long n;
  const Epilogue &epilogue;
};

template <class B, class Epilogue>
__device__ __forceinline__ GroupMember<B, Epilogue>
groupMember(const B *b, long long n, const Epilogue &epilogue) {
  return {b, n, epilogue};
}

/// The member that a tile belongs to, and where in its result the tile begins.
template <class B> struct GroupPlace {
  const B *b;
  long long n, column;
  int number;
};

template <int Columns, class B, class First, class... Rest>
__device__ __forceinline__ GroupPlace<B>
findMember(int index, int number, const First &first, const Rest &...rest) {
  if constexpr (sizeof...(Rest) > 0) {
    const int count = int((first.n + Columns - 1) / Columns);
    if (index >= count)
      return findMember<Columns, B>(index - count, number + 1, rest...);
  }
  return {first.b, first.n, index * (long long)(Columns), number};
}

/// Ends with the epilogue of member number `number`.
template <int Threads, class Result, class First, class... Rest>
__device__ __forceinline__ void
finishMember(const Result &result, int number, long long row, long long column,
             long long m, const First &first, const Rest &...rest) {
  if (number == 0)
    result.template finish<Threads>(first.epilogue, row, column, m, first.n);
  else if constexpr (sizeof...(Rest) > 0)
    finishMember<Threads>(result, number - 1, row, column, m, rest...);
}

/// epilogue(a op(b)) of each member, or epilogue(sums) where `sums` is not
/// null, for those of all tiles in a row that begin with number `first`,
/// `tiles` of them. `sums` are those of one member, which has all these tiles.
/// Whole: all widths are multiples of eight. Grid: x the tiles.
template <class Config, bool Whole, class... Members>
__device__ __forceinline__ void
matmulClusterGroup(const typename Config::A *a, const float *sums, long long m,
                   long long k, long long first, long long tiles,
                   const Members &...members) {
  TilePlace<Config::kM, Config::kN> place(blockIdx.x, m, tiles * Config::kN);
  const auto own = findMember<Config::kN, typename Config::B>(
      int(place.column / Config::kN + first), 0, members...);
  typename Config::Result result(dynamicShared());
  if (sums) {
    loadSums<Config::kThreads, Whole, Config::kN>(result, 0, sums, place.row,
                                                  own.column, m, own.n);
    __syncthreads();
  } else {
    typename Config::CopyA copyA(a, Config::kAKContiguous ? k : m, m, place.row,
                                 0, k);
    typename Config::CopyB copyB(own.b, Config::kBKContiguous ? k : own.n,
                                 own.n, own.column, 0, k);
    multiplyTiles<Config>(copyA, copyB, k);
  }
  finishMember<Config::kThreads>(result, own.number, place.row, own.column, m,
                                 members...);
}

} // namespace lns
