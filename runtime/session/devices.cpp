//===- devices.cpp - What sessions can run on -----------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "runtime/session/devices.h"

#include "runtime/base/json_writer.h"
#include "runtime/base/thread_pool.h"
#include "runtime/cpu/cpu_features.h"
#include "runtime/cuda/compile.h"
#include "runtime/cuda/cublaslt.h"
#include "runtime/cuda/device.h"
#include "runtime/cuda/nvrtc.h"

using namespace lns;

std::string_view lns::chooseDevice(const lnsrt_plan &plan, const char *device) {
  if (device)
    return device;
  return plan.hasCpu() || !plan.cuda() ? "cpu" : "cuda";
}

Error lns::requireCode(const lnsrt_plan &plan, std::string_view device) {
  if (device == "cpu") {
    if (plan.hasCpu() || !plan.cuda())
      return nullptr;
    return makeError(
        LNSRT_UNSUPPORTED, plan.path,
        "the plan has code for cuda, not for device 'cpu'; compile "
        "the model with --target=cpu, or for both with "
        "--target=cpu,cuda");
  }
  int ordinal = 0;
  if (Error error = cuda::parseDevice(device, ordinal))
    return error;
  if (plan.cuda())
    return nullptr;
  return makeError(LNSRT_UNSUPPORTED, plan.path,
                   "the plan has code for the cpu, not for device '", device,
                   "'; compile the model with --target=cuda, or for both with "
                   "--target=cpu,cuda");
}

Error lns::deviceMemory(const lnsrt_plan &plan, const char *device,
                        uint32_t threads, SessionMemory &memory) {
  std::string_view name = chooseDevice(plan, device);
  if (Error error = requireCode(plan, name))
    return error;
  memory = name == "cpu" ? planMemory(plan, threads) : cudaPlanMemory(plan);
  return nullptr;
}

static void addCpu(JsonWriter &json) {
  json.open('{');
  json.field("device", "cpu");
  json.field("threads", ThreadPool::defaultThreads());
  std::string_view best;
  for (const char *level : {"x86-64", "x86-64-v2", "x86-64-v3", "x86-64-v4"})
    if (cpuHasLevel(level))
      best = level;
  json.field("cpu_level", best);
  json.close('}');
}

/// The devices into `json`, what CUDA consists of, or why there is none, into
/// `facts`.
static Error addCuda(JsonWriter &json, JsonWriter &facts) {
  const cuda::Driver *driver = nullptr;
  if (Error error = cuda::getDriver(driver))
    return error;
  facts.field("driver", std::string_view(cuda::versionText(driver->version)));
  facts.field("driver_path", std::string_view(driver->path));
  const cuda::Nvrtc *nvrtc = nullptr;
  if (Error error = cuda::getNvrtc(driver->version, nvrtc)) {
    facts.field("nvrtc_problem", std::string_view(error->message));
  } else {
    facts.field("nvrtc", std::string_view(nvrtc->versionText()));
    facts.field("nvrtc_path", std::string_view(nvrtc->path));
  }
  const cuda::CublasLt *library = nullptr;
  if (Error error = cuda::getCublasLt(driver->version, library)) {
    facts.field("cublaslt_problem", std::string_view(error->message));
  } else {
    facts.field("cublaslt", std::string_view(library->versionText()));
    facts.field("cublaslt_path", std::string_view(library->path));
  }
  std::vector<cuda::DeviceFacts> devices;
  if (Error error = cuda::listDevices(*driver, devices))
    return error;
  for (const cuda::DeviceFacts &device : devices) {
    json.open('{');
    json.field("device", std::string_view(concat("cuda:", device.ordinal)));
    json.field("name", std::string_view(device.name));
    json.field("compute_capability",
               std::string_view(cuda::capabilityText(device.arch)));
    json.field("memory_bytes", device.memory);
    json.field("multiprocessors", device.multiprocessors);
    json.field("usable", device.arch >= cuda::kMinArch);
    cuda::CompileTarget target;
    if (nvrtc && !cuda::chooseTarget(*nvrtc, device.arch, target))
      json.field("arch", std::string_view(target.arch));
    json.close('}');
  }
  return nullptr;
}

std::string lns::devicesJson() {
  JsonWriter json, facts;
  json.open('{');
  json.key("devices");
  json.open('[');
  addCpu(json);
  facts.open('{');
  if (Error error = addCuda(json, facts))
    facts.field("problem", std::string_view(error->message));
  facts.close('}');
  json.close(']');
  json.key("cuda");
  json.raw(facts.text);
  json.close('}');
  return std::move(json.text);
}
