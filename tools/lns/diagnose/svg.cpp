//===- svg.cpp - Lines with bands, and heat maps --------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/diagnose/svg.h"

#include "tools/lns/base/svg_text.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <fmt/format.h>

namespace lns::tool {

namespace {
constexpr double kWidth = 760, kHeight = 340;
constexpr double kLeft = 74, kRight = 190, kTop = 36, kBottom = 50;
constexpr double kKnee = 1e-3; ///< of the symmetric logarithm

/// Okabe and Ito's, which the colour-blind tell apart.
constexpr const char *kColours[] = {"#0072b2", "#d55e00", "#009e73", "#cc79a7",
                                    "#e69f00", "#56b4e9", "#000000"};
constexpr const char *kDashes[] = {"", "6 3", "2 3"};

struct Axis {
  AxisKind kind;
  double low, high; ///< transformed
  double from, to;  ///< pixels

  static double transform(AxisKind kind, double value) {
    switch (kind) {
    case AxisKind::Linear:
      return value;
    case AxisKind::Log:
      return value > 0 ? std::log10(value) : NAN;
    case AxisKind::SymLog:
      return std::copysign(std::log10(1 + std::abs(value) / kKnee), value);
    }
    return NAN;
  }
  double place(double value) const {
    return from + (transform(kind, value) - low) / (high - low) * (to - from);
  }
};
} // namespace

/// Values at which a line is drawn across.
static std::vector<double> findTicks(const Axis &axis) {
  std::vector<double> ticks;
  if (axis.kind == AxisKind::Linear) {
    double step = tickStep(axis.high - axis.low, 6);
    for (double i = std::ceil(axis.low / step - 1e-9);
         i * step <= axis.high + step * 1e-9; ++i)
      ticks.push_back(i * step + 0.0);
    return ticks;
  }
  auto add = [&](double value) {
    double at = Axis::transform(axis.kind, value);
    if (at >= axis.low - 1e-9 && at <= axis.high + 1e-9)
      ticks.push_back(value);
  };
  if (axis.kind == AxisKind::SymLog) {
    add(0);
    for (double sign : {-1.0, 1.0})
      for (int power = -3; power <= 12; ++power)
        add(sign * std::pow(10.0, power));
    return ticks;
  }
  // Where one decade is all there is, parts of it.
  bool isShort = axis.high - axis.low < 2;
  int first = int(std::floor(axis.low)), last = int(std::ceil(axis.high));
  int every = std::max(1, (last - first) / 8);
  for (int power = first; power <= last; power += every)
    for (double lead : {1.0, 2.0, 5.0})
      if (lead == 1 || isShort)
        add(lead * std::pow(10.0, power));
  return ticks;
}

static std::string text(double x, double y, const char *anchor,
                        const std::string &content,
                        const std::string &more = "") {
  return fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\"{}>{}"
                     "</text>\n",
                     x, y, anchor, more, escapeMarkup(content));
}

/// What has room beside a chart.
static std::string shorten(const std::string &label) {
  constexpr size_t kMost = 24;
  if (label.size() <= kMost)
    return label;
  size_t end = kMost - 1;
  while (end > 0 && (static_cast<unsigned char>(label[end]) & 0xc0) == 0x80)
    --end;
  return label.substr(0, end) + "\u2026";
}

static std::string openSvg(double width, double height,
                           const std::string &title) {
  return fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0:.0f} "
      "{1:.0f}\" width=\"{0:.0f}\" height=\"{1:.0f}\" role=\"img\" "
      "aria-label=\"{2}\" font-family=\"sans-serif\" font-size=\"12\" "
      "fill=\"#333\">\n<rect width=\"{0:.0f}\" height=\"{1:.0f}\" "
      "fill=\"#fff\"/>\n",
      width, height, escapeMarkup(title));
}

static std::string drawAxes(const LineChart &chart, const Axis &x,
                            const Axis &y) {
  std::string out;
  for (double tick : findTicks(y)) {
    double at = y.place(tick);
    out += fmt::format("<line x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" "
                       "y2=\"{:.1f}\" stroke=\"#e4e4e4\"/>\n",
                       x.from, at, x.to, at);
    out += text(x.from - 8, at + 4, "end", fmt::format("{:.4g}", tick));
  }
  double step = std::max(1.0, tickStep(x.high - x.low, 8));
  for (double i = std::ceil(x.low / step); i * step <= x.high; ++i) {
    double at = x.place(i * step);
    out += fmt::format("<line x1=\"{0:.1f}\" y1=\"{1:.1f}\" x2=\"{0:.1f}\" "
                       "y2=\"{2:.1f}\" stroke=\"#333\"/>\n",
                       at, y.from, y.from + 5);
    out += text(at, y.from + 19, "middle", fmt::format("{:.10g}", i * step));
  }
  out += fmt::format("<path d=\"M{:.1f} {:.1f}V{:.1f}H{:.1f}\" fill=\"none\" "
                     "stroke=\"#333\"/>\n",
                     x.from, y.to, y.from, x.to);
  out += text((x.from + x.to) / 2, y.from + 39, "middle", chart.xTitle);
  out += text(0, 0, "middle", chart.yTitle,
              fmt::format(" transform=\"translate(16 {:.1f}) rotate(-90)\"",
                          (y.from + y.to) / 2));
  return out + text(x.from, 22, "start", chart.title,
                    " font-size=\"14\" font-weight=\"bold\"");
}

