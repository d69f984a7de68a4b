//===- ArgumentsTarget.cpp - Command lines of lns -------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// Arguments are separated by newlines. The commands themselves are not run:
// they would write where the bytes say.
//
//===----------------------------------------------------------------------===//

#include "TinyStore.h"

#include "tools/lns/base/arg_parser.h"
#include "tools/lns/train/lr_schedule.h"

#include <cmath>

using namespace lns;

static std::vector<std::string> seeds() {
  return {"m.plan\n--data\nd\n--steps\n20\n--lr=1e-3\n--warmup\n5%\n--fast",
          "--text\na\nb\nc\nm.plan\n--schedule\ncosine\n--data=x", "--help",
          "m.plan\n--data\nd\n--stepz\n7",
          "--\nm.plan\n--lr\nnan\n--steps=18446744073709551616"};
}

static void run(std::string_view bytes) {
  std::vector<std::string> arguments;
  for (size_t at = 0; at <= bytes.size();) {
    size_t end = std::min(bytes.find('\n', at), bytes.size());
    arguments.emplace_back(bytes.substr(at, end - at));
    at = end + 1;
  }
  std::string plan, data, warmup = "100", schedule = "cosine";
  std::vector<std::string> texts;
  uint64_t steps = 1000, bounded = 5;
  double lr = 1e-3;
  bool fast = false;
  tool::ArgParser parser("lns fuzz", "Takes every kind of option.");
  parser.positional("PLAN", &plan, "a plan");
  parser.option("--data", "DIR", &data, "data");
  parser.required();
  parser.list("--text", "FILE", &texts, "texts");
  parser.option("--steps", "N", &steps, "steps");
  parser.option("--bytes", "N", &bounded, "bytes", 1 << 20);
  parser.option("--lr", "RATE", &lr, "rate", 0.0, 1e3);
  parser.option("--warmup", "N|P%", &warmup, "steps or share");
  parser.choice("--schedule", &schedule, tool::scheduleNames(), "rate");
  parser.flag("--fast", &fast, "flag");
  tool::Status parsed = parser.parse(arguments);
  if (!parsed.ok())
    return fuzz::requireError(parsed);
  fuzz::require(!parser.help().empty());
  fuzz::require(lr >= 0.0 && lr <= 1e3 && bounded <= 1 << 20 &&
                steps <= uint64_t(INT64_MAX));
  tool::LrSchedule rates;
  rates.kind = tool::parseSchedule(schedule);
  rates.peak = lr;
  rates.totalSteps = steps;
  auto warmupSteps = tool::parseWarmup(warmup, steps);
  if (!warmupSteps)
    return fuzz::requireError(warmupSteps.status());
  rates.warmupSteps = *warmupSteps;
  for (uint64_t step : {uint64_t(0), steps / 2, steps})
    fuzz::require(std::isfinite(rates.rate(step, 0.0)));
}

static const fuzz::RegisterTarget registered({"arguments", seeds, run});
