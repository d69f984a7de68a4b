//===- fake_runtime.cpp - A runtime for tests of the trainer --------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "fake_runtime.h"

#include "runtime/lnsrt.h"

#include <algorithm>
#include <cmath>
#include <csignal>
#include <cstring>
#include <fstream>
#include <new>
#include <vector>

struct lnsrt_error {
  lnsrt_error_code code;
  std::string message, place;
};
struct lnsrt_plan {
  uint32_t batch = 0, sequence = 0, vocabulary = 0, documents = 0;
  size_t tokens() const { return size_t{batch} * sequence; }
  size_t weights() const { return size_t{vocabulary} * vocabulary; }
};
struct lnsrt_session {
  const lnsrt_plan *plan;
  std::vector<float> tensors[4];
  std::vector<lnsrt_profile_row> rows;
};

static lnsrt_error *makeError(const std::string &place,
                              const std::string &message) {
  return new lnsrt_error{LNSRT_INVALID_ARGUMENT, message, place};
}

/// The runtime's rules; a bigram sees no further than a document anyway.
static lnsrt_error *checkStarts(const lnsrt_plan &plan,
                                const lnsrt_batch &batch) {
  if (!batch.starts)
    return nullptr;
  if (!plan.documents)
    return makeError("fake", "the plan takes no starts");
  ++FakeRuntime::packedBatches;
  for (size_t i = 0; i < plan.tokens(); ++i) {
    auto time = static_cast<int32_t>(i % plan.sequence);
    int32_t before = time == 0 ? 0 : batch.starts[i - 1];
    if (batch.starts[i] != before && batch.starts[i] != time)
      return makeError("fake", "starts that break their rules");
  }
  return nullptr;
}

/// Mean cross entropy; fills the gradient when asked.
static float runModel(lnsrt_session *s, const int32_t *tokens,
                      const int32_t *targets, bool backward) {
  size_t vocabulary = s->plan->vocabulary, size = s->plan->tokens();
  size_t count = size - static_cast<size_t>(std::count(targets, targets + size,
                                                       LNSRT_IGNORED_TARGET));
  std::vector<float> &gradient = s->tensors[LNSRT_GRADIENT];
  if (backward)
    std::fill(gradient.begin(), gradient.end(), 0.0f);
  std::vector<double> p(vocabulary);
  double loss = 0;
  for (size_t i = 0; i < size; ++i) {
    if (targets[i] == LNSRT_IGNORED_TARGET)
      continue;
    size_t row = static_cast<size_t>(tokens[i]) * vocabulary;
    double sum = 0;
    for (size_t v = 0; v < vocabulary; ++v)
      sum += p[v] =
          std::exp(static_cast<double>(s->tensors[LNSRT_PARAMETER][row + v]));
    size_t target = static_cast<size_t>(targets[i]);
    loss -= std::log(p[target] / sum);
    for (size_t v = 0; backward && v < vocabulary; ++v)
      gradient[row + v] += static_cast<float>(
          (p[v] / sum - (v == target ? 1 : 0)) / static_cast<double>(count));
  }
  return static_cast<float>(loss / static_cast<double>(count));
}

