//===- lr_schedule.h - Learning rate over a run -----------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOOLS_LNS_TRAIN_LR_SCHEDULE_H
#define LNS_TOOLS_LNS_TRAIN_LR_SCHEDULE_H

#include "tools/lns/base/status.h"

#include <cstdint>
#include <string>
#include <vector>

namespace lns::tool {

/// The learning rate as a function of progress. A linear warm-up, then:
///   constant  the peak
///   linear    straight to `finalFraction` of the peak
///   cosine    half a cosine to `finalFraction` of the peak
///   wsd       the peak until 80 % of the run, then straight to
///             `finalFraction` of it
struct LrSchedule {
  enum class Kind { Constant, Linear, Cosine, Wsd };
  Kind kind = Kind::Cosine;
  double peak = 1e-3;
  double finalFraction = 0.1;
  uint64_t warmupSteps = 0;
  uint64_t totalSteps = 0; ///< 0: the run is limited by time only

  /// Rate of step `step` (from 0). `timeFraction` is the part of the time
  /// limit that is used up, 0 without one: whichever of steps and time is
  /// further drives the schedule.
  double rate(uint64_t step, double timeFraction) const;
};

/// Name of every kind, for the command line.
const std::vector<std::string> &scheduleNames();
LrSchedule::Kind parseSchedule(const std::string &name);
const std::string &scheduleName(LrSchedule::Kind kind);

/// A line for each thing about a schedule that its user may not have meant: a
/// warm-up that the run does not reach the end of, or a rate that never falls.
std::vector<std::string> describeOddities(const LrSchedule &schedule);

/// 0.1 for cosine, 0 otherwise.
double defaultFinalFraction(LrSchedule::Kind kind);

/// "200" (steps) or "5%" (of `totalSteps`, which must then be known).
Expected<uint64_t> parseWarmup(const std::string &text, uint64_t totalSteps);

} // namespace lns::tool

#endif // LNS_TOOLS_LNS_TRAIN_LR_SCHEDULE_H
