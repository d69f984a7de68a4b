//===- svg.h - Lines with bands, and heat maps ------------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// Pictures as text that stands in a page. The same numbers give the same bytes.
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOOLS_LNS_DIAGNOSE_SVG_H
#define LNS_TOOLS_LNS_DIAGNOSE_SVG_H

#include <string>
#include <utility>
#include <vector>

namespace lns::tool {

/// Mean, least and most over seeds; NaN where there is none.
struct BandPoint {
  double x = 0, mean = 0, low = 0, high = 0;
};

struct BandLine {
  std::string label;
  std::vector<BandPoint> points;
  size_t colour = 0; ///< and dashes; one setting has the same everywhere
};

enum class AxisKind {
  Linear,
  Log,   ///< numbers that are not positive are left out
  SymLog ///< linear below a thousandth, logarithmic beyond, of either sign
};

struct LineChart {
  std::string title, xTitle, yTitle;
  AxisKind y = AxisKind::Linear;
  std::vector<BandLine> lines;
};
std::string drawLines(const LineChart &chart);

/// Cells (x, y) with x and y from 0; NaN is an empty one.
struct HeatMap {
  std::string title, xTitle, yTitle;
  std::vector<std::vector<double>> rows; ///< by y, the first row on top
  int xFirst = 1, yFirst = 1;            ///< what the first ones are called
};
/// Several beside one another with one scale, from `low` to `high`, which may
/// be logarithmic; what is beyond has the colour of the end.
std::string drawHeatMaps(const std::vector<HeatMap> &maps, AxisKind scale,
                         double low, double high,
                         const std::string &scaleTitle);

} // namespace lns::tool

#endif // LNS_TOOLS_LNS_DIAGNOSE_SVG_H
