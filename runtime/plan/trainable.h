//===- trainable.h - What a plan trains --------------------------- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_RUNTIME_PLAN_TRAINABLE_H
#define LNS_RUNTIME_PLAN_TRAINABLE_H

#include "runtime/plan/plan_generated.h"

#include <cstdint>

namespace lns {

/// Bytes of the segments `gradients`, `exp_avg` and `exp_avg_sq`, each: those
/// of `parameters` that are trained.
inline uint64_t trainableBytes(const plan::Plan &table) {
  return table.trainable_bytes().value_or(table.parameter_bytes());
}

/// Bytes of the segment `cache`.
inline uint64_t cacheBytes(const plan::Plan &table) {
  return table.cache_bytes().value_or(0);
}

/// Whether the parameter has neither gradient nor moments.
inline bool isFrozen(const plan::Parameter &parameter) {
  return parameter.frozen().value_or(false);
}

inline bool hasFrozen(const plan::Plan &table) {
  for (const plan::Parameter *parameter : *table.parameters())
    if (isFrozen(*parameter))
      return true;
  return false;
}

} // namespace lns

#endif // LNS_RUNTIME_PLAN_TRAINABLE_H
