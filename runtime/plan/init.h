//===- init.h - Initial parameters -------------------------------- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_RUNTIME_PLAN_INIT_H
#define LNS_RUNTIME_PLAN_INIT_H

#include "runtime/base/thread_pool.h"
#include "runtime/plan/plan_generated.h"
#include "runtime/plan/stored_tensor.h"

namespace lns {

/// Fills the elements of parameter number `index` from its initializer, and
/// what else is stored with zeros. Element e of a normal initializer is value e
/// % 4 of Philox block e / 4 of stream `index`: the same for every thread
/// count, and however the parameter is padded. A truncated one draws again what
/// lies beyond 3 standard deviations.
void initializeParameter(const plan::Parameter &parameter, uint32_t index,
                         uint64_t seed, const StoredTensor &tensor,
                         ThreadPool &pool);

} // namespace lns

#endif // LNS_RUNTIME_PLAN_INIT_H
