//===- lnsrt.cpp - The C ABI ----------------------------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "runtime/lnsrt.h"

#include "runtime/base/thread_pool.h"
#include "runtime/session/devices.h"
#include "runtime/session/session.h"

#include <algorithm>
#include <cstring>

using namespace lns;

static Error missing(const char *what) {
  return makeError(LNSRT_INVALID_ARGUMENT, "lnsrt", what, " is null");
}

/// Copies what the caller's struct has over the defaults in `options`.
template <typename T> static Error readOptions(const T *from, T &options) {
  if (!from)
    return nullptr;
  if (from->struct_size < sizeof(size_t))
    return makeError(LNSRT_INVALID_ARGUMENT, "lnsrt", "struct_size is ",
                     from->struct_size, "; set it to sizeof(the struct)");
  std::memcpy(&options, from, std::min(from->struct_size, sizeof(T)));
  return nullptr;
}

/// Copies what the caller's struct has room for.
template <typename T> static Error writeResult(T result, T *to) {
  if (!to)
    return missing("result");
  if (to->struct_size < sizeof(size_t))
    return makeError(LNSRT_INVALID_ARGUMENT, "lnsrt", "struct_size is ",
                     to->struct_size, "; set it to sizeof(the struct)");
  result.struct_size = to->struct_size;
  std::memcpy(to, &result, std::min(to->struct_size, sizeof(T)));
  return nullptr;
}

static Error optimizerOptions(const lnsrt_optimizer_options *from,
                              lnsrt_optimizer_options &options) {
  options = {};
  options.lr = 1e-3f;
  options.beta1 = 0.9f;
  options.beta2 = 0.95f;
  options.eps = 1e-8f;
  options.step = 1;
  return readOptions(from, options);
}

/// A batch without starts of documents.
static lnsrt_batch makeBatch(const int32_t *tokens, const int32_t *targets) {
  return {sizeof(lnsrt_batch), tokens, targets, nullptr};
}

static Error readBatch(const lnsrt_batch *from, lnsrt_batch &batch) {
  return from ? readOptions(from, batch) : missing("batch");
}

