//===- report.cpp - A page about diagnosed runs ---------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/diagnose/report.h"

#include "tools/lns/base/svg_text.h"
#include "tools/lns/diagnose/paired_interval.h"
#include "tools/lns/diagnose/report_runs.h"
#include "tools/lns/diagnose/report_tables.h"
#include "tools/lns/diagnose/svg.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <functional>

namespace lns::tool {

using Json = nlohmann::ordered_json;

namespace {
/// What a logarithmic scale of a heat map shows at most, from the most down.
constexpr double kLogRange = 1e4;

constexpr const char *kStyle =
    "body{font:15px/1.5 sans-serif;color:#222;max-width:1060px;margin:2em "
    "auto;padding:0 1em}h1{font-size:1.5em}h2{font-size:1.15em;margin-top:2em;"
    "border-bottom:1px solid #ddd}table{border-collapse:collapse;font-size:"
    "13px}td,th{border:1px solid #ddd;padding:2px 8px;text-align:right}"
    "td:first-child,th:first-child{text-align:left}th{background:#f5f5f5}"
    "details{margin:.4em 0}summary{cursor:pointer;color:#555;font-size:13px}"
    "pre{font-size:11px;overflow:auto;max-height:24em;background:#f8f8f8}"
    "svg{max-width:100%;height:auto}p.note{color:#555;font-size:13px}";

/// A quantity of each block: one line for each group.
struct BlockQuantity {
  const char *path, *title, *yTitle;
  AxisKind axis;
  double first; ///< x of the first number
  const char *note;
};

constexpr BlockQuantity kQuantities[] = {
    {"/variance/stream", "Variance of the stream behind block l", "V_l",
     AxisKind::Log, 0,
     "Mean over tokens of the variance over channels; l = 0 is what the first "
     "block takes. Levels follow the learning rate: compare ratios, at one."},
    {"/contribution/block", "What a block adds, relative to the stream",
     "mean |sum of branches| / |x|", AxisKind::Log, 1,
     "Mean over tokens of the length of what a block's branches add over that "
     "of what the block takes."},
    {"/contribution/block_cosine", "Direction of what a block adds",
     "mean cosine", AxisKind::Linear, 1,
     "Cosine of what a block's branches add and what the block takes."},
    {"/gradients/norm_per_root_parameters",
     "Gradient norm of a block, per root of its parameters", "norm",
     AxisKind::Log, 1,
     "One fixed batch, before clipping; which batch is part of the number."},
    {"/drop", "Layer drop", "nats more", AxisKind::SymLog, 1,
     "The loss with block l as the identity, less the loss; linear below "
     "0.001 nats."},
    {"/lens/kl", "Logit lens: divergence from the end", "KL, nats",
     AxisKind::Log, 1,
     "Of softmax(head(norm(x_l))) from the same of the last stream."},
    {"/lens/top5_shared", "Logit lens: common top 5", "share", AxisKind::Linear,
     1,
     "Share of the five likeliest tokens that x_l has in common with the last "
     "stream."},
};

class Report {
public:
  Report(const std::vector<DiagnosedRun> &runs,
         const std::vector<RunGroup> &groups)
      : runs(runs), groups(groups) {}

  std::string make() {
    std::string out = fmt::format(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
        "<title>Depth of {0}</title>\n<style>{1}</style></head>\n<body>\n"
        "<h1>Depth of {0}</h1>\n",
        escapeMarkup(describeGroups()), kStyle);
    const Json &data = runs.front().json["data"];
    out += fmt::format(
        "<p class=\"note\">{} result{} on the same {} rows of {} tokens "
        "(fingerprint {}). A line is the mean over seeds, its band goes from "
        "the least to the most. docs/depth.md defines every number.</p>\n",
        runs.size(), runs.size() == 1 ? "" : "s",
        escapeMarkup(data.value("rows", Json()).dump()),
        escapeMarkup(data.value("sequence", Json()).dump()),
        escapeMarkup(data.value("fingerprint", std::string())));
    out += "<h2>Runs</h2>\n" + makeRunTable();
    out += compareGroups();
    out += drawCurves();
    for (const BlockQuantity &quantity : kQuantities)
      out += drawQuantity(quantity);
    out += drawNeighbours();
    out += drawMaps(groups, "Angular distance", "/angular/raw",
                    "arccos cos(x_l, x_l+n) / \u03c0", 0, 0.5,
                    "Last token of each row; 0.5 is a right angle. Rows: n; "
                    "columns: l.",
                    "l", "n", 1);
    out += drawMaps(groups, "Angular distance, normalized for each n",
                    "/angular/normalized", "from the least to the most", 0, 1,
                    "Clipped to the 1-99 % points of the cells of a row, and "
                    "from the least to the most of it.",
                    "l", "n", 1);
    out += drawMaps(groups, "Causal effect of a block on later ones", "/causal",
                    "mean |u_l - u'_l| / mean |u_l|", 0, NAN,
                    "How much of what block l does is gone without block s. "
                    "Rows: s; columns: l.",
                    "l", "s", 2, /*shifts=*/true);
    out += drawPairs();
    out += "<h2>Results</h2>\n";
    for (const DiagnosedRun &run : runs)
      out += foldAway(run.file,
                      "<pre>" +
                          escapeMarkup(run.json.dump(
                              1, ' ', false, Json::error_handler_t::replace)) +
                          "</pre>\n");
    return out + "</body></html>\n";
  }

private:
  std::string describeGroups() const {
    std::string out;
    for (size_t i = 0; i < groups.size() && i < 6; ++i)
      out += (i ? ", " : "") + groups[i].label;
    return groups.size() > 6 ? out + ", ..." : out;
  }

