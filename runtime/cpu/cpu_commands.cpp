//===- cpu_commands.cpp - Running commands on the CPU ---------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "runtime/cpu/cpu_session.h"

#include <algorithm>
#include <chrono>
#include <cstring>

using namespace lns;

static double now() {
  using Clock = std::chrono::steady_clock;
  return std::chrono::duration<double>(Clock::now().time_since_epoch()).count();
}

/// Ranges per thread of one launch: some slack for a thread that comes late,
/// and few enough calls that they cost nothing.
static constexpr int64_t kRangesPerThread = 4;

/// Bytes of one range of a fill or a copy.
static constexpr int64_t kMemoryRange = 256 << 10;

/// Calls `run` with the callee once for each part of the batch, its inputs
/// filled, and adds up its losses in the parts' order.
template <typename Run>
Error CpuSession::repeat(const ResolvedCommand &command, Run run) {
  const ResolvedEntry &callee = *command.callee;
  double sum = 0;
  for (int64_t i = 0; i < command.items; ++i) {
    size_t offset = size_t(i) * command.bytes;
    std::memcpy(callee.tokens,
                static_cast<const unsigned char *>(command.a) + offset,
                command.bytes);
    std::memcpy(callee.targets,
                static_cast<const unsigned char *>(command.b) + offset,
                command.bytes);
    if (command.starts)
      std::memcpy(callee.starts,
                  static_cast<const unsigned char *>(command.starts) + offset,
                  command.bytes);
    if (Error error = run(callee))
      return error;
    sum += double(*callee.loss);
  }
  *static_cast<float *>(command.c) = float(sum);
  return nullptr;
}

Error CpuSession::execute(const ResolvedCommand &command) {
  switch (command.kind) {
  case plan::CommandBody::Repeat:
    return repeat(command,
                  [&](const ResolvedEntry &callee) { return execute(callee); });
  case plan::CommandBody::Launch: {
    int64_t ranges = int64_t(pool.threads()) * kRangesPerThread;
    int64_t grain = pool.threads() == 1 ? command.items
                                        : (command.items + ranges - 1) / ranges;
    pool.run(
        command.items, grain, [&](int64_t begin, int64_t end, unsigned worker) {
          command.kernel(command.buffers, command.floats, command.ints, begin,
                         end,
                         scratch.data() + worker * predicted.scratchPerThread);
        });
    return nullptr;
  }
  case plan::CommandBody::Matmul:
    return products.run(command.shape, command.a, command.b, command.c,
                        command.gain);
  case plan::CommandBody::Fill:
  case plan::CommandBody::Copy: {
    auto *to = static_cast<unsigned char *>(command.c);
    auto *from = static_cast<const unsigned char *>(command.a);
    pool.run(int64_t(command.bytes), kMemoryRange,
             [&](int64_t begin, int64_t end, unsigned) {
               if (from)
                 std::memcpy(to + begin, from + begin, size_t(end - begin));
               else
                 std::fill(reinterpret_cast<float *>(to + begin),
                           reinterpret_cast<float *>(to + end), command.value);
             });
    return nullptr;
  }
  default:
    return makeError(LNSRT_INTERNAL, command.name, "unknown command");
  }
}

Error CpuSession::execute(const ResolvedEntry &entry) {
  for (const ResolvedCommand &command : entry.commands)
    if (Error error = execute(command))
      return error;
  return nullptr;
}

void CpuSession::putInputs(const ResolvedEntry &entry,
                           const EntryInputs &inputs) const {
  if (inputs.tokens)
    std::memcpy(entry.tokens, inputs.tokens, entry.tokensBytes);
  if (inputs.targets)
    std::memcpy(entry.targets, inputs.targets, entry.tokensBytes);
  if (entry.starts && inputs.starts)
    std::memcpy(entry.starts, inputs.starts, entry.tokensBytes);
  else if (entry.starts)
    std::memset(entry.starts, 0, entry.tokensBytes);
  if (inputs.optimizer)
    std::memcpy(entry.optimizer, inputs.optimizer,
                LNS_OPT_SLOTS * sizeof(float));
}

Error CpuSession::run(Entry which, const EntryInputs &inputs,
                      const EntryOutputs &outputs) {
  const ResolvedEntry &entry = entries[size_t(which)];
  putInputs(entry, inputs);
  if (Error error = execute(entry))
    return error;
  if (outputs.loss)
    *outputs.loss = *entry.loss;
  if (outputs.gradientNorm)
    *outputs.gradientNorm = *entry.gradientNorm;
  if (outputs.logits)
    std::memcpy(outputs.logits, entry.logits, entry.logitsBytes);
  for (size_t i = 0; outputs.trace && i < entry.trace.size(); ++i)
    std::memcpy(outputs.trace + i * outputs.traceStride, entry.trace[i],
                entry.traceBytes);
  return nullptr;
}

size_t CpuSession::profileRows() const {
  size_t rows = 0;
  for (const ResolvedCommand &command :
       entries[size_t(Entry::TrainStep)].commands)
    rows += command.callee ? command.callee->commands.size() : 1;
  return rows;
}

Error CpuSession::profile(uint64_t seed, const float *optimizer,
                          std::vector<lnsrt_profile_row> &rows) {
  const ResolvedEntry &entry = entries[size_t(Entry::TrainStep)];
  drawTokens(plan, seed, entry.tokens, entry.targets);
  putInputs(entry, {.optimizer = optimizer});
  double before = now();
  auto measure = [&](const ResolvedCommand &command, size_t row) -> Error {
    if (Error error = execute(command))
      return error;
    double after = now();
    rows[row].seconds += after - before;
    before = after;
    return nullptr;
  };
  for (const ResolvedCommand &command : entry.commands) {
    size_t first = rows.size();
    if (!command.callee) {
      rows.push_back({command.group, command.name, 0, command.cost.bytes,
                      command.cost.flops});
      if (Error error = measure(command, first))
        return error;
      continue;
    }
    // What is repeated has one row for all its runs.
    auto times = uint64_t(command.items);
    for (const ResolvedCommand &inner : command.callee->commands)
      rows.push_back({inner.group, inner.name, 0, times * inner.cost.bytes,
                      times * inner.cost.flops});
    Error failed = repeat(command, [&](const ResolvedEntry &callee) -> Error {
      for (size_t i = 0; i < callee.commands.size(); ++i)
        if (Error error = measure(callee.commands[i], first + i))
          return error;
      return nullptr;
    });
    if (failed)
      return failed;
  }
  return nullptr;
}

Error CpuSession::runMatmuls(double &seconds) {
  const ResolvedEntry &entry = entries[size_t(Entry::TrainStep)];
  double before = now();
  auto runAll = [&](const ResolvedEntry &all) -> Error {
    for (const ResolvedCommand &command : all.commands)
      if (command.kind == plan::CommandBody::Matmul)
        if (Error error = execute(command))
          return error;
    return nullptr;
  };
  for (const ResolvedCommand &command : entry.commands)
    for (int64_t i = 0; command.callee && i < command.items; ++i)
      if (Error error = runAll(*command.callee))
        return error;
  if (Error error = runAll(entry))
    return error;
  seconds = now() - before;
  return nullptr;
}
