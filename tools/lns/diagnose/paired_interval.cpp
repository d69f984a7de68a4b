//===- paired_interval.cpp - Whether two settings differ ------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/diagnose/paired_interval.h"

#include <cmath>
#include <iterator>

namespace lns::tool {

double studentQuantile(uint64_t degrees) {
  static constexpr double kTable[] = {
      12.706205, 4.302653, 3.182446, 2.776445, 2.570582, 2.446912, 2.364624,
      2.306004,  2.262157, 2.228139, 2.200985, 2.178813, 2.160369, 2.144787,
      2.131450,  2.119905, 2.109816, 2.100922, 2.093024, 2.085963};
  if (degrees == 0)
    return INFINITY;
  if (degrees <= std::size(kTable))
    return kTable[degrees - 1];
  // Cornish and Fisher's expansion about the normal quantile.
  constexpr double z = 1.959963985;
  auto n = static_cast<double>(degrees);
  double z3 = z * z * z, z5 = z3 * z * z, z7 = z5 * z * z;
  return z + (z3 + z) / (4 * n) + (5 * z5 + 16 * z3 + 3 * z) / (96 * n * n) +
         (3 * z7 + 19 * z5 + 17 * z3 - 15 * z) / (384 * n * n * n);
}

PairedInterval findInterval(const std::vector<double> &differences) {
  PairedInterval interval;
  interval.pairs = differences.size();
  auto n = static_cast<double>(differences.size());
  for (double difference : differences)
    interval.mean += difference / n;
  double squares = 0;
  for (double difference : differences)
    squares += (difference - interval.mean) * (difference - interval.mean);
  interval.halfWidth = differences.size() < 2
                           ? INFINITY
                           : studentQuantile(differences.size() - 1) *
                                 std::sqrt(squares / (n - 1) / n);
  return interval;
}

} // namespace lns::tool