  static std::string cell(const Json &json, const std::string &path) {
    Json::json_pointer pointer(path);
    if (!json.contains(pointer))
      return "-";
    const Json &value = json.at(pointer);
    if (value.is_string())
      return value.get<std::string>();
    if (value.is_number_float())
      return formatNumber(value.get<double>());
    return value.is_number() ? value.dump() : "-";
  }

  std::string makeRunTable() const {
    std::vector<std::vector<std::string>> rows = {
        {"run", "scheme", "L", "d", "T", "step", "tokens", "seed", "lr", "wd",
         "loss", "bits/byte", "V_L/V_1", "lens near from", "model"}};
    for (const DiagnosedRun &run : runs) {
      const Json &json = run.json;
      auto count = [&](const char *path) { return numberAt(json, path); };
      double tokens =
          count("/run/step") * count("/run/batch") * count("/run/sequence");
      rows.push_back(
          {run.name, cell(json, "/model/scheme"), cell(json, "/model/layers"),
           cell(json, "/model/width"), cell(json, "/data/sequence"),
           cell(json, "/run/step"),
           std::isfinite(tokens) ? fmt::format("{:.0f}", tokens) : "-",
           cell(json, "/run/seed"), cell(json, "/run/options/--lr"),
           cell(json, "/run/options/--weight-decay"), cell(json, "/loss"),
           cell(json, "/bits_per_byte"), formatNumber(varianceRatio(run)),
           cell(json, "/lens/near_from_block"),
           cell(json, "/model/identity").substr(0, 8)});
    }
    return makeTable(rows);
  }

  static double varianceRatio(const DiagnosedRun &run) {
    std::vector<double> v = numbersAt(run.json, "/variance/stream");
    return v.size() < 2 ? NAN : v.back() / v[1];
  }

  static double meanDrop(const DiagnosedRun &run) {
    std::vector<double> drops = numbersAt(run.json, "/drop");
    double sum = 0;
    for (double drop : drops)
      sum += drop;
    return drops.empty() ? NAN : sum / static_cast<double>(drops.size());
  }

  /// Differences over the seeds that two groups share.
  std::string compareGroups() const {
    if (groups.size() < 2)
      return "";
    struct Scalar {
      const char *title;
      std::function<double(const DiagnosedRun &)> get;
    };
    const Scalar scalars[] = {
        {"loss",
         [](const DiagnosedRun &run) { return numberAt(run.json, "/loss"); }},
        {"ln(V_L/V_1)",
         [](const DiagnosedRun &run) { return std::log(varianceRatio(run)); }},
        {"mean layer drop", meanDrop}};
    std::vector<std::vector<std::string>> rows = {
        {"pair", "number", "seeds", "mean difference", "95 % interval", ""}};
    for (size_t a = 0; a < groups.size(); ++a)
      for (size_t b = a + 1; b < groups.size(); ++b)
        for (const Scalar &scalar : scalars) {
          std::vector<double> differences;
          for (const DiagnosedRun *one : groups[a].runs)
            for (const DiagnosedRun *other : groups[b].runs) {
              double difference = scalar.get(*one) - scalar.get(*other);
              if (one->seed && one->seed == other->seed &&
                  std::isfinite(difference))
                differences.push_back(difference);
            }
          if (differences.empty())
            continue;
          PairedInterval interval = findInterval(differences);
          bool one = interval.pairs < 2;
          rows.push_back(
              {groups[a].label + " - " + groups[b].label, scalar.title,
               std::to_string(interval.pairs), formatNumber(interval.mean),
               one ? "-"
                   : fmt::format("{:.5g} to {:.5g}", interval.low(),
                                 interval.high()),
               one                            ? "one seed: nothing to say"
               : interval.isDistinguishable() ? "distinguishable"
                                              : "not distinguishable"});
        }
    if (rows.size() == 1)
      return "";
    return "<h2>Differences</h2>\n<p class=\"note\">Over the seeds that both "
           "have, in pairs; the interval is Student's. A difference whose "
           "interval holds 0 is none that was found.</p>\n" +
           makeTable(rows);
  }

