//===- stream_stats.cpp - Sizes and angles of the stream ------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/diagnose/stream_stats.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace lns::tool {

using Json = nlohmann::ordered_json;

Json finiteOrNull(double value) {
  return std::isfinite(value) ? Json(value) : Json(nullptr);
}

double quantile(std::vector<double> values, double q) {
  std::sort(values.begin(), values.end());
  double place = q * static_cast<double>(values.size() - 1);
  auto low = static_cast<size_t>(std::floor(place));
  size_t high = std::min(low + 1, values.size() - 1);
  double part = place - static_cast<double>(low);
  return values[low] + part * (values[high] - values[low]);
}

void VarianceSum::add(const float *rows, uint64_t count, uint32_t width) {
  for (uint64_t i = 0; i < count; ++i, rows += width) {
    double mean = 0, squares = 0;
    for (uint32_t j = 0; j < width; ++j)
      mean += static_cast<double>(rows[j]);
    mean /= width;
    for (uint32_t j = 0; j < width; ++j) {
      double off = static_cast<double>(rows[j]) - mean;
      squares += off * off;
    }
    if (elements == 0)
      shift = mean;
    // One column has no variance.
    if (width > 1)
      sumOfVariances += squares / (width - 1);
    double off = mean - shift;
    sum += width * off;
    sumOfSquares += squares + width * off * off;
    tokens += 1;
    elements += width;
  }
}

double VarianceSum::pooled() const {
  double mean = sum / elements;
  return sumOfSquares / elements - mean * mean;
}

VarianceMeasure::VarianceMeasure(const TraceLayout &layout)
    : layout(layout), streams(layout.blocks() + 1) {
  for (uint32_t count : layout.branches)
    branches.emplace_back(count);
}

void VarianceMeasure::add(const Trace &trace, uint64_t tokens) {
  for (uint64_t l = 0; l <= layout.blocks(); ++l)
    streams[l].add(trace.stream(l), tokens, layout.width);
  for (uint64_t l = 0; l < layout.blocks(); ++l)
    for (uint64_t k = 0; k < branches[l].size(); ++k)
      branches[l][k].add(trace.branch(l, k), tokens, layout.width);
}

Json VarianceMeasure::json() const {
  Json stream = Json::array(), pooled = Json::array();
  for (const VarianceSum &sum : streams) {
    stream.push_back(finiteOrNull(sum.perToken()));
    pooled.push_back(finiteOrNull(sum.pooled()));
  }
  Json ofBranches = Json::array(), pooledBranches = Json::array();
  for (const std::vector<VarianceSum> &block : branches) {
    Json own = Json::array(), ownPooled = Json::array();
    for (const VarianceSum &sum : block) {
      own.push_back(finiteOrNull(sum.perToken()));
      ownPooled.push_back(finiteOrNull(sum.pooled()));
    }
    ofBranches.push_back(std::move(own));
    pooledBranches.push_back(std::move(ownPooled));
  }
  return {{"stream", stream},
          {"stream_pooled", pooled},
          {"branches", ofBranches},
          {"branches_pooled", pooledBranches}};
}

ContributionMeasure::ContributionMeasure(const TraceLayout &layout)
    : layout(layout) {
  // One branch is the sum of all.
  for (uint32_t count : layout.branches)
    pairs.emplace_back(count == 0 ? 0 : count + 1);
}

void ContributionMeasure::Pair::add(double dot, double added, double base) {
  if (base == 0)
    return;
  ratio += added / base;
  ++ratios;
  if (added == 0)
    return;
  cosine += dot / (added * base);
  ++cosines;
}

void ContributionMeasure::add(const Trace &trace, uint64_t tokens) {
  uint32_t width = layout.width;
  std::vector<double> base(width), sum(width);
  auto addPair = [&](Pair &pair, auto added, auto from) {
    double dot = 0, squares = 0, baseSquares = 0;
    for (uint32_t j = 0; j < width; ++j) {
      double a = static_cast<double>(added(j)), b = from(j);
      dot += a * b;
      squares += a * a;
      baseSquares += b * b;
    }
    pair.add(dot, std::sqrt(squares), std::sqrt(baseSquares));
  };
  for (uint64_t l = 0; l < layout.blocks(); ++l) {
    if (pairs[l].empty())
      continue;
    uint64_t count = layout.branches[l];
    for (uint64_t t = 0; t < tokens; ++t) {
      const float *x = trace.stream(l) + t * width;
      std::copy_n(x, width, base.begin());
      std::fill(sum.begin(), sum.end(), 0.0);
      for (uint64_t k = 0; k < count; ++k) {
        const float *branch = trace.branch(l, k) + t * width;
        addPair(
            pairs[l][k], [&](uint32_t j) { return branch[j]; },
            [&](uint32_t j) { return base[j]; });
        for (uint32_t j = 0; j < width; ++j) {
          base[j] += static_cast<double>(branch[j]);
          sum[j] += static_cast<double>(branch[j]);
        }
      }
      addPair(
          pairs[l][count], [&](uint32_t j) { return sum[j]; },
          [&](uint32_t j) { return static_cast<double>(x[j]); });
    }
  }
}

