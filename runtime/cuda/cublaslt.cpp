//===- cublaslt.cpp - NVIDIA's matrix products ----------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "runtime/cuda/cublaslt.h"

#include <algorithm>

using namespace lns;
using namespace lns::cuda;

/// The major versions of CUDA whose libraries are looked for.
static constexpr int kNewestMajor = 13;
static constexpr int kOldestMajor = 12;

void CublasLt::resolve(SharedLibrary &library) {
#define LNS_RESOLVE(member, name, ...)                                         \
  member = reinterpret_cast<decltype(member)>(library.symbol(#name));
  LNS_CUBLASLT_FUNCTIONS(LNS_RESOLVE)
#undef LNS_RESOLVE
}

Error CublasLt::start() {
  version = getVersion();
  return nullptr;
}

std::string CublasLt::versionText() const {
  return concat(version / 10000, ".", version / 100 % 100, ".", version % 100);
}

Error lns::cuda::getCublasLt(int driverVersion, const CublasLt *&library) {
  // Never destroyed: threads may use it until the process ends.
  static auto &tables = *new Tables<CublasLt>();
  int newest = std::clamp(driverVersion / 1000, kOldestMajor, kNewestMajor);
  LibraryPlaces places = {"cuBLASLt",
                          "LNSRT_CUBLASLT",
                          {},
                          "install the CUDA toolkit's package of cublas"};
  for (int major = newest; major >= kOldestMajor; --major)
    addToolkitPlaces(places.names, concat("libcublasLt.so.", major));
  return tables.get(places, library);
}