  std::string drawCurves() const {
    LineChart chart{
        "Training loss", "step", "nats per token", AxisKind::Linear, {}};
    for (const RunGroup &group : groups) {
      std::vector<std::vector<std::pair<double, double>>> curves;
      for (const DiagnosedRun *run : group.runs) {
        Json::json_pointer pointer("/run/curve");
        std::vector<std::pair<double, double>> points;
        if (run->json.contains(pointer) && run->json.at(pointer).is_array())
          for (const Json &point : run->json.at(pointer))
            if (point.is_array() && point.size() == 2 && point[0].is_number() &&
                point[1].is_number())
              points.emplace_back(point[0].get<double>(),
                                  point[1].get<double>());
        if (!points.empty())
          curves.push_back(std::move(points));
      }
      // A band needs the same steps in all of them.
      bool agree = !curves.empty();
      for (const auto &curve : curves)
        agree &= curve.size() == curves.front().size() &&
                 std::equal(curve.begin(), curve.end(), curves.front().begin(),
                            [](const auto &a, const auto &b) {
                              return a.first == b.first;
                            });
      size_t used = agree ? curves.size() : std::min<size_t>(curves.size(), 1);
      if (used == 0)
        continue;
      BandLine line{group.label, {}, group.colour};
      for (size_t i = 0; i < curves.front().size(); ++i) {
        BandPoint point{curves[0][i].first, 0, INFINITY, -INFINITY};
        for (size_t c = 0; c < used; ++c) {
          double value = curves[c][i].second;
          point.mean += value / static_cast<double>(used);
          point.low = std::min(point.low, value);
          point.high = std::max(point.high, value);
        }
        line.points.push_back(point);
      }
      chart.lines.push_back(std::move(line));
    }
    return chart.lines.empty() ? ""
                               : "<h2>Training loss</h2>\n" + drawLines(chart);
  }

  static std::string drawSection(const LineChart &chart,
                                 const std::string &note) {
    if (chart.lines.empty())
      return "";
    return fmt::format("<h2>{}</h2>\n<p class=\"note\">{}</p>\n{}{}",
                       escapeMarkup(chart.title), escapeMarkup(note),
                       drawLines(chart),
                       foldAway("Numbers", makeLineTable(chart.lines)));
  }

  std::string drawQuantity(const BlockQuantity &quantity) const {
    LineChart chart{quantity.title, "l", quantity.yTitle, quantity.axis, {}};
    for (const RunGroup &group : groups)
      if (BandLine line = bandOf(group, quantity.path, quantity.first);
          !line.points.empty())
        chart.lines.push_back(std::move(line));
    return drawSection(chart, quantity.note);
  }

  /// Permutation of neighbours, block i at x = i, each with its own scale
  /// where there is one.
  std::string drawNeighbours() const {
    std::string out;
    for (const char *kind : {"place_scale", "own_scale"}) {
      bool isOwn = std::string_view(kind) == "own_scale";
      LineChart chart{isOwn ? "Exchange of neighbours, each with its scale"
                            : "Exchange of neighbours, scales stay",
                      "l, exchanged with l + 1",
                      "|change of loss| / loss",
                      AxisKind::Log,
                      {}};
      for (const RunGroup &group : groups) {
        RunGroup own{group.label, {}, group.colour};
        std::vector<DiagnosedRun> copies;
        copies.reserve(group.runs.size());
        for (const DiagnosedRun *run : group.runs) {
          DiagnosedRun copy;
          copy.json["changes"] = neighboursOf(run->json, kind);
          copies.push_back(std::move(copy));
          own.runs.push_back(&copies.back());
        }
        if (BandLine line = bandOf(own, "/changes", 1); !line.points.empty())
          chart.lines.push_back(std::move(line));
      }
      out += drawSection(
          chart, isOwn ? "Gains that move are multiplied so that a block keeps "
                         "its own 1/sqrt(l)."
                       : "All tensors of two neighbours are exchanged; what "
                         "scales a norm with depth stays with the place.");
    }
    return out;
  }

  static Json neighboursOf(const Json &json, const char *kind) {
    Json changes = Json::array();
    Json::json_pointer pointer(std::string("/permutation/") + kind);
    if (!json.contains(pointer) || !json.at(pointer).is_array())
      return changes;
    for (const Json &pair : json.at(pointer)) {
      double a = numberAt(pair, "/blocks/0"), b = numberAt(pair, "/blocks/1");
      if (b == a + 1)
        changes.push_back(pair.contains("change") ? pair["change"]
                                                  : Json(nullptr));
    }
    return changes;
  }