extern "C" {

lnsrt_error_code lnsrt_error_get_code(const lnsrt_error *error) {
  return error ? error->code : LNSRT_OK;
}
const char *lnsrt_error_message(const lnsrt_error *error) {
  return error->message.c_str();
}
const char *lnsrt_error_place(const lnsrt_error *error) {
  return error->place.c_str();
}
void lnsrt_error_free(lnsrt_error *error) { delete error; }

lnsrt_error *lnsrt_plan_open(const char *path, lnsrt_plan **plan) {
  std::ifstream file(path);
  lnsrt_plan made;
  if (!(file >> made.batch >> made.sequence >> made.vocabulary))
    return makeError(path, "not a plan");
  if (!(file >> made.documents))
    made.documents = 0;
  *plan = new lnsrt_plan(made);
  return nullptr;
}
void lnsrt_plan_release(lnsrt_plan *plan) { delete plan; }
lnsrt_error *lnsrt_plan_get_trace(const lnsrt_plan *, lnsrt_trace_info *) {
  return makeError("plan", "the plan has no entry point 'trace'; compile the "
                           "model again with --diagnostics");
}
lnsrt_error *lnsrt_trace(lnsrt_session *, const int32_t *, float *) {
  return makeError("plan", "the plan has no entry point 'trace'; compile the "
                           "model again with --diagnostics");
}

lnsrt_error *lnsrt_decode(lnsrt_session *, const int32_t *, const int32_t *,
                          float *) {
  return makeError("plan", "the plan has no entry point 'decode'; compile the "
                           "model again with --decode");
}

lnsrt_error *lnsrt_plan_get_info(const lnsrt_plan *plan,
                                 lnsrt_plan_info *info) {
  info->batch = plan->batch;
  info->sequence = plan->sequence;
  info->vocabulary = plan->vocabulary;
  info->parameters = plan->weights();
  info->layers = 1;
  info->model_name = "bigram";
  info->compiler = "none";
  info->flops_per_step = 1000;
  info->documents = plan->documents;
  return nullptr;
}
lnsrt_error *lnsrt_plan_get_device_memory(const lnsrt_plan *, const char *,
                                          uint32_t threads,
                                          lnsrt_memory *memory) {
  memory->threads = threads;
  memory->parameters = 1000;
  memory->scratch = 10 * threads;
  memory->total = 1000 + 10 * threads;
  return nullptr;
}
lnsrt_error *lnsrt_plan_get_json(lnsrt_plan *, const char **json) {
  *json = R"({"entry_points":{"train_step":{"launches":3,"matmuls":2,)"
          R"("bf16_matmuls":1},"eval":{}},"norm_kernels":1,)"
          R"("kernels":[{"symbol":"k0","kind":"norm","source":"layers.0",)"
          R"("launches_per_step":3}]})";
  return nullptr;
}
const char *lnsrt_plan_config_json(const lnsrt_plan *) {
  return "{\"model_type\": \"bigram\"}";
}
const char *lnsrt_plan_identity(const lnsrt_plan *) {
  return "lnsc model 1\nnorm: none\ngraph:\noutput tokens\n";
}

lnsrt_error *lnsrt_session_create(lnsrt_plan *plan,
                                  const lnsrt_session_options *,
                                  lnsrt_session **session) {
  *session = new lnsrt_session{plan, {}, {}};
  for (std::vector<float> &tensor : (*session)->tensors)
    tensor.resize(plan->weights());
  return nullptr;
}
void lnsrt_session_release(lnsrt_session *session) { delete session; }
const char *lnsrt_session_device(const lnsrt_session *) { return "cpu"; }
lnsrt_error *lnsrt_session_get_json(lnsrt_session *, const char **json) {
  *json = R"({"device":"cpu"})";
  return nullptr;
}
lnsrt_error *lnsrt_get_devices_json(const char **json) {
  *json = R"({"devices":[{"device":"cpu","threads":3,"cpu_level":"fake"}],)"
          R"("cuda":{"problem":"the CUDA driver is not there"}})";
  return nullptr;
}
const char *lnsrt_session_cpu_level(const lnsrt_session *) { return "fake"; }
uint32_t lnsrt_session_threads(const lnsrt_session *) { return 1; }
const char *lnsrt_session_matmul(const lnsrt_session *) { return "fake"; }
lnsrt_error *lnsrt_session_memory(const lnsrt_session *, lnsrt_memory *memory) {
  lnsrt_memory filled = {};
  filled.struct_size = memory->struct_size;
  filled.threads = 1;
  *memory = filled;
  return nullptr;
}

lnsrt_error *lnsrt_init(lnsrt_session *s, uint64_t seed) {
  for (std::vector<float> &tensor : s->tensors)
    std::fill(tensor.begin(), tensor.end(), 0.0f);
  float x = static_cast<float>(seed % 100);
  for (float &w : s->tensors[LNSRT_PARAMETER])
    w = 0.02f * std::sin(x += 1.7f);
  return nullptr;
}

lnsrt_error *lnsrt_project(lnsrt_session *, size_t *changed) {
  *changed = 0;
  return nullptr;
}
lnsrt_error *lnsrt_set_steps_done(lnsrt_session *, uint64_t) { return nullptr; }
lnsrt_error *lnsrt_grads(lnsrt_session *s, const int32_t *tokens,
                         const int32_t *targets, float *loss) {
  *loss = runModel(s, tokens, targets, true);
  return nullptr;
}
lnsrt_error *lnsrt_apply(lnsrt_session *s,
                         const lnsrt_optimizer_options *options,
                         float *gradient_norm) {
  const lnsrt_optimizer_options &o = *options;
  double sum = 0;
  for (float g : s->tensors[LNSRT_GRADIENT])
    sum += static_cast<double>(g) * static_cast<double>(g);
  float norm = static_cast<float>(std::sqrt(sum));
  *gradient_norm = norm;
  if (!std::isfinite(norm))
    return nullptr;
  float scale = o.clip > 0 && norm > o.clip ? o.clip / norm : 1.0f;
  float step = static_cast<float>(o.step);
  for (size_t i = 0; i < s->plan->weights(); ++i) {
    float g = s->tensors[LNSRT_GRADIENT][i] * scale;
    float &m = s->tensors[LNSRT_EXP_AVG][i];
    float &v = s->tensors[LNSRT_EXP_AVG_SQ][i];
    float &w = s->tensors[LNSRT_PARAMETER][i];
    m = o.beta1 * m + (1 - o.beta1) * g;
    v = o.beta2 * v + (1 - o.beta2) * g * g;
    w -= o.lr * (m / (1 - std::pow(o.beta1, step)) /
                     (std::sqrt(v / (1 - std::pow(o.beta2, step))) + o.eps) +
                 o.weight_decay * w);
  }
  return nullptr;
}
lnsrt_error *lnsrt_train_step(lnsrt_session *s, const int32_t *tokens,
                              const int32_t *targets,
                              const lnsrt_optimizer_options *options,
                              lnsrt_step_result *result) {
  uint64_t call = ++FakeRuntime::trainSteps;
  if (FakeRuntime::onStep)
    FakeRuntime::onStep(call);
  if (call == FakeRuntime::interruptAt)
    std::raise(FakeRuntime::signal);
  if (call == FakeRuntime::failAt)
    return makeError("fake", "the device is gone");
  if (call == FakeRuntime::throwAt)
    throw std::bad_alloc();
  result->loss = runModel(s, tokens, targets, true);
  bool isLossBad = FakeRuntime::badLosses.contains(call);
  if (isLossBad)
    result->loss = NAN;
  if (FakeRuntime::badNorms.contains(call))
    s->tensors[LNSRT_GRADIENT][7] = INFINITY;
  // As the real one: a loss that is not finite changes nothing either.
  std::vector<float> kept[4];
  if (isLossBad)
    std::copy_n(s->tensors, 4, kept);
  lnsrt_error *error = lnsrt_apply(s, options, &result->gradient_norm);
  if (isLossBad)
    std::copy_n(kept, 4, s->tensors);
  if (call == FakeRuntime::poisonAt)
    s->tensors[LNSRT_PARAMETER][3] = NAN;
  return error;
}
lnsrt_error *lnsrt_eval(lnsrt_session *s, const int32_t *tokens,
                        const int32_t *targets, float *loss) {
  uint64_t call = ++FakeRuntime::evals;
  if (FakeRuntime::interruptEvalAt != 0 &&
      call >= FakeRuntime::interruptEvalAt &&
      call < FakeRuntime::interruptEvalAt + FakeRuntime::evalSignals)
    std::raise(FakeRuntime::signal);
  if (call == FakeRuntime::failEvalAt)
    return makeError("fake", "the device is gone");
  *loss = runModel(s, tokens, targets, false);
  return nullptr;
}
lnsrt_error *lnsrt_logits(lnsrt_session *s, const int32_t *tokens,
                          float *logits) {
  if (++FakeRuntime::logits == FakeRuntime::interruptLogitsAt)
    std::raise(FakeRuntime::signal);
  size_t vocabulary = s->plan->vocabulary;
  for (size_t i = 0; i < s->plan->tokens(); ++i)
    std::memcpy(logits + i * vocabulary,
                s->tensors[LNSRT_PARAMETER].data() +
                    static_cast<size_t>(tokens[i]) * vocabulary,
                vocabulary * sizeof(float));
  if (FakeRuntime::badLogits)
    std::fill_n(logits, s->plan->tokens() * vocabulary, NAN);
  return nullptr;
}

lnsrt_error *lnsrt_train_step_of(lnsrt_session *s, const lnsrt_batch *batch,
                                 const lnsrt_optimizer_options *options,
                                 lnsrt_step_result *result) {
  if (lnsrt_error *error = checkStarts(*s->plan, *batch))
    return error;
  return lnsrt_train_step(s, batch->tokens, batch->targets, options, result);
}
lnsrt_error *lnsrt_grads_of(lnsrt_session *s, const lnsrt_batch *batch,
                            float *loss) {
  if (lnsrt_error *error = checkStarts(*s->plan, *batch))
    return error;
  return lnsrt_grads(s, batch->tokens, batch->targets, loss);
}
lnsrt_error *lnsrt_eval_of(lnsrt_session *s, const lnsrt_batch *batch,
                           float *loss) {
  if (lnsrt_error *error = checkStarts(*s->plan, *batch))
    return error;
  return lnsrt_eval(s, batch->tokens, batch->targets, loss);
}
lnsrt_error *lnsrt_logits_of(lnsrt_session *s, const lnsrt_batch *batch,
                             float *logits) {
  if (lnsrt_error *error = checkStarts(*s->plan, *batch))
    return error;
  return lnsrt_logits(s, batch->tokens, logits);
}

size_t lnsrt_tensor_count(const lnsrt_plan *) { return 1; }
lnsrt_error *lnsrt_tensor_get_info(const lnsrt_plan *plan, size_t,
                                   lnsrt_tensor_info *info) {
  info->name = "bigram.weight";
  info->role = "matrix";
  info->rank = 2;
  info->shape[0] = info->shape[1] = plan->vocabulary;
  info->elements = plan->weights();
  return nullptr;
}
lnsrt_error *lnsrt_tensor_read_part(lnsrt_session *s, lnsrt_tensor_kind kind,
                                    size_t, uint64_t first, float *data,
                                    uint64_t elements) {
  std::memcpy(data, s->tensors[kind].data() + first, elements * sizeof(float));
  return nullptr;
}
lnsrt_error *lnsrt_tensor_write(lnsrt_session *s, lnsrt_tensor_kind kind,
                                size_t, const float *data, uint64_t elements) {
  std::memcpy(s->tensors[kind].data(), data, elements * sizeof(float));
  return nullptr;
}

lnsrt_error *lnsrt_profile_step(lnsrt_session *s, uint64_t,
                                const lnsrt_profile_row **rows, size_t *count) {
  s->rows = {{"norm", "a", 0.001, 0, 0},
             {"matmul", "b", 0.002, 64, 128},
             {"norm", "c", 0.004, 0, 0}};
  *rows = s->rows.data();
  *count = s->rows.size();
  return nullptr;
}
lnsrt_error *lnsrt_run_matmuls(lnsrt_session *, double *seconds) {
  *seconds = 1e-6;
  return nullptr;
}

} // extern "C"
