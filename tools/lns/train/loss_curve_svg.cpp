//===- loss_curve_svg.cpp - The loss curve as a picture -------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/train/loss_curve_svg.h"

#include "tools/lns/base/svg_text.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>

namespace lns::tool {

namespace {
constexpr double width = 860, height = 480;
constexpr double left = 70, right = 30, top = 50, bottom = 60;
/// More points than pixels only make the file large.
constexpr size_t maxPoints = 1200;

struct Point {
  double x, y;
};

struct Axis {
  double low, high; ///< in data units
  double from, to;  ///< in pixels
  double place(double value) const {
    return from + (value - low) / (high - low) * (to - from);
  }
};
} // namespace

/// Bias-corrected exponential average over about a fiftieth of the run.
static std::vector<Point> smooth(const std::vector<Point> &points) {
  double keep =
      1 - 1 / std::clamp(static_cast<double>(points.size()) / 50, 1.0, 200.0);
  double sum = 0, weight = 0;
  std::vector<Point> out;
  for (const Point &p : points) {
    sum = keep * sum + (1 - keep) * p.y;
    weight = keep * weight + (1 - keep);
    out.push_back({p.x, sum / weight});
  }
  return out;
}

static std::string polyline(const std::vector<Point> &points, const Axis &x,
                            const Axis &y, const std::string &style) {
  if (points.size() < 2)
    return "";
  size_t stride = (points.size() + maxPoints - 1) / maxPoints;
  std::string out = "<polyline fill=\"none\" " + style + " points=\"";
  for (size_t i = 0; i < points.size(); i += stride)
    out += fmt::format("{:.1f},{:.1f} ", x.place(points[i].x),
                       y.place(points[i].y));
  return out + fmt::format("{:.1f},{:.1f}\"/>\n", x.place(points.back().x),
                           y.place(points.back().y));
}

static std::string drawAxes(const Axis &x, const Axis &y) {
  std::string out;
  double step = tickStep(y.high - y.low, 6);
  for (double v = std::ceil(y.low / step) * step; v <= y.high + step / 1e6;
       v += step)
    out += fmt::format(
        "<line x1=\"{0}\" y1=\"{1:.1f}\" x2=\"{2}\" y2=\"{1:.1f}\" "
        "stroke=\"#e4e4e4\"/>\n<text x=\"{3}\" y=\"{4:.1f}\" "
        "text-anchor=\"end\">{5:.6g}</text>\n",
        x.from, y.place(v), x.to, x.from - 8, y.place(v) + 4, v + 0.0);
  step = std::max(1.0, tickStep(x.high - x.low, 8));
  for (double v = std::ceil(x.low / step) * step; v <= x.high + step / 1e6;
       v += step)
    out +=
        fmt::format("<line x1=\"{0:.1f}\" y1=\"{1}\" x2=\"{0:.1f}\" y2=\"{2}\" "
                    "stroke=\"#333\"/>\n<text x=\"{0:.1f}\" y=\"{3}\" "
                    "text-anchor=\"middle\">{4:.10g}</text>\n",
                    x.place(v), y.from, y.from + 5, y.from + 20, v);
  out += fmt::format("<path d=\"M{0} {1}V{2}H{3}\" fill=\"none\" "
                     "stroke=\"#333\"/>\n",
                     x.from, y.to, y.from, x.to);
  out += fmt::format("<text x=\"{}\" y=\"{}\" text-anchor=\"middle\">step"
                     "</text>\n",
                     (x.from + x.to) / 2, y.from + 42);
  out += fmt::format("<text transform=\"translate(20 {}) rotate(-90)\" "
                     "text-anchor=\"middle\">loss (nats per token)</text>\n",
                     (y.from + y.to) / 2);
  return out;
}

std::string drawLossCurve(const MetricsHistory &history,
                          const std::string &title) {
  std::vector<Point> train, val;
  for (const StepMetrics &m : history.steps)
    if (std::isfinite(m.loss))
      train.push_back({static_cast<double>(m.step), m.loss});
  for (const EvalMetrics &m : history.evals)
    if (std::isfinite(m.loss))
      val.push_back({static_cast<double>(m.step), m.loss});

  double low = INFINITY, high = -INFINITY, last = 1;
  for (const std::vector<Point> *points : {&train, &val})
    for (const Point &p : *points) {
      low = std::min(low, p.y);
      high = std::max(high, p.y);
      last = std::max(last, p.x);
    }
  if (!(low <= high))
    low = 0, high = 1;
  double margin = std::max((high - low) * 0.05, 1e-3);
  Axis x{0, last, left, width - right};
  Axis y{low - margin, high + margin, height - bottom, top};

  std::string out = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0} {1}\" "
      "width=\"{0}\" height=\"{1}\" font-family=\"sans-serif\" "
      "font-size=\"12\" fill=\"#333\">\n"
      "<rect width=\"{0}\" height=\"{1}\" fill=\"#fff\"/>\n"
      "<text x=\"{2}\" y=\"28\" font-size=\"15\">{3}</text>\n",
      width, height, left, escapeMarkup(title));
  out += drawAxes(x, y);
  out += polyline(train, x, y, "stroke=\"#1f77b4\" stroke-opacity=\"0.25\"");
  out += polyline(smooth(train), x, y, "stroke=\"#1f77b4\" stroke-width=\"2\"");
  out += polyline(val, x, y, "stroke=\"#d62728\" stroke-dasharray=\"4 3\"");
  for (const Point &p : val)
    out += fmt::format("<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"3.5\" "
                       "fill=\"#d62728\"/>\n",
                       x.place(p.x), y.place(p.y));
  double legend = width - right - 200;
  out +=
      fmt::format("<line x1=\"{0}\" y1=\"24\" x2=\"{1}\" y2=\"24\" "
                  "stroke=\"#1f77b4\" stroke-width=\"2\"/>\n"
                  "<text x=\"{2}\" y=\"28\">train</text>\n"
                  "<circle cx=\"{3}\" cy=\"24\" r=\"3.5\" fill=\"#d62728\"/>\n"
                  "<text x=\"{4}\" y=\"28\">held out{5}</text>\n",
                  legend, legend + 24, legend + 30, legend + 84, legend + 94,
                  val.empty() ? "" : fmt::format(" {:.3f}", val.back().y));
  return out + "</svg>\n";
}

} // namespace lns::tool
