//===- lr_schedule.cpp - Learning rate over a run -------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/train/lr_schedule.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <fmt/format.h>
#include <numbers>

namespace lns::tool {

double LrSchedule::rate(uint64_t step, double timeFraction) const {
  if (step < warmupSteps)
    return peak * static_cast<double>(step + 1) /
           static_cast<double>(warmupSteps);
  double done = timeFraction, warm = 0;
  if (totalSteps > 0) {
    double total = static_cast<double>(totalSteps);
    done = std::max(done, static_cast<double>(step) / total);
    warm = static_cast<double>(warmupSteps) / total;
  }
  double progress =
      warm < 1 ? std::clamp((done - warm) / (1 - warm), 0.0, 1.0) : 1.0;
  double floor = peak * finalFraction;
  switch (kind) {
  case Kind::Constant:
    return peak;
  case Kind::Linear:
    return peak + (floor - peak) * progress;
  case Kind::Cosine:
    return floor +
           (peak - floor) * 0.5 * (1 + std::cos(std::numbers::pi * progress));
  case Kind::Wsd:
    return peak + (floor - peak) * std::max(0.0, (progress - 0.8) / 0.2);
  }
  return peak;
}

const std::vector<std::string> &scheduleNames() {
  static const std::vector<std::string> names = {"constant", "linear", "cosine",
                                                 "wsd"};
  return names;
}

LrSchedule::Kind parseSchedule(const std::string &name) {
  const std::vector<std::string> &names = scheduleNames();
  size_t index = static_cast<size_t>(
      std::find(names.begin(), names.end(), name) - names.begin());
  return static_cast<LrSchedule::Kind>(std::min(index, names.size() - 1));
}

const std::string &scheduleName(LrSchedule::Kind kind) {
  return scheduleNames()[static_cast<size_t>(kind)];
}

std::vector<std::string> describeOddities(const LrSchedule &schedule) {
  std::vector<std::string> lines;
  uint64_t total = schedule.totalSteps, last = total > 0 ? total - 1 : 0;
  // With a limit of time alone, no step is known to be the last.
  if (total > 0 && schedule.warmupSteps >= total)
    lines.push_back(fmt::format(
        "the warm-up of {} steps is not over when the run of {} ends: the "
        "learning rate reaches {:.3g} at most",
        schedule.warmupSteps, total, schedule.rate(last, 0)));
  else if (schedule.rate(total > 0 ? last : UINT64_MAX, total > 0 ? 0 : 1) >=
           schedule.peak)
    lines.push_back(fmt::format(
        "the learning rate never falls: --schedule {} with --final-lr {} keeps "
        "it at {:.3g} to the end",
        scheduleName(schedule.kind), schedule.finalFraction, schedule.peak));
  return lines;
}

double defaultFinalFraction(LrSchedule::Kind kind) {
  return kind == LrSchedule::Kind::Cosine ? 0.1 : 0.0;
}

Expected<uint64_t> parseWarmup(const std::string &text, uint64_t totalSteps) {
  const char *end = text.data() + text.size();
  bool percent = !text.empty() && text.back() == '%';
  if (!percent) {
    uint64_t steps = 0;
    auto [stop, error] = std::from_chars(text.data(), end, steps);
    if (error != std::errc() || stop != end)
      return Status::usage(fmt::format(
          "--warmup: '{}' is neither a number of steps nor a percentage",
          text));
    return steps;
  }
  double share = 0;
  auto [stop, error] = std::from_chars(text.data(), end - 1, share);
  if (error != std::errc() || stop != end - 1 || !(share >= 0 && share <= 100))
    return Status::usage(
        fmt::format("--warmup: '{}' is not between 0% and 100%", text));
  if (totalSteps == 0)
    return Status::usage(fmt::format(
        "--warmup: '{}' is a share of --steps, which is not given; give a "
        "number of steps",
        text));
  return static_cast<uint64_t>(
      std::llround(share / 100 * static_cast<double>(totalSteps)));
}

} // namespace lns::tool
