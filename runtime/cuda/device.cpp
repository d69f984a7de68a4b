//===- device.cpp - CUDA devices ------------------------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "runtime/cuda/device.h"

#include <charconv>

using namespace lns;
using namespace lns::cuda;

std::string DeviceFacts::title() const {
  return concat("cuda:", ordinal, " (", name, ")");
}

std::string lns::cuda::capabilityText(int arch) {
  return concat(arch / 10, ".", arch % 10);
}

static Error describeDevice(const Driver &driver, int ordinal,
                            DeviceFacts &facts) {
  facts.ordinal = ordinal;
  char name[256] = {};
  int major = 0, minor = 0, multiprocessors = 0, shared = 0;
  size_t memory = 0;
  CuResult result = driver.deviceGet(&facts.device, ordinal);
  if (result == kCuSuccess)
    result = driver.deviceGetName(name, sizeof(name) - 1, facts.device);
  if (result == kCuSuccess)
    result = driver.deviceTotalMem(&memory, facts.device);
  struct Attribute {
    int *value;
    CuDeviceAttribute which;
  };
  for (Attribute attribute :
       {Attribute{&major, kCuComputeCapabilityMajor},
        Attribute{&minor, kCuComputeCapabilityMinor},
        Attribute{&multiprocessors, kCuMultiprocessorCount},
        Attribute{&shared, kCuMaxSharedMemoryPerBlockOptin}})
    if (result == kCuSuccess)
      result = driver.deviceGetAttribute(attribute.value, attribute.which,
                                         facts.device);
  facts.name = name;
  facts.arch = 10 * major + minor;
  facts.memory = memory;
  facts.multiprocessors = unsigned(multiprocessors);
  facts.sharedBytes = unsigned(shared);
  return driver.check(result, concat("cuda:", ordinal),
                      "cannot ask the device for its properties");
}

Error lns::cuda::listDevices(const Driver &driver,
                             std::vector<DeviceFacts> &devices) {
  int count = 0;
  if (Error error = driver.check(driver.deviceGetCount(&count), "cuda",
                                 "cannot count the devices"))
    return error;
  devices.clear();
  for (int i = 0; i < count; ++i) {
    DeviceFacts facts;
    if (Error error = describeDevice(driver, i, facts))
      return error;
    devices.push_back(std::move(facts));
  }
  return nullptr;
}

Error lns::cuda::parseDevice(std::string_view text, int &ordinal) {
  ordinal = 0;
  if (text == "cuda")
    return nullptr;
  if (text.starts_with("cuda:")) {
    std::string_view digits = text.substr(5);
    auto [end, problem] =
        std::from_chars(digits.data(), digits.data() + digits.size(), ordinal);
    if (problem == std::errc() && end == digits.data() + digits.size() &&
        ordinal >= 0)
      return nullptr;
  }
  return makeError(LNSRT_UNSUPPORTED, "device", "unknown device '", text,
                   "'; there are cpu, cuda and cuda:N");
}

Error lns::cuda::findDevice(const Driver &driver, int ordinal,
                            DeviceFacts &device) {
  std::vector<DeviceFacts> devices;
  if (Error error = listDevices(driver, devices))
    return error;
  if (devices.empty())
    return makeError(LNSRT_UNSUPPORTED, concat("cuda:", ordinal),
                     "the driver at ", driver.path,
                     " finds no CUDA device; see whether CUDA_VISIBLE_DEVICES "
                     "hides it, or use device 'cpu'");
  if (size_t(ordinal) >= devices.size()) {
    std::string all;
    for (const DeviceFacts &facts : devices)
      all += concat(all.empty() ? "" : ", ", facts.title());
    return makeError(LNSRT_UNSUPPORTED, concat("cuda:", ordinal),
                     "there is no device ", ordinal, "; there ",
                     devices.size() == 1 ? "is " : "are ", all);
  }
  device = std::move(devices[size_t(ordinal)]);
  if (device.arch < kMinArch)
    return makeError(LNSRT_UNSUPPORTED, concat("cuda:", ordinal), device.name,
                     " has compute capability ", capabilityText(device.arch),
                     ", the kernels need ", capabilityText(kMinArch),
                     "; use a newer device, or device 'cpu'");
  return nullptr;
}

Context::~Context() {
  if (!context)
    return;
  // The last release destroys it: nobody's current context may be that.
  driver->ctxSetCurrent(nullptr);
  driver->devicePrimaryCtxRelease(device);
}

Error Context::retain(const Driver &from, const DeviceFacts &of) {
  CuContext retained = nullptr;
  if (Error error =
          from.check(from.devicePrimaryCtxRetain(&retained, of.device),
                     of.title(), "cannot open the device"))
    return error;
  driver = &from;
  device = of.device;
  context = retained;
  return makeCurrent();
}

Error Context::makeCurrent() const {
  return driver->check(driver->ctxSetCurrent(context), "cuda",
                       "cannot make the device's context current");
}
