//===- Campaigns.h - Many cases, and what came of them ----------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TEST_FUZZ_CAMPAIGNS_H
#define LNS_TEST_FUZZ_CAMPAIGNS_H

#include "test/fuzz/Oracle.h"

namespace lns::fuzz {

struct Campaign {
  Setup setup;
  uint64_t seed = 1, count = 100, jobs = 1;
  uint64_t seconds = 0;
  uint64_t cudaPercent = 0;
  uint64_t trials = 300;
};

/// Each prints its failures as they come and a summary behind them; the result
/// is the exit code, 1 where there was a failure.
int fuzzModels(const Campaign &campaign);
int fuzzInputs(const Campaign &campaign);

/// Prints the cases of a campaign.
int printModels(const Campaign &campaign);

/// Runs one case, and shrinks it if it fails.
int runCase(const Campaign &campaign, const std::string &file);

} // namespace lns::fuzz

#endif // LNS_TEST_FUZZ_CAMPAIGNS_H
