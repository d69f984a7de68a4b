//===- UpdateCosts.h - Costs of an update whose weight is known -*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// An lns.adamw names its compute weight, and an op finds what it names by going
// through all symbols. Who asks all updates of a module looks symbols up in a
// table of its own, and asks here.
//
//===----------------------------------------------------------------------===//

#ifndef LNS_DIALECT_UPDATECOSTS_H
#define LNS_DIALECT_UPDATECOSTS_H

#include "dialect/LnsOps.h"

namespace lns {

struct UpdateCosts {
  int64_t flops = 0;
  int64_t bytes = 0; ///< read and written
};

/// What `CostOpInterface` says of the update; `weight` is what its `compute`
/// names, null where it has none.
UpdateCosts getUpdateCosts(AdamWOp update, ComputeWeightOp weight);

} // namespace lns

#endif // LNS_DIALECT_UPDATECOSTS_H
