//===- bench_command.cpp - lns bench --------------------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/base/arg_parser.h"
#include "tools/lns/base/philox.h"
#include "tools/lns/base/progress.h"
#include "tools/lns/commands/commands.h"
#include "tools/lns/commands/session_options.h"
#include "tools/lns/train/plan_session.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <fmt/format.h>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <tuple>

using nlohmann::ordered_json;

namespace lns::tool {

namespace {

class Stopwatch {
public:
  double ms() const {
    std::chrono::duration<double, std::milli> taken =
        std::chrono::steady_clock::now() - begin;
    return taken.count();
  }

private:
  std::chrono::steady_clock::time_point begin =
      std::chrono::steady_clock::now();
};

/// Commands of one name in all layers.
struct ProfileRow {
  std::string group, name;
  double ms = 0;
  uint64_t commands = 0, bytes = 0, flops = 0;
};

struct BenchResult {
  double stepMs = 0;
  double floorMs = 0;
  double loss = 0;                                    ///< of the last step
  std::vector<std::pair<std::string, double>> groups; ///< name, milliseconds
  std::vector<ProfileRow> rows;
};

/// Training steps on random tokens, always the same ones.
class StepBench {
public:
  StepBench(const PlanFile &plan, PlanSession &session)
      : session(session), tokens(plan.batchTokens()), targets(tokens.size()) {
    for (size_t i = 0; i < tokens.size(); ++i) {
      uint64_t draw = philox64(0, PhiloxStream::Bench, i);
      uint32_t vocabulary = plan.info().vocabulary;
      tokens[i] = int32_t(uint32_t(draw) % vocabulary);
      targets[i] = int32_t(uint32_t(draw >> 32) % vocabulary);
    }
    optimizer.struct_size = sizeof optimizer;
    optimizer.lr = 1e-4f;
    optimizer.beta1 = 0.9f;
    optimizer.beta2 = 0.95f;
    optimizer.eps = 1e-8f;
    optimizer.weight_decay = 0.1f;
    optimizer.clip = 1.0f;
  }

  Status start() { return takeError(lnsrt_init(session.get(), 0)); }

  Status step(double &ms, double &loss) {
    ++optimizer.step;
    lnsrt_step_result result = {};
    result.struct_size = sizeof result;
    Stopwatch watch;
    LNS_RETURN_IF_ERROR(takeError(lnsrt_train_step(
        session.get(), tokens.data(), targets.data(), &optimizer, &result)));
    ms = watch.ms();
    loss = double(result.loss);
    if (!std::isfinite(loss) || !std::isfinite(result.gradient_norm))
      return Status::failure(fmt::format(
          "step {}: loss {}, gradient norm {}; a model that was just "
          "initialized cannot diverge, so the plan or its device is at fault",
          optimizer.step, loss, result.gradient_norm));
    return Status::success();
  }

private:
  PlanSession &session;
  std::vector<int32_t> tokens, targets;
  lnsrt_optimizer_options optimizer = {};
};

} // namespace

static double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  size_t half = values.size() / 2;
  return values.size() % 2 ? values[half]
                           : (values[half - 1] + values[half]) / 2;
}

/// "layers.*.mlp.gate_proj" of "layers.3.mlp.gate_proj": equal for all layers.
static std::string withoutNumbers(const std::string &name) {
  std::string out, part;
  auto flush = [&] {
    bool isNumber = !part.empty() &&
                    part.find_first_not_of("0123456789") == std::string::npos;
    out += isNumber ? "*" : part;
    part.clear();
  };
  for (char c : name) {
    if (c != '.') {
      part += c;
      continue;
    }
    flush();
    out += c;
  }
  flush();
  return out;
}

