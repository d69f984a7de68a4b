//===- cuda_run.cpp - Running entry points on a CUDA device ---------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "runtime/cuda/cuda_session.h"

#include "runtime/plan/kernel_abi.h"

#include <cstring>

using namespace lns;
using namespace lns::cuda;

//===----------------------------------------------------------------------===//
// Staging
//===----------------------------------------------------------------------===//

// Tokens, targets, starts of documents if the plan takes them, values, as
// getCudaSessionMemory counts them.

static uint64_t batchBytes(const lnsrt_plan &plan) {
  return getStagedBatchBytes(uint64_t(plan.table->batch()) *
                             plan.table->sequence());
}

static_assert((LNS_OPT_SLOTS + 2) * sizeof(float) <= kStagedValueBytes);

int32_t *CudaSession::stagedTokens() const {
  return reinterpret_cast<int32_t *>(staging.data());
}
int32_t *CudaSession::stagedTargets() const {
  return reinterpret_cast<int32_t *>(staging.data() + batchBytes(plan));
}
/// Without documents only "decode" takes any, and no targets, whose place is
/// free then.
int32_t *CudaSession::stagedStarts() const {
  return reinterpret_cast<int32_t *>(staging.data() + (plan.documents ? 2 : 1) *
                                                          batchBytes(plan));
}
float *CudaSession::stagedOptimizer() const {
  return reinterpret_cast<float *>(staging.data() +
                                   (plan.documents ? 3 : 2) * batchBytes(plan));
}
float *CudaSession::stagedLoss() const {
  return stagedOptimizer() + LNS_OPT_SLOTS;
}
float *CudaSession::stagedNorm() const { return stagedLoss() + 1; }
float *CudaSession::stagedPartLosses() const {
  return reinterpret_cast<float *>(stagedTokens());
}

Error CudaSession::putInputs(const CudaEntry &entry, CuStream on) const {
  auto put = [&](CuAddress to, const void *from, uint64_t bytes) -> Error {
    if (!to)
      return nullptr;
    return driver->check(driver->memcpyHtoDAsync(to, from, bytes, on), title,
                         "cannot copy inputs to the device");
  };
  if (Error error = put(entry.tokens, stagedTokens(), entry.tokensBytes))
    return error;
  if (Error error = put(entry.targets, stagedTargets(), entry.tokensBytes))
    return error;
  if (Error error = put(entry.starts, stagedStarts(), entry.tokensBytes))
    return error;
  return put(entry.optimizer, stagedOptimizer(), LNS_OPT_SLOTS * sizeof(float));
}

Error CudaSession::getResults(const CudaEntry &entry, CuStream on) const {
  auto get = [&](float *to, CuAddress from) -> Error {
    if (!from)
      return nullptr;
    return driver->check(driver->memcpyDtoHAsync(to, from, sizeof(float), on),
                         title, "cannot copy results from the device");
  };
  // With a repeat the loss is the sum of those of its parts.
  bool hasParts = entry.repeat != entry.commands.all().size();
  if (Error error = get(stagedLoss(), hasParts ? 0 : entry.loss))
    return error;
  return get(stagedNorm(), entry.gradientNorm);
}

float CudaSession::sumOfParts(const plan::Repeat &repeat) const {
  const float *losses = stagedPartLosses();
  double sum = 0;
  for (uint32_t i = 0; i < repeat.count(); ++i)
    sum += double(losses[i]);
  return float(sum);
}

//===----------------------------------------------------------------------===//
// Graphs
//===----------------------------------------------------------------------===//

Error CudaSession::captureCallee(Entry which) {
  const std::vector<Command> &commands = entries[size_t(which)].commands.all();
  const Command &command = commands[entries[size_t(which)].repeat];
  CudaEntry &inner = callee(*command.repeat);
  if (inner.isCaptured)
    return nullptr;
  if (Error error = Graph::capture(
          *driver, capturing.get(), command.name,
          [&]() -> Error {
            for (const Command &part : inner.commands.all())
              if (Error error = execute(part, *commandContext, capturing.get()))
                return error;
            return nullptr;
          },
          inner.before))
    return error;
  inner.isCaptured = true;
  return nullptr;
}

