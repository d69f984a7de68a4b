//===- lens.cpp - What the head reads in the stream -----------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/diagnose/lens.h"

#include "tools/lns/diagnose/stream_stats.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace lns::tool {

using Json = nlohmann::ordered_json;

namespace {
constexpr size_t kTop = 5;
/// The published border of "says what the last block says", in nats.
constexpr double kNear = 0.1;
} // namespace

/// Logits to log p.
static void normalize(std::vector<double> &logits) {
  double most = *std::max_element(logits.begin(), logits.end()), sum = 0;
  for (double x : logits)
    sum += std::exp(x - most);
  double shift = most + std::log(sum);
  for (double &x : logits)
    x -= shift;
}

/// The best tokens; of equals the first.
static std::vector<size_t> findTop(const std::vector<double> &values) {
  std::vector<size_t> order(values.size());
  std::iota(order.begin(), order.end(), size_t{0});
  size_t count = std::min(kTop, order.size());
  std::partial_sort(order.begin(), order.begin() + ptrdiff_t(count),
                    order.end(), [&](size_t a, size_t b) {
                      return values[a] > values[b] ||
                             (values[a] == values[b] && a < b);
                    });
  order.resize(count);
  std::sort(order.begin(), order.end());
  return order;
}

LensMeasure::LensMeasure(const TraceLayout &layout, const HeadModel &head,
                         uint64_t stride)
    : layout(layout), head(head), stride(stride),
      divergence(layout.blocks() + 1), shared(layout.blocks() + 1) {}

void LensMeasure::add(const Trace &trace, uint64_t tokens) {
  std::vector<double> last(head.vocabulary()), here(head.vocabulary());
  std::vector<size_t> common;
  for (uint64_t t = 0; t < tokens; ++t) {
    if (seen++ % stride != 0)
      continue;
    ++used;
    auto compute = [&](uint64_t l, std::vector<double> &to) {
      head.compute(trace.stream(l) + t * layout.width, to);
      normalize(to);
    };
    compute(layout.blocks(), last);
    std::vector<size_t> lastTop = findTop(last);
    for (uint64_t l = 0; l <= layout.blocks(); ++l) {
      compute(l, here);
      double sum = 0;
      for (size_t v = 0; v < here.size(); ++v)
        if (double p = std::exp(here[v]); p > 0)
          sum += p * (here[v] - last[v]);
      divergence[l] += sum;
      common.clear();
      std::vector<size_t> top = findTop(here);
      std::set_intersection(top.begin(), top.end(), lastTop.begin(),
                            lastTop.end(), std::back_inserter(common));
      shared[l] +=
          static_cast<double>(common.size()) / static_cast<double>(top.size());
    }
  }
}

Json LensMeasure::json() const {
  Json divergences = Json::array(), top = Json::array();
  auto count = static_cast<double>(used);
  for (double sum : divergence)
    divergences.push_back(finiteOrNull(sum / count));
  for (double sum : shared)
    top.push_back(finiteOrNull(sum / count));
  // From which on all are near.
  uint64_t from = divergence.size();
  while (from > 0 && divergence[from - 1] / count < kNear)
    --from;
  return {{"tokens", used},
          {"kl", divergences},
          {"top5_shared", top},
          {"near_from_block", from + 1}};
}

} // namespace lns::tool
