//===- inspect.cpp - What a checkpoint is, and whether it is whole --------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/checkpoint/inspect.h"

#include "tools/lns/base/file_io.h"
#include "tools/lns/base/json_text.h"
#include "tools/lns/base/printable.h"
#include "tools/lns/checkpoint/checkpoint.h"
#include "tools/lns/checkpoint/manifest.h"
#include "tools/lns/checkpoint/model_identity.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <limits>
#include <map>

using nlohmann::ordered_json;

namespace lns::tool {

static constexpr const char *optimizerFile = "optimizer.safetensors";
static constexpr size_t partElements = 1 << 18;

Expected<CheckpointFiles> CheckpointFiles::open(const std::string &path) {
  Expected<WeightFiles> weights = WeightFiles::open(path);
  if (!weights)
    return weights.status();
  CheckpointFiles files;
  files.weights = std::move(*weights);
  files.folder =
      std::filesystem::path(files.weights.path()).parent_path().string();
  if (files.folder.empty())
    files.folder = ".";
  files.isInFolder = isFolder(path) || path.ends_with(".json");
  Expected<WeightsOrigin> origin = findOrigin(files.weights, files.isInFolder);
  if (!origin)
    return origin.status();
  files.origin = std::move(*origin);
  return files;
}

//===----------------------------------------------------------------------===//
// Describing
//===----------------------------------------------------------------------===//

Expected<ordered_json> describeCheckpoint(const std::string &path) {
  Expected<CheckpointFiles> files = CheckpointFiles::open(path);
  if (!files)
    return files.status();
  const nlohmann::json &state = files->origin.state;
  ordered_json json;
  json["path"] = files->weights.path();
  json["kind"] = state.is_object()               ? "checkpoint"
                 : !files->origin.config.empty() ? "huggingface"
                                                 : "weights";
  if (state.is_object())
    for (const char *key : {"step", "skipped_steps", "seed", "batch",
                            "sequence", "elapsed_seconds"})
      if (auto it = state.find(key); it != state.end() && it->is_number())
        json[key] = *it;
  nlohmann::json config = parseJson(files->origin.config);
  auto text = [&](const nlohmann::json &object, const char *key) {
    auto it = object.is_object() ? object.find(key) : object.end();
    return object.is_object() && it != object.end() && it->is_string()
               ? ordered_json(it->get<std::string>())
               : ordered_json();
  };
  json["model_type"] = text(config, "model_type");
  if (files->origin.mark)
    json["folded"] = files->origin.mark->norm;
  else
    json["folded"] = nullptr;
  uint64_t elements = 0, bytes = 0;
  std::map<std::string, uint64_t> types;
  for (const auto &[name, tensor] : files->weights.tensors()) {
    elements += tensor.entry->elements;
    bytes += tensor.entry->bytes;
    ++types[tensor.entry->dtype];
  }
  json["parameters"] = elements;
  json["tensors"] = files->weights.tensors().size();
  json["bytes"] = bytes;
  json["dtypes"] = types;
  ordered_json list = ordered_json::array();
  auto addFile = [&](const std::string &file) {
    std::error_code error;
    uint64_t size = std::filesystem::file_size(file, error);
    if (!error)
      list.push_back({{"name", std::filesystem::path(file).filename().string()},
                      {"bytes", size}});
  };
  for (const std::string &file : files->weights.filePaths())
    addFile(file);
  std::string optimizer = files->folder + "/" + optimizerFile;
  bool hasOptimizer = state.is_object() && pathExists(optimizer);
  if (hasOptimizer)
    addFile(optimizer);
  json["files"] = list;
  json["optimizer"] = hasOptimizer;
  json["checksums"] =
      pathExists(files->folder + "/" + std::string(Manifest::fileName));
  ordered_json facts = ordered_json::object();
  const std::string &identity = files->origin.identity;
  for (const std::string &key : factKeys(identity))
    facts[key] = findFact(identity, key).value_or("");
  json["identity"] = facts;
  json["identity_is_whole"] = identity.find("\ngraph:\n") != std::string::npos;
  return json;
}

//===----------------------------------------------------------------------===//
// Verifying
//===----------------------------------------------------------------------===//

static bool isFloat(const std::string &dtype) {
  return dtype == "F32" || dtype == "F64" || dtype == "BF16" || dtype == "F16";
}

/// Reads all numbers of all tensors.
static Status checkFinite(const WeightFiles &files,
                          VerifiedCheckpoint &verified) {
  std::vector<float> buffer;
  for (const auto &[name, tensor] : files.tensors()) {
    ++verified.tensors;
    verified.elements += tensor.entry->elements;
    if (!isFloat(tensor.entry->dtype))
      continue;
    uint64_t first = 0;
    while (first < tensor.entry->elements) {
      buffer.resize(
          std::min<uint64_t>(partElements, tensor.entry->elements - first));
      LNS_RETURN_IF_ERROR(files.readF32(tensor, buffer, first));
      auto bad = std::find_if(buffer.begin(), buffer.end(),
                              [](float x) { return !std::isfinite(x); });
      if (bad != buffer.end())
        return Status::failure(fmt::format(
            "{}: element {} of '{}' is {}; take another checkpoint",
            files.path(), first + static_cast<uint64_t>(bad - buffer.begin()),
            printable(name), *bad));
      first += buffer.size();
    }
  }
  return Status::success();
}

/// Moments are of parameters, and have their shapes. As many parameters have
/// none as the file says are frozen, those without either.
static Status checkMoments(const WeightFiles &model,
                           const WeightFiles &optimizer) {
  std::vector<std::string> problems;
  std::string frozen = optimizer.metadata(frozenKey).value_or("0");
  uint64_t without = 0;
  for (const auto &[name, tensor] : model.tensors())
    without += !optimizer.tensors().contains("exp_avg." + name) &&
               !optimizer.tensors().contains("exp_avg_sq." + name);
  bool areFrozen = frozen == fmt::format("{}", without);
  if (!areFrozen && frozen != "0")
    problems.push_back(fmt::format("{} parameters have no moments, and {} are "
                                   "frozen",
                                   without, printable(frozen, 40)));
  for (const char *prefix : {"exp_avg.", "exp_avg_sq."})
    for (const auto &[name, tensor] : model.tensors()) {
      auto it = optimizer.tensors().find(prefix + name);
      bool hasNone = !optimizer.tensors().contains("exp_avg." + name) &&
                     !optimizer.tensors().contains("exp_avg_sq." + name);
      if (areFrozen && hasNone)
        continue;
      if (it == optimizer.tensors().end())
        problems.push_back(
            fmt::format("'{}{}' is missing", prefix, printable(name, 80)));
      else if (it->second.entry->shape != tensor.entry->shape)
        problems.push_back(fmt::format("'{}{}' has shape {}, its parameter {}",
                                       prefix, printable(name, 80),
                                       formatShape(it->second.entry->shape),
                                       formatShape(tensor.entry->shape)));
    }
  size_t count = problems.size();
  uint64_t expected = 2 * (model.tensors().size() - without);
  if (count == 0 && optimizer.tensors().size() != expected)
    problems.push_back(fmt::format("{} tensors are of no parameter",
                                   optimizer.tensors().size() - expected));
  if (problems.empty())
    return Status::success();
  constexpr size_t shown = 5;
  problems.resize(std::min(problems.size(), shown));
  return Status::failure(
      fmt::format("{}: does not belong to {}: {}{}; take another checkpoint",
                  optimizer.path(), model.path(), fmt::join(problems, "; "),
                  count > shown ? "; ..." : ""));
}

Expected<VerifiedCheckpoint> verifyCheckpoint(const std::string &path) {
  VerifiedCheckpoint verified;
  Expected<CheckpointFiles> files = CheckpointFiles::open(path);
  if (!files)
    return files.status();
  verified.files = files->weights.filePaths().size();
  if (files->isInFolder) {
    Expected<std::optional<Manifest>> manifest = Manifest::read(files->folder);
    if (!manifest)
      return manifest.status();
    if (*manifest)
      for (const auto &[name, summary] : (*manifest)->entries()) {
        LNS_RETURN_IF_ERROR((*manifest)->verify(files->folder, name));
        ++verified.checksums;
      }
  }
  LNS_RETURN_IF_ERROR(checkFinite(files->weights, verified));
  if (files->origin.state.is_null())
    return verified;
  // What a run can go on from: its state and its moments are right as well.
  Expected<Checkpoint> checkpoint = Checkpoint::open(files->folder);
  if (!checkpoint)
    return checkpoint.status();
  Expected<WeightFiles> optimizer =
      WeightFiles::openFile(files->folder + "/" + optimizerFile);
  if (!optimizer)
    return optimizer.status();
  ++verified.files;
  LNS_RETURN_IF_ERROR(checkMoments(files->weights, *optimizer));
  LNS_RETURN_IF_ERROR(checkFinite(*optimizer, verified));
  return verified;
}

//===----------------------------------------------------------------------===//
// Comparing
//===----------------------------------------------------------------------===//

static Expected<TensorDifference> compareTensors(const std::string &name,
                                                 const WeightFiles &a,
                                                 const WeightFiles &b) {
  const WeightFiles::Tensor &left = a.tensors().at(name),
                            &right = b.tensors().at(name);
  TensorDifference difference;
  difference.name = name;
  difference.elements = left.entry->elements;
  double largest = 0;
  std::vector<float> x, y;
  for (uint64_t first = 0; first < difference.elements; first += x.size()) {
    x.resize(std::min<uint64_t>(partElements, difference.elements - first));
    y.resize(x.size());
    LNS_RETURN_IF_ERROR(a.readF32(left, x, first));
    LNS_RETURN_IF_ERROR(b.readF32(right, y, first));
    for (size_t i = 0; i < x.size(); ++i) {
      if (std::isfinite(x[i]))
        largest = std::max(largest, std::abs(static_cast<double>(x[i])));
      if (x[i] == y[i] || (std::isnan(x[i]) && std::isnan(y[i])))
        continue;
      ++difference.differing;
      double far =
          std::abs(static_cast<double>(x[i]) - static_cast<double>(y[i]));
      // Where one is not finite, no number is far enough.
      if (!std::isfinite(far))
        far = std::numeric_limits<double>::infinity();
      difference.largest = std::max(difference.largest, far);
    }
  }
  if (difference.differing > 0)
    difference.relative = difference.largest / largest;
  return difference;
}

Expected<CheckpointDifference> diffCheckpoints(const std::string &a,
                                               const std::string &b) {
  Expected<CheckpointFiles> left = CheckpointFiles::open(a);
  if (!left)
    return left.status();
  Expected<CheckpointFiles> right = CheckpointFiles::open(b);
  if (!right)
    return right.status();
  CheckpointDifference result;
  for (const auto &[name, tensor] : left->weights.tensors()) {
    auto it = right->weights.tensors().find(name);
    if (it == right->weights.tensors().end()) {
      result.onlyInA.push_back(name);
      continue;
    }
    if (it->second.entry->shape != tensor.entry->shape) {
      result.shapes.push_back(fmt::format(
          "{}: {} and {}", printable(name), formatShape(tensor.entry->shape),
          formatShape(it->second.entry->shape)));
      continue;
    }
    if (!isFloat(tensor.entry->dtype) || !isFloat(it->second.entry->dtype)) {
      result.shapes.push_back(fmt::format(
          "{}: {} and {}, of which F32, F64, F16 and BF16 are compared",
          printable(name), tensor.entry->dtype, it->second.entry->dtype));
      continue;
    }
    Expected<TensorDifference> difference =
        compareTensors(name, left->weights, right->weights);
    if (!difference)
      return difference.status();
    if (difference->differing > 0)
      result.tensors.push_back(std::move(*difference));
  }
  for (const auto &[name, tensor] : right->weights.tensors())
    if (!left->weights.tensors().contains(name))
      result.onlyInB.push_back(name);
  const WeightsOrigin &one = left->origin, &other = right->origin;
  if (!one.identity.empty() && !other.identity.empty())
    result.models = describeDifferences(one.identity, other.identity,
                                        "in the first", "in the second");
  auto folded = [](const WeightsOrigin &origin) {
    return origin.mark ? "'" + printable(origin.mark->norm, 80) + "'" : "no";
  };
  if (one.mark != other.mark)
    result.models.push_back(
        fmt::format("folded: {} in the first, {} in the second", folded(one),
                    folded(other)));
  return result;
}

} // namespace lns::tool
