//===- report_tables.cpp - Numbers that open ------------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/diagnose/report_tables.h"

#include "tools/lns/base/svg_text.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>

namespace lns::tool {

std::string formatNumber(double value) {
  return std::isfinite(value) ? fmt::format("{:.5g}", value) : "-";
}

std::string makeTable(const std::vector<std::vector<std::string>> &rows) {
  std::string out = "<table>\n";
  for (size_t i = 0; i < rows.size(); ++i) {
    out += "<tr>";
    const char *tag = i == 0 ? "th" : "td";
    for (const std::string &cell : rows[i])
      out += fmt::format("<{0}>{1}</{0}>", tag, escapeMarkup(cell));
    out += "</tr>\n";
  }
  return out + "</table>\n";
}

std::string foldAway(const std::string &summary, const std::string &content) {
  return fmt::format("<details><summary>{}</summary>\n{}</details>\n",
                     escapeMarkup(summary), content);
}

std::string makeLineTable(const std::vector<BandLine> &lines) {
  std::vector<std::vector<std::string>> rows(1, {"l"});
  size_t longest = 0;
  double first = 0;
  for (const BandLine &line : lines) {
    rows[0].push_back(line.label);
    if (line.points.size() > longest) {
      longest = line.points.size();
      first = line.points.front().x;
    }
  }
  for (size_t i = 0; i < longest; ++i) {
    std::vector<std::string> row = {
        fmt::format("{:.10g}", first + static_cast<double>(i))};
    for (const BandLine &line : lines) {
      if (i >= line.points.size()) {
        row.push_back("");
        continue;
      }
      const BandPoint &point = line.points[i];
      std::string text = formatNumber(point.mean);
      if (std::isfinite(point.mean) && point.low != point.high)
        text += fmt::format(" ({:.4g} to {:.4g})", point.low, point.high);
      row.push_back(text);
    }
    rows.push_back(std::move(row));
  }
  return makeTable(rows);
}

std::string makeMapTable(const HeatMap &map) {
  std::vector<std::vector<std::string>> rows(
      1, {map.yTitle + " \\ " + map.xTitle});
  size_t columns = 0;
  for (const std::vector<double> &row : map.rows)
    columns = std::max(columns, row.size());
  for (size_t x = 0; x < columns; ++x)
    rows[0].push_back(std::to_string(static_cast<int>(x) + map.xFirst));
  for (size_t y = 0; y < map.rows.size(); ++y) {
    std::vector<std::string> row = {
        std::to_string(static_cast<int>(y) + map.yFirst)};
    for (double value : map.rows[y])
      row.push_back(std::isfinite(value) ? fmt::format("{:.3g}", value) : "");
    rows.push_back(std::move(row));
  }
  return makeTable(rows);
}

} // namespace lns::tool
