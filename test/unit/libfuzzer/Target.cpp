//===- Target.cpp - The targets of this program ---------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "Target.h"

using namespace lns::fuzz;

/// A function, because targets register before main.
static std::vector<Target> &registry() {
  static std::vector<Target> targets;
  return targets;
}

RegisterTarget::RegisterTarget(Target target) { registry().push_back(target); }

const std::vector<Target> &lns::fuzz::allTargets() { return registry(); }
