//===- nvrtc.h - NVIDIA's run-time compiler ----------------------- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_RUNTIME_CUDA_NVRTC_H
#define LNS_RUNTIME_CUDA_NVRTC_H

#include "runtime/cuda/api_types.h"
#include "runtime/cuda/shared_library.h"

#include <string>
#include <vector>

/// X(member, symbol, type)
#define LNS_NVRTC_FUNCTIONS(X)                                                 \
  X(getVersion, nvrtcVersion, NvrtcResult(int *major, int *minor))             \
  X(getErrorString, nvrtcGetErrorString, const char *(NvrtcResult))            \
  X(getNumSupportedArchs, nvrtcGetNumSupportedArchs, NvrtcResult(int *))       \
  X(getSupportedArchs, nvrtcGetSupportedArchs, NvrtcResult(int *))             \
  X(createProgram, nvrtcCreateProgram,                                         \
    NvrtcResult(NvrtcProgram *, const char *text, const char *name,            \
                int headerCount, const char *const *headers,                   \
                const char *const *includeNames))                              \
  X(compileProgram, nvrtcCompileProgram,                                       \
    NvrtcResult(NvrtcProgram, int optionCount, const char *const *options))    \
  X(destroyProgram, nvrtcDestroyProgram, NvrtcResult(NvrtcProgram *))          \
  X(getCubinSize, nvrtcGetCUBINSize, NvrtcResult(NvrtcProgram, size_t *))      \
  X(getCubin, nvrtcGetCUBIN, NvrtcResult(NvrtcProgram, char *))                \
  X(getPtxSize, nvrtcGetPTXSize, NvrtcResult(NvrtcProgram, size_t *))          \
  X(getPtx, nvrtcGetPTX, NvrtcResult(NvrtcProgram, char *))                    \
  X(getLogSize, nvrtcGetProgramLogSize, NvrtcResult(NvrtcProgram, size_t *))   \
  X(getLog, nvrtcGetProgramLog, NvrtcResult(NvrtcProgram, char *))

namespace lns::cuda {

struct Nvrtc {
#define LNS_DECLARE(member, symbol, ...)                                       \
  std::add_pointer_t<__VA_ARGS__> member = nullptr;
  LNS_NVRTC_FUNCTIONS(LNS_DECLARE)
#undef LNS_DECLARE

  std::string path;
  int major = 0, minor = 0;   ///< of CUDA
  std::vector<int> supported; ///< 80 for sm_80, ascending

  void resolve(SharedLibrary &library);
  Error start();
  bool supports(int arch) const;
  std::string versionText() const; ///< "13.0"
};

/// Finds NVRTC. Only versions up to the driver's major one are looked for: it
/// refuses the code of a newer one. `driverVersion` 0: there is no driver, and
/// any will do. Thread safe; the table lives as long as the process.
Error getNvrtc(int driverVersion, const Nvrtc *&nvrtc);

} // namespace lns::cuda

#endif // LNS_RUNTIME_CUDA_NVRTC_H
