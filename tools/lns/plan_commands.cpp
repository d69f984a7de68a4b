//===- plan_commands.cpp - lns plan info, lns bench -----------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "arg_parser.h"
#include "commands.h"
#include "philox.h"
#include "plan_session.h"
#include "progress.h"
#include "session_options.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fmt/format.h>
#include <map>
#include <nlohmann/json.hpp>
#include <tuple>

using nlohmann::ordered_json;

namespace lns::tool {

//===----------------------------------------------------------------------===//
// lns plan info
//===----------------------------------------------------------------------===//

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
  for (auto [name, bytes] :
       {std::pair{"parameters", memory.parameters},
        std::pair{"gradients", memory.gradients},
        std::pair{"optimizer", memory.optimizer},
        std::pair{"activations", memory.activations},
        std::pair{"workspace", memory.workspace}, std::pair{"io", memory.io},
        std::pair{"constants", memory.constants},
        std::pair{"matmul", memory.matmul},
        std::pair{"scratch", memory.scratch},
        std::pair{"staging", memory.staging}})
    if (bytes != 0 || memory.staging != 0 || name != std::string("staging"))
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
        fmt::print("matmuls per step    {} ({} in bf16, {} with a gain)\n",
                   cell(entry, "matmuls"), cell(entry, "bf16_matmuls"),
                   cell(entry, "gain_matmuls"));
    }
  fmt::print("entry points       {}\n", entries);
}

static void printKernels(const ordered_json &program) {
  auto it = program.find("kernels");
  if (it == program.end() || !it->is_array())
    return;
  fmt::print("\nnorm kernels        {}\n{:16} {:>10}  kernel\n",
             cell(program, "norm_kernels"), "kind", "launches");
  for (const ordered_json &kernel : *it)
    fmt::print("{:16} {:>10}  {}  {}\n", cell(kernel, "kind"),
               cell(kernel, "launches_per_step"), cell(kernel, "symbol"),
               cell(kernel, "source"));
}

static Status printPlan(const PlanFile &plan, const ordered_json &json,
                        uint64_t threads) {
  const lnsrt_plan_info &info = plan.info();
  std::string parts = info.micro_batch != 0 && info.micro_batch != info.batch
                          ? fmt::format(" in parts of {}", info.micro_batch)
                          : "";
  fmt::print("{}: {} ({} layers), batch {} x {}{}, vocabulary {}\n"
             "compiled by {}\n"
             "parameters          {} ({})\n"
             "FLOPs per step      {}\n",
             plan.path(), info.model_name, info.layers, info.batch,
             info.sequence, parts, info.vocabulary, info.compiler,
             info.parameters, formatCount(static_cast<double>(info.parameters)),
             formatCount(static_cast<double>(info.flops_per_step)));
  if (!json.is_object())
    return Status::success();
  fmt::print("activation type     {}\n", cell(json, "dtype"));
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

//===----------------------------------------------------------------------===//
// lns bench
//===----------------------------------------------------------------------===//

namespace {
struct BenchResult {
  double stepMs = 0;
  double floorMs = 0;
  std::vector<std::pair<std::string, double>> groups; ///< name, milliseconds
};
} // namespace

static double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  size_t half = values.size() / 2;
  return values.size() % 2 ? values[half]
                           : (values[half - 1] + values[half]) / 2;
}

