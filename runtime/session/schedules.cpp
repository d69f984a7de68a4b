//===- schedules.cpp - Numbers that follow the training -------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "runtime/session/schedules.h"

#include "runtime/plan/plan_format.h"

#include <algorithm>

using namespace lns;

static constexpr size_t kStride = kBufferAlignment / sizeof(float);

void Schedules::create(const lnsrt_plan &plan) {
  table = plan.table;
  values.resize(table->schedules() ? table->schedules()->size() * kStride : 0);
}

Error Schedules::put(uint64_t stepsDone, SessionDevice &device) {
  if (values.empty() || writtenFor == stepsDone)
    return nullptr;
  bool isWritten = writtenFor.has_value(), changed = !isWritten;
  float *value = values.data();
  for (const plan::Schedule *schedule : *table->schedules()) {
    // In double: the same number on every device, exactly 1 from the end on.
    auto now = float(std::min(double(stepsDone) / schedule->steps(), 1.0));
    changed |= now != *value;
    *value = now;
    value += kStride;
  }
  writtenFor.reset();
  if (changed)
    if (Error error = device.writeIo(table->schedules_offset(), values.data(),
                                     values.size() * sizeof(float)))
      return error;
  writtenFor = stepsDone;
  return nullptr;
}
