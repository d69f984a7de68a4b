//===- lnsrt.hpp - The lnsc runtime for C++ ----------------------- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// Owners around lnsrt.h, header only, C++17. Nothing throws: calls return a
// Status or a Result. Errors, ownership and threads are as in lnsrt.h.
//
//   auto plan = lnsrt::Plan::open("llama.plan");
//   if (!plan)
//     return report(plan.status());
//   auto session = lnsrt::Session::create(*plan);
//
//===----------------------------------------------------------------------===//

#ifndef LNSRT_HPP
#define LNSRT_HPP

#if __has_include("runtime/lnsrt.h")
#include "runtime/lnsrt.h"
#else
#include "lnsrt.h"
#endif

#include <memory>
#include <optional>
#include <utility>

namespace lnsrt {

/// Success, or what went wrong.
class [[nodiscard]] Status {
public:
  Status() = default;
  /// Takes over the C error; null is success.
  explicit Status(lnsrt_error *error) : error(error) {}

  bool ok() const { return !error; }
  explicit operator bool() const { return ok(); }
  lnsrt_error_code code() const { return lnsrt_error_get_code(error.get()); }
  /// One line; "" on success. Lives as long as the status.
  const char *message() const { return lnsrt_error_message(error.get()); }
  /// A file, a parameter or an entry point; "" on success.
  const char *place() const { return lnsrt_error_place(error.get()); }

private:
  struct Free {
    void operator()(lnsrt_error *error) const { lnsrt_error_free(error); }
  };
  std::unique_ptr<lnsrt_error, Free> error;
};

/// A value, or the status that says why there is none.
template <typename T> class [[nodiscard]] Result {
public:
  Result(T value) : held(std::move(value)) {}
  Result(Status failure) : failure(std::move(failure)) {}

  bool ok() const { return held.has_value(); }
  explicit operator bool() const { return ok(); }
  const Status &status() const { return failure; }
  /// Only when ok().
  T &operator*() { return *held; }
  T *operator->() { return &*held; }
  const T &operator*() const { return *held; }
  const T *operator->() const { return &*held; }

private:
  std::optional<T> held;
  Status failure;
};

using PlanInfo = lnsrt_plan_info;
using Memory = lnsrt_memory;
using TensorInfo = lnsrt_tensor_info;
using TraceInfo = lnsrt_trace_info;
using StepResult = lnsrt_step_result;
using ProfileRow = lnsrt_profile_row;

/// lnsrt_optimizer_options with its defaults.
struct OptimizerOptions : lnsrt_optimizer_options {
  OptimizerOptions()
      : lnsrt_optimizer_options{sizeof(lnsrt_optimizer_options),
                                1e-3f,
                                0.9f,
                                0.95f,
                                1e-8f,
                                0.0f,
                                0.0f,
                                1} {}
};

/// lnsrt_session_options with its defaults.
struct SessionOptions : lnsrt_session_options {
  SessionOptions() : lnsrt_session_options{} {
    struct_size = sizeof(lnsrt_session_options);
  }
};

/// lnsrt_batch; starts of documents only where there are several in a row.
struct Batch : lnsrt_batch {
  explicit Batch(const int32_t *tokens, const int32_t *targets = nullptr,
                 const int32_t *starts = nullptr)
      : lnsrt_batch{sizeof(lnsrt_batch), tokens, targets, starts} {}
};

/// What sessions can run on here, as JSON; lives until the next call on the
/// same thread.
inline Result<const char *> devicesJson() {
  const char *text = nullptr;
  Status status(lnsrt_get_devices_json(&text));
  return status ? Result<const char *>(text)
                : Result<const char *>(std::move(status));
}

class Plan {
public:
  static Result<Plan> open(const char *path) {
    lnsrt_plan *plan = nullptr;
    Status status(lnsrt_plan_open(path, &plan));
    return status ? Result<Plan>(Plan(plan)) : Result<Plan>(std::move(status));
  }
  /// The bytes are copied.
  static Result<Plan> openMemory(const void *bytes, size_t size) {
    lnsrt_plan *plan = nullptr;
    Status status(lnsrt_plan_open_memory(bytes, size, &plan));
    return status ? Result<Plan>(Plan(plan)) : Result<Plan>(std::move(status));
  }

