//===- schedules.h - Numbers that follow the training -----------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// What a plan's schedules are after some optimizer steps, as the bytes that
// stand in its segment `io`.
//
//===----------------------------------------------------------------------===//

#ifndef LNS_RUNTIME_SESSION_SCHEDULES_H
#define LNS_RUNTIME_SESSION_SCHEDULES_H

#include "runtime/plan/plan_file.h"
#include "runtime/plan/session_device.h"

#include <optional>
#include <vector>

namespace lns {

class Schedules {
public:
  /// The plan must outlive it. Allocates all that it will need.
  void create(const lnsrt_plan &plan);

  /// Writes them on the device as they are with so many steps done. Nothing
  /// happens where they stand there already, as after the last ramp's end.
  Error put(uint64_t stepsDone, SessionDevice &device);

private:
  const plan::Plan *table = nullptr;
  std::vector<float> values; ///< each followed by what fills 64 bytes
  std::optional<uint64_t> writtenFor;
};

} // namespace lns

#endif // LNS_RUNTIME_SESSION_SCHEDULES_H
