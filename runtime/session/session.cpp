//===- session.cpp - A plan at work ---------------------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "runtime/session/session.h"

#include "runtime/base/checked_math.h"
#include "runtime/base/philox.h"
#include "runtime/cpu/cpu_session.h"
#include "runtime/cuda/cuda_session.h"
#include "runtime/session/devices.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <string_view>

using namespace lns;
using plan::Segment;

const char *lns::entryName(Entry entry) {
  constexpr const char *kNames[kEntries] = {
      "train_step", "grads",   "apply",   "eval",  "logits", "micro_grads",
      "micro_eval", "refresh", "project", "trace", "decode"};
  return kNames[size_t(entry)];
}

void lns::drawTokens(const lnsrt_plan &plan, uint64_t seed, int32_t *tokens,
                     int32_t *targets) {
  const plan::Plan &table = *plan.table;
  uint64_t count = uint64_t(table.batch()) * table.sequence();
  PhiloxKey key = philoxKey(seed);
  for (uint64_t i = 0; i < count; ++i) {
    PhiloxCounter words = philox4x32(philoxCounter(i, 0), key);
    tokens[i] = int32_t(words[0] % table.vocabulary());
    targets[i] = int32_t(words[1] % table.vocabulary());
  }
}

Error lnsrt_session::create(lnsrt_plan *from,
                            const lnsrt_session_options &options) {
  plan = from;
  std::string_view name = chooseDevice(*plan, options.device);
  if (Error error = requireCode(*plan, name))
    return error;
  if (Error error = name == "cpu"
                        ? createCpuSession(*plan, options, device)
                        : cuda::createSession(*plan, options, name, device))
    return error;
  rows.reserve(device->profileRows());
  const auto &parameters = *plan->table->parameters();
  hasPadding = std::any_of(
      parameters.begin(), parameters.end(),
      [](const plan::Parameter *parameter) { return isPadded(*parameter); });
  schedules.create(*plan);
  if (device->has(Entry::Decode)) {
    decoded.resize(plan->table->batch());
    decodeStarts.resize(plan->table->batch());
  }
  return nullptr;
}

/// Keys and values are those of the parameters, and of the steps done, that
/// they were computed with.
void lnsrt_session::forgetDecoded() {
  std::fill(decoded.begin(), decoded.end(), 0u);
}

void lnsrt_session::setStepsDone(uint64_t steps) {
  if (steps != stepsDone)
    forgetDecoded();
  stepsDone = steps;
}

Error lnsrt_session::init(uint64_t seed) {
  forgetDecoded();
  stepsDone = 0;
  if (Error error = device->init(seed))
    return error;
  return device->has(Entry::Project) ? device->run(Entry::Project, {}, {})
                                     : nullptr;
}

/// A number that two contents of the parameter share once in 2^64 cases.
Error lnsrt_session::mix(const plan::Parameter &parameter,
                         uint64_t &number) const {
  constexpr uint64_t kPart = 1 << 20, kPrime = 0x100000001b3;
  uint64_t count = elementCount(parameter);
  std::vector<float> part(size_t(std::min(count, kPart)));
  number = 0xcbf29ce484222325;
  for (uint64_t first = 0; first < count; first += part.size()) {
    part.resize(size_t(std::min<uint64_t>(part.size(), count - first)));
    if (Error error = device->read(Segment::parameters, parameter, first,
                                   part.size(), part.data()))
      return error;
    for (float value : part) {
      number = (number ^ std::bit_cast<uint32_t>(value)) * kPrime;
      number ^= number >> 32;
    }
  }
  return nullptr;
}

Error lnsrt_session::project(size_t *changed) {
  if (changed)
    *changed = 0;
  if (!device->has(Entry::Project))
    return nullptr;
  forgetDecoded();
  if (!changed)
    return device->run(Entry::Project, {}, {});
  // Only matrices have lines.
  std::vector<const plan::Parameter *> matrices;
  for (const plan::Parameter *parameter : *plan->table->parameters())
    if (parameter->shape()->size() == 2)
      matrices.push_back(parameter);
  std::vector<uint64_t> before(matrices.size());
  for (size_t i = 0; i < matrices.size(); ++i)
    if (Error error = mix(*matrices[i], before[i]))
      return error;
  if (Error error = device->run(Entry::Project, {}, {}))
    return error;
  for (size_t i = 0; i < matrices.size(); ++i) {
    uint64_t after = 0;
    if (Error error = mix(*matrices[i], after))
      return error;
    *changed += after != before[i];
  }
  return nullptr;
}

