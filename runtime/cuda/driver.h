//===- driver.h - The CUDA driver --------------------------------- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_RUNTIME_CUDA_DRIVER_H
#define LNS_RUNTIME_CUDA_DRIVER_H

#include "runtime/cuda/api_types.h"
#include "runtime/cuda/shared_library.h"

#include <string>

/// X(member, symbol, type)
#define LNS_CUDA_DRIVER_FUNCTIONS(X)                                           \
  X(init, cuInit, CuResult(unsigned flags))                                    \
  X(driverGetVersion, cuDriverGetVersion, CuResult(int *version))              \
  X(getErrorName, cuGetErrorName, CuResult(CuResult, const char **))           \
  X(getErrorString, cuGetErrorString, CuResult(CuResult, const char **))       \
  X(deviceGetCount, cuDeviceGetCount, CuResult(int *count))                    \
  X(deviceGet, cuDeviceGet, CuResult(CuDevice *, int ordinal))                 \
  X(deviceGetName, cuDeviceGetName,                                            \
    CuResult(char *name, int length, CuDevice))                                \
  X(deviceGetAttribute, cuDeviceGetAttribute,                                  \
    CuResult(int *value, CuDeviceAttribute, CuDevice))                         \
  X(deviceTotalMem, cuDeviceTotalMem_v2, CuResult(size_t *, CuDevice))         \
  X(devicePrimaryCtxRetain, cuDevicePrimaryCtxRetain,                          \
    CuResult(CuContext *, CuDevice))                                           \
  X(devicePrimaryCtxRelease, cuDevicePrimaryCtxRelease_v2, CuResult(CuDevice)) \
  X(ctxSetCurrent, cuCtxSetCurrent, CuResult(CuContext))                       \
  X(memGetInfo, cuMemGetInfo_v2, CuResult(size_t *free, size_t *total))        \
  X(memAlloc, cuMemAlloc_v2, CuResult(CuAddress *, size_t))                    \
  X(memFree, cuMemFree_v2, CuResult(CuAddress))                                \
  X(memHostAlloc, cuMemHostAlloc, CuResult(void **, size_t, unsigned))         \
  X(memFreeHost, cuMemFreeHost, CuResult(void *))                              \
  X(memcpyHtoDAsync, cuMemcpyHtoDAsync_v2,                                     \
    CuResult(CuAddress to, const void *from, size_t, CuStream))                \
  X(memcpyDtoHAsync, cuMemcpyDtoHAsync_v2,                                     \
    CuResult(void *to, CuAddress from, size_t, CuStream))                      \
  X(memcpyDtoDAsync, cuMemcpyDtoDAsync_v2,                                     \
    CuResult(CuAddress to, CuAddress from, size_t, CuStream))                  \
  X(memsetD8Async, cuMemsetD8Async,                                            \
    CuResult(CuAddress, unsigned char value, size_t, CuStream))                \
  X(memsetD32Async, cuMemsetD32Async,                                          \
    CuResult(CuAddress, unsigned value, size_t count, CuStream))               \
  X(streamCreate, cuStreamCreate, CuResult(CuStream *, unsigned flags))        \
  X(streamDestroy, cuStreamDestroy_v2, CuResult(CuStream))                     \
  X(streamSynchronize, cuStreamSynchronize, CuResult(CuStream))                \
  X(streamBeginCapture, cuStreamBeginCapture_v2,                               \
    CuResult(CuStream, CuCaptureMode))                                         \
  X(streamEndCapture, cuStreamEndCapture, CuResult(CuStream, CuGraph *))       \
  X(eventCreate, cuEventCreate, CuResult(CuEvent *, unsigned flags))           \
  X(eventRecord, cuEventRecord, CuResult(CuEvent, CuStream))                   \
  X(eventSynchronize, cuEventSynchronize, CuResult(CuEvent))                   \
  X(eventElapsedTime, cuEventElapsedTime,                                      \
    CuResult(float *milliseconds, CuEvent begin, CuEvent end))                 \
  X(eventDestroy, cuEventDestroy_v2, CuResult(CuEvent))                        \
  X(moduleLoadData, cuModuleLoadData, CuResult(CuModule *, const void *))      \
  X(moduleUnload, cuModuleUnload, CuResult(CuModule))                          \
  X(moduleGetFunction, cuModuleGetFunction,                                    \
    CuResult(CuFunction *, CuModule, const char *name))                        \
  X(funcSetAttribute, cuFuncSetAttribute,                                      \
    CuResult(CuFunction, CuFunctionAttribute, int value))                      \
  X(funcGetAttribute, cuFuncGetAttribute,                                      \
    CuResult(int *value, CuFunctionAttribute, CuFunction))                     \
  X(launchKernel, cuLaunchKernel,                                              \
    CuResult(CuFunction, unsigned gridX, unsigned gridY, unsigned gridZ,       \
             unsigned blockX, unsigned blockY, unsigned blockZ,                \
             unsigned sharedBytes, CuStream, void **parameters, void **extra)) \
  X(graphInstantiate, cuGraphInstantiateWithFlags,                             \
    CuResult(CuGraphExec *, CuGraph, unsigned long long flags))                \
  X(graphLaunch, cuGraphLaunch, CuResult(CuGraphExec, CuStream))               \
  X(graphExecDestroy, cuGraphExecDestroy, CuResult(CuGraphExec))               \
  X(graphDestroy, cuGraphDestroy, CuResult(CuGraph))

namespace lns::cuda {

/// CUDA 12.0: the oldest driver that the runtime is written for.
inline constexpr int kMinDriverVersion = 12000;

struct Driver {
#define LNS_DECLARE(member, symbol, ...)                                       \
  std::add_pointer_t<__VA_ARGS__> member = nullptr;
  LNS_CUDA_DRIVER_FUNCTIONS(LNS_DECLARE)
#undef LNS_DECLARE

  std::string path;
  int version = 0; ///< 13000 for CUDA 13.0

  void resolve(SharedLibrary &library);
  /// Asks for the version and initializes the driver.
  Error start();
  /// "CUDA_ERROR_NO_DEVICE (no CUDA-capable device is detected)"
  std::string describe(CuResult result) const;
  /// "driver of CUDA 13.0 at libcuda.so.1"
  std::string title() const;

  /// An error for any result but success; the result's name ends the message.
  template <typename... Parts>
  Error check(CuResult result, std::string_view place,
              const Parts &...parts) const {
    if (result == kCuSuccess)
      return nullptr;
    return makeError(result == kCuErrorOutOfMemory ? LNSRT_OUT_OF_MEMORY
                                                   : LNSRT_INTERNAL,
                     place, parts..., ": ", describe(result));
  }
};

/// Finds the driver, initializes it and checks its version. Thread safe; the
/// table lives as long as the process.
Error getDriver(const Driver *&driver);

} // namespace lns::cuda

#endif // LNS_RUNTIME_CUDA_DRIVER_H
