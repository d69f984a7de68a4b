//===- fake_driver.cpp - A CUDA driver that has no device -----------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// For the runtime's tests: memory is the host's, kernels are the few of
// fake_kernels.cpp, time is counted, not measured, and the environment says
// what goes wrong. Stricter than the real one: every address must lie in an
// allocation, and fresh memory holds garbage.
//
//   FAKE_CUDA_VERSION   driver's version, 13000 when unset
//   FAKE_CUDA_INIT      what cuInit returns
//   FAKE_CUDA_DEVICES   number of devices
//   FAKE_CUDA_ARCH      90 for compute capability 9.0
//   FAKE_CUDA_MEMORY    bytes of a device
//   FAKE_CUDA_SHARED    bytes of shared memory that a block may have
//   FAKE_CUDA_REFUSE    symbol of a kernel whose launch fails
//   FAKE_CUDA_FAULT     symbol of a kernel that fails while it runs
//   FAKE_CUDA_FAIL_AT   number of the call that fails, of those in a context
//   FAKE_CUDA_COST      "symbol=milliseconds,...": 1 when not listed
//
//===----------------------------------------------------------------------===//

#include "fake_driver.h"

#include "fake_kernels.h"

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <elf.h>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

using namespace lns;
using namespace lns::cuda;

namespace lns::cuda {
struct CuContextOpaque {};
struct CuModuleOpaque {
  std::string image; ///< has the names of its kernels
};
struct CuFunctionOpaque {
  std::string symbol;
  fake::KernelFunction run = nullptr;
  int sharedLimit = 48 << 10;
};
struct CuEventOpaque {
  double time = -1;
};
struct CuGraphOpaque {
  std::vector<std::function<void()>> work;
};
struct CuGraphExecOpaque {
  std::vector<std::function<void()>> work;
};
struct CuStreamOpaque {
  CuGraph capturing = nullptr;
  long synchronizations = 0;
};
} // namespace lns::cuda

namespace {
struct State {
  std::mutex mutex;
  std::map<CuAddress, size_t> allocations; ///< and pinned ones
  size_t allocated = 0;                    ///< on the device
  size_t pinned = 0;
  std::atomic<long> launches = 0;
  std::atomic<long> calls = 0; ///< of what FAKE_CUDA_FAIL_AT counts
  std::atomic<long> graphLaunches = 0;
  double clock = 0;
  bool faulted = false;
};
State &state() {
  static State all;
  return all;
}
thread_local bool contextIsCurrent = false;
CuContextOpaque theContext;
} // namespace

static long number(const char *name, long otherwise) {
  const char *value = std::getenv(name);
  return value ? std::atol(value) : otherwise;
}

static bool names(const char *variable, const std::string &symbol) {
  const char *value = std::getenv(variable);
  return value && symbol == value;
}

static double costOf(const std::string &symbol) {
  const char *all = std::getenv("FAKE_CUDA_COST");
  std::string text = all ? std::string(",") + all : "";
  size_t at = text.find("," + symbol + "=");
  return at == std::string::npos
             ? 1.0
             : std::atof(text.c_str() + at + symbol.size() + 2);
}

[[noreturn]] static void die(const char *what) {
  std::fprintf(stderr, "fake driver: %s\n", what);
  std::abort();
}

void fake::mustBeAllocated(const void *start, size_t size) {
  State &all = state();
  std::lock_guard<std::mutex> guard(all.mutex);
  auto address = reinterpret_cast<CuAddress>(start);
  auto after = all.allocations.upper_bound(address);
  if (after == all.allocations.begin())
    die("an address that is in no allocation");
  --after;
  if (address + size > after->first + after->second)
    die("bytes beyond the end of an allocation");
}

bool fake::isCapturing(CuStream stream) { return stream && stream->capturing; }

void fake::advanceClock(double milliseconds) { state().clock += milliseconds; }

