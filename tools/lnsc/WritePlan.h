//===- WritePlan.h - A plan to where the command line says ------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOOLS_LNSC_WRITEPLAN_H
#define LNS_TOOLS_LNSC_WRITEPLAN_H

#include "codegen/plan/Plan.h"
#include "tools/lnsc/Options.h"

namespace lns::driver {

/// Writes the plan to what -o names, or to standard output for "-", once the
/// runtime has opened it, and prints its summary, to standard error where the
/// plan itself is on standard output. Prints an error otherwise, and leaves
/// what stood there. Returns the process's exit code.
int writePlan(const Plan &plan, const Request &request);

} // namespace lns::driver

#endif // LNS_TOOLS_LNSC_WRITEPLAN_H