  PlanInfo info() const {
    PlanInfo info = {};
    info.struct_size = sizeof(info);
    Status status(lnsrt_plan_get_info(handle.get(), &info));
    return info;
  }
  Result<Memory> memory(uint32_t threads = 0) const {
    Memory memory = {};
    memory.struct_size = sizeof(memory);
    Status status(lnsrt_plan_get_memory(handle.get(), threads, &memory));
    return status ? Result<Memory>(memory) : Result<Memory>(std::move(status));
  }
  /// On a device: "cpu", "cuda", "cuda:N", which need not be there.
  Result<Memory> deviceMemory(const char *device, uint32_t threads = 0) const {
    Memory memory = {};
    memory.struct_size = sizeof(memory);
    Status status(
        lnsrt_plan_get_device_memory(handle.get(), device, threads, &memory));
    return status ? Result<Memory>(memory) : Result<Memory>(std::move(status));
  }
  /// Lives as long as the plan.
  Result<const char *> json() const {
    const char *text = nullptr;
    Status status(lnsrt_plan_get_json(handle.get(), &text));
    return status ? Result<const char *>(text)
                  : Result<const char *>(std::move(status));
  }
  /// "" when the plan came from a hand-written module.
  const char *configJson() const {
    return lnsrt_plan_config_json(handle.get());
  }
  /// "" in a plan that does not say what its model computes.
  const char *identity() const { return lnsrt_plan_identity(handle.get()); }

  /// What Session::trace gives, of a plan with diagnostics.
  Result<TraceInfo> trace() const {
    TraceInfo info = {};
    info.struct_size = sizeof(info);
    Status status(lnsrt_plan_get_trace(handle.get(), &info));
    return status ? Result<TraceInfo>(info)
                  : Result<TraceInfo>(std::move(status));
  }

  size_t tensorCount() const { return lnsrt_tensor_count(handle.get()); }
  Result<TensorInfo> tensorInfo(size_t index) const {
    TensorInfo info = {};
    info.struct_size = sizeof(info);
    Status status(lnsrt_tensor_get_info(handle.get(), index, &info));
    return status ? Result<TensorInfo>(info)
                  : Result<TensorInfo>(std::move(status));
  }

  lnsrt_plan *get() const { return handle.get(); }

private:
  explicit Plan(lnsrt_plan *plan) : handle(plan) {}
  struct Release {
    void operator()(lnsrt_plan *plan) const { lnsrt_plan_release(plan); }
  };
  std::unique_ptr<lnsrt_plan, Release> handle;
};

/// The plan must outlive its sessions.
class Session {
public:
  static Result<Session> create(const Plan &plan,
                                const SessionOptions &options = {}) {
    lnsrt_session *session = nullptr;
    Status status(lnsrt_session_create(plan.get(), &options, &session));
    return status ? Result<Session>(Session(session))
                  : Result<Session>(std::move(status));
  }

  const char *device() const { return lnsrt_session_device(handle.get()); }
  /// Lives until the next call of this function.
  Result<const char *> json() const {
    const char *text = nullptr;
    Status status(lnsrt_session_get_json(handle.get(), &text));
    return status ? Result<const char *>(text)
                  : Result<const char *>(std::move(status));
  }
  const char *cpuLevel() const { return lnsrt_session_cpu_level(handle.get()); }
  uint32_t threads() const { return lnsrt_session_threads(handle.get()); }
  const char *matmul() const { return lnsrt_session_matmul(handle.get()); }
  Memory memory() const {
    Memory memory = {};
    memory.struct_size = sizeof(memory);
    Status status(lnsrt_session_memory(handle.get(), &memory));
    return memory;
  }