  /// Where all pairs of blocks were exchanged: row a has those with a + 1 and
  /// on.
  std::string drawPairs() const {
    std::vector<DiagnosedRun> copies;
    copies.reserve(runs.size());
    std::vector<RunGroup> ofPairs;
    bool hasOthers = false;
    for (const RunGroup &group : groups) {
      RunGroup own{group.label, {}, group.colour};
      for (const DiagnosedRun *run : group.runs) {
        DiagnosedRun copy;
        copy.layers = run->layers;
        copy.json["pairs"] = pairsOf(*run, hasOthers);
        copies.push_back(std::move(copy));
        own.runs.push_back(&copies.back());
      }
      ofPairs.push_back(std::move(own));
    }
    return hasOthers ? drawMaps(ofPairs, "Exchange of any two blocks", "/pairs",
                                "|change of loss| / loss", 0, NAN,
                                "Scales stay with the place. Rows and columns: "
                                "the blocks.",
                                "block", "block", 2, /*shifts=*/true)
                     : "";
  }

  static Json pairsOf(const DiagnosedRun &run, bool &hasOthers) {
    std::vector<std::vector<Json>> rows;
    Json::json_pointer pointer("/permutation/place_scale");
    if (!run.json.contains(pointer) || !run.json.at(pointer).is_array())
      return rows;
    for (uint64_t a = 0; a < run.layers; ++a)
      rows.emplace_back(run.layers - 1 - a);
    for (const Json &pair : run.json.at(pointer)) {
      double a = numberAt(pair, "/blocks/0"), b = numberAt(pair, "/blocks/1");
      if (!(a >= 1 && b > a && b <= static_cast<double>(run.layers)))
        continue;
      hasOthers |= b > a + 1;
      if (pair.contains("change"))
        rows[static_cast<size_t>(a) - 1]
            [static_cast<size_t>(b) - static_cast<size_t>(a) - 1] =
                pair["change"];
    }
    return rows;
  }

  /// One map for each group, the mean of its seeds; `high` NaN: a
  /// logarithmic scale up to the most of all. With `shifts`, row i begins at
  /// column i.
  std::string drawMaps(const std::vector<RunGroup> &ofGroups,
                       const std::string &title, const std::string &path,
                       const std::string &scale, double low, double high,
                       const std::string &note, const std::string &xTitle,
                       const std::string &yTitle, int xFirst,
                       bool shifts = false) const {
    std::vector<HeatMap> maps;
    double least = INFINITY, most = -INFINITY;
    for (const RunGroup &group : ofGroups) {
      HeatMap map{group.label, xTitle, yTitle, {}, xFirst, 1};
      for (uint64_t y = 0; y < group.runs.front()->layers; ++y) {
        BandLine line = bandOf(group, fmt::format("{}/{}", path, y), 0);
        std::vector<double> row(shifts ? y : 0, NAN);
        for (const BandPoint &point : line.points) {
          row.push_back(point.mean);
          if (std::isfinite(point.mean))
            most = std::max(most, point.mean);
          if (point.mean > 0)
            least = std::min(least, point.mean);
        }
        if (line.points.empty() && !shifts)
          break;
        map.rows.push_back(std::move(row));
      }
      // The last block has none behind it.
      if (shifts && !map.rows.empty())
        map.rows.pop_back();
      bool isThere =
          std::any_of(map.rows.begin(), map.rows.end(), [](const auto &row) {
            return std::any_of(row.begin(), row.end(), [](double value) {
              return std::isfinite(value);
            });
          });
      if (isThere)
        maps.push_back(std::move(map));
    }
    if (maps.empty())
      return "";
    std::string tables;
    for (const HeatMap &map : maps)
      tables += foldAway("Numbers of " + map.title, makeMapTable(map));
    return fmt::format(
        "<h2>{}</h2>\n<p class=\"note\">{}</p>\n{}{}", escapeMarkup(title),
        escapeMarkup(note),
        std::isfinite(high)
            ? drawHeatMaps(maps, AxisKind::Linear, low, high, scale)
            : drawHeatMaps(maps, AxisKind::Log,
                           std::max(least, most / kLogRange), most,
                           scale + ", logarithmic"),
        tables);
  }

  const std::vector<DiagnosedRun> &runs;
  const std::vector<RunGroup> &groups;
};
} // namespace

Expected<std::string> makeReport(const std::vector<std::string> &files) {
  Expected<std::vector<DiagnosedRun>> runs = readRuns(files);
  if (!runs)
    return runs.status();
  Expected<std::vector<RunGroup>> groups = groupRuns(*runs);
  if (!groups)
    return groups.status();
  return Report(*runs, *groups).make();
}

} // namespace lns::tool