void fake::addToGraph(CuStream stream, double milliseconds,
                      std::function<void()> work) {
  stream->capturing->work.push_back([milliseconds, work = std::move(work)] {
    advanceClock(milliseconds);
    work();
  });
}

#define FAKE extern "C" __attribute__((visibility("default")))

/// Whether this is the call that FAKE_CUDA_FAIL_AT counts to.
static bool failsNow() {
  const char *at = std::getenv("FAKE_CUDA_FAIL_AT");
  return at && state().calls++ == std::atol(at);
}

static CuResult contextProblem() {
  return !contextIsCurrent ? 201 : state().faulted ? 700 : failsNow() ? 719 : 0;
}

/// Every call but those that need no context.
#define NEEDS_CONTEXT                                                          \
  if (CuResult problem = contextProblem())                                     \
  return problem

FAKE CuResult cuInit(unsigned) {
  return CuResult(number("FAKE_CUDA_INIT", kCuSuccess));
}
FAKE CuResult cuDriverGetVersion(int *version) {
  *version = int(number("FAKE_CUDA_VERSION", 13000));
  return kCuSuccess;
}
FAKE CuResult cuGetErrorName(CuResult error, const char **name) {
  *name = error == kCuErrorOutOfMemory      ? "CUDA_ERROR_OUT_OF_MEMORY"
          : error == kCuErrorInvalidValue   ? "CUDA_ERROR_INVALID_VALUE"
          : error == kCuErrorInvalidImage   ? "CUDA_ERROR_INVALID_IMAGE"
          : error == kCuErrorNoBinaryForGpu ? "CUDA_ERROR_NO_BINARY_FOR_GPU"
          : error == 700                    ? "CUDA_ERROR_ILLEGAL_ADDRESS"
          : error == 803 ? "CUDA_ERROR_SYSTEM_DRIVER_MISMATCH"
                         : nullptr;
  return *name ? kCuSuccess : kCuErrorInvalidValue;
}
FAKE CuResult cuGetErrorString(CuResult error, const char **text) {
  *text = error == 700 ? "an illegal memory access was encountered" : nullptr;
  return *text ? kCuSuccess : kCuErrorInvalidValue;
}
FAKE CuResult cuDeviceGetCount(int *count) {
  *count = int(number("FAKE_CUDA_DEVICES", 1));
  return kCuSuccess;
}
FAKE CuResult cuDeviceGet(CuDevice *device, int ordinal) {
  *device = ordinal;
  return kCuSuccess;
}
FAKE CuResult cuDeviceGetName(char *name, int length, CuDevice) {
  std::snprintf(name, size_t(length), "Fake Device");
  return kCuSuccess;
}
FAKE CuResult cuDeviceGetAttribute(int *value, CuDeviceAttribute attribute,
                                   CuDevice) {
  int arch = int(number("FAKE_CUDA_ARCH", 90));
  *value = attribute == kCuComputeCapabilityMajor   ? arch / 10
           : attribute == kCuComputeCapabilityMinor ? arch % 10
           : attribute == kCuMultiprocessorCount
               ? 4
               : int(number("FAKE_CUDA_SHARED", 227 << 10));
  return kCuSuccess;
}
static size_t deviceBytes() {
  return size_t(number("FAKE_CUDA_MEMORY", 1l << 30));
}
FAKE CuResult cuDeviceTotalMem_v2(size_t *bytes, CuDevice) {
  *bytes = deviceBytes();
  return kCuSuccess;
}
FAKE CuResult cuDevicePrimaryCtxRetain(CuContext *context, CuDevice) {
  *context = &theContext;
  return kCuSuccess;
}
FAKE CuResult cuDevicePrimaryCtxRelease_v2(CuDevice) {
  state().faulted = false; // A new context starts well.
  return kCuSuccess;
}
FAKE CuResult cuCtxSetCurrent(CuContext context) {
  contextIsCurrent = context != nullptr;
  return kCuSuccess;
}
FAKE CuResult cuMemGetInfo_v2(size_t *free, size_t *total) {
  NEEDS_CONTEXT;
  *total = deviceBytes();
  *free = deviceBytes() - state().allocated;
  return kCuSuccess;
}