/// Parts of a line between numbers that cannot be drawn.
static std::vector<std::vector<BandPoint>>
cutAtGaps(const std::vector<BandPoint> &points, const Axis &y) {
  std::vector<std::vector<BandPoint>> parts(1);
  for (const BandPoint &point : points)
    if (std::isfinite(Axis::transform(y.kind, point.mean)))
      parts.back().push_back(point);
    else if (!parts.back().empty())
      parts.emplace_back();
  return parts;
}

static std::string drawLine(const BandLine &line, const Axis &x, const Axis &y,
                            const std::string &colour, const char *dashes) {
  std::string out;
  for (const std::vector<BandPoint> &part : cutAtGaps(line.points, y)) {
    if (part.empty())
      continue;
    // A band that goes below what a logarithm has ends at its foot.
    auto placeEdge = [&](double value) {
      double at = y.place(value);
      return std::isfinite(at) ? at : y.from;
    };
    bool hasBand =
        std::any_of(part.begin(), part.end(), [](const BandPoint &point) {
          return point.low != point.high;
        });
    if (hasBand && part.size() > 1) {
      out += fmt::format("<polygon fill=\"{}\" fill-opacity=\"0.18\" "
                         "points=\"",
                         colour);
      for (const BandPoint &point : part)
        out += fmt::format("{:.1f},{:.1f} ", x.place(point.x),
                           placeEdge(point.high));
      for (size_t i = part.size(); i-- > 0;)
        out += fmt::format("{:.1f},{:.1f}{}", x.place(part[i].x),
                           placeEdge(part[i].low), i == 0 ? "\"/>\n" : " ");
    }
    if (part.size() > 1) {
      out += fmt::format("<polyline fill=\"none\" stroke=\"{}\" "
                         "stroke-width=\"1.8\" stroke-dasharray=\"{}\" "
                         "points=\"",
                         colour, dashes);
      for (size_t i = 0; i < part.size(); ++i)
        out += fmt::format("{:.1f},{:.1f}{}", x.place(part[i].x),
                           y.place(part[i].mean),
                           i + 1 == part.size() ? "\"/>\n" : " ");
    }
    if (part.size() <= 64)
      for (const BandPoint &point : part)
        out += fmt::format("<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"2\" "
                           "fill=\"{}\"/>\n",
                           x.place(point.x), y.place(point.mean), colour);
  }
  return out;
}

/// The transformed range of what is drawn, with a margin.
static std::pair<double, double> findRange(const LineChart &chart) {
  double low = INFINITY, high = -INFINITY;
  for (const BandLine &line : chart.lines)
    for (const BandPoint &point : line.points)
      for (double value : {point.mean, point.low, point.high}) {
        double at = Axis::transform(chart.y, value);
        if (!std::isfinite(at))
          continue;
        low = std::min(low, at);
        high = std::max(high, at);
      }
  if (!(low <= high))
    return {0, 1};
  double margin = std::max((high - low) * 0.05, 1e-3 * std::abs(high) + 1e-9);
  return {low - margin, high + margin};
}

std::string drawLines(const LineChart &chart) {
  double first = INFINITY, last = -INFINITY;
  for (const BandLine &line : chart.lines)
    for (const BandPoint &point : line.points) {
      first = std::min(first, point.x);
      last = std::max(last, point.x);
    }
  if (!(first < last))
    first = std::isfinite(first) ? first - 0.5 : 0, last = first + 1;
  auto [low, high] = findRange(chart);
  Axis x{AxisKind::Linear, first, last, kLeft, kWidth - kRight};
  Axis y{chart.y, low, high, kHeight - kBottom, kTop};
  std::string out = openSvg(kWidth, kHeight, chart.title);
  out += drawAxes(chart, x, y);
  double legend = kTop + 8;
  for (const BandLine &line : chart.lines) {
    std::string colour = kColours[line.colour % std::size(kColours)];
    const char *dashes =
        kDashes[line.colour / std::size(kColours) % std::size(kDashes)];
    out += drawLine(line, x, y, colour, dashes);
    out += fmt::format("<line x1=\"{0:.1f}\" y1=\"{1:.1f}\" x2=\"{2:.1f}\" "
                       "y2=\"{1:.1f}\" stroke=\"{3}\" stroke-width=\"2\" "
                       "stroke-dasharray=\"{4}\"/>\n",
                       x.to + 14, legend, x.to + 36, colour, dashes);
    out += text(x.to + 41, legend + 4, "start", shorten(line.label));
    legend += 17;
  }
  return out + "</svg>\n";
}

//===----------------------------------------------------------------------===//
// Heat maps
//===----------------------------------------------------------------------===//

