//===- Random.h - Draws that a seed repeats ---------------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TEST_FUZZ_RANDOM_H
#define LNS_TEST_FUZZ_RANDOM_H

#include "llvm/ADT/ArrayRef.h"
#include <cstdint>
#include <initializer_list>

namespace lns::fuzz {

/// Splitmix64 (Steele, Lea and Flood, OOPSLA 2014): the same draws on every
/// machine, which the standard library's distributions do not promise.
class Random {
public:
  explicit Random(uint64_t seed) : state(seed) {}

  uint64_t next() {
    uint64_t x = state += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
  }
  /// Uniform in [0, count), count > 0 (but for a bias of count / 2^64).
  int64_t below(int64_t count) {
    return static_cast<int64_t>(next() % static_cast<uint64_t>(count));
  }
  bool percent(int64_t chance) { return below(100) < chance; }
  template <typename T> const T &pick(llvm::ArrayRef<T> from) {
    return from[below(static_cast<int64_t>(from.size()))];
  }
  template <typename T> T pick(std::initializer_list<T> from) {
    return from.begin()[below(static_cast<int64_t>(from.size()))];
  }

private:
  uint64_t state;
};

} // namespace lns::fuzz

#endif // LNS_TEST_FUZZ_RANDOM_H
