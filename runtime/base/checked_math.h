//===- checked_math.h - Size arithmetic that cannot wrap ---------- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_RUNTIME_BASE_CHECKED_MATH_H
#define LNS_RUNTIME_BASE_CHECKED_MATH_H

#include <cstdint>
#include <initializer_list>
#include <optional>

namespace lns {

/// The product, or nothing when it does not fit.
inline std::optional<uint64_t>
checkedProduct(std::initializer_list<uint64_t> factors) {
  uint64_t product = 1;
  for (uint64_t factor : factors)
    if (__builtin_mul_overflow(product, factor, &product))
      return std::nullopt;
  return product;
}

inline std::optional<uint64_t> checkedSum(std::initializer_list<uint64_t> all) {
  uint64_t sum = 0;
  for (uint64_t one : all)
    if (__builtin_add_overflow(sum, one, &sum))
      return std::nullopt;
  return sum;
}

/// True when [offset, offset + size) lies inside [0, limit).
inline bool insideRange(uint64_t offset, uint64_t size, uint64_t limit) {
  return offset <= limit && size <= limit - offset;
}

/// True when two ranges share a byte.
inline bool rangesOverlap(uint64_t offsetA, uint64_t sizeA, uint64_t offsetB,
                          uint64_t sizeB) {
  return sizeA != 0 && sizeB != 0 && offsetA < offsetB + sizeB &&
         offsetB < offsetA + sizeA;
}

} // namespace lns

#endif // LNS_RUNTIME_BASE_CHECKED_MATH_H
