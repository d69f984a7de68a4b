//===- driver.cpp - The CUDA driver ---------------------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "runtime/cuda/driver.h"

using namespace lns;
using namespace lns::cuda;

void Driver::resolve(SharedLibrary &library) {
#define LNS_RESOLVE(member, name, ...)                                         \
  member = reinterpret_cast<decltype(member)>(library.symbol(#name));
  LNS_CUDA_DRIVER_FUNCTIONS(LNS_RESOLVE)
#undef LNS_RESOLVE
}

std::string Driver::describe(CuResult result) const {
  const char *name = nullptr, *text = nullptr;
  getErrorName(result, &name);
  getErrorString(result, &text);
  if (!name)
    return concat("CUDA error ", result);
  return text ? concat(name, " (", text, ")") : std::string(name);
}

std::string Driver::title() const {
  return concat("driver of CUDA ", versionText(version), " at ", path);
}

Error Driver::start() {
  // Before cuInit, which an old driver may refuse for reasons that do not say
  // so.
  if (Error error =
          check(driverGetVersion(&version), "cuda", "cannot ask the driver at ",
                path, " for its version"))
    return error;
  if (version < kMinDriverVersion)
    return makeError(LNSRT_UNSUPPORTED, "cuda", "the driver at ", path,
                     " supports CUDA ", versionText(version),
                     ", the runtime needs ", versionText(kMinDriverVersion),
                     "; update the NVIDIA driver");
  CuResult result = init(0);
  if (result == kCuErrorNoDevice)
    return makeError(LNSRT_UNSUPPORTED, "cuda", "the driver at ", path,
                     " finds no CUDA device; see whether CUDA_VISIBLE_DEVICES "
                     "hides it, or use device 'cpu'");
  if (result != kCuSuccess)
    return makeError(LNSRT_UNSUPPORTED, "cuda", "the driver at ", path,
                     " does not start: ", describe(result),
                     "; see whether nvidia-smi works, and install the NVIDIA "
                     "driver that fits the kernel");
  return nullptr;
}

Error lns::cuda::getDriver(const Driver *&driver) {
  // Never destroyed: threads may use it until the process ends.
  static auto &tables = *new Tables<Driver>();
  static const LibraryPlaces places = {
      "the CUDA driver",
      "LNSRT_CUDA_DRIVER",
      {"libcuda.so.1", "libcuda.so"},
      "install the NVIDIA driver",
  };
  return tables.get(places, driver);
}