static Expected<BenchResult> measure(const PlanFile &plan, PlanSession &session,
                                     uint64_t steps) {
  LNS_RETURN_IF_ERROR(takeError(lnsrt_init(session.get(), 0)));
  std::vector<int32_t> tokens(plan.batchTokens()), targets(tokens.size());
  for (size_t i = 0; i < tokens.size(); ++i) {
    uint64_t draw = philox64(0, PhiloxStream::Bench, i);
    uint32_t vocabulary = plan.info().vocabulary;
    tokens[i] = static_cast<int32_t>(static_cast<uint32_t>(draw) % vocabulary);
    targets[i] =
        static_cast<int32_t>(static_cast<uint32_t>(draw >> 32) % vocabulary);
  }
  lnsrt_optimizer_options optimizer = {};
  optimizer.struct_size = sizeof optimizer;
  optimizer.lr = 1e-4f;
  optimizer.beta1 = 0.9f;
  optimizer.beta2 = 0.95f;
  optimizer.eps = 1e-8f;
  optimizer.weight_decay = 0.1f;
  optimizer.clip = 1.0f;
  lnsrt_step_result result = {};
  result.struct_size = sizeof result;

  // The first steps touch all memory and let the matmul library settle.
  constexpr uint64_t warmUp = 2;
  std::vector<double> times, floors;
  for (uint64_t i = 0; i < warmUp + steps; ++i) {
    optimizer.step = i + 1;
    auto begin = std::chrono::steady_clock::now();
    LNS_RETURN_IF_ERROR(takeError(lnsrt_train_step(
        session.get(), tokens.data(), targets.data(), &optimizer, &result)));
    double seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - begin)
            .count();
    double floor = 0;
    LNS_RETURN_IF_ERROR(takeError(lnsrt_run_matmuls(session.get(), &floor)));
    if (i >= warmUp) {
      times.push_back(seconds * 1e3);
      floors.push_back(floor * 1e3);
    }
  }
  BenchResult bench;
  bench.stepMs = median(times);
  bench.floorMs = median(floors);

  const lnsrt_profile_row *rows = nullptr;
  size_t count = 0;
  LNS_RETURN_IF_ERROR(
      takeError(lnsrt_profile_step(session.get(), 0, &rows, &count)));
  std::map<std::string, double> groups;
  for (size_t i = 0; i < count; ++i)
    groups[rows[i].group] += rows[i].seconds * 1e3;
  bench.groups.assign(groups.begin(), groups.end());
  std::sort(bench.groups.begin(), bench.groups.end(),
            [](const auto &a, const auto &b) {
              return std::tie(b.second, a.first) < std::tie(a.second, b.first);
            });
  return bench;
}

Status runBench(Arguments arguments) {
  std::string planPath;
  bool json = false;
  uint64_t steps = 10;
  PlanSession::Options sessionOptions;
  ArgParser parser("lns bench",
                   "Times training steps on random tokens. The floor is the "
                   "plan's matmuls alone, back to back.");
  parser.positional("PLAN", &planPath, "plan made by lnsc");
  parser.option("--steps", "N", &steps, "steps to take the median of", 100000);
  parser.flag("--json", &json, "print JSON");
  declareSessionOptions(parser, &sessionOptions);
  LNS_RETURN_IF_ERROR(parser.parse(arguments));
  if (parser.helpRequested()) {
    std::fputs(parser.help().c_str(), stdout);
    return Status::success();
  }
  if (steps == 0)
    return Status::usage("--steps: at least 1 is needed for a median");
  Expected<PlanFile> plan = PlanFile::open(planPath);
  if (!plan)
    return plan.status();
  Expected<PlanSession> session = PlanSession::create(*plan, sessionOptions);
  if (!session)
    return session.status();
  Expected<BenchResult> bench = measure(*plan, *session, steps);
  if (!bench)
    return bench.status();

  double tokensPerSecond =
      static_cast<double>(plan->batchTokens()) / bench->stepMs * 1e3;
  double gflops =
      static_cast<double>(plan->info().flops_per_step) / bench->stepMs * 1e-6;
  double ratio = bench->floorMs / bench->stepMs;
  const char *level = lnsrt_session_cpu_level(session->get());
  uint32_t threads = lnsrt_session_threads(session->get());
  if (json) {
    ordered_json groups = ordered_json::array();
    for (const auto &[name, ms] : bench->groups)
      groups.push_back({{"group", name}, {"ms", ms}});
    ordered_json out = {{"step_ms", bench->stepMs},
                        {"tokens_per_s", tokensPerSecond},
                        {"gflops_per_s", gflops},
                        {"floor_ms", bench->floorMs},
                        {"floor_ratio", ratio},
                        {"groups", groups},
                        {"steps", steps},
                        {"batch", plan->info().batch},
                        {"sequence", plan->info().sequence},
                        {"threads", threads},
                        {"cpu_level", level}};
    fmt::print("{}\n", out.dump(2));
    return Status::success();
  }
  fmt::print("{}: batch {} x {}, {} on {} threads, median of {} steps\n"
             "step   {:10.3f} ms  {} tokens/s  {:.1f} GFLOP/s\n"
             "floor  {:10.3f} ms  ratio {:.3f}\n\n",
             plan->info().model_name, plan->info().batch, plan->info().sequence,
             level, threads, steps, bench->stepMs, formatCount(tokensPerSecond),
             gflops, bench->floorMs, ratio);
  double total = 0;
  for (const auto &[name, ms] : bench->groups)
    total += ms;
  for (const auto &[name, ms] : bench->groups)
    fmt::print("{:16} {:10.3f} ms  {:5.1f} %\n", name, ms, 100 * ms / total);
  return Status::success();
}

} // namespace lns::tool
