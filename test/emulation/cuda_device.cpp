//===- cuda_device.cpp - Emulated driver: devices, memory, modules  C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "test/emulation/DriverCall.h"

#include "test/emulation/Compile.h"

#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cstring>

using namespace lns::emulation;

extern "C" {

//===----------------------------------------------------------------------===//
// Errors, versions, devices
//===----------------------------------------------------------------------===//

LNS_EMU_API cuGetErrorName(CUresult error, const char **text) {
  switch (error) {
#define X(NAME, VALUE, TEXT)                                                   \
  case NAME:                                                                   \
    *text = #NAME;                                                             \
    return CUDA_SUCCESS;
    LNS_CUDA_RESULTS(X)
#undef X
  }
  *text = nullptr;
  return CUDA_ERROR_INVALID_VALUE;
}

LNS_EMU_API cuGetErrorString(CUresult error, const char **text) {
  switch (error) {
#define X(NAME, VALUE, TEXT)                                                   \
  case NAME:                                                                   \
    *text = TEXT;                                                              \
    return CUDA_SUCCESS;
    LNS_CUDA_RESULTS(X)
#undef X
  }
  *text = nullptr;
  return CUDA_ERROR_INVALID_VALUE;
}

LNS_EMU_API cuInit(unsigned flags) {
  Driver &driver = Driver::get();
  std::lock_guard<std::mutex> lock(driver.mutex);
  if (flags != 0)
    return CUDA_ERROR_INVALID_VALUE;
  // Again while nobody holds a context: tests change the environment.
  bool isInUse = false;
  for (const std::unique_ptr<CUctx_st> &context : driver.contexts)
    isInUse |= context->retained != 0;
  if (!isInUse) {
    driver.settings = Settings::read();
    driver.contexts.clear();
    for (CUdevice i = 0; i < driver.settings.devices; ++i) {
      driver.contexts.push_back(
          std::make_unique<CUctx_st>(driver.settings.memoryBytes));
      driver.contexts.back()->device = i;
    }
    driver.isInitialized = true;
  }
  return driver.contexts.empty() ? CUDA_ERROR_NO_DEVICE : CUDA_SUCCESS;
}

LNS_EMU_API cuDriverGetVersion(int *version) {
  if (!version)
    return CUDA_ERROR_INVALID_VALUE;
  // May be called before cuInit.
  *version = Settings::read().driverVersion;
  return CUDA_SUCCESS;
}

LNS_EMU_API cuDeviceGetCount(int *count) {
  DriverCall call(DriverCall::NeedsInit);
  if (call.error)
    return call.error;
  *count = call.driver.settings.devices;
  return CUDA_SUCCESS;
}

LNS_EMU_API cuDeviceGet(CUdevice *device, int ordinal) {
  DriverCall call(DriverCall::NeedsInit);
  if (call.error)
    return call.error;
  *device = ordinal;
  return call.checkDevice(ordinal);
}

LNS_EMU_API cuDeviceGetName(char *name, int length, CUdevice device) {
  DriverCall call(DriverCall::NeedsInit);
  if (call.error || call.checkDevice(device))
    return call.error;
  if (length <= 0)
    return CUDA_ERROR_INVALID_VALUE;
  std::snprintf(name, length, "lnsc emulated device");
  return CUDA_SUCCESS;
}

LNS_EMU_API cuDeviceTotalMem_v2(size_t *bytes, CUdevice device) {
  DriverCall call(DriverCall::NeedsInit);
  if (call.error || call.checkDevice(device))
    return call.error;
  *bytes = call.driver.settings.memoryBytes;
  return CUDA_SUCCESS;
}

LNS_EMU_API cuDeviceGetAttribute(int *value, CUdevice_attribute attribute,
                                 CUdevice device) {
  DriverCall call(DriverCall::NeedsInit);
  if (call.error || call.checkDevice(device))
    return call.error;
  const Settings &settings = call.driver.settings;
  int shared = static_cast<int>(settings.sharedPerBlock());
  switch (attribute) {
  case CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_BLOCK:
  case CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_X:
  case CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_Y:
    *value = kMaxThreads;
    break;
  case CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_Z:
    *value = 64;
    break;
  case CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_X:
    *value = INT_MAX;
    break;
  case CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_Y:
  case CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_Z:
    *value = 65535;
    break;
  case CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK:
    *value = 48 * 1024;
    break;
  case CU_DEVICE_ATTRIBUTE_WARP_SIZE:
    *value = kWarpSize;
    break;
  case CU_DEVICE_ATTRIBUTE_MAX_REGISTERS_PER_BLOCK:
  case CU_DEVICE_ATTRIBUTE_MAX_REGISTERS_PER_MULTIPROCESSOR:
    *value = 65536;
    break;
  case CU_DEVICE_ATTRIBUTE_CLOCK_RATE:
  case CU_DEVICE_ATTRIBUTE_MEMORY_CLOCK_RATE:
    *value = 1000000;
    break;
  case CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT:
    *value = 4;
    break;
  case CU_DEVICE_ATTRIBUTE_GLOBAL_MEMORY_BUS_WIDTH:
    *value = 1024;
    break;
  case CU_DEVICE_ATTRIBUTE_L2_CACHE_SIZE:
    *value = 4 << 20;
    break;
  case CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_MULTIPROCESSOR:
    *value = 2048;
    break;
  case CU_DEVICE_ATTRIBUTE_UNIFIED_ADDRESSING:
    *value = 1;
    break;
  case CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR:
    *value = settings.major;
    break;
  case CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR:
    *value = settings.minor;
    break;
  case CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_MULTIPROCESSOR:
    *value = shared + 1024;
    break;
  case CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN:
    *value = shared;
    break;
  case CU_DEVICE_ATTRIBUTE_MAX_BLOCKS_PER_MULTIPROCESSOR:
    *value = 16;
    break;
  case CU_DEVICE_ATTRIBUTE_RESERVED_SHARED_MEMORY_PER_BLOCK:
    *value = 1024;
    break;
  default:
    return report(CUDA_ERROR_INVALID_VALUE, "cuDeviceGetAttribute: attribute " +
                                                std::to_string(attribute) +
                                                " is not emulated");
  }
  return CUDA_SUCCESS;
}

LNS_EMU_API cuDevicePrimaryCtxRetain(CUcontext *context, CUdevice device) {
  DriverCall call(DriverCall::NeedsInit);
  if (call.error || call.checkDevice(device))
    return call.error;
  *context = call.driver.contexts[device].get();
  ++(*context)->retained;
  return CUDA_SUCCESS;
}

LNS_EMU_API cuDevicePrimaryCtxRelease_v2(CUdevice device) {
  DriverCall call(DriverCall::NeedsInit);
  if (call.error || call.checkDevice(device))
    return call.error;
  CUctx_st &context = *call.driver.contexts[device];
  if (context.retained == 0)
    return CUDA_ERROR_INVALID_CONTEXT;
  if (--context.retained == 0)
    call.driver.destroy(context);
  return CUDA_SUCCESS;
}

LNS_EMU_API cuCtxSetCurrent(CUcontext context) {
  DriverCall call(DriverCall::NeedsInit);
  if (call.error)
    return call.error;
  if (context && !call.driver.isLive(context))
    return CUDA_ERROR_INVALID_CONTEXT;
  currentContext() = context;
  return CUDA_SUCCESS;
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

LNS_EMU_API cuMemGetInfo_v2(size_t *freeBytes, size_t *total) {
  DriverCall call;
  if (call.error)
    return call.error;
  *freeBytes = call.context->memory.freeBytes();
  *total = call.context->memory.totalBytes();
  return CUDA_SUCCESS;
}

LNS_EMU_API cuMemAlloc_v2(CUdeviceptr *pointer, size_t bytes) {
  DriverCall call(DriverCall::NotInCapture);
  if (call.error)
    return call.error;
  if (!pointer || bytes == 0)
    return CUDA_ERROR_INVALID_VALUE;
  unsigned char *memory = call.context->memory.allocate(bytes);
  *pointer = reinterpret_cast<CUdeviceptr>(memory);
  return memory ? CUDA_SUCCESS : CUDA_ERROR_OUT_OF_MEMORY;
}

LNS_EMU_API cuMemFree_v2(CUdeviceptr pointer) {
  DriverCall call(DriverCall::NotInCapture);
  if (call.error)
    return call.error;
  if (pointer == 0)
    return CUDA_SUCCESS;
  if (CUresult failed = call.driver.flushAll(call.context))
    return failed;
  return call.context->memory.free(reinterpret_cast<void *>(pointer))
             ? CUDA_SUCCESS
             : report(CUDA_ERROR_INVALID_VALUE,
                      "cuMemFree: not the start of an allocation");
}

LNS_EMU_API cuMemHostAlloc(void **pointer, size_t bytes, unsigned) {
  DriverCall call(DriverCall::NotInCapture);
  if (call.error)
    return call.error;
  if (!pointer || bytes == 0)
    return CUDA_ERROR_INVALID_VALUE;
  size_t rounded = (bytes + 4095) / 4096 * 4096;
  auto *memory =
      static_cast<unsigned char *>(std::aligned_alloc(4096, rounded));
  if (!memory)
    return CUDA_ERROR_OUT_OF_MEMORY;
  std::memset(memory, kUnwritten, bytes);
  call.driver.pinned[memory] = bytes;
  *pointer = memory;
  return CUDA_SUCCESS;
}

LNS_EMU_API cuMemFreeHost(void *pointer) {
  DriverCall call(DriverCall::NotInCapture);
  if (call.error)
    return call.error;
  if (CUresult failed = call.driver.flushAll(call.context))
    return failed;
  if (!call.driver.pinned.erase(static_cast<unsigned char *>(pointer)))
    return CUDA_ERROR_INVALID_VALUE;
  std::free(pointer);
  return CUDA_SUCCESS;
}

//===----------------------------------------------------------------------===//
// Modules and functions
//===----------------------------------------------------------------------===//

/// Whether a device runs an image: of its own major version, and for virtual
/// architectures and those without a suffix, of its own or an earlier one.
static bool runsOn(const ImageHeader &image, const Settings &settings) {
  unsigned arch = settings.major * 10 + settings.minor;
  if (image.archSuffix)
    return image.arch == arch;
  if (image.isVirtual)
    return image.arch <= arch;
  return image.arch / 10 == arch / 10 && image.arch <= arch;
}

LNS_EMU_API cuModuleLoadData(CUmodule *handle, const void *image) {
  DriverCall call;
  if (call.error)
    return call.error;
  if (!handle || !image)
    return CUDA_ERROR_INVALID_VALUE;
  std::string error;
  auto module = std::make_unique<CUmod_st>();
  module->context = call.context;
  module->module = Module::load(image, error);
  if (!module->module)
    return report(CUDA_ERROR_INVALID_IMAGE, "cuModuleLoadData: image " + error);
  const ImageHeader &header = module->module->header();
  const Settings &settings = call.driver.settings;
  if (!runsOn(header, settings))
    return report(CUDA_ERROR_NO_BINARY_FOR_GPU,
                  "cuModuleLoadData: image for sm_" +
                      std::to_string(header.arch) + ", device is sm_" +
                      std::to_string(settings.major * 10 + settings.minor));
  if (settings.isChecked && !header.isChecked)
    return report(CUDA_ERROR_INVALID_IMAGE,
                  "cuModuleLoadData: image was compiled without LNS_EMU_CHECK");
  *handle = call.driver.modules.add(std::move(module));
  return CUDA_SUCCESS;
}

LNS_EMU_API cuModuleUnload(CUmodule module) {
  DriverCall call;
  if (call.error)
    return call.error;
  if (!call.driver.modules.has(module))
    return CUDA_ERROR_INVALID_HANDLE;
  if (CUresult failed = call.driver.flushAll(call.context))
    return failed;
  for (auto &[name, function] : module->functions)
    call.driver.functions.erase(function.get());
  call.driver.modules.remove(module);
  return CUDA_SUCCESS;
}

LNS_EMU_API cuModuleGetFunction(CUfunction *handle, CUmodule module,
                                const char *name) {
  DriverCall call;
  if (call.error)
    return call.error;
  if (!call.driver.modules.has(module))
    return CUDA_ERROR_INVALID_HANDLE;
  const LnsEmuKernel *kernel = module->module->find(name);
  if (!kernel)
    return CUDA_ERROR_NOT_FOUND;
  std::unique_ptr<CUfunc_st> &function = module->functions[name];
  if (!function) {
    function = std::make_unique<CUfunc_st>();
    function->module = module;
    function->kernel = kernel;
    call.driver.functions.insert(function.get());
  }
  *handle = function.get();
  return CUDA_SUCCESS;
}

LNS_EMU_API cuFuncSetAttribute(CUfunction function,
                               CUfunction_attribute attribute, int value) {
  DriverCall call;
  if (call.error)
    return call.error;
  if (!call.driver.functions.count(function))
    return CUDA_ERROR_INVALID_HANDLE;
  switch (attribute) {
  case CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES:
    if (value < 0 ||
        static_cast<size_t>(value) > call.driver.settings.sharedPerBlock())
      return CUDA_ERROR_INVALID_VALUE;
    function->maxDynamicShared = value;
    return CUDA_SUCCESS;
  case CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT:
    return value >= -1 && value <= 100 ? CUDA_SUCCESS
                                       : CUDA_ERROR_INVALID_VALUE;
  default:
    return CUDA_ERROR_INVALID_VALUE;
  }
}

LNS_EMU_API cuFuncGetAttribute(int *value, CUfunction_attribute attribute,
                               CUfunction function) {
  DriverCall call;
  if (call.error)
    return call.error;
  if (!call.driver.functions.count(function))
    return CUDA_ERROR_INVALID_HANDLE;
  switch (attribute) {
  case CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK:
    *value = static_cast<int>(function->kernel->maxThreads);
    break;
  case CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES:
  case CU_FUNC_ATTRIBUTE_CONST_SIZE_BYTES:
    *value = 0;
    break;
  case CU_FUNC_ATTRIBUTE_LOCAL_SIZE_BYTES:
    *value = call.driver.settings.localBytes;
    break;
  case CU_FUNC_ATTRIBUTE_NUM_REGS:
    *value = 64;
    break;
  case CU_FUNC_ATTRIBUTE_PTX_VERSION:
  case CU_FUNC_ATTRIBUTE_BINARY_VERSION:
    *value = static_cast<int>(function->module->module->header().arch);
    break;
  case CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES:
    *value = function->maxDynamicShared;
    break;
  default:
    return CUDA_ERROR_INVALID_VALUE;
  }
  return CUDA_SUCCESS;
}

} // extern "C"