/// At the first use: what an entry point's kernels load lazily is loaded then.
Error CudaSession::capture(Entry which) {
  CudaEntry &entry = entries[size_t(which)];
  if (entry.isCaptured)
    return nullptr;
  const std::vector<Command> &commands = entry.commands.all();
  bool hasParts = entry.repeat != commands.size();
  CuStream on = capturing.get();
  auto executeRange = [&](size_t begin, size_t end) -> Error {
    for (size_t i = begin; i < end; ++i)
      if (Error error = execute(commands[i], *commandContext, on))
        return error;
    return nullptr;
  };
  if (Error error = Graph::capture(
          *driver, on, entryName(which),
          [&]() -> Error {
            if (Error error = putInputs(entry, on))
              return error;
            if (Error error = executeRange(0, entry.repeat))
              return error;
            return hasParts ? nullptr : getResults(entry, on);
          },
          entry.before))
    return error;
  if (hasParts) {
    if (Error error = captureCallee(which))
      return error;
    if (Error error = Graph::capture(
            *driver, on, entryName(which),
            [&]() -> Error {
              if (Error error = executeRange(entry.repeat + 1, commands.size()))
                return error;
              return getResults(entry, on);
            },
            entry.after))
      return error;
  }
  entry.isCaptured = true;
  return nullptr;
}

/// Calls `run` with the callee once for each part of the batch, its inputs
/// filled, and fetches its losses. Their sum is then in `stagedLoss`, and where
/// `loss` stands on the device: what is behind the repeat may read it.
template <typename Run>
Error CudaSession::forEachPart(const plan::Repeat &repeat, CuAddress loss,
                               Run run) {
  CudaEntry &inner = callee(repeat);
  uint64_t bytes = repeat.tokens()->size() / repeat.count();
  CuAddress tokens = commandContext->address(*repeat.tokens());
  CuAddress targets = commandContext->address(*repeat.targets());
  CuAddress starts =
      repeat.starts() ? commandContext->address(*repeat.starts()) : 0;
  for (uint32_t i = 0; i < repeat.count(); ++i) {
    CuResult result = driver->memcpyDtoDAsync(inner.tokens, tokens + i * bytes,
                                              bytes, stream);
    if (result == kCuSuccess)
      result = driver->memcpyDtoDAsync(inner.targets, targets + i * bytes,
                                       bytes, stream);
    if (result == kCuSuccess && starts)
      result = driver->memcpyDtoDAsync(inner.starts, starts + i * bytes, bytes,
                                       stream);
    if (Error error =
            driver->check(result, title, "cannot copy a part of the batch"))
      return error;
    if (Error error = run(inner))
      return error;
    if (Error error = driver->check(
            driver->memcpyDtoHAsync(stagedPartLosses() + i, inner.loss,
                                    sizeof(float), stream),
            title, "cannot copy a part's loss"))
      return error;
  }
  if (Error error = synchronize("a repeat"))
    return error;
  *stagedLoss() = sumOfParts(repeat);
  return driver->check(
      driver->memcpyHtoDAsync(loss, stagedLoss(), sizeof(float), stream), title,
      "cannot copy the sum of the parts' losses");
}

Error CudaSession::launchAll(Entry which) {
  if (Error error = capture(which))
    return error;
  const CudaEntry &entry = entries[size_t(which)];
  if (Error error = entry.before.launch(stream, entryName(which)))
    return error;
  const std::vector<Command> &commands = entry.commands.all();
  if (entry.repeat == commands.size())
    return nullptr;
  if (Error error = forEachPart(
          *commands[entry.repeat].repeat, entry.loss, [&](CudaEntry &part) {
            return part.before.launch(stream, entryName(which));
          }))
    return error;
  return entry.after.launch(stream, entryName(which));
}

//===----------------------------------------------------------------------===//
// Running
//===----------------------------------------------------------------------===//

Error CudaSession::synchronize(std::string_view what) const {
  CuResult result = driver->streamSynchronize(stream);
  if (result == kCuSuccess)
    return nullptr;
  return makeError(
      result == kCuErrorOutOfMemory ? LNSRT_OUT_OF_MEMORY : LNSRT_INTERNAL,
      device.title(), what, " failed on the device: ", driver->describe(result),
      "; LNSRT_CUDA_CHECK=1 names the command; the process must "
      "be started again");
}