Error lnsrt_session::require(Entry which) const {
  if (device->has(which))
    return nullptr;
  // lnsc leaves out what a budget has no room for, if training can do without.
  return makeError(
      LNSRT_UNSUPPORTED, plan->path, "the plan has no entry point '",
      entryName(which), "'; compile the model again ",
      which == Entry::Logits   ? "with a larger --memory-budget, or without one"
      : which == Entry::Trace  ? "with --diagnostics"
      : which == Entry::Decode ? "with --decode"
                               : "with it");
}

uint32_t lnsrt_session::partSize() const {
  const plan::Plan &table = *plan->table;
  return table.micro_batch() ? table.micro_batch() : table.batch();
}

/// `from` holds a batch of tokens, or of what may be ignored as well.
static Error checkValues(const plan::Plan &table, const int32_t *from,
                         const char *what, bool mayBeIgnored) {
  uint32_t vocabulary = table.vocabulary(), sequence = table.sequence();
  size_t count = size_t(table.batch()) * sequence, ignored = 0;
  if (!from)
    return makeError(LNSRT_INVALID_ARGUMENT, what, "no ", what, " given");
  for (size_t i = 0; i < count; ++i) {
    if (mayBeIgnored && from[i] == LNSRT_IGNORED_TARGET)
      ++ignored;
    else if (from[i] < 0 || uint32_t(from[i]) >= vocabulary)
      return makeError(LNSRT_INVALID_ARGUMENT, what, what, "[", i / sequence,
                       "][", i % sequence, "] is ", from[i],
                       ", the vocabulary has ", vocabulary, " tokens",
                       mayBeIgnored ? " (and -100 is ignored)" : "",
                       "; prepare the data for this model");
  }
  if (ignored == count)
    return makeError(LNSRT_INVALID_ARGUMENT, what, "all ", count,
                     " targets are ignored (-100), and a loss is a mean over "
                     "those that are not; leave out such batches");
  return nullptr;
}

/// A row's first document starts at 0; every later time goes on with the one
/// before, or starts one itself. Kernels rely on it.
static Error checkStarts(const lnsrt_plan &plan, const int32_t *starts) {
  if (!starts)
    return nullptr;
  if (!plan.documents)
    return makeError(LNSRT_INVALID_ARGUMENT, "starts",
                     "starts of documents are given, but the plan takes none; "
                     "compile the model with --documents, or give none");
  uint32_t batch = plan.table->batch(), sequence = plan.table->sequence();
  for (uint32_t row = 0; row < batch; ++row, starts += sequence) {
    int32_t before = 0;
    for (uint32_t time = 0; time < sequence; ++time) {
      int32_t start = starts[time];
      // T fits 31 bits where there is memory for its tokens.
      if (start != before && start != int32_t(time))
        return makeError(LNSRT_INVALID_ARGUMENT, "starts", "starts[", row, "][",
                         time, "] is ", start,
                         ", but a document starts at its own time, ", time,
                         ", or goes on from ", before,
                         time == 0 ? ", where a row's first one starts"
                                   : ", where the token before has its start",
                         "; count starts from the first token of the row");
      before = start;
    }
  }
  return nullptr;
}

Error lnsrt_session::checkTokens(const lnsrt_batch &batch) const {
  if (Error error = checkValues(*plan->table, batch.tokens, "tokens",
                                /*mayBeIgnored=*/false))
    return error;
  return checkStarts(*plan, batch.starts);
}

Error lnsrt_session::checkBatch(const lnsrt_batch &batch) const {
  if (Error error = checkTokens(batch))
    return error;
  return checkValues(*plan->table, batch.targets, "targets",
                     /*mayBeIgnored=*/true);
}