  Status init(uint64_t seed) { return Status(lnsrt_init(handle.get(), seed)); }
  /// How many parameters were not of length 1 where the model keeps them so,
  /// and are now.
  Result<size_t> project() {
    size_t changed = 0;
    Status status(lnsrt_project(handle.get(), &changed));
    return status ? Result<size_t>(changed) : Result<size_t>(std::move(status));
  }
  /// Of the parameters that were written, where the model depends on it.
  Status setStepsDone(uint64_t steps) {
    return Status(lnsrt_set_steps_done(handle.get(), steps));
  }
  Result<StepResult> trainStep(const int32_t *tokens, const int32_t *targets,
                               const OptimizerOptions &options) {
    StepResult result = {};
    result.struct_size = sizeof(result);
    Status status(
        lnsrt_train_step(handle.get(), tokens, targets, &options, &result));
    return status ? Result<StepResult>(result)
                  : Result<StepResult>(std::move(status));
  }
  Result<StepResult> trainStep(const Batch &batch,
                               const OptimizerOptions &options) {
    StepResult result = {};
    result.struct_size = sizeof(result);
    Status status(lnsrt_train_step_of(handle.get(), &batch, &options, &result));
    return status ? Result<StepResult>(result)
                  : Result<StepResult>(std::move(status));
  }
  /// The loss; gradients stay in the session.
  Result<float> grads(const Batch &batch) {
    float loss = 0;
    Status status(lnsrt_grads_of(handle.get(), &batch, &loss));
    return status ? Result<float>(loss) : Result<float>(std::move(status));
  }
  Result<float> grads(const int32_t *tokens, const int32_t *targets) {
    float loss = 0;
    Status status(lnsrt_grads(handle.get(), tokens, targets, &loss));
    return status ? Result<float>(loss) : Result<float>(std::move(status));
  }
  /// The gradient's norm before clipping.
  Result<float> apply(const OptimizerOptions &options) {
    float norm = 0;
    Status status(lnsrt_apply(handle.get(), &options, &norm));
    return status ? Result<float>(norm) : Result<float>(std::move(status));
  }
  Result<float> eval(const Batch &batch) {
    float loss = 0;
    Status status(lnsrt_eval_of(handle.get(), &batch, &loss));
    return status ? Result<float>(loss) : Result<float>(std::move(status));
  }
  Result<float> eval(const int32_t *tokens, const int32_t *targets) {
    float loss = 0;
    Status status(lnsrt_eval(handle.get(), tokens, targets, &loss));
    return status ? Result<float>(loss) : Result<float>(std::move(status));
  }
  /// `logits` has room for batch x sequence x vocabulary floats.
  Status logits(const Batch &batch, float *logits) {
    return Status(lnsrt_logits_of(handle.get(), &batch, logits));
  }
  Status logits(const int32_t *tokens, float *logits) {
    return Status(lnsrt_logits(handle.get(), tokens, logits));
  }
  /// One more token of each row, at its position; `logits` has room for batch x
  /// vocabulary floats.
  Status decode(const int32_t *tokens, const int32_t *positions,
                float *logits) {
    return Status(lnsrt_decode(handle.get(), tokens, positions, logits));
  }
  /// `values` has room for what Plan::trace says.
  Status trace(const int32_t *tokens, float *values) {
    return Status(lnsrt_trace(handle.get(), tokens, values));
  }

  Status read(lnsrt_tensor_kind kind, size_t index, float *data,
              uint64_t elements) const {
    return Status(lnsrt_tensor_read(handle.get(), kind, index, data, elements));
  }
  Status readPart(lnsrt_tensor_kind kind, size_t index, uint64_t first,
                  float *data, uint64_t elements) const {
    return Status(lnsrt_tensor_read_part(handle.get(), kind, index, first, data,
                                         elements));
  }
  Status write(lnsrt_tensor_kind kind, size_t index, const float *data,
               uint64_t elements) {
    return Status(
        lnsrt_tensor_write(handle.get(), kind, index, data, elements));
  }

  /// Rows of one profiled step; they live until the next call on the session.
  Status profileStep(uint64_t seed, const ProfileRow *&rows, size_t &count) {
    return Status(lnsrt_profile_step(handle.get(), seed, &rows, &count));
  }
  /// Seconds for the matmuls of one step alone.
  Result<double> runMatmuls() {
    double seconds = 0;
    Status status(lnsrt_run_matmuls(handle.get(), &seconds));
    return status ? Result<double>(seconds) : Result<double>(std::move(status));
  }

  lnsrt_session *get() const { return handle.get(); }

private:
  explicit Session(lnsrt_session *session) : handle(session) {}
  struct Release {
    void operator()(lnsrt_session *session) const {
      lnsrt_session_release(session);
    }
  };
  std::unique_ptr<lnsrt_session, Release> handle;
};

} // namespace lnsrt

#endif // LNSRT_HPP