Error CudaSession::executeChecked(const CommandList &list, size_t begin,
                                  size_t end) {
  for (size_t i = begin; i < end; ++i) {
    const Command &command = list.all()[i];
    if (Error error = execute(command, *commandContext, stream))
      return error;
    CuResult result = driver->streamSynchronize(stream);
    if (result != kCuSuccess)
      return makeError(LNSRT_INTERNAL, command.name, "'", command.name, "' (",
                       *command.symbol ? command.symbol : command.group,
                       ") failed on ", device.title(), ": ",
                       driver->describe(result),
                       "; compile the model again, or report the kernel");
  }
  return nullptr;
}

Error CudaSession::runChecked(Entry which) {
  const CudaEntry &entry = entries[size_t(which)];
  size_t count = entry.commands.all().size();
  if (Error error = putInputs(entry, stream))
    return error;
  if (Error error = executeChecked(entry.commands, 0, entry.repeat))
    return error;
  if (entry.repeat != count) {
    if (Error error =
            forEachPart(*entry.commands.all()[entry.repeat].repeat, entry.loss,
                        [&](CudaEntry &part) {
                          return executeChecked(part.commands, 0,
                                                part.commands.all().size());
                        }))
      return error;
    if (Error error = executeChecked(entry.commands, entry.repeat + 1, count))
      return error;
  }
  return getResults(entry, stream);
}

Error CudaSession::refresh() {
  if (!wasWritten)
    return nullptr;
  const CommandList &commands = entries[size_t(Entry::Refresh)].commands;
  if (checks) {
    if (Error error = executeChecked(commands, 0, commands.all().size()))
      return error;
  } else {
    for (const Command &command : commands.all())
      if (Error error = execute(command, *commandContext, stream))
        return error;
  }
  wasWritten = false;
  return nullptr;
}

Error CudaSession::run(Entry which, const EntryInputs &inputs,
                       const EntryOutputs &outputs) {
  if (Error error = context.makeCurrent())
    return error;
  if (Error error = refresh())
    return error;
  const CudaEntry &entry = entries[size_t(which)];
  if (inputs.tokens)
    std::memcpy(stagedTokens(), inputs.tokens, entry.tokensBytes);
  if (inputs.targets)
    std::memcpy(stagedTargets(), inputs.targets, entry.tokensBytes);
  if (entry.starts && inputs.starts)
    std::memcpy(stagedStarts(), inputs.starts, entry.tokensBytes);
  else if (entry.starts)
    std::memset(stagedStarts(), 0, entry.tokensBytes);
  if (inputs.optimizer)
    std::memcpy(stagedOptimizer(), inputs.optimizer,
                LNS_OPT_SLOTS * sizeof(float));
  if (Error error = checks ? runChecked(which) : launchAll(which))
    return error;
  if (outputs.logits)
    if (Error error =
            driver->check(driver->memcpyDtoHAsync(outputs.logits, entry.logits,
                                                  entry.logitsBytes, stream),
                          title, "cannot copy the logits"))
      return error;
  for (size_t i = 0; outputs.trace && i < entry.trace.size(); ++i)
    if (Error error = driver->check(
            driver->memcpyDtoHAsync(outputs.trace + i * outputs.traceStride,
                                    entry.trace[i], entry.traceBytes, stream),
            title, "cannot copy what is traced"))
      return error;
  if (Error error = synchronize(entryName(which)))
    return error;
  if (outputs.loss)
    *outputs.loss = *stagedLoss();
  if (outputs.gradientNorm)
    *outputs.gradientNorm = *stagedNorm();
  return nullptr;
}

//===----------------------------------------------------------------------===//
// Measuring
//===----------------------------------------------------------------------===//

size_t CudaSession::profileRows() const {
  const CudaEntry &entry = entries[size_t(Entry::TrainStep)];
  const std::vector<Command> &commands = entry.commands.all();
  if (entry.repeat == commands.size())
    return commands.size();
  return commands.size() - 1 +
         const_cast<CudaSession *>(this)
             ->callee(*commands[entry.repeat].repeat)
             .commands.all()
             .size();
}

