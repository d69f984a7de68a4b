//===- steps.cpp - Training steps of several plans, by turns --------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
//   lns-bench-steps [--rounds N] [--threads N] NAME=PLAN...
//
// One session for each plan, all in one process; a round is one step of each,
// on fresh random tokens, every other round backwards. Whatever slows the
// machine down for longer than a step so slows all plans down. Prints a row for
// each plan: the median and the fastest step, and the median over rounds of the
// ratio to the first plan's step of that round, with its quartiles.
//
//===----------------------------------------------------------------------===//

#include "runtime/lnsrt.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <string>
#include <vector>

namespace {

struct Contender {
  std::string name;
  lnsrt::Plan plan;
  lnsrt::Session session;
  std::vector<double> seconds;
};

int fail(const char *what, const lnsrt::Status &status) {
  std::fprintf(stderr, "lns-bench-steps: error: %s: %s: %s\n", what,
               status.place(), status.message());
  return 1;
}

double quantile(std::vector<double> values, double q) {
  std::sort(values.begin(), values.end());
  return values[size_t(q * double(values.size() - 1) + 0.5)];
}

/// Runs and times one step.
bool step(Contender &contender, std::mt19937 &random, bool counts) {
  lnsrt::PlanInfo info = contender.plan.info();
  std::uniform_int_distribution<int32_t> token(0, int32_t(info.vocabulary) - 1);
  std::vector<int32_t> tokens(size_t(info.batch) * info.sequence);
  std::vector<int32_t> targets(tokens.size());
  for (size_t i = 0; i < tokens.size(); ++i) {
    tokens[i] = token(random);
    targets[i] = token(random);
  }
  lnsrt::OptimizerOptions options;
  options.clip = 1;
  options.lr = 0; // a model without norms would not stay finite
  auto before = std::chrono::steady_clock::now();
  auto result =
      contender.session.trainStep(tokens.data(), targets.data(), options);
  std::chrono::duration<double> taken =
      std::chrono::steady_clock::now() - before;
  if (!result)
    return fail(contender.name.c_str(), result.status()) == 0;
  if (!std::isfinite(result->loss)) {
    std::fprintf(stderr, "lns-bench-steps: error: %s: loss is not finite\n",
                 contender.name.c_str());
    return false;
  }
  if (counts)
    contender.seconds.push_back(taken.count());
  return true;
}

void print(const std::vector<Contender> &contenders) {
  std::printf("| model | step, ms | fastest, ms | to %s (quartiles) |\n"
              "|---|---|---|---|\n",
              contenders.front().name.c_str());
  for (const Contender &contender : contenders) {
    std::vector<double> ratios;
    for (size_t i = 0; i < contender.seconds.size(); ++i)
      ratios.push_back(contender.seconds[i] / contenders.front().seconds[i]);
    std::printf("| %s | %.1f | %.1f | %.3f (%.3f to %.3f) |\n",
                contender.name.c_str(), 1e3 * quantile(contender.seconds, 0.5),
                1e3 * quantile(contender.seconds, 0), quantile(ratios, 0.5),
                quantile(ratios, 0.25), quantile(ratios, 0.75));
  }
}

} // namespace

int main(int argc, char **argv) {
  long rounds = 11;
  lnsrt::SessionOptions options;
  std::vector<Contender> contenders;
  for (int i = 1; i < argc; ++i) {
    std::string argument = argv[i];
    if ((argument == "--rounds" || argument == "--threads") && i + 1 < argc) {
      long number = std::strtol(argv[++i], nullptr, 10);
      if (argument == "--threads")
        options.threads = uint32_t(std::max(number, 0L));
      else
        rounds = std::max(number, 1L);
      continue;
    }
    size_t split = argument.find('=');
    if (split == std::string::npos) {
      std::fprintf(stderr,
                   "lns-bench-steps: error: '%s' is no NAME=PLAN; see the head "
                   "of bench/steps.cpp\n",
                   argument.c_str());
      return 1;
    }
    auto plan = lnsrt::Plan::open(argument.c_str() + split + 1);
    if (!plan)
      return fail("cannot open a plan", plan.status());
    auto session = lnsrt::Session::create(*plan, options);
    if (!session)
      return fail("cannot create a session", session.status());
    if (auto status = session->init(1); !status)
      return fail("cannot initialize", status);
    contenders.push_back(
        {argument.substr(0, split), std::move(*plan), std::move(*session), {}});
  }
  if (contenders.empty()) {
    std::fprintf(stderr, "lns-bench-steps: error: no plan given\n");
    return 1;
  }
  std::mt19937 random(7);
  for (long round = -1; round < rounds; ++round)
    for (size_t i = 0; i < contenders.size(); ++i) {
      bool backwards = round % 2 != 0;
      if (!step(contenders[backwards ? contenders.size() - 1 - i : i], random,
                round >= 0))
        return 1;
    }
  print(contenders);
  return 0;
}
