//===- session_commands.cpp - Running a session's commands
//------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "runtime/philox.h"
#include "runtime/session.h"

#include <chrono>
#include <cmath>
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
/// filled, and gives the mean of its losses, added up in the parts' order.
template <typename Run>
Error lnsrt_session::repeat(const ResolvedCommand &command, Run run) {
  const ResolvedEntry &callee = *command.callee;
  float sum = 0;
  for (int64_t i = 0; i < command.items; ++i) {
    size_t offset = size_t(i) * command.bytes;
    std::memcpy(callee.tokens,
                static_cast<const unsigned char *>(command.a) + offset,
                command.bytes);
    std::memcpy(callee.targets,
                static_cast<const unsigned char *>(command.b) + offset,
                command.bytes);
    if (Error error = run(callee))
      return error;
    sum += *callee.loss;
  }
  *static_cast<float *>(command.c) = sum / float(command.items);
  return nullptr;
}

Error lnsrt_session::execute(const ResolvedCommand &command) {
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
    return matmul.run(command.shape, command.a, command.b, command.c,
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
                 std::memset(to + begin, 0, size_t(end - begin));
             });
    return nullptr;
  }
  default:
    return makeError(LNSRT_INTERNAL, command.name, "unknown command");
  }
}

Error lnsrt_session::execute(const ResolvedEntry &entry) {
  for (const ResolvedCommand &command : entry.commands)
    if (Error error = execute(command))
      return error;
  return nullptr;
}

Error lnsrt_session::require(Entry which, ResolvedEntry *&entry) {
  entry = &entries[size_t(which)];
  if (entry->present)
    return nullptr;
  return makeError(LNSRT_UNSUPPORTED, plan->path,
                   "the plan has no entry point '", entryName(which),
                   "'; compile the model again with it");
}

uint32_t lnsrt_session::partSize() const {
  const plan::Plan &table = *plan->table;
  return table.micro_batch() ? table.micro_batch() : table.batch();
}

Error lnsrt_session::checkTokens(const int32_t *from, const char *what) const {
  uint32_t vocabulary = plan->table->vocabulary();
  uint32_t sequence = plan->table->sequence();
  size_t count = size_t(plan->table->batch()) * sequence;
  if (!from)
    return makeError(LNSRT_INVALID_ARGUMENT, what, "no ", what, " given");
  for (size_t i = 0; i < count; ++i)
    if (from[i] < 0 || uint32_t(from[i]) >= vocabulary)
      return makeError(LNSRT_INVALID_ARGUMENT, what, what, "[", i / sequence,
                       "][", i % sequence, "] is ", from[i],
                       ", the vocabulary has ", vocabulary,
                       " tokens; prepare the data for this model");
  return nullptr;
}

Error lnsrt_session::putTokens(const int32_t *from, int32_t *to,
                               const char *what) {
  if (Error error = checkTokens(from, what))
    return error;
  const plan::Plan &table = *plan->table;
  std::memcpy(to, from,
              size_t(table.batch()) * table.sequence() * sizeof(int32_t));
  return nullptr;
}

Error lnsrt_session::putOptimizer(const lnsrt_optimizer_options &options,
                                  float *to) {
  auto bad = [](const char *name, auto value, const char *expected) {
    return makeError(LNSRT_INVALID_ARGUMENT, "optimizer", name, " is ", value,
                     ", expected ", expected);
  };
  auto isBeta = [](float beta) { return beta >= 0.0f && beta < 1.0f; };
  auto isSize = [](float value) {
    return std::isfinite(value) && value >= 0.0f;
  };
  if (!std::isfinite(options.lr))
    return bad("lr", options.lr, "a finite number");
  if (!isBeta(options.beta1))
    return bad("beta1", options.beta1, "0 <= beta1 < 1");
  if (!isBeta(options.beta2))
    return bad("beta2", options.beta2, "0 <= beta2 < 1");
  if (!isSize(options.eps))
    return bad("eps", options.eps, "a finite number, at least 0");
  // What pads a parameter has moments of 0, and is updated by 0 / (0 + eps).
  if (hasPadding && options.eps == 0.0f)
    return bad("eps", options.eps,
               "more than 0 for a plan with padded parameters; compile the "
               "model with --disable-padding to train it with 0");
  if (!isSize(options.weight_decay))
    return bad("weight_decay", options.weight_decay,
               "a finite number, at least 0");
  if (!isSize(options.clip))
    return bad("clip", options.clip, "a finite number, at least 0");
  if (options.step == 0)
    return bad("step", options.step, "at least 1");
  double step = double(options.step);
  to[LNS_OPT_LR] = options.lr;
  to[LNS_OPT_BETA1] = options.beta1;
  to[LNS_OPT_BETA2] = options.beta2;
  to[LNS_OPT_EPS] = options.eps;
  to[LNS_OPT_WEIGHT_DECAY] = options.weight_decay;
  to[LNS_OPT_CLIP] = options.clip;
  to[LNS_OPT_BIAS_CORRECTION1] =
      float(1.0 - std::pow(double(options.beta1), step));
  to[LNS_OPT_BIAS_CORRECTION2] =
      float(1.0 - std::pow(double(options.beta2), step));
  return nullptr;
}