/// Viridis at five places, straight between them.
static std::string colourOf(double part) {
  static constexpr unsigned char kPlaces[][3] = {{68, 1, 84},
                                                 {59, 82, 139},
                                                 {33, 145, 140},
                                                 {94, 201, 98},
                                                 {253, 231, 37}};
  constexpr size_t kLast = std::size(kPlaces) - 1;
  double at = std::clamp(part, 0.0, 1.0) * kLast;
  auto from = std::min(static_cast<size_t>(at), kLast - 1);
  double rest = at - static_cast<double>(from);
  std::string out = "#";
  for (size_t i = 0; i < 3; ++i)
    out += fmt::format("{:02x}", static_cast<unsigned>(
                                     std::lround(kPlaces[from][i] * (1 - rest) +
                                                 kPlaces[from + 1][i] * rest)));
  return out;
}

static std::string drawMap(const HeatMap &map, double left, double top,
                           double size, const Axis &scale) {
  std::string out = text(left, top - 10, "start", map.title,
                         " font-size=\"13\" font-weight=\"bold\"");
  size_t columns = 0;
  for (const std::vector<double> &row : map.rows)
    columns = std::max(columns, row.size());
  if (columns == 0)
    return out;
  double cell = size / static_cast<double>(std::max(columns, map.rows.size()));
  for (size_t y = 0; y < map.rows.size(); ++y)
    for (size_t x = 0; x < map.rows[y].size(); ++x) {
      double value = map.rows[y][x];
      if (!std::isfinite(value))
        continue;
      out += fmt::format(
          "<rect x=\"{:.2f}\" y=\"{:.2f}\" width=\"{:.2f}\" height=\"{:.2f}\" "
          "fill=\"{}\"/>\n",
          left + static_cast<double>(x) * cell,
          top + static_cast<double>(y) * cell, cell + 0.3, cell + 0.3,
          colourOf(std::isfinite(scale.place(value)) ? scale.place(value) : 0));
    }
  double width = cell * static_cast<double>(columns);
  double height = cell * static_cast<double>(map.rows.size());
  out += fmt::format("<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" "
                     "height=\"{:.1f}\" fill=\"none\" stroke=\"#999\"/>\n",
                     left, top, width, height);
  auto drawNumbers = [&](size_t count, int first, bool isX) {
    auto step = static_cast<size_t>(
        std::max(1.0, tickStep(static_cast<double>(count), 6)));
    for (size_t i = 0; i < count; ++i) {
      if (i != 0 && (i + static_cast<size_t>(first)) % step != 0)
        continue;
      // The first one's number would touch the next.
      if (i == 0 && step > 1 && static_cast<size_t>(first) % step != 0 &&
          step - static_cast<size_t>(first) % step < step / 2)
        continue;
      double middle = (static_cast<double>(i) + 0.5) * cell;
      std::string number = fmt::format("{}", static_cast<int>(i) + first);
      out += isX ? text(left + middle, top + height + 15, "middle", number)
                 : text(left - 6, top + middle + 4, "end", number);
    }
  };
  drawNumbers(columns, map.xFirst, true);
  drawNumbers(map.rows.size(), map.yFirst, false);
  out += text(left + width / 2, top + height + 33, "middle", map.xTitle);
  return out + text(0, 0, "middle", map.yTitle,
                    fmt::format(" transform=\"translate({:.1f} {:.1f}) "
                                "rotate(-90)\"",
                                left - 32, top + height / 2));
}

std::string drawHeatMaps(const std::vector<HeatMap> &maps, AxisKind kind,
                         double low, double high,
                         const std::string &scaleTitle) {
  constexpr double kSize = 240, kGap = 70, kInRow = 3, kMapTop = 44;
  constexpr double kScaleHeight = 64;
  if (!(low < high))
    high = low + 1;
  Axis scale{kind, Axis::transform(kind, low), Axis::transform(kind, high), 0,
             1};
  auto count = static_cast<double>(maps.size());
  double across = std::min(count, kInRow), down = std::ceil(count / kInRow);
  double width = across * (kSize + kGap) + 30;
  double rowHeight = kSize + kMapTop + 48;
  double height = down * rowHeight + kScaleHeight;
  std::string out = openSvg(width, height, scaleTitle);
  for (size_t i = 0; i < maps.size(); ++i) {
    double column = static_cast<double>(i % static_cast<size_t>(kInRow));
    double row = static_cast<double>(i / static_cast<size_t>(kInRow));
    out += drawMap(maps[i], 58 + column * (kSize + kGap),
                   kMapTop + row * rowHeight, kSize, scale);
  }
  // One scale for all of them.
  constexpr int kSteps = 60;
  double top = down * rowHeight + 8, part = kSize / kSteps;
  for (int i = 0; i < kSteps; ++i)
    out += fmt::format("<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" "
                       "height=\"12\" fill=\"{}\"/>\n",
                       58 + i * part, top, part + 0.3,
                       colourOf((i + 0.5) / kSteps));
  out += text(58, top + 27, "start", fmt::format("{:.2g}", low));
  out += text(58 + kSize, top + 27, "end", fmt::format("{:.3g}", high));
  out += text(58 + kSize / 2, top + 44, "middle", scaleTitle);
  return out + "</svg>\n";
}

} // namespace lns::tool
