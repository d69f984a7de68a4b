//===- nvrtc.cpp - NVIDIA's run-time compiler -----------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "runtime/cuda/nvrtc.h"

#include <algorithm>

using namespace lns;
using namespace lns::cuda;

/// The major versions of CUDA that are looked for.
static constexpr int kNewestMajor = 13;
static constexpr int kOldestMajor = 12;

void Nvrtc::resolve(SharedLibrary &library) {
#define LNS_RESOLVE(member, name, ...)                                         \
  member = reinterpret_cast<decltype(member)>(library.symbol(#name));
  LNS_NVRTC_FUNCTIONS(LNS_RESOLVE)
#undef LNS_RESOLVE
}

bool Nvrtc::supports(int arch) const {
  return std::binary_search(supported.begin(), supported.end(), arch);
}

std::string Nvrtc::versionText() const { return concat(major, ".", minor); }

Error Nvrtc::start() {
  auto check = [&](NvrtcResult result, const char *what) -> Error {
    if (result == kNvrtcSuccess)
      return nullptr;
    return makeError(LNSRT_UNSUPPORTED, "cuda", "nvrtc at ", path,
                     " does not tell its ", what, ": ", getErrorString(result),
                     "; install the CUDA toolkit anew");
  };
  int count = 0;
  if (Error error = check(getVersion(&major, &minor), "version"))
    return error;
  if (major < kOldestMajor)
    return makeError(LNSRT_UNSUPPORTED, "cuda", "nvrtc at ", path,
                     " is of CUDA ", versionText(), ", the runtime needs ",
                     kOldestMajor, ".0; install a newer CUDA toolkit");
  if (Error error = check(getNumSupportedArchs(&count), "architectures"))
    return error;
  supported.resize(size_t(std::max(count, 0)));
  if (Error error = check(getSupportedArchs(supported.data()), "architectures"))
    return error;
  std::sort(supported.begin(), supported.end());
  return nullptr;
}

Error lns::cuda::getNvrtc(int driverVersion, const Nvrtc *&nvrtc) {
  // Never destroyed: threads may use it until the process ends.
  static auto &tables = *new Tables<Nvrtc>();
  int newest = driverVersion == 0 ? kNewestMajor
                                  : std::clamp(driverVersion / 1000,
                                               kOldestMajor, kNewestMajor);
  LibraryPlaces places = {"NVRTC, CUDA's run-time compiler",
                          "LNSRT_NVRTC",
                          {},
                          "install the CUDA toolkit's package of nvrtc"};
  for (int major = newest; major >= kOldestMajor; --major)
    addToolkitPlaces(places.names, concat("libnvrtc.so.", major));
  const Nvrtc *found = nullptr;
  if (Error error = tables.get(places, found))
    return error;
  // A driver takes the machine code of every minor version of its major one.
  if (driverVersion != 0 && found->major > driverVersion / 1000)
    return makeError(LNSRT_UNSUPPORTED, "cuda", "the driver supports CUDA ",
                     cuda::versionText(driverVersion), ", nvrtc at ",
                     found->path, " makes code for CUDA ", found->versionText(),
                     "; update the NVIDIA driver, or set LNSRT_NVRTC to an "
                     "nvrtc of CUDA ",
                     driverVersion / 1000);
  nvrtc = found;
  return nullptr;
}
