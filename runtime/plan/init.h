//===- init.h - Initial parameters ------------------------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_RUNTIME_PLAN_INIT_H
#define LNS_RUNTIME_PLAN_INIT_H

#include "runtime/base/philox.h"
#include "runtime/base/thread_pool.h"
#include "runtime/plan/plan_generated.h"
#include "runtime/plan/stored_tensor.h"

#include <cstdint>
#include <string_view>

namespace lns {

/// What the numbers of one parameter are drawn with. It follows from the seed
/// and the name, the first 8 bytes of whose SHA-256 are the counter of one
/// Philox block: what two models both have starts from the same numbers in
/// both, whatever else they have and in whatever order.
PhiloxKey getInitKey(uint64_t seed, std::string_view name);

/// Fills the parameter's elements from its initializer, and what else is stored
/// with zeros. Element e of a normal initializer is value e % 4 of Philox block
/// e / 4 under the parameter's key: the same for every thread count, and
/// however the parameter is padded. A truncated one draws again what lies
/// beyond 3 standard deviations.
void initializeParameter(const plan::Parameter &parameter, uint64_t seed,
                         const StoredTensor &tensor, ThreadPool &pool);

} // namespace lns

#endif // LNS_RUNTIME_PLAN_INIT_H