static void *fresh(size_t size) {
  void *data = std::aligned_alloc(256, (size + 255) / 256 * 256);
  std::memset(data, 0xa5, size);
  state().allocations[reinterpret_cast<CuAddress>(data)] = size;
  return data;
}
static size_t forget(void *data) {
  State &all = state();
  auto found = all.allocations.find(reinterpret_cast<CuAddress>(data));
  if (found == all.allocations.end())
    die("freed what was not allocated");
  size_t size = found->second;
  all.allocations.erase(found);
  std::free(data);
  return size;
}
FAKE CuResult cuMemAlloc_v2(CuAddress *address, size_t size) {
  NEEDS_CONTEXT;
  std::lock_guard<std::mutex> guard(state().mutex);
  if (size == 0)
    return kCuErrorInvalidValue;
  if (state().allocated + size > deviceBytes())
    return kCuErrorOutOfMemory;
  *address = reinterpret_cast<CuAddress>(fresh(size));
  state().allocated += size;
  return kCuSuccess;
}
FAKE CuResult cuMemFree_v2(CuAddress address) {
  std::lock_guard<std::mutex> guard(state().mutex);
  state().allocated -= forget(reinterpret_cast<void *>(address));
  return kCuSuccess;
}
FAKE CuResult cuMemHostAlloc(void **data, size_t size, unsigned) {
  NEEDS_CONTEXT;
  std::lock_guard<std::mutex> guard(state().mutex);
  *data = fresh(size);
  state().pinned += size;
  return kCuSuccess;
}
FAKE CuResult cuMemFreeHost(void *data) {
  std::lock_guard<std::mutex> guard(state().mutex);
  state().pinned -= forget(data);
  return kCuSuccess;
}

static CuResult copy(void *to, const void *from, size_t size, CuStream stream) {
  NEEDS_CONTEXT;
  fake::enqueue(stream, 0.001, [=] { std::memcpy(to, from, size); });
  return kCuSuccess;
}
FAKE CuResult cuMemcpyHtoDAsync_v2(CuAddress to, const void *from, size_t size,
                                   CuStream stream) {
  fake::mustBeAllocated(reinterpret_cast<void *>(to), size);
  return copy(reinterpret_cast<void *>(to), from, size, stream);
}
FAKE CuResult cuMemcpyDtoHAsync_v2(void *to, CuAddress from, size_t size,
                                   CuStream stream) {
  fake::mustBeAllocated(reinterpret_cast<void *>(from), size);
  return copy(to, reinterpret_cast<void *>(from), size, stream);
}
FAKE CuResult cuMemcpyDtoDAsync_v2(CuAddress to, CuAddress from, size_t size,
                                   CuStream stream) {
  fake::mustBeAllocated(reinterpret_cast<void *>(to), size);
  fake::mustBeAllocated(reinterpret_cast<void *>(from), size);
  return copy(reinterpret_cast<void *>(to), reinterpret_cast<void *>(from),
              size, stream);
}
FAKE CuResult cuMemsetD8Async(CuAddress to, unsigned char value, size_t size,
                              CuStream stream) {
  NEEDS_CONTEXT;
  void *data = reinterpret_cast<void *>(to);
  fake::mustBeAllocated(data, size);
  fake::enqueue(stream, 0.001, [=] { std::memset(data, value, size); });
  return kCuSuccess;
}

FAKE CuResult cuMemsetD32Async(CuAddress to, unsigned value, size_t count,
                               CuStream stream) {
  NEEDS_CONTEXT;
  auto *data = reinterpret_cast<unsigned *>(to);
  fake::mustBeAllocated(data, count * sizeof(unsigned));
  fake::enqueue(stream, 0.001, [=] { std::fill_n(data, count, value); });
  return kCuSuccess;
}

