//===- ModelIdentity.h - What a model computes, as text ---------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// Parameters fit every model that has tensors of these names and shapes, and
// mean something in one of them. The identity says which one that is:
// everything about the function from parameters and tokens to logits that their
// shapes do not show. Plans and checkpoints carry it.
//
//===----------------------------------------------------------------------===//

#ifndef LNS_CODEGEN_PLAN_MODELIDENTITY_H
#define LNS_CODEGEN_PLAN_MODELIDENTITY_H

#include "dialect/LnsOps.h"

#include <string>

namespace lns {

/// The identity of a verified model, as docs/plan-format.md describes it: a
/// line with the version of the form, facts for people (`norm: lns`, one a
/// line), the line `graph:` and the ops that the logits depend on.
///
/// Two models have one identity exactly when the text of their ops agrees after
/// values are numbered from the logits back. So it does not depend on names of
/// values, on the order of ops that do not need each other, on ops that nothing
/// reads, on whether the same op is written once or twice, on where a run of
/// equal blocks is cut into `lns.layers`; nor on what a model is called, on how
/// its parameters start and decay, on batch, sequence, or the types it is
/// compiled for. Linear in the number of ops; does not recurse into values.
std::string getModelIdentity(ModelOp model);

} // namespace lns

#endif // LNS_CODEGEN_PLAN_MODELIDENTITY_H