Error lnsrt_session::trainStep(const int32_t *tokens, const int32_t *targets,
                               const lnsrt_optimizer_options &options,
                               lnsrt_step_result &result) {
  ResolvedEntry *entry = nullptr;
  if (Error error = require(Entry::TrainStep, entry))
    return error;
  if (Error error = putTokens(tokens, entry->tokens, "tokens"))
    return error;
  if (Error error = putTokens(targets, entry->targets, "targets"))
    return error;
  if (Error error = putOptimizer(options, entry->optimizer))
    return error;
  if (Error error = execute(*entry))
    return error;
  result.loss = *entry->loss;
  result.gradient_norm = *entry->gradientNorm;
  return nullptr;
}

Error lnsrt_session::grads(const int32_t *tokens, const int32_t *targets,
                           float &loss) {
  ResolvedEntry *entry = nullptr;
  if (Error error = require(Entry::Grads, entry))
    return error;
  if (Error error = putTokens(tokens, entry->tokens, "tokens"))
    return error;
  if (Error error = putTokens(targets, entry->targets, "targets"))
    return error;
  if (Error error = execute(*entry))
    return error;
  loss = *entry->loss;
  return nullptr;
}

Error lnsrt_session::apply(const lnsrt_optimizer_options &options,
                           float &norm) {
  ResolvedEntry *entry = nullptr;
  if (Error error = require(Entry::Apply, entry))
    return error;
  if (Error error = putOptimizer(options, entry->optimizer))
    return error;
  if (Error error = execute(*entry))
    return error;
  norm = *entry->gradientNorm;
  return nullptr;
}

Error lnsrt_session::eval(const int32_t *tokens, const int32_t *targets,
                          float &loss) {
  ResolvedEntry *entry = nullptr;
  if (Error error = require(Entry::Eval, entry))
    return error;
  if (Error error = putTokens(tokens, entry->tokens, "tokens"))
    return error;
  if (Error error = putTokens(targets, entry->targets, "targets"))
    return error;
  if (Error error = execute(*entry))
    return error;
  loss = *entry->loss;
  return nullptr;
}

Error lnsrt_session::logits(const int32_t *tokens, float *logits) {
  ResolvedEntry *entry = nullptr;
  if (Error error = require(Entry::Logits, entry))
    return error;
  if (Error error = checkTokens(tokens, "tokens"))
    return error;
  const plan::Plan &table = *plan->table;
  // Each part's logits go to the caller before the next one's are computed.
  size_t count = size_t(partSize()) * table.sequence();
  for (uint32_t first = 0; first < table.batch(); first += partSize()) {
    std::memcpy(entry->tokens, tokens, count * sizeof(int32_t));
    if (Error error = execute(*entry))
      return error;
    std::memcpy(logits, entry->logits,
                count * table.vocabulary() * sizeof(float));
    tokens += count;
    logits += count * table.vocabulary();
  }
  return nullptr;
}

Error lnsrt_session::profileStep(uint64_t seed) {
  ResolvedEntry *entry = nullptr;
  if (Error error = require(Entry::TrainStep, entry))
    return error;
  const plan::Plan &table = *plan->table;
  uint64_t count = uint64_t(table.batch()) * table.sequence();
  PhiloxKey key = philoxKey(seed);
  for (uint64_t i = 0; i < count; ++i) {
    PhiloxCounter words = philox4x32(philoxCounter(i, 0), key);
    entry->tokens[i] = int32_t(words[0] % table.vocabulary());
    entry->targets[i] = int32_t(words[1] % table.vocabulary());
  }
  lnsrt_optimizer_options options = {};
  options.beta1 = 0.9f;
  options.beta2 = 0.95f;
  options.eps = 1e-8f;
  options.step = 1;
  if (Error error = putOptimizer(options, entry->optimizer))
    return error;
  rows.clear();
  double before = now();
  auto measure = [&](const ResolvedCommand &command, size_t row) -> Error {
    if (Error error = execute(command))
      return error;
    double after = now();
    rows[row].seconds += after - before;
    before = after;
    return nullptr;
  };
  for (const ResolvedCommand &command : entry->commands) {
    size_t first = rows.size();
    if (!command.callee) {
      rows.push_back({command.group, command.name, 0});
      if (Error error = measure(command, first))
        return error;
      continue;
    }
    // What is repeated has one row for all its runs.
    for (const ResolvedCommand &inner : command.callee->commands)
      rows.push_back({inner.group, inner.name, 0});
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

Error lnsrt_session::runMatmuls(double &seconds) {
  ResolvedEntry *entry = nullptr;
  if (Error error = require(Entry::TrainStep, entry))
    return error;
  double before = now();
  auto runAll = [&](const ResolvedEntry &all) -> Error {
    for (const ResolvedCommand &command : all.commands)
      if (command.kind == plan::CommandBody::Matmul)
        if (Error error = execute(command))
          return error;
    return nullptr;
  };
  for (const ResolvedCommand &command : entry->commands)
    for (int64_t i = 0; command.callee && i < command.items; ++i)
      if (Error error = runAll(*command.callee))
        return error;
  if (Error error = runAll(*entry))
    return error;
  seconds = now() - before;
  return nullptr;
}