extern "C" {

lnsrt_error *lnsrt_get_devices_json(const char **json) {
  return guarded([&]() -> Error {
    if (!json)
      return missing("json");
    static thread_local std::string text;
    text = devicesJson();
    *json = text.c_str();
    return nullptr;
  });
}

lnsrt_error *lnsrt_plan_open(const char *path, lnsrt_plan **plan) {
  return guarded([&]() -> Error {
    if (!path || !plan)
      return missing(path ? "plan" : "path");
    std::unique_ptr<lnsrt_plan> opened;
    if (Error error = openPlan(path, opened))
      return error;
    *plan = opened.release();
    return nullptr;
  });
}

lnsrt_error *lnsrt_plan_open_memory(const void *bytes, size_t size,
                                    lnsrt_plan **plan) {
  return guarded([&]() -> Error {
    if ((!bytes && size != 0) || !plan)
      return missing(plan ? "bytes" : "plan");
    std::unique_ptr<lnsrt_plan> opened;
    if (Error error = openPlanMemory(bytes, size, opened))
      return error;
    *plan = opened.release();
    return nullptr;
  });
}

void lnsrt_plan_release(lnsrt_plan *plan) { delete plan; }

lnsrt_error *lnsrt_plan_get_info(const lnsrt_plan *plan,
                                 lnsrt_plan_info *info) {
  return guarded([&]() -> Error {
    if (!plan)
      return missing("plan");
    lnsrt_plan_info filled = {};
    fillPlanInfo(*plan, filled);
    return writeResult(filled, info);
  });
}

lnsrt_error *lnsrt_plan_get_memory(const lnsrt_plan *plan, uint32_t threads,
                                   lnsrt_memory *memory) {
  return lnsrt_plan_get_device_memory(plan, nullptr, threads, memory);
}

lnsrt_error *lnsrt_plan_get_device_memory(const lnsrt_plan *plan,
                                          const char *device, uint32_t threads,
                                          lnsrt_memory *memory) {
  return guarded([&]() -> Error {
    if (!plan)
      return missing("plan");
    if (Error error = ThreadPool::choose(threads, plan->path))
      return error;
    SessionMemory split;
    if (Error error = deviceMemory(*plan, device, threads, split))
      return error;
    lnsrt_memory filled = {};
    filled.threads = threads;
    filled.parameters = split.parameters;
    filled.gradients = split.gradients;
    filled.optimizer = split.optimizer;
    filled.activations = split.activations;
    filled.workspace = split.workspace;
    filled.io = split.io;
    filled.constants = split.constants;
    filled.matmul = split.matmul;
    filled.scratch = split.scratch();
    filled.total = split.total();
    filled.staging = split.staging;
    filled.compute_weights = split.compute;
    filled.caches = split.caches;
    return writeResult(filled, memory);
  });
}

lnsrt_error *lnsrt_plan_get_json(lnsrt_plan *plan, const char **json) {
  return guarded([&]() -> Error {
    if (!plan || !json)
      return missing(plan ? "json" : "plan");
    std::call_once(plan->jsonOnce, [&] { plan->json = planJson(*plan); });
    *json = plan->json.c_str();
    return nullptr;
  });
}

const char *lnsrt_plan_config_json(const lnsrt_plan *plan) {
  return plan && plan->table->config_json()
             ? plan->table->config_json()->c_str()
             : "";
}

const char *lnsrt_plan_identity(const lnsrt_plan *plan) {
  return plan && plan->table->identity() ? plan->table->identity()->c_str()
                                         : "";
}

lnsrt_error *lnsrt_session_create(lnsrt_plan *plan,
                                  const lnsrt_session_options *options,
                                  lnsrt_session **session) {
  return guarded([&]() -> Error {
    if (!plan || !session)
      return missing(plan ? "session" : "plan");
    lnsrt_session_options known = {};
    if (Error error = readOptions(options, known))
      return error;
    auto created = std::make_unique<lnsrt_session>();
    if (Error error = created->create(plan, known))
      return error;
    *session = created.release();
    return nullptr;
  });
}

void lnsrt_session_release(lnsrt_session *session) { delete session; }

const char *lnsrt_session_device(const lnsrt_session *session) {
  return session ? session->device->name() : "";
}

lnsrt_error *lnsrt_session_get_json(lnsrt_session *session, const char **json) {
  return guarded([&]() -> Error {
    if (!session || !json)
      return missing(session ? "json" : "session");
    session->json = session->device->json();
    *json = session->json.c_str();
    return nullptr;
  });
}

const char *lnsrt_session_cpu_level(const lnsrt_session *session) {
  return session ? session->device->cpuLevel() : "";
}

uint32_t lnsrt_session_threads(const lnsrt_session *session) {
  return session ? session->device->threads() : 0;
}

lnsrt_error *lnsrt_session_memory(const lnsrt_session *session,
                                  lnsrt_memory *memory) {
  return guarded([&]() -> Error {
    if (!session)
      return missing("session");
    lnsrt_memory filled = {};
    session->device->fillMemory(filled);
    return writeResult(filled, memory);
  });
}

const char *lnsrt_session_matmul(const lnsrt_session *session) {
  return session ? session->device->matmul() : "";
}

lnsrt_error *lnsrt_init(lnsrt_session *session, uint64_t seed) {
  return guarded([&]() -> Error {
    if (!session)
      return missing("session");
    return session->init(seed);
  });
}

lnsrt_error *lnsrt_project(lnsrt_session *session, size_t *changed) {
  return guarded([&]() -> Error {
    if (!session)
      return missing("session");
    return session->project(changed);
  });
}

lnsrt_error *lnsrt_set_steps_done(lnsrt_session *session, uint64_t steps) {
  return guarded([&]() -> Error {
    if (!session)
      return missing("session");
    session->setStepsDone(steps);
    return nullptr;
  });
}

lnsrt_error *lnsrt_train_step(lnsrt_session *session, const int32_t *tokens,
                              const int32_t *targets,
                              const lnsrt_optimizer_options *options,
                              lnsrt_step_result *result) {
  lnsrt_batch batch = makeBatch(tokens, targets);
  return lnsrt_train_step_of(session, &batch, options, result);
}

lnsrt_error *lnsrt_train_step_of(lnsrt_session *session,
                                 const lnsrt_batch *batch,
                                 const lnsrt_optimizer_options *options,
                                 lnsrt_step_result *result) {
  return guarded([&]() -> Error {
    if (!session || !result)
      return missing(session ? "result" : "session");
    lnsrt_batch given = {};
    if (Error error = readBatch(batch, given))
      return error;
    lnsrt_optimizer_options known;
    if (Error error = optimizerOptions(options, known))
      return error;
    lnsrt_step_result filled = {};
    // An unusable result must not cost the caller a step.
    if (Error error = writeResult(filled, result))
      return error;
    if (Error error = session->trainStep(given, known, filled))
      return error;
    return writeResult(filled, result);
  });
}

lnsrt_error *lnsrt_grads(lnsrt_session *session, const int32_t *tokens,
                         const int32_t *targets, float *loss) {
  lnsrt_batch batch = makeBatch(tokens, targets);
  return lnsrt_grads_of(session, &batch, loss);
}

lnsrt_error *lnsrt_grads_of(lnsrt_session *session, const lnsrt_batch *batch,
                            float *loss) {
  return guarded([&]() -> Error {
    if (!session || !loss)
      return missing(session ? "loss" : "session");
    lnsrt_batch given = {};
    if (Error error = readBatch(batch, given))
      return error;
    return session->grads(given, *loss);
  });
}

lnsrt_error *lnsrt_apply(lnsrt_session *session,
                         const lnsrt_optimizer_options *options,
                         float *gradient_norm) {
  return guarded([&]() -> Error {
    if (!session || !gradient_norm)
      return missing(session ? "gradient_norm" : "session");
    lnsrt_optimizer_options known;
    if (Error error = optimizerOptions(options, known))
      return error;
    return session->apply(known, *gradient_norm);
  });
}

lnsrt_error *lnsrt_eval(lnsrt_session *session, const int32_t *tokens,
                        const int32_t *targets, float *loss) {
  lnsrt_batch batch = makeBatch(tokens, targets);
  return lnsrt_eval_of(session, &batch, loss);
}

lnsrt_error *lnsrt_eval_of(lnsrt_session *session, const lnsrt_batch *batch,
                           float *loss) {
  return guarded([&]() -> Error {
    if (!session || !loss)
      return missing(session ? "loss" : "session");
    lnsrt_batch given = {};
    if (Error error = readBatch(batch, given))
      return error;
    return session->eval(given, *loss);
  });
}

lnsrt_error *lnsrt_logits(lnsrt_session *session, const int32_t *tokens,
                          float *logits) {
  lnsrt_batch batch = makeBatch(tokens, nullptr);
  return lnsrt_logits_of(session, &batch, logits);
}

lnsrt_error *lnsrt_logits_of(lnsrt_session *session, const lnsrt_batch *batch,
                             float *logits) {
  return guarded([&]() -> Error {
    if (!session || !logits)
      return missing(session ? "logits" : "session");
    lnsrt_batch given = {};
    if (Error error = readBatch(batch, given))
      return error;
    return session->logits(given, logits);
  });
}

lnsrt_error *lnsrt_plan_get_trace(const lnsrt_plan *plan,
                                  lnsrt_trace_info *info) {
  return guarded([&]() -> Error {
    if (!plan)
      return missing("plan");
    if (plan->traceWidth == 0)
      return makeError(LNSRT_UNSUPPORTED, plan->path,
                       "the plan has no entry point 'trace'; compile the model "
                       "again with --diagnostics");
    lnsrt_trace_info filled = {};
    filled.width = plan->traceWidth;
    filled.values = 1;
    for (uint32_t count : plan->traceBranches)
      filled.values += 1 + count;
    filled.branches = plan->traceBranches.data();
    return writeResult(filled, info);
  });
}

lnsrt_error *lnsrt_trace(lnsrt_session *session, const int32_t *tokens,
                         float *values) {
  return guarded([&]() -> Error {
    if (!session || !values)
      return missing(session ? "values" : "session");
    return session->trace(tokens, values);
  });
}

lnsrt_error *lnsrt_decode(lnsrt_session *session, const int32_t *tokens,
                          const int32_t *positions, float *logits) {
  return guarded([&]() -> Error {
    if (!session || !logits)
      return missing(session ? "logits" : "session");
    return session->decode(tokens, positions, logits);
  });
}

size_t lnsrt_tensor_count(const lnsrt_plan *plan) {
  return plan ? plan->table->parameters()->size() : 0;
}

lnsrt_error *lnsrt_tensor_get_info(const lnsrt_plan *plan, size_t index,
                                   lnsrt_tensor_info *info) {
  return guarded([&]() -> Error {
    if (!plan)
      return missing("plan");
    const auto &parameters = *plan->table->parameters();
    if (index >= parameters.size())
      return makeError(LNSRT_INVALID_ARGUMENT, plan->path, "tensor ", index,
                       ", the plan has ", parameters.size());
    const plan::Parameter &parameter =
        *parameters.Get(flatbuffers::uoffset_t(index));
    lnsrt_tensor_info filled = {};
    filled.name = parameter.name()->c_str();
    filled.role = plan::EnumNameRole(parameter.role());
    filled.rank = parameter.shape()->size();
    std::copy(parameter.shape()->begin(), parameter.shape()->end(),
              filled.shape);
    filled.elements = elementCount(parameter);
    filled.frozen = isFrozen(parameter);
    return writeResult(filled, info);
  });
}

lnsrt_error *lnsrt_tensor_read(lnsrt_session *session, lnsrt_tensor_kind kind,
                               size_t index, float *data, uint64_t elements) {
  return guarded([&]() -> Error {
    if (!session || !data)
      return missing(session ? "data" : "session");
    return session->readWhole(kind, index, elements, data);
  });
}

lnsrt_error *lnsrt_tensor_read_part(lnsrt_session *session,
                                    lnsrt_tensor_kind kind, size_t index,
                                    uint64_t first, float *data,
                                    uint64_t elements) {
  return guarded([&]() -> Error {
    if (!session || !data)
      return missing(session ? "data" : "session");
    return session->readPart(kind, index, first, elements, data);
  });
}

lnsrt_error *lnsrt_tensor_write(lnsrt_session *session, lnsrt_tensor_kind kind,
                                size_t index, const float *data,
                                uint64_t elements) {
  return guarded([&]() -> Error {
    if (!session || !data)
      return missing(session ? "data" : "session");
    return session->write(kind, index, elements, data);
  });
}

lnsrt_error *lnsrt_profile_step(lnsrt_session *session, uint64_t seed,
                                const lnsrt_profile_row **rows, size_t *count) {
  return guarded([&]() -> Error {
    if (!session || !rows || !count)
      return missing(session ? "rows" : "session");
    if (Error error = session->profileStep(seed))
      return error;
    *rows = session->rows.data();
    *count = session->rows.size();
    return nullptr;
  });
}

lnsrt_error *lnsrt_run_matmuls(lnsrt_session *session, double *seconds) {
  return guarded([&]() -> Error {
    if (!session || !seconds)
      return missing(session ? "seconds" : "session");
    return session->runMatmuls(*seconds);
  });
}

} // extern "C"
