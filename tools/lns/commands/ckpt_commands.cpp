//===- ckpt_commands.cpp - lns ckpt info, verify, diff --------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/base/arg_parser.h"
#include "tools/lns/base/printable.h"
#include "tools/lns/base/progress.h"
#include "tools/lns/checkpoint/inspect.h"
#include "tools/lns/commands/commands.h"

#include <cmath>
#include <cstdio>
#include <fmt/format.h>

using nlohmann::ordered_json;

namespace lns::tool {

static std::string dump(const ordered_json &json) {
  return json.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

static constexpr const char *pathHelp =
    "checkpoint, run folder, Hugging Face folder, index or safetensors file";

static void printInfo(const ordered_json &json) {
  auto line = [](const char *name, const std::string &value) {
    fmt::print("{:<12} {}\n", name, printable(value, 400));
  };
  line("path", json["path"]);
  line("kind", json["kind"]);
  for (const char *key : {"step", "skipped_steps", "seed", "batch", "sequence"})
    if (json.contains(key))
      line(key, dump(json[key]));
  if (json["model_type"].is_string())
    line("model type", json["model_type"]);
  line("folded", json["folded"].is_string()
                     ? "'" + json["folded"].get<std::string>() + "'"
                     : "no");
  line("parameters",
       fmt::format("{} in {} tensors, {}", dump(json["parameters"]),
                   dump(json["tensors"]),
                   formatBytes(json["bytes"].get<double>())));
  for (const auto &[type, count] : json["dtypes"].items())
    line("dtype", fmt::format("{} of {} tensors", type, dump(count)));
  for (const ordered_json &file : json["files"])
    line("file", fmt::format("{}, {} bytes", file["name"].get<std::string>(),
                             dump(file["bytes"])));
  line("optimizer", json["optimizer"].get<bool>() ? "yes" : "no");
  line("checksums", json["checksums"].get<bool>() ? "yes" : "no");
  if (json["identity"].empty())
    line("identity", "does not say what model it is of");
  for (const auto &[key, value] : json["identity"].items())
    line("identity", fmt::format("{}: {}", key, value.get<std::string>()));
}

Status runCkptInfo(Arguments arguments) {
  std::string path;
  bool json = false;
  ArgParser parser("lns ckpt info", "What a checkpoint holds.");
  parser.positional("PATH", &path, pathHelp);
  parser.flag("--json", &json, "print JSON");
  LNS_RETURN_IF_ERROR(parser.parse(arguments));
  if (parser.helpRequested()) {
    std::fputs(parser.help().c_str(), stdout);
    return Status::success();
  }
  Expected<ordered_json> described = describeCheckpoint(path);
  if (!described)
    return described.status();
  if (json)
    std::puts(dump(*described).c_str());
  else
    printInfo(*described);
  return Status::success();
}

Status runCkptVerify(Arguments arguments) {
  std::string path;
  bool json = false;
  ArgParser parser("lns ckpt verify",
                   "Compares all files of a checkpoint with their checksums, "
                   "moments with their parameters, and reads every number: "
                   "each must be finite. Exit code 1 if something is wrong.");
  parser.positional("PATH", &path, pathHelp);
  parser.flag("--json", &json, "print JSON");
  LNS_RETURN_IF_ERROR(parser.parse(arguments));
  if (parser.helpRequested()) {
    std::fputs(parser.help().c_str(), stdout);
    return Status::success();
  }
  Expected<VerifiedCheckpoint> verified = verifyCheckpoint(path);
  if (!verified)
    return verified.status();
  if (json)
    std::puts(dump({{"path", path},
                    {"files", verified->files},
                    {"checksums", verified->checksums},
                    {"tensors", verified->tensors},
                    {"elements", verified->elements}})
                  .c_str());
  else
    fmt::print("{}: whole: {} finite numbers in {} tensors, {}\n", path,
               verified->elements, verified->tensors,
               verified->checksums > 0
                   ? fmt::format("{} checksums agree", verified->checksums)
                   : "no checksums to compare with");
  return Status::success();
}

static ordered_json toJson(const CheckpointDifference &difference) {
  ordered_json tensors = ordered_json::array();
  // JSON has no infinity.
  auto number = [](double value) {
    return std::isfinite(value) ? ordered_json(value) : ordered_json();
  };
  for (const TensorDifference &tensor : difference.tensors)
    tensors.push_back({{"name", tensor.name},
                       {"max_abs", number(tensor.largest)},
                       {"max_rel", number(tensor.relative)},
                       {"differing", tensor.differing},
                       {"elements", tensor.elements}});
  return {{"only_in_first", difference.onlyInA},
          {"only_in_second", difference.onlyInB},
          {"shapes", difference.shapes},
          {"models", difference.models},
          {"tensors", tensors}};
}

Status runCkptDiff(Arguments arguments) {
  std::string a, b;
  bool json = false;
  ArgParser parser(
      "lns ckpt diff",
      "Compares the parameters of two checkpoints, and what they "
      "say of their models. Exit code 1 if they differ. Gains that "
      "an export has folded are compared as they stand.");
  parser.positional("A", &a, pathHelp);
  parser.positional("B", &b, "the other one");
  parser.flag("--json", &json, "print JSON");
  LNS_RETURN_IF_ERROR(parser.parse(arguments));
  if (parser.helpRequested()) {
    std::fputs(parser.help().c_str(), stdout);
    return Status::success();
  }
  Expected<CheckpointDifference> difference = diffCheckpoints(a, b);
  if (!difference)
    return difference.status();
  if (json) {
    std::puts(dump(toJson(*difference)).c_str());
  } else {
    for (const std::string &line : difference->models)
      fmt::print("model   {}\n", line);
    for (const std::string &name : difference->onlyInA)
      fmt::print("first   {}\n", printable(name));
    for (const std::string &name : difference->onlyInB)
      fmt::print("second  {}\n", printable(name));
    for (const std::string &line : difference->shapes)
      fmt::print("shape   {}\n", line);
    for (const TensorDifference &tensor : difference->tensors)
      fmt::print("value   {}: {:.3g} at most, {:.3g} of the largest; {} of {} "
                 "differ\n",
                 printable(tensor.name), tensor.largest, tensor.relative,
                 tensor.differing, tensor.elements);
  }
  if (!difference->isEmpty())
    return Status::failure(fmt::format("{} and {} differ", a, b));
  if (!json)
    fmt::print("no difference\n");
  return Status::success();
}

} // namespace lns::tool
