//===- report_runs.cpp - Results that can stand side by side --------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/diagnose/report_runs.h"

#include "tools/lns/base/file_io.h"
#include "tools/lns/base/json_text.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>

namespace lns::tool {

using Json = nlohmann::ordered_json;

namespace {
constexpr size_t kMaxBytes = size_t{64} << 20;
/// Blocks of a model that lnsc takes, and more.
constexpr uint64_t kMaxLayers = 4096;
} // namespace

static const Json *find(const Json &json, const std::string &path) {
  Json::json_pointer pointer(path);
  return json.contains(pointer) ? &json.at(pointer) : nullptr;
}

double numberAt(const Json &json, const std::string &path) {
  const Json *found = find(json, path);
  return found && found->is_number() ? found->get<double>() : NAN;
}

std::vector<double> numbersAt(const Json &json, const std::string &path) {
  std::vector<double> numbers;
  const Json *found = find(json, path);
  if (found && found->is_array())
    for (const Json &value : *found)
      numbers.push_back(value.is_number() ? value.get<double>() : NAN);
  return numbers;
}

static std::optional<uint64_t> integerAt(const Json &json,
                                         const std::string &path) {
  const Json *found = find(json, path);
  return found && found->is_number_unsigned()
             ? std::optional(found->get<uint64_t>())
             : std::nullopt;
}

static std::string textAt(const Json &json, const std::string &path) {
  const Json *found = find(json, path);
  return found && found->is_string() ? found->get<std::string>() : "";
}

static Expected<DiagnosedRun> readRun(const std::string &file) {
  Expected<std::string> text = readTextFile(file, kMaxBytes);
  if (!text)
    return text.status();
  // The guarded parser's order of members is the alphabet's, as good as any.
  nlohmann::json parsed = parseJson(*text);
  DiagnosedRun run;
  run.file = file;
  if (!parsed.is_object() || !parsed.contains("format") ||
      parsed["format"] != "lns-diagnosis")
    return Status::failure(file + ": no result of lns diagnose; give what "
                                  "'lns diagnose PLAN ... -o RUN.json' wrote");
  run.json = parsed;
  if (integerAt(run.json, "/version") != 1)
    return Status::failure(fmt::format(
        "{}: is of version {}, this lns reads version 1; diagnose again", file,
        parsed.contains("version") ? parsed["version"].dump() : "none"));
  std::optional<uint64_t> layers = integerAt(run.json, "/model/layers");
  run.name = textAt(run.json, "/name");
  if (!layers || *layers == 0 || *layers > kMaxLayers || run.name.empty() ||
      textAt(run.json, "/data/fingerprint").empty() ||
      !std::isfinite(numberAt(run.json, "/loss")))
    return Status::failure(file + ": lacks name, layers, loss or fingerprint, "
                                  "so it is damaged; diagnose again");
  run.layers = *layers;
  run.step = integerAt(run.json, "/run/step");
  run.seed = integerAt(run.json, "/run/seed");
  return run;
}

/// "fingerprint 12ab, 32 rows of 256, vocabulary 256".
static std::string describeData(const Json &json) {
  auto number = [&](const char *path) {
    std::optional<uint64_t> value = integerAt(json, path);
    return value ? std::to_string(*value) : std::string("?");
  };
  return fmt::format("{} rows of {} tokens, vocabulary {}, fingerprint {}",
                     number("/data/rows"), number("/data/sequence"),
                     number("/data/vocabulary"),
                     textAt(json, "/data/fingerprint"));
}

Expected<std::vector<DiagnosedRun>>
readRuns(const std::vector<std::string> &files) {
  std::vector<DiagnosedRun> runs;
  for (const std::string &file : files) {
    Expected<DiagnosedRun> run = readRun(file);
    if (!run)
      return run.status();
    if (!runs.empty() &&
        describeData(runs.front().json) != describeData(run->json))
      return Status::failure(fmt::format(
          "{} looked at {}, but {} at {}; diagnose both with the same --data, "
          "--rows, --seed and --seq",
          runs.front().file, describeData(runs.front().json), file,
          describeData(run->json)));
    runs.push_back(std::move(*run));
  }
  return runs;
}

Expected<std::vector<RunGroup>>
groupRuns(const std::vector<DiagnosedRun> &runs) {
  std::vector<RunGroup> groups;
  for (const DiagnosedRun &run : runs) {
    bool hasOtherSteps =
        std::any_of(runs.begin(), runs.end(), [&](const DiagnosedRun &other) {
          return other.name == run.name && other.step != run.step;
        });
    std::string label = run.name;
    if (hasOtherSteps)
      label += run.step ? fmt::format(" @{}", *run.step) : " @?";
    auto it =
        std::find_if(groups.begin(), groups.end(), [&](const RunGroup &group) {
          return group.label == label;
        });
    if (it == groups.end()) {
      groups.push_back({label, {&run}, groups.size()});
      continue;
    }
    for (const DiagnosedRun *other : it->runs) {
      if (other->layers != run.layers)
        return Status::failure(fmt::format(
            "{} has {} blocks and {} has {}, but both are called '{}'; give "
            "them names (--name)",
            other->file, other->layers, run.file, run.layers, label));
      if (other->seed == run.seed)
        return Status::failure(fmt::format(
            "{} and {} are both called '{}' and have {}; give one file for a "
            "seed, or names (--name)",
            other->file, run.file, label,
            run.seed ? fmt::format("seed {}", *run.seed)
                     : std::string("no seed")));
    }
    it->runs.push_back(&run);
  }
  return groups;
}

BandLine bandOf(const RunGroup &group, const std::string &path, double first) {
  BandLine line{group.label, {}, group.colour};
  for (const DiagnosedRun *run : group.runs) {
    std::vector<double> numbers = numbersAt(run->json, path);
    while (line.points.size() < numbers.size())
      line.points.push_back({first + static_cast<double>(line.points.size()), 0,
                             INFINITY, -INFINITY});
  }
  auto count = static_cast<double>(group.runs.size());
  for (const DiagnosedRun *run : group.runs) {
    std::vector<double> numbers = numbersAt(run->json, path);
    numbers.resize(line.points.size(), NAN);
    for (size_t i = 0; i < numbers.size(); ++i) {
      BandPoint &point = line.points[i];
      // A number that one seed lacks is none.
      point.mean += numbers[i] / count;
      point.low = std::fmin(point.low, numbers[i]);
      point.high = std::fmax(point.high, numbers[i]);
    }
  }
  return line;
}

} // namespace lns::tool
