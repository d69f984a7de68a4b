//===- WritePlan.cpp - A plan that the runtime opens ------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "driver/Compiler.h"
#include "runtime/lnsrt.h"

using namespace lns;

bool lns::writePlan(const Plan &plan, std::vector<char> &bytes,
                    std::string &error) {
  if (!serializePlan(plan, bytes, error))
    return false;
  // Whoever finds that it is refused is not to find it at the start of a run.
  lnsrt_plan *opened = nullptr;
  lnsrt_error *refusal =
      lnsrt_plan_open_memory(bytes.data(), bytes.size(), &opened);
  lnsrt_plan_release(opened);
  if (!refusal)
    return true;
  error = std::string("internal error: the runtime refuses the plan: ") +
          lnsrt_error_message(refusal) +
          "; nothing was written, please report it with the model";
  lnsrt_error_free(refusal);
  return false;
}
