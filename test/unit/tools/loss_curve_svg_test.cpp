//===- loss_curve_svg_test.cpp - The loss curve ---------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/train/loss_curve_svg.h"

#include <cmath>
#include <gtest/gtest.h>

using namespace lns::tool;

static size_t count(const std::string &text, const std::string &part) {
  size_t n = 0;
  for (size_t at = text.find(part); at != std::string::npos;
       at = text.find(part, at + 1))
    ++n;
  return n;
}

TEST(LossCurve, HasTwoTrainingLinesAndADotPerEvaluation) {
  MetricsHistory history;
  for (uint64_t step = 1; step <= 5000; ++step)
    history.steps.push_back({step, 5.5 / std::sqrt(double(step)), 1, 1, 1, 1});
  history.evals = {{1000, 0.3}, {5000, 0.2}};
  std::string svg = drawLossCurve(history, "a < b & c");
  EXPECT_EQ(count(svg, "<polyline"), 3u);
  EXPECT_EQ(count(svg, "<circle"), 2u + 1u); // One is the legend's.
  EXPECT_NE(svg.find("a &lt; b &amp; c"), std::string::npos);
  EXPECT_EQ(svg.find("nan"), std::string::npos);
  EXPECT_EQ(svg.find("inf"), std::string::npos);
  EXPECT_LT(svg.size(), 100000u);
  EXPECT_TRUE(svg.ends_with("</svg>\n"));
}

TEST(LossCurve, SurvivesShortAndOddHistories) {
  MetricsHistory history;
  EXPECT_EQ(count(drawLossCurve(history, ""), "<polyline"), 0u);
  history.steps.push_back({1, 2.0, 1, 1, 1, 1});
  EXPECT_EQ(drawLossCurve(history, "").find("nan"), std::string::npos);
  history.steps.push_back({2, NAN, 1, 1, 1, 1});
  history.steps.push_back({3, 2.0, 1, 1, 1, 1});
  std::string svg = drawLossCurve(history, "");
  EXPECT_EQ(svg.find("nan"), std::string::npos);
  EXPECT_EQ(count(svg, "<polyline"), 2u);
}
