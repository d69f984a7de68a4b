//===- plan_session.cpp - The runtime, with errors as Status --------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/train/plan_session.h"

#include <fmt/format.h>

namespace lns::tool {

Status takeError(lnsrt_error *error) {
  if (!error)
    return Status::success();
  std::string place = lnsrt_error_place(error);
  std::string message = lnsrt_error_message(error);
  lnsrt_error_free(error);
  if (place.empty() || message.starts_with(place))
    return Status::failure(message);
  return Status::failure(place + ": " + message);
}

Expected<PlanFile> PlanFile::open(const std::string &path) {
  PlanFile plan;
  plan.name = path;
  lnsrt_plan *handle = nullptr;
  LNS_RETURN_IF_ERROR(takeError(lnsrt_plan_open(path.c_str(), &handle)));
  plan.handle.reset(handle);
  plan.facts.struct_size = sizeof plan.facts;
  LNS_RETURN_IF_ERROR(takeError(lnsrt_plan_get_info(handle, &plan.facts)));
  return plan;
}

Expected<std::string> PlanFile::json() const {
  const char *text = nullptr;
  LNS_RETURN_IF_ERROR(takeError(lnsrt_plan_get_json(handle.get(), &text)));
  return std::string(text);
}

Expected<lnsrt_memory> PlanFile::memory(const char *device,
                                        uint64_t threads) const {
  lnsrt_memory memory = {};
  memory.struct_size = sizeof memory;
  LNS_RETURN_IF_ERROR(takeError(lnsrt_plan_get_device_memory(
      handle.get(), device, static_cast<uint32_t>(threads), &memory)));
  return memory;
}

Expected<std::vector<TensorDescription>> PlanFile::tensors() const {
  std::vector<TensorDescription> all;
  for (size_t i = 0; i < lnsrt_tensor_count(handle.get()); ++i) {
    lnsrt_tensor_info info = {};
    info.struct_size = sizeof info;
    LNS_RETURN_IF_ERROR(
        takeError(lnsrt_tensor_get_info(handle.get(), i, &info)));
    all.push_back({info.name,
                   std::vector<int64_t>(info.shape, info.shape + info.rank),
                   info.elements, info.frozen != 0});
  }
  return all;
}

Expected<PlanSession> PlanSession::create(const PlanFile &plan,
                                          const Options &options) {
  PlanSession session;
  Expected<std::vector<TensorDescription>> tensors = plan.tensors();
  if (!tensors)
    return tensors.status();
  session.descriptions = std::move(*tensors);
  lnsrt_session_options native = {};
  native.struct_size = sizeof native;
  native.device = options.device.empty() ? nullptr : options.device.c_str();
  native.threads = static_cast<uint32_t>(options.threads);
  native.cpu_level =
      options.cpuLevel.empty() ? nullptr : options.cpuLevel.c_str();
  lnsrt_session *handle = nullptr;
  LNS_RETURN_IF_ERROR(
      takeError(lnsrt_session_create(plan.get(), &native, &handle)));
  session.handle.reset(handle);
  return session;
}

Status PlanSession::project(const std::string &path,
                            std::vector<std::string> &notes) {
  size_t changed = 0;
  LNS_RETURN_IF_ERROR(takeError(lnsrt_project(handle.get(), &changed)));
  if (changed != 0)
    notes.push_back(fmt::format(
        "{} parameter{} of {} {} not of length 1, as the plan's model keeps "
        "{}, and {} projected",
        changed, changed == 1 ? "" : "s", path, changed == 1 ? "was" : "were",
        changed == 1 ? "it" : "them", changed == 1 ? "is" : "are"));
  return Status::success();
}

static lnsrt_batch nativeBatch(const Batch &batch) {
  lnsrt_batch native = {};
  native.struct_size = sizeof native;
  native.tokens = batch.tokens.data();
  native.targets = batch.targets.data();
  native.starts = batch.starts.empty() ? nullptr : batch.starts.data();
  return native;
}

Status PlanSession::trainStep(const Batch &batch,
                              const lnsrt_optimizer_options &options,
                              lnsrt_step_result &result) {
  lnsrt_batch native = nativeBatch(batch);
  return takeError(
      lnsrt_train_step_of(handle.get(), &native, &options, &result));
}

Status PlanSession::grads(const Batch &batch, float &loss) {
  lnsrt_batch native = nativeBatch(batch);
  return takeError(lnsrt_grads_of(handle.get(), &native, &loss));
}

Status PlanSession::eval(const Batch &batch, float &loss) {
  lnsrt_batch native = nativeBatch(batch);
  return takeError(lnsrt_eval_of(handle.get(), &native, &loss));
}

Status PlanSession::logits(const Batch &batch, std::span<float> logits) {
  lnsrt_batch native = nativeBatch(batch);
  return takeError(lnsrt_logits_of(handle.get(), &native, logits.data()));
}

std::string PlanSession::place() const {
  std::string device = lnsrt_session_device(handle.get());
  if (device != "cpu")
    return device;
  return fmt::format("{} on {} threads", lnsrt_session_cpu_level(handle.get()),
                     lnsrt_session_threads(handle.get()));
}

static lnsrt_tensor_kind nativeKind(TensorKind kind) {
  switch (kind) {
  case TensorKind::Parameter:
    return LNSRT_PARAMETER;
  case TensorKind::Gradient:
    return LNSRT_GRADIENT;
  case TensorKind::ExpAvg:
    return LNSRT_EXP_AVG;
  case TensorKind::ExpAvgSq:
    return LNSRT_EXP_AVG_SQ;
  }
  return LNSRT_PARAMETER;
}

Status PlanSession::read(TensorKind kind, size_t index, uint64_t first,
                         std::span<float> out) {
  return takeError(lnsrt_tensor_read_part(handle.get(), nativeKind(kind), index,
                                          first, out.data(), out.size()));
}

Status PlanSession::write(TensorKind kind, size_t index,
                          std::span<const float> data) {
  return takeError(lnsrt_tensor_write(handle.get(), nativeKind(kind), index,
                                      data.data(), data.size()));
}

} // namespace lns::tool
