//===- paired_interval.h - Whether two settings differ ----------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOOLS_LNS_DIAGNOSE_PAIRED_INTERVAL_H
#define LNS_TOOLS_LNS_DIAGNOSE_PAIRED_INTERVAL_H

#include <cstdint>
#include <vector>

namespace lns::tool {

/// Student's t that 97.5 % lie below, with so many degrees of freedom.
double studentQuantile(uint64_t degrees);

/// The 95 % interval of the mean of paired differences.
struct PairedInterval {
  uint64_t pairs = 0;
  double mean = 0;
  double halfWidth = 0; ///< infinite for fewer than two pairs

  double low() const { return mean - halfWidth; }
  double high() const { return mean + halfWidth; }
  /// Zero lies outside.
  bool isDistinguishable() const { return low() > 0 || high() < 0; }
};

/// `differences` has one at least.
PairedInterval findInterval(const std::vector<double> &differences);

} // namespace lns::tool

#endif // LNS_TOOLS_LNS_DIAGNOSE_PAIRED_INTERVAL_H
