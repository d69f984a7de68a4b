//===- devices_command.cpp - lns devices ----------------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/base/arg_parser.h"
#include "tools/lns/base/progress.h"
#include "tools/lns/commands/commands.h"
#include "tools/lns/train/plan_session.h"

#include <cstdio>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

using nlohmann::ordered_json;

namespace lns::tool {

static std::string textOf(const ordered_json &object, const char *key) {
  auto it = object.find(key);
  return it != object.end() && it->is_string() ? it->get<std::string>() : "";
}

/// "nvrtc 13.0 at PATH", or why there is none.
static void printPart(const ordered_json &cuda, const std::string &name) {
  std::string version = textOf(cuda, name.c_str());
  if (!version.empty())
    fmt::print("{:10} {} at {}\n", name, version,
               textOf(cuda, (name + "_path").c_str()));
  else if (std::string problem = textOf(cuda, (name + "_problem").c_str());
           !problem.empty())
    fmt::print("{:10} {}\n", name, problem);
}

static void printDevice(const ordered_json &device) {
  std::string name = textOf(device, "device");
  if (name == "cpu") {
    fmt::print("{:10} {}, {} threads\n", name, textOf(device, "cpu_level"),
               device.value("threads", 0));
    return;
  }
  bool usable = device.value("usable", false);
  std::string arch = textOf(device, "arch");
  fmt::print("{:10} {}, compute capability {}, {}{}{}\n", name,
             textOf(device, "name"), textOf(device, "compute_capability"),
             formatBytes(device.value("memory_bytes", 0.0)),
             arch.empty() ? "" : ", compiled for as " + arch,
             usable ? "" : ", too old: 8.0 is needed");
}

Status runDevices(Arguments arguments) {
  bool json = false, needsCuda = false;
  ArgParser parser("lns devices",
                   "Lists what plans can run on here: the names for --device, "
                   "and what CUDA consists of or why there is none.");
  parser.flag("--json", &json, "print JSON");
  parser.flag("--require-cuda", &needsCuda,
              "fail, after the list, unless there is a CUDA device that plans "
              "can run on");
  LNS_RETURN_IF_ERROR(parser.parse(arguments));
  if (parser.helpRequested()) {
    std::fputs(parser.help().c_str(), stdout);
    return Status::success();
  }
  const char *text = nullptr;
  LNS_RETURN_IF_ERROR(takeError(lnsrt_get_devices_json(&text)));
  ordered_json all = ordered_json::parse(text, nullptr, false);
  if (!all.is_object() || !all["devices"].is_array() ||
      !all["cuda"].is_object())
    return Status::failure("the runtime's list of devices is not understood; "
                           "lns and its runtime must be of one version");
  bool hasCuda = false;
  for (const ordered_json &device : all["devices"])
    hasCuda |= device.value("usable", false);
  std::string problem = textOf(all["cuda"], "problem");
  if (json) {
    fmt::print("{}\n", all.dump(2));
  } else {
    for (const ordered_json &device : all["devices"])
      printDevice(device);
    for (const char *part : {"driver", "nvrtc", "cublaslt"})
      printPart(all["cuda"], part);
    if (!problem.empty())
      fmt::print("no cuda:   {}\n", problem);
  }
  if (!needsCuda || hasCuda)
    return Status::success();
  return Status::failure(problem.empty() ? "no CUDA device here is new enough; "
                                           "compute capability 8.0 is needed"
                                         : problem);
}

} // namespace lns::tool
