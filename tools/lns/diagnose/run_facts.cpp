//===- run_facts.cpp - What is known of a diagnosed run -------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/diagnose/run_facts.h"

#include "tools/lns/base/checksum.h"
#include "tools/lns/base/file_io.h"
#include "tools/lns/base/json_text.h"
#include "tools/lns/checkpoint/model_identity.h"
#include "tools/lns/checkpoint/model_weights.h"

#include <filesystem>

namespace lns::tool {

using Json = nlohmann::ordered_json;

namespace {
constexpr size_t kMaxMetricsBytes = size_t{256} << 20;
/// Points of a curve; more than pixels only make the file large.
constexpr size_t kMaxPoints = 400;
} // namespace

Json describeModel(const PlanFile &plan) {
  const lnsrt_plan_info &info = plan.info();
  std::string identity = plan.identity();
  Checksum sum;
  sum.add(identity.data(), identity.size());
  return {{"name", info.model_name},
          {"scheme", findFact(identity, "norm").value_or("unknown")},
          {"layers", info.layers},
          {"parameters", info.parameters},
          {"identity", checksumText(sum.value())}};
}

/// [[step, loss], ..] of the lines with "loss", thinned out.
static Json readCurve(const std::string &path, uint64_t lastStep) {
  Expected<std::string> text = readTextFile(path, kMaxMetricsBytes);
  if (!text)
    return Json::array();
  std::vector<std::pair<uint64_t, double>> points;
  for (size_t begin = 0; begin < text->size();) {
    size_t end = std::min(text->find('\n', begin), text->size());
    nlohmann::json line = parseJson(text->substr(begin, end - begin));
    begin = end + 1;
    if (!line.is_object() || !line.contains("step") || !line.contains("loss") ||
        !line["step"].is_number_unsigned() || !line["loss"].is_number() ||
        line["step"].get<uint64_t>() > lastStep)
      continue;
    points.emplace_back(line["step"].get<uint64_t>(),
                        line["loss"].get<double>());
  }
  Json curve = Json::array();
  // The mean of each part, at its last step.
  size_t part =
      std::max<size_t>(1, (points.size() + kMaxPoints - 1) / kMaxPoints);
  for (size_t first = 0; first < points.size(); first += part) {
    size_t end = std::min(points.size(), first + part);
    double sum = 0;
    for (size_t i = first; i < end; ++i)
      sum += points[i].second;
    curve.push_back(
        {points[end - 1].first, sum / static_cast<double>(end - first)});
  }
  return curve;
}

Expected<Json> describeRun(const std::string &path) {
  Expected<WeightFiles> files = WeightFiles::open(path);
  if (!files)
    return files.status();
  Expected<WeightsOrigin> origin =
      findOrigin(*files, isFolder(path) || path.ends_with(".json"));
  if (!origin)
    return origin.status();
  Json run = {{"checkpoint", path}, {"step", nullptr}, {"seed", nullptr}};
  const nlohmann::json &state = origin->state;
  if (!state.is_object())
    return run;
  for (const char *key : {"step", "seed", "batch", "sequence"})
    if (state.contains(key) && state[key].is_number_unsigned())
      run[key] = state[key].get<uint64_t>();
  if (state.contains("options") && state["options"].is_object()) {
    Json options = Json::object();
    for (const auto &[name, value] : state["options"].items())
      if (value.is_string())
        options[name] = value.get<std::string>();
    run["options"] = std::move(options);
  }
  std::filesystem::path folder =
      std::filesystem::path(files->path()).parent_path().parent_path();
  if (run["step"].is_number())
    run["curve"] = readCurve((folder / "metrics.jsonl").string(),
                             run["step"].get<uint64_t>());
  return run;
}

} // namespace lns::tool