Json ContributionMeasure::json() const {
  Json ratios = Json::array(), cosines = Json::array(), all = Json::array(),
       allCosines = Json::array();
  for (const std::vector<Pair> &block : pairs) {
    Json own = Json::array(), ownCosines = Json::array();
    for (size_t k = 0; k < block.size(); ++k) {
      const Pair &pair = block[k];
      Json ratio = finiteOrNull(pair.ratio / static_cast<double>(pair.ratios));
      Json cosine =
          finiteOrNull(pair.cosine / static_cast<double>(pair.cosines));
      if (k + 1 == block.size()) {
        all.push_back(ratio);
        allCosines.push_back(cosine);
      } else {
        own.push_back(ratio);
        ownCosines.push_back(cosine);
      }
    }
    if (block.empty()) {
      all.push_back(nullptr);
      allCosines.push_back(nullptr);
    }
    ratios.push_back(std::move(own));
    cosines.push_back(std::move(ownCosines));
  }
  return {{"branches", ratios},
          {"block", all},
          {"branch_cosines", cosines},
          {"block_cosine", allCosines}};
}

AngularMeasure::AngularMeasure(const TraceLayout &layout) : layout(layout) {
  for (uint64_t n = 1; n <= layout.blocks(); ++n)
    sums.emplace_back(layout.blocks() + 1 - n, 0.0);
}

void AngularMeasure::add(const Trace &trace, uint64_t count,
                         uint32_t sequence) {
  uint32_t width = layout.width;
  std::vector<double> lengths(layout.blocks() + 1);
  auto dot = [&](const float *a, const float *b) {
    double sum = 0;
    for (uint32_t j = 0; j < width; ++j)
      sum += static_cast<double>(a[j]) * static_cast<double>(b[j]);
    return sum;
  };
  for (uint64_t row = 0; row < count; ++row) {
    uint64_t last = ((row + 1) * sequence - 1) * width;
    for (uint64_t l = 0; l <= layout.blocks(); ++l) {
      const float *x = trace.stream(l) + last;
      lengths[l] = std::sqrt(dot(x, x));
    }
    for (uint64_t n = 1; n <= layout.blocks(); ++n)
      for (uint64_t l = 0; l + n <= layout.blocks(); ++l) {
        double cosine =
            dot(trace.stream(l) + last, trace.stream(l + n) + last) /
            (lengths[l] * lengths[l + n]);
        // NaN, of a stream that is zero, stays NaN.
        sums[n - 1][l] += std::acos(cosine > 1    ? 1
                                    : cosine < -1 ? -1
                                                  : cosine) /
                          std::numbers::pi;
      }
  }
  rows += count;
}

Json AngularMeasure::json() const {
  Json raw = Json::array(), normalized = Json::array();
  for (const std::vector<double> &distance : sums) {
    std::vector<double> means;
    for (double sum : distance)
      means.push_back(sum / static_cast<double>(rows));
    Json own = Json::array(), scaled = Json::array();
    bool finite = std::all_of(means.begin(), means.end(),
                              [](double x) { return std::isfinite(x); });
    double low = finite ? quantile(means, 0.01) : NAN;
    double high = finite ? quantile(means, 0.99) : NAN;
    for (double mean : means) {
      own.push_back(finiteOrNull(mean));
      // Where all are equal, none is nearer.
      scaled.push_back(finite && high == low
                           ? Json(0.0)
                           : finiteOrNull((std::clamp(mean, low, high) - low) /
                                          (high - low)));
    }
    raw.push_back(std::move(own));
    normalized.push_back(std::move(scaled));
  }
  return {{"raw", raw}, {"normalized", normalized}};
}

} // namespace lns::tool