FAKE CuResult cuStreamCreate(CuStream *stream, unsigned) {
  NEEDS_CONTEXT;
  *stream = new CuStreamOpaque();
  return kCuSuccess;
}
FAKE CuResult cuStreamDestroy_v2(CuStream stream) {
  delete stream;
  return kCuSuccess;
}
FAKE CuResult cuStreamSynchronize(CuStream stream) {
  NEEDS_CONTEXT;
  if (stream->capturing)
    return 900;
  ++stream->synchronizations;
  return kCuSuccess;
}
FAKE CuResult cuStreamBeginCapture_v2(CuStream stream, CuCaptureMode) {
  NEEDS_CONTEXT;
  stream->capturing = new CuGraphOpaque();
  return kCuSuccess;
}
FAKE CuResult cuStreamEndCapture(CuStream stream, CuGraph *graph) {
  *graph = stream->capturing;
  stream->capturing = nullptr;
  return kCuSuccess;
}
FAKE CuResult cuEventCreate(CuEvent *event, unsigned) {
  NEEDS_CONTEXT;
  *event = new CuEventOpaque();
  return kCuSuccess;
}
FAKE CuResult cuEventRecord(CuEvent event, CuStream stream) {
  NEEDS_CONTEXT;
  fake::enqueue(stream, 0, [=] { event->time = state().clock; });
  return kCuSuccess;
}
FAKE CuResult cuEventSynchronize(CuEvent event) {
  NEEDS_CONTEXT;
  return event->time < 0 ? kCuErrorInvalidValue : kCuSuccess;
}
FAKE CuResult cuEventElapsedTime(float *milliseconds, CuEvent begin,
                                 CuEvent end) {
  NEEDS_CONTEXT;
  if (begin->time < 0 || end->time < 0)
    return kCuErrorInvalidValue;
  *milliseconds = float(end->time - begin->time);
  return kCuSuccess;
}
FAKE CuResult cuEventDestroy_v2(CuEvent event) {
  delete event;
  return kCuSuccess;
}

/// The names of what the real NVRTC made, of any architecture; empty when it is
/// no machine code for CUDA.
static std::string readCubinNames(const void *image) {
  constexpr Elf64_Half kCudaMachine = 190;
  const char *bytes = static_cast<const char *>(image);
  Elf64_Ehdr file;
  std::memcpy(&file, bytes, sizeof file);
  if (file.e_machine != kCudaMachine)
    return "";
  std::string names;
  for (unsigned i = 0; i < file.e_shnum; ++i) {
    Elf64_Shdr section;
    std::memcpy(&section, bytes + file.e_shoff + i * sizeof section,
                sizeof section);
    if (section.sh_type == SHT_STRTAB)
      names.append(bytes + section.sh_offset, section.sh_size);
  }
  return names;
}