Error lnsrt_session::optimizerValues(const lnsrt_optimizer_options &options,
                                     OptimizerValues &to) const {
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

Error lnsrt_session::trainStep(const lnsrt_batch &batch,
                               const lnsrt_optimizer_options &options,
                               lnsrt_step_result &result) {
  if (Error error = require(Entry::TrainStep))
    return error;
  if (Error error = checkBatch(batch))
    return error;
  OptimizerValues values;
  if (Error error = optimizerValues(options, values))
    return error;
  forgetDecoded();
  stepsDone = options.step - 1;
  if (Error error = schedules.put(stepsDone, *device))
    return error;
  if (Error error = device->run(
          Entry::TrainStep,
          {batch.tokens, batch.targets, batch.starts, values.data()},
          {.loss = &result.loss, .gradientNorm = &result.gradient_norm}))
    return error;
  // What is not finite has changed nothing.
  if (std::isfinite(result.loss) && std::isfinite(result.gradient_norm))
    stepsDone = options.step;
  return nullptr;
}

Error lnsrt_session::grads(const lnsrt_batch &batch, float &loss) {
  if (Error error = require(Entry::Grads))
    return error;
  if (Error error = checkBatch(batch))
    return error;
  if (Error error = schedules.put(stepsDone, *device))
    return error;
  return device->run(Entry::Grads, {batch.tokens, batch.targets, batch.starts},
                     {.loss = &loss});
}

Error lnsrt_session::apply(const lnsrt_optimizer_options &options,
                           float &norm) {
  if (Error error = require(Entry::Apply))
    return error;
  OptimizerValues values;
  if (Error error = optimizerValues(options, values))
    return error;
  forgetDecoded();
  if (Error error = device->run(Entry::Apply, {.optimizer = values.data()},
                                {.gradientNorm = &norm}))
    return error;
  stepsDone = std::isfinite(norm) ? options.step : options.step - 1;
  return nullptr;
}

Error lnsrt_session::eval(const lnsrt_batch &batch, float &loss) {
  if (Error error = require(Entry::Eval))
    return error;
  if (Error error = checkBatch(batch))
    return error;
  if (Error error = schedules.put(stepsDone, *device))
    return error;
  return device->run(Entry::Eval, {batch.tokens, batch.targets, batch.starts},
                     {.loss = &loss});
}

Error lnsrt_session::logits(const lnsrt_batch &batch, float *logits) {
  if (Error error = require(Entry::Logits))
    return error;
  if (Error error = checkTokens(batch))
    return error;
  if (Error error = schedules.put(stepsDone, *device))
    return error;
  const plan::Plan &table = *plan->table;
  // Each part's logits go to the caller before the next one's are computed.
  size_t count = size_t(partSize()) * table.sequence();
  const int32_t *tokens = batch.tokens, *starts = batch.starts;
  for (uint32_t first = 0; first < table.batch(); first += partSize()) {
    if (Error error =
            device->run(Entry::Logits, {.tokens = tokens, .starts = starts},
                        {.logits = logits}))
      return error;
    tokens += count;
    starts = starts ? starts + count : nullptr;
    logits += count * table.vocabulary();
  }
  return nullptr;
}

Error lnsrt_session::trace(const int32_t *tokens, float *values) {
  if (Error error = require(Entry::Trace))
    return error;
  if (Error error =
          checkTokens({sizeof(lnsrt_batch), tokens, nullptr, nullptr}))
    return error;
  if (Error error = schedules.put(stepsDone, *device))
    return error;
  const plan::Plan &table = *plan->table;
  size_t count = size_t(partSize()) * table.sequence();
  size_t stride = size_t(table.batch()) * table.sequence() * plan->traceWidth;
  // A part's rows stand in each value behind those of the parts before it.
  for (uint32_t first = 0; first < table.batch(); first += partSize()) {
    if (Error error = device->run(Entry::Trace, {.tokens = tokens},
                                  {.trace = values, .traceStride = stride}))
      return error;
    tokens += count;
    values += count * plan->traceWidth;
  }
  return nullptr;
}

/// One token of each row: in the vocabulary, and behind no gap.
Error lnsrt_session::checkDecoded(const int32_t *tokens,
                                  const int32_t *positions) const {
  uint32_t vocabulary = plan->table->vocabulary();
  uint32_t sequence = plan->table->sequence();
  for (auto [values, what] :
       {std::pair(tokens, "tokens"), std::pair(positions, "positions")})
    if (!values)
      return makeError(LNSRT_INVALID_ARGUMENT, what, "no ", what, " given");
  for (size_t row = 0; row < decoded.size(); ++row) {
    int32_t token = tokens[row], position = positions[row];
    if (token < 0 || uint32_t(token) >= vocabulary)
      return makeError(LNSRT_INVALID_ARGUMENT, "tokens", "tokens[", row,
                       "] is ", token, ", the vocabulary has ", vocabulary,
                       " tokens; prepare the data for this model");
    if (position < 0 || uint32_t(position) >= sequence)
      return makeError(LNSRT_INVALID_ARGUMENT, "positions", "positions[", row,
                       "] is ", position, ", a row has positions 0 to ",
                       sequence - 1,
                       "; start again at 0 with the end of the text, or "
                       "compile the model with a larger --seq");
    if (uint32_t(position) > decoded[row])
      return makeError(
          LNSRT_INVALID_ARGUMENT, "positions", "positions[", row, "] is ",
          position, ", but row ", row, " has ", decoded[row],
          " tokens decoded since the parameters last changed; decode what is "
          "between first, from position ",
          decoded[row], " on");
  }
  return nullptr;
}

Error lnsrt_session::decode(const int32_t *tokens, const int32_t *positions,
                            float *logits) {
  if (Error error = require(Entry::Decode))
    return error;
  if (Error error = checkDecoded(tokens, positions))
    return error;
  if (Error error = schedules.put(stepsDone, *device))
    return error;
  for (size_t row = 0; row < decoded.size(); ++row) {
    decodeStarts[row] = -positions[row];
    // Should it fail, nobody knows what stands there.
    decoded[row] = uint32_t(positions[row]);
  }
  if (Error error = device->run(
          Entry::Decode, {.tokens = tokens, .starts = decodeStarts.data()},
          {.logits = logits}))
    return error;
  for (uint32_t &count : decoded)
    ++count;
  return nullptr;
}

Error lnsrt_session::profileStep(uint64_t seed) {
  if (Error error = require(Entry::TrainStep))
    return error;
  lnsrt_optimizer_options options = {};
  options.beta1 = 0.9f;
  options.beta2 = 0.95f;
  options.eps = 1e-8f;
  options.step = 1;
  OptimizerValues values;
  if (Error error = optimizerValues(options, values))
    return error;
  rows.clear();
  // With a learning rate of 0 it changes parameters all the same where lines
  // are kept at length 1 and somebody wrote others.
  forgetDecoded();
  if (Error error = schedules.put(stepsDone, *device))
    return error;
  return device->profile(seed, values.data(), rows);
}

Error lnsrt_session::runMatmuls(double &seconds) {
  if (Error error = require(Entry::TrainStep))
    return error;
  return device->runMatmuls(seconds);
}

uint64_t lnsrt_session::tensorElements(size_t index) const {
  const auto &parameters = *plan->table->parameters();
  return index < parameters.size()
             ? elementCount(*parameters.Get(flatbuffers::uoffset_t(index)))
             : 0;
}

Error lnsrt_session::find(lnsrt_tensor_kind kind, size_t index,
                          uint64_t elements, Segment &which,
                          const plan::Parameter *&found) const {
  switch (kind) {
  case LNSRT_PARAMETER:
    which = Segment::parameters;
    break;
  case LNSRT_GRADIENT:
    which = Segment::gradients;
    break;
  case LNSRT_EXP_AVG:
    which = Segment::exp_avg;
    break;
  case LNSRT_EXP_AVG_SQ:
    which = Segment::exp_avg_sq;
    break;
  default:
    return makeError(LNSRT_INVALID_ARGUMENT, plan->path, "unknown tensor kind ",
                     int(kind));
  }
  const auto &parameters = *plan->table->parameters();
  if (index >= parameters.size())
    return makeError(LNSRT_INVALID_ARGUMENT, plan->path, "tensor ", index,
                     ", the plan has ", parameters.size());
  found = parameters.Get(flatbuffers::uoffset_t(index));
  if (kind != LNSRT_PARAMETER && isFrozen(*found))
    return makeError(LNSRT_INVALID_ARGUMENT, found->name()->string_view(),
                     "the parameter is frozen: the plan has no ",
                     kind == LNSRT_GRADIENT ? "gradient" : "moments",
                     " for it; ask for its value alone, or compile the model "
                     "without freezing it");
  if (elements != elementCount(*found))
    return makeError(LNSRT_INVALID_ARGUMENT, found->name()->string_view(),
                     elements, " elements given, the tensor has ",
                     elementCount(*found));
  return nullptr;
}

Error lnsrt_session::readWhole(lnsrt_tensor_kind kind, size_t index,
                               uint64_t elements, float *to) const {
  Segment segment;
  const plan::Parameter *parameter = nullptr;
  if (Error error = find(kind, index, elements, segment, parameter))
    return error;
  return device->read(segment, *parameter, 0, elements, to);
}

Error lnsrt_session::readPart(lnsrt_tensor_kind kind, size_t index,
                              uint64_t first, uint64_t count, float *to) const {
  Segment segment;
  const plan::Parameter *parameter = nullptr;
  uint64_t size = tensorElements(index);
  if (Error error = find(kind, index, size, segment, parameter))
    return error;
  if (!insideRange(first, count, size))
    return makeError(LNSRT_INVALID_ARGUMENT, parameter->name()->string_view(),
                     count, " elements from ", first, " on, the tensor has ",
                     size);
  return device->read(segment, *parameter, first, count, to);
}

Error lnsrt_session::write(lnsrt_tensor_kind kind, size_t index,
                           uint64_t elements, const float *from) {
  Segment segment;
  const plan::Parameter *parameter = nullptr;
  if (Error error = find(kind, index, elements, segment, parameter))
    return error;
  if (segment == Segment::parameters)
    forgetDecoded();
  return device->write(segment, *parameter, from);
}