Error CudaSession::profile(uint64_t seed, const float *optimizer,
                           std::vector<lnsrt_profile_row> &rows) {
  if (Error error = context.makeCurrent())
    return error;
  const CudaEntry &entry = entries[size_t(Entry::TrainStep)];
  drawTokens(plan, seed, stagedTokens(), stagedTargets());
  if (entry.starts)
    std::memset(stagedStarts(), 0, entry.tokensBytes);
  std::memcpy(stagedOptimizer(), optimizer, LNS_OPT_SLOTS * sizeof(float));
  if (Error error = events.reserve(*driver, profileRows() + 1))
    return error;
  if (Error error = refresh())
    return error;
  // A step ahead: while the device is busy with it, the commands to measure are
  // put behind it, so that none waits for the host.
  if (Error error = launchAll(Entry::TrainStep))
    return error;
  if (Error error = putInputs(entry, stream))
    return error;
  // One event between commands: what one ends, the next begins.
  auto measure = [&](const std::vector<Command> &commands, size_t begin,
                     size_t end, size_t row) -> Error {
    if (Error error = events.record(0, stream))
      return error;
    for (size_t i = begin; i < end; ++i) {
      if (Error error = execute(commands[i], *commandContext, stream))
        return error;
      if (Error error = events.record(i - begin + 1, stream))
        return error;
    }
    if (Error error = synchronize("the profiled step"))
      return error;
    for (size_t i = begin; i < end; ++i) {
      double seconds = 0;
      if (Error error = events.seconds(i - begin, i - begin + 1, seconds))
        return error;
      rows[row + i - begin].seconds += seconds;
    }
    return nullptr;
  };
  auto addRows = [&](const std::vector<Command> &commands, size_t begin,
                     size_t end, uint64_t times = 1) {
    size_t first = rows.size();
    for (size_t i = begin; i < end; ++i)
      rows.push_back({commands[i].group, commands[i].name, 0,
                      times * commands[i].cost.bytes,
                      times * commands[i].cost.flops});
    return first;
  };
  const std::vector<Command> &commands = entry.commands.all();
  size_t row = addRows(commands, 0, entry.repeat);
  if (Error error = measure(commands, 0, entry.repeat, row))
    return error;
  if (entry.repeat == commands.size())
    return nullptr;
  const plan::Repeat &repeat = *commands[entry.repeat].repeat;
  const std::vector<Command> &inner = callee(repeat).commands.all();
  row = addRows(inner, 0, inner.size(), repeat.count());
  if (Error error = forEachPart(repeat, entry.loss, [&](CudaEntry &) {
        return measure(inner, 0, inner.size(), row);
      }))
    return error;
  row = addRows(commands, entry.repeat + 1, commands.size());
  return measure(commands, entry.repeat + 1, commands.size(), row);
}

Error CudaSession::captureProducts(CudaEntry &entry) {
  if (entry.products.isThere())
    return nullptr;
  return Graph::capture(
      *driver, capturing.get(), "products",
      [&]() -> Error {
        for (const Command &command : entry.commands.all())
          if (command.isProduct())
            if (Error error =
                    execute(command, *commandContext, capturing.get()))
              return error;
        return nullptr;
      },
      entry.products);
}

Error CudaSession::runMatmuls(double &seconds) {
  if (Error error = context.makeCurrent())
    return error;
  CudaEntry &entry = entries[size_t(Entry::TrainStep)];
  const std::vector<Command> &commands = entry.commands.all();
  const plan::Repeat *repeat =
      entry.repeat == commands.size() ? nullptr : commands[entry.repeat].repeat;
  if (Error error = captureProducts(entry))
    return error;
  if (repeat)
    if (Error error = captureProducts(callee(*repeat)))
      return error;
  return timer.measure(
      [&](CuStream on) -> Error {
        for (uint32_t i = 0; repeat && i < repeat->count(); ++i)
          if (Error error = callee(*repeat).products.launch(on, "products"))
            return error;
        return entry.products.launch(on, "products");
      },
      1, seconds);
}