/// Images are "FAKE sm_90a\n" or "FAKE compute_80\n", and the kernel's text; or
/// real ones, whose kernels are still those of fake_kernels.cpp.
FAKE CuResult cuModuleLoadData(CuModule *module, const void *image) {
  NEEDS_CONTEXT;
  if (std::memcmp(image, ELFMAG, SELFMAG) == 0) {
    std::string names = readCubinNames(image);
    if (names.empty())
      return kCuErrorInvalidImage;
    *module = new CuModuleOpaque{std::move(names)};
    return kCuSuccess;
  }
  std::string text(static_cast<const char *>(image), 5);
  if (text != "FAKE ")
    return kCuErrorInvalidImage;
  text = static_cast<const char *>(image);
  int arch = int(number("FAKE_CUDA_ARCH", 90));
  int of = std::atoi(text.c_str() + text.find('_') + 1);
  bool runs = text.compare(5, 3, "sm_") == 0 ? of == arch : of <= arch;
  if (!runs)
    return kCuErrorNoBinaryForGpu;
  *module = new CuModuleOpaque{text};
  return kCuSuccess;
}
FAKE CuResult cuModuleUnload(CuModule module) {
  delete module;
  return kCuSuccess;
}
FAKE CuResult cuModuleGetFunction(CuFunction *function, CuModule module,
                                  const char *name) {
  NEEDS_CONTEXT;
  if (module->image.find(name) == std::string::npos)
    return 500;
  // Functions are the module's in CUDA; here they live on.
  static std::mutex mutex;
  static std::vector<std::unique_ptr<CuFunctionOpaque>> all;
  std::lock_guard<std::mutex> guard(mutex);
  all.push_back(std::make_unique<CuFunctionOpaque>());
  *all.back() = {name, fake::findKernel(name), 48 << 10};
  *function = all.back().get();
  return kCuSuccess;
}
FAKE CuResult cuFuncSetAttribute(CuFunction function,
                                 CuFunctionAttribute attribute, int value) {
  NEEDS_CONTEXT;
  if (attribute != kCuMaxDynamicSharedSizeBytes || value > 227 << 10)
    return kCuErrorInvalidValue;
  function->sharedLimit = value;
  return kCuSuccess;
}
FAKE CuResult cuFuncGetAttribute(int *value, CuFunctionAttribute,
                                 CuFunction function) {
  NEEDS_CONTEXT;
  // Of what the tests have, one kernel spills.
  *value = function->symbol == "test_spills" ? 16 : 0;
  return kCuSuccess;
}
FAKE CuResult cuLaunchKernel(CuFunction function, unsigned gridX,
                             unsigned gridY, unsigned gridZ, unsigned blockX,
                             unsigned blockY, unsigned blockZ,
                             unsigned sharedBytes, CuStream stream,
                             void **parameters, void **) {
  NEEDS_CONTEXT;
  if (names("FAKE_CUDA_REFUSE", function->symbol) || !function->run ||
      gridX == 0 || gridY == 0 || gridZ == 0 || blockX == 0 || blockX > 1024 ||
      blockY != 1 || blockZ != 1 || int(sharedBytes) > function->sharedLimit)
    return kCuErrorInvalidValue;
  // Parameters are copied at the launch.
  std::vector<uint64_t> values(fake::parameterCount(function->run));
  for (size_t i = 0; i < values.size(); ++i)
    std::memcpy(&values[i], parameters[i], 8);
  fake::enqueue(stream, costOf(function->symbol), [=] {
    ++state().launches;
    if (names("FAKE_CUDA_FAULT", function->symbol))
      state().faulted = true;
    else
      function->run(values.data(), gridX);
  });
  return kCuSuccess;
}
FAKE CuResult cuGraphInstantiateWithFlags(CuGraphExec *exec, CuGraph graph,
                                          unsigned long long) {
  NEEDS_CONTEXT;
  *exec = new CuGraphExecOpaque{graph->work};
  return kCuSuccess;
}
FAKE CuResult cuGraphLaunch(CuGraphExec exec, CuStream) {
  NEEDS_CONTEXT;
  ++state().graphLaunches;
  for (const auto &work : exec->work)
    work();
  return kCuSuccess;
}
FAKE CuResult cuGraphExecDestroy(CuGraphExec exec) {
  delete exec;
  return kCuSuccess;
}
FAKE CuResult cuGraphDestroy(CuGraph graph) {
  delete graph;
  return kCuSuccess;
}

// For tests.
FAKE void fakeCudaResetCalls() { state().calls = 0; }
FAKE long fakeCudaCalls() { return state().calls; }
FAKE size_t fakeCudaAllocated() { return state().allocated; }
FAKE size_t fakeCudaPinned() { return state().pinned; }
FAKE long fakeCudaSyncs(void *stream) {
  return static_cast<CuStream>(stream)->synchronizations;
}
FAKE long fakeCudaLaunches() { return state().launches; }
FAKE long fakeCudaGraphLaunches() { return state().graphLaunches; }
