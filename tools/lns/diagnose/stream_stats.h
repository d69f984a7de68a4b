//===- stream_stats.h - Sizes and angles of the stream ----------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// Sums over tokens, in f64, of what one forward pass traces. docs/depth.md has
// the formulas.
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOOLS_LNS_DIAGNOSE_STREAM_STATS_H
#define LNS_TOOLS_LNS_DIAGNOSE_STREAM_STATS_H

#include "tools/lns/diagnose/tracer.h"

#include <cstdint>
#include <nlohmann/json.hpp>
#include <vector>

namespace lns::tool {

/// Of rows of one width.
class VarianceSum {
public:
  void add(const float *rows, uint64_t count, uint32_t width);
  /// Mean over rows of the variance over columns, with d - 1.
  double perToken() const { return sumOfVariances / tokens; }
  /// E[x^2] - E[x]^2 over all rows and columns.
  double pooled() const;

private:
  double tokens = 0, elements = 0, sumOfVariances = 0;
  // About the first row's mean, so that nothing large is subtracted.
  double shift = 0, sum = 0, sumOfSquares = 0;
};

/// V_l of the stream and of what branches add.
class VarianceMeasure {
public:
  explicit VarianceMeasure(const TraceLayout &layout);
  void add(const Trace &trace, uint64_t tokens);
  nlohmann::ordered_json json() const;

private:
  const TraceLayout &layout;
  std::vector<VarianceSum> streams;
  std::vector<std::vector<VarianceSum>> branches; ///< by block
};

/// |b_k| over |x + b_1 + .. + b_{k-1}|, |b_1 + .. + b_K| over |x|, and the
/// cosines of the same pairs.
class ContributionMeasure {
public:
  explicit ContributionMeasure(const TraceLayout &layout);
  void add(const Trace &trace, uint64_t tokens);
  nlohmann::ordered_json json() const;

private:
  struct Pair {
    double ratio = 0, cosine = 0;
    uint64_t ratios = 0, cosines = 0; ///< tokens without a zero to divide by
    void add(double dot, double added, double base);
  };
  const TraceLayout &layout;
  std::vector<std::vector<Pair>> pairs; ///< by block: branches, then their sum
};

/// Angles between the streams at the last token of each row.
class AngularMeasure {
public:
  explicit AngularMeasure(const TraceLayout &layout);
  void add(const Trace &trace, uint64_t rows, uint32_t sequence);
  nlohmann::ordered_json json() const;

private:
  const TraceLayout &layout;
  std::vector<std::vector<double>> sums; ///< by n - 1, then by l - 1
  uint64_t rows = 0;
};

/// The q-th part (0..1) of `values`, between neighbours on a straight line;
/// `values` is not empty.
double quantile(std::vector<double> values, double q);

/// A number, or null where it is not finite.
nlohmann::ordered_json finiteOrNull(double value);

} // namespace lns::tool

#endif // LNS_TOOLS_LNS_DIAGNOSE_STREAM_STATS_H
