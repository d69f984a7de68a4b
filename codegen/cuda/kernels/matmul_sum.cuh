//===- matmul_sum.cuh - A sum of products ----------------------*- CUDA -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// op(a0) op(b0) + op(a1) op(b1) + ..., all m x n, with one epilogue: one
// product whose k is that of all terms in a row, so that their sum is never in
// memory. Each term's k is filled up with zeros to whole tiles.
//
//===----------------------------------------------------------------------===//

#pragma once

#include "matmul_cluster.cuh"

namespace lns {

/// The operands of one product.
template <class A, class B> struct SumTerm {
  const A *a;
  const B *b;
  long long k;
};

/// Terms by number, but not in an array, which would be local memory.
template <class Term, int Count> struct TermList {
  Term first;
  TermList<Term, Count - 1> rest;

  __device__ __forceinline__ Term get(int number) const {
    return number == 0 ? first : rest.get(number - 1);
  }
};
template <class Term> struct TermList<Term, 1> {
  Term first;

  __device__ __forceinline__ Term get(int) const { return first; }
};

template <class Term>
__device__ __forceinline__ TermList<Term, 1> listTerms(const Term &term) {
  return {term};
}
template <class Term, class... Rest>
__device__ __forceinline__ TermList<Term, 1 + sizeof...(Rest)>
listTerms(const Term &first, const Rest &...rest) {
  return {first, listTerms(rest...)};
}

/// Both operands' tiles, of one term after the other. `a` and `b` are copied in
/// turn, a's tile first.
template <class Config, class Terms> class TermCopies {
public:
  __device__ __forceinline__ TermCopies(const Terms &terms, long long m,
                                        long long n, long long row,
                                        long long column)
      : terms(terms), copyA(openA(terms.get(0), m, row)),
        copyB(openB(terms.get(0), n, column)), m(m), n(n), row(row),
        column(column), number(0), left(tilesOf(terms.get(0).k)) {}

  static __device__ __forceinline__ int tilesOf(long long k) {
    return int((k + Config::kK - 1) / Config::kK);
  }

  struct TilesA {
    using Layout = typename Config::CopyA::Layout;
    TermCopies &copies;
    __device__ __forceinline__ void copy(unsigned char *tile) {
      // The same for all threads.
      if (copies.left == 0)
        copies.next();
      --copies.left;
      copies.copyA.copy(tile);
    }
  };
  struct TilesB {
    using Layout = typename Config::CopyB::Layout;
    TermCopies &copies;
    __device__ __forceinline__ void copy(unsigned char *tile) {
      copies.copyB.copy(tile);
    }
  };

private:
  template <class Term>
  static __device__ __forceinline__ typename Config::CopyA
  openA(const Term &term, long long m, long long row) {
    return typename Config::CopyA(term.a, Config::kAKContiguous ? term.k : m, m,
                                  row, 0, term.k);
  }
  template <class Term>
  static __device__ __forceinline__ typename Config::CopyB
  openB(const Term &term, long long n, long long column) {
    return typename Config::CopyB(term.b, Config::kBKContiguous ? term.k : n, n,
                                  column, 0, term.k);
  }

  __device__ __forceinline__ void next() {
    const auto term = terms.get(++number);
    copyA = openA(term, m, row);
    copyB = openB(term, n, column);
    left = tilesOf(term.k);
  }

  Terms terms;
  typename Config::CopyA copyA;
  typename Config::CopyB copyB;
  long long m, n, row, column;
  int number; ///< of the current term
  int left;   ///< its tiles that are not copied yet
};

/// epilogue(sum of a op(b)), or epilogue(sums) where `sums` is not null. Whole:
/// n is a multiple of eight. Grid: x the tiles.
template <class Config, bool Whole, class Epilogue, class... Terms>
__device__ __forceinline__ void
matmulClusterSum(const float *sums, long long m, long long n,
                 const Epilogue &epilogue, const Terms &...terms) {
  static_assert(sizeof...(Terms) >= 2, "a sum has several terms");
  TilePlace<Config::kM, Config::kN> place(blockIdx.x, m, n);
  typename Config::Result result(dynamicShared());
  if (sums) {
    loadSums<Config::kThreads, Whole, Config::kN>(result, 0, sums, place.row,
                                                  place.column, m, n);
    __syncthreads();
  } else {
    const auto list = listTerms(terms...);
    using Copies =
        TermCopies<Config,
                   TermList<SumTerm<typename Config::A, typename Config::B>,
                            sizeof...(Terms)>>;
    Copies copies(list, m, n, place.row, place.column);
    typename Copies::TilesA copyA{copies};
    typename Copies::TilesB copyB{copies};
    const long long tiles = (Copies::tilesOf(terms.k) + ...);
    multiplyTiles<Config>(copyA, copyB, tiles * Config::kK);
  }
  result.template finish<Config::kThreads>(epilogue, place.row, place.column, m,
                                           n);
}

} // namespace lns