static Status profile(PlanSession &session, BenchResult &bench) {
  const lnsrt_profile_row *rows = nullptr;
  size_t count = 0;
  LNS_RETURN_IF_ERROR(
      takeError(lnsrt_profile_step(session.get(), 0, &rows, &count)));
  std::map<std::string, double> groups;
  std::map<std::pair<std::string, std::string>, ProfileRow> byName;
  ProfileRow *last = nullptr;
  std::string lastName;
  for (size_t i = 0; i < count; ++i) {
    const lnsrt_profile_row &from = rows[i];
    double ms = from.seconds * 1e3;
    groups[from.group] += ms;
    // An op's further commands follow its first one, which has its cost.
    bool isFurther =
        last && lastName == from.name && !from.bytes && !from.flops;
    if (!isFurther) {
      std::string name = withoutNumbers(from.name);
      last = &byName[{from.group, name}];
      last->group = from.group;
      last->name = name;
      lastName = from.name;
    }
    last->ms += ms;
    last->bytes += from.bytes;
    last->flops += from.flops;
    ++last->commands;
  }
  bench.groups.assign(groups.begin(), groups.end());
  std::sort(bench.groups.begin(), bench.groups.end(),
            [](const auto &a, const auto &b) {
              return std::tie(b.second, a.first) < std::tie(a.second, b.first);
            });
  for (auto &[key, row] : byName)
    bench.rows.push_back(row);
  std::sort(bench.rows.begin(), bench.rows.end(),
            [](const ProfileRow &a, const ProfileRow &b) {
              return std::tie(b.ms, a.group, a.name) <
                     std::tie(a.ms, b.group, b.name);
            });
  return Status::success();
}

static Expected<BenchResult> measure(const PlanFile &plan, PlanSession &session,
                                     uint64_t steps) {
  StepBench bench(plan, session);
  LNS_RETURN_IF_ERROR(bench.start());
  // The first steps touch all memory and let the matmul library settle.
  constexpr uint64_t warmUp = 2;
  std::vector<double> times, floors;
  BenchResult result;
  for (uint64_t i = 0; i < warmUp + steps; ++i) {
    double ms = 0, floor = 0;
    LNS_RETURN_IF_ERROR(bench.step(ms, result.loss));
    LNS_RETURN_IF_ERROR(takeError(lnsrt_run_matmuls(session.get(), &floor)));
    if (i >= warmUp) {
      times.push_back(ms);
      floors.push_back(floor * 1e3);
    }
  }
  result.stepMs = median(times);
  result.floorMs = median(floors);
  LNS_RETURN_IF_ERROR(profile(session, result));
  return result;
}

/// One line of JSON now and for every line of standard input after that, so
/// that another program can be measured in turns with this one.
static Status takeTurns(const PlanFile &plan, PlanSession &session,
                        uint64_t steps, const ordered_json &start) {
  StepBench bench(plan, session);
  LNS_RETURN_IF_ERROR(bench.start());
  double ms = 0, loss = 0;
  for (int warmUp = 0; warmUp < 2; ++warmUp)
    LNS_RETURN_IF_ERROR(bench.step(ms, loss));
  fmt::print("{}\n", start.dump());
  std::fflush(stdout);
  for (std::string line; std::getline(std::cin, line);) {
    std::vector<double> times(steps);
    for (double &time : times)
      LNS_RETURN_IF_ERROR(bench.step(time, loss));
    ordered_json out = {{"step_ms", median(times)}, {"loss", loss}};
    fmt::print("{}\n", out.dump());
    std::fflush(stdout);
  }
  return Status::success();
}

static ordered_json memoryJson(const lnsrt_memory &memory) {
  return {{"parameters", memory.parameters},
          {"gradients", memory.gradients},
          {"optimizer", memory.optimizer},
          {"activations", memory.activations},
          {"workspace", memory.workspace},
          {"matmul", memory.matmul},
          {"scratch", memory.scratch},
          {"staging", memory.staging},
          {"compute_weights", memory.compute_weights},
          {"caches", memory.caches},
          {"total", memory.total}};
}

static void printBench(const PlanFile &plan, const PlanSession &session,
                       const BenchResult &bench, uint64_t steps,
                       bool withRows) {
  double tokensPerSecond = double(plan.batchTokens()) / bench.stepMs * 1e3;
  double gflops = double(plan.info().flops_per_step) / bench.stepMs * 1e-6;
  fmt::print("{}: batch {} x {}, {}, median of {} steps\n"
             "step   {:10.3f} ms  {} tokens/s  {:.1f} GFLOP/s\n"
             "floor  {:10.3f} ms  ratio {:.3f}\n\n",
             plan.info().model_name, plan.info().batch, plan.info().sequence,
             session.place(), steps, bench.stepMs, formatCount(tokensPerSecond),
             gflops, bench.floorMs, bench.floorMs / bench.stepMs);
  double total = 0;
  for (const auto &[name, ms] : bench.groups)
    total += ms;
  for (const auto &[name, ms] : bench.groups)
    fmt::print("{:16} {:10.3f} ms  {:5.1f} %\n", name, ms, 100 * ms / total);
  if (!withRows)
    return;
  std::puts("");
  for (const ProfileRow &row : bench.rows)
    fmt::print("{:10.3f} ms  {:5.1f} %  {:8.1f} GB/s  {:8.1f} GFLOP/s  {:4} x  "
               "{:16} {}\n",
               row.ms, 100 * row.ms / total, double(row.bytes) / row.ms * 1e-6,
               double(row.flops) / row.ms * 1e-6, row.commands, row.group,
               row.name);
}

