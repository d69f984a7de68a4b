//===- plan_commands.cpp - lns plan info ----------------------------------===//
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
#include <tuple>

using nlohmann::ordered_json;

namespace lns::tool {

/// The value as text, whatever its type.
static std::string cell(const ordered_json &object, const char *key) {
  auto it = object.find(key);
  if (it == object.end())
    return "-";
  return it->is_string()
             ? it->get<std::string>()
             : it->dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

static void printMemory(const lnsrt_memory &memory, const std::string &where) {
  fmt::print("\n{:<19} {:>14} bytes  {} on {}\n", "memory", memory.total,
             formatBytes(static_cast<double>(memory.total)), where);
  // Of what only some sessions have, what there is.
  bool isDevice = memory.staging != 0;
  for (auto [name, bytes, isShown] :
       {std::tuple{"parameters", memory.parameters, true},
        std::tuple{"gradients", memory.gradients, true},
        std::tuple{"optimizer", memory.optimizer, true},
        std::tuple{"activations", memory.activations, true},
        std::tuple{"workspace", memory.workspace, true},
        std::tuple{"io", memory.io, true},
        std::tuple{"constants", memory.constants, true},
        std::tuple{"matmul", memory.matmul, true},
        std::tuple{"scratch", memory.scratch, true},
        std::tuple{"staging", memory.staging, isDevice},
        std::tuple{"compute weights", memory.compute_weights, isDevice},
        std::tuple{"caches", memory.caches, false}})
    if (isShown || bytes != 0)
      fmt::print("  {:<17} {:>14}        {}\n", name, bytes,
                 formatBytes(static_cast<double>(bytes)));
}

/// The plan's JSON, with the memory of a session on so many threads.
static void printJson(const std::string &text, const lnsrt_memory &memory) {
  ordered_json json = ordered_json::parse(text, nullptr, false);
  if (json.is_object()) {
    json["memory"]["threads"] = memory.threads;
    json["memory"]["scratch"] = memory.scratch;
    json["memory"]["total"] = memory.total;
  }
  std::puts(json.dump(-1, ' ', false, ordered_json::error_handler_t::replace)
                .c_str());
}

/// "train_step", ...; and the products of train_step.
static void printEntryPoints(const ordered_json &program) {
  std::string entries;
  if (auto it = program.find("entry_points");
      it != program.end() && it->is_object())
    for (const auto &[name, entry] : it->items()) {
      entries += " " + name;
      if (name == "train_step")
        fmt::print("launches per step   {}\n"
                   "matmuls per step    {} ({} in bf16, {} with a gain)\n",
                   cell(entry, "launches"), cell(entry, "matmuls"),
                   cell(entry, "bf16_matmuls"), cell(entry, "gain_matmuls"));
    }
  fmt::print("entry points       {}\n", entries);
}

static void printKernels(const ordered_json &program) {
  auto it = program.find("kernels");
  if (it == program.end() || !it->is_array())
    return;
  fmt::print("\nnorm kernels        {}\n{:24} {:>8}  kernel\n",
             cell(program, "norm_kernels"), "kind", "launches");
  for (const ordered_json &kernel : *it)
    fmt::print("{:24} {:>8}  {}  {}\n", cell(kernel, "kind"),
               cell(kernel, "launches_per_step"), cell(kernel, "symbol"),
               cell(kernel, "source"));
}

/// What the model computes, in short, and the digest of all of it.
static void printIdentity(const ordered_json &json) {
  auto identity = json.find("identity");
  if (identity == json.end() || !identity->is_object())
    return;
  fmt::print("model identity      sha256 {}\n", cell(*identity, "sha256"));
  if (auto facts = identity->find("facts");
      facts != identity->end() && facts->is_object())
    for (const auto &[key, value] : facts->items())
      fmt::print("  {:<17} {}\n", key, cell(*facts, key.c_str()));
}

static Status printPlan(const PlanFile &plan, const ordered_json &json,
                        uint64_t threads) {
  const lnsrt_plan_info &info = plan.info();
  std::string parts = info.micro_batch != 0 && info.micro_batch != info.batch
                          ? fmt::format(" in parts of {}", info.micro_batch)
                          : "";
  fmt::print("{}: {} ({} layers), batch {} x {}{}, vocabulary {}\n"
             "compiled by {}\n"
             "parameters          {} ({}){}\n"
             "FLOPs per step      {}\n",
             plan.path(), info.model_name, info.layers, info.batch,
             info.sequence, parts, info.vocabulary, info.compiler,
             info.parameters, formatCount(static_cast<double>(info.parameters)),
             info.frozen_parameters
                 ? fmt::format(
                       " trained, {} ({}) frozen", info.frozen_parameters,
                       formatCount(static_cast<double>(info.frozen_parameters)))
                 : "",
             formatCount(static_cast<double>(info.flops_per_step)));
  if (!json.is_object())
    return Status::success();
  fmt::print("activation type     {}\n", cell(json, "dtype"));
  printIdentity(json);
  auto cuda = json.find("cuda");
  bool hasCuda = cuda != json.end() && cuda->is_object();
  auto entries = json.find("entry_points");
  bool hasCpu = !hasCuda || (entries != json.end() && !entries->empty());
  if (hasCpu) {
    Expected<lnsrt_memory> memory = plan.memory("cpu", threads);
    if (!memory)
      return memory.status();
    printEntryPoints(json);
    printMemory(*memory, fmt::format("{} threads", memory->threads));
    printKernels(json);
  }
  if (hasCuda) {
    Expected<lnsrt_memory> memory = plan.memory("cuda", threads);
    if (!memory)
      return memory.status();
    fmt::print("{}", hasCpu ? "\nfor cuda\n" : "");
    printEntryPoints(*cuda);
    printMemory(*memory, "cuda");
    printKernels(*cuda);
  }
  return Status::success();
}

Status runPlanInfo(Arguments arguments) {
  std::string planPath;
  bool json = false;
  uint64_t threads = 0;
  ArgParser parser("lns plan info", "Says what a plan holds.");
  parser.positional("PLAN", &planPath, "plan made by lnsc");
  parser.option("--threads", "N", &threads,
                "threads of the session whose memory is shown, 0: all that the "
                "process may use",
                4096);
  parser.flag("--json", &json, "print JSON");
  LNS_RETURN_IF_ERROR(parser.parse(arguments));
  if (parser.helpRequested()) {
    std::fputs(parser.help().c_str(), stdout);
    return Status::success();
  }
  Expected<PlanFile> plan = PlanFile::open(planPath);
  if (!plan)
    return plan.status();
  Expected<std::string> text = plan->json();
  if (!text)
    return text.status();
  if (!json)
    return printPlan(*plan, ordered_json::parse(*text, nullptr, false),
                     threads);
  Expected<lnsrt_memory> memory = plan->memory(nullptr, threads);
  if (!memory)
    return memory.status();
  printJson(*text, *memory);
  return Status::success();
}

} // namespace lns::tool