Status runBench(Arguments arguments) {
  std::string planPath;
  bool json = false, withRows = false, turns = false;
  uint64_t steps = 10;
  PlanSession::Options sessionOptions;
  ArgParser parser("lns bench",
                   "Times training steps on random tokens. The floor is the "
                   "plan's matmuls alone, back to back.");
  parser.positional("PLAN", &planPath, "plan made by lnsc");
  parser.option("--steps", "N", &steps, "steps to take the median of", 100000);
  parser.flag("--json", &json, "print JSON");
  parser.flag("--profile", &withRows,
              "one line for each op too, all layers together");
  parser.flag("--turns", &turns,
              "print a line of JSON when ready, and one after --steps more "
              "steps for every line of standard input");
  declareSessionOptions(parser, &sessionOptions);
  LNS_RETURN_IF_ERROR(parser.parse(arguments));
  if (parser.helpRequested()) {
    std::fputs(parser.help().c_str(), stdout);
    return Status::success();
  }
  if (steps == 0)
    return Status::usage("--steps: at least 1 is needed for a median");
  if (turns && (json || withRows))
    return Status::usage("--turns prints step times only; leave --json and "
                         "--profile away");
  Expected<PlanFile> plan = PlanFile::open(planPath);
  if (!plan)
    return plan.status();
  Stopwatch watch;
  Expected<PlanSession> session = PlanSession::create(*plan, sessionOptions);
  if (!session)
    return session.status();
  double sessionMs = watch.ms();
  lnsrt_memory memory = {};
  memory.struct_size = sizeof memory;
  LNS_RETURN_IF_ERROR(takeError(lnsrt_session_memory(session->get(), &memory)));
  ordered_json facts = {{"batch", plan->info().batch},
                        {"sequence", plan->info().sequence},
                        {"device", lnsrt_session_device(session->get())},
                        {"threads", lnsrt_session_threads(session->get())},
                        {"cpu_level", lnsrt_session_cpu_level(session->get())},
                        {"matmul", lnsrt_session_matmul(session->get())},
                        {"session_ms", sessionMs},
                        {"memory", memoryJson(memory)}};
  const char *text = nullptr;
  LNS_RETURN_IF_ERROR(takeError(lnsrt_session_get_json(session->get(), &text)));
  // Where kernels came from, which alternatives were taken.
  facts["session"] = ordered_json::parse(text, nullptr, false);
  if (turns)
    return takeTurns(*plan, *session, steps, facts);
  Expected<BenchResult> bench = measure(*plan, *session, steps);
  if (!bench)
    return bench.status();
  if (!json) {
    printBench(*plan, *session, *bench, steps, withRows);
    return Status::success();
  }
  ordered_json groups = ordered_json::array();
  for (const auto &[name, ms] : bench->groups)
    groups.push_back({{"group", name}, {"ms", ms}});
  ordered_json out = {
      {"step_ms", bench->stepMs},
      {"tokens_per_s", double(plan->batchTokens()) / bench->stepMs * 1e3},
      {"gflops_per_s",
       double(plan->info().flops_per_step) / bench->stepMs * 1e-6},
      {"floor_ms", bench->floorMs},
      {"floor_ratio", bench->floorMs / bench->stepMs},
      {"loss", bench->loss},
      {"groups", groups},
      {"steps", steps}};
  if (withRows) {
    ordered_json rows = ordered_json::array();
    for (const ProfileRow &row : bench->rows)
      rows.push_back({{"group", row.group},
                      {"name", row.name},
                      {"ms", row.ms},
                      {"commands", row.commands},
                      {"bytes", row.bytes},
                      {"flops", row.flops}});
    out["rows"] = rows;
  }
  out.update(facts);
  fmt::print("{}\n", out.dump(2));
  return Status::success();
}

} // namespace lns::tool
