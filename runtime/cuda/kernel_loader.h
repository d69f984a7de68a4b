//===- kernel_loader.h - The kernels of a plan, on a device ------- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// A kernel's machine code is the plan's, where it holds some for the device;
// else the cache's; else it is compiled, all kernels side by side.
//
//   LNSRT_CUDA_DUMP=folder  writes texts, headers, machine code and logs there
//   LNSRT_CUDA_STRICT=1     refuses a kernel that spills registers although it
//                           promises not to
//
//===----------------------------------------------------------------------===//

#ifndef LNS_RUNTIME_CUDA_KERNEL_LOADER_H
#define LNS_RUNTIME_CUDA_KERNEL_LOADER_H

#include "runtime/cuda/compile.h"
#include "runtime/cuda/device.h"
#include "runtime/plan/plan_file.h"

#include <vector>

namespace lns::cuda {

class LoadedKernels {
public:
  LoadedKernels() = default;
  LoadedKernels(const LoadedKernels &) = delete;
  LoadedKernels &operator=(const LoadedKernels &) = delete;
  ~LoadedKernels();

  /// The device's context must be current.
  Error load(const lnsrt_plan &plan, const Driver &driver,
             const DeviceFacts &device, const DiskCache &cache);

  CuFunction function(size_t kernel) const { return functions[kernel]; }

  // Where the machine code came from.
  unsigned fromPlan = 0;
  unsigned fromCache = 0;
  unsigned compiled = 0;
  /// "sm_90a"; "" when no kernel but the plan's own was needed.
  const std::string &arch() const { return target.arch; }
  /// Null as long as nobody needed it.
  const Nvrtc *compiler() const { return nvrtc; }

private:
  struct Job;

  Error loadFromPlan(size_t kernel, bool &loaded);
  Error startCompiler();
  /// An image from the cache or the compiler; called by several threads.
  Error make(Job &job) const;
  Error makeAll(std::vector<Job> &jobs);
  Error loadModule(size_t kernel, const void *image, CuResult &result);
  Error finish(size_t kernel);
  Error startDump();
  Error dump(size_t kernel, const char *suffix, std::string_view content) const;

  const plan::CudaProgram *program = nullptr;
  const unsigned char *file = nullptr;
  const Driver *driver = nullptr;
  const DeviceFacts *device = nullptr;
  const DiskCache *cache = nullptr;
  const Nvrtc *nvrtc = nullptr;
  CompileTarget target;
  std::vector<HeaderText> headers;
  std::vector<CuModule> modules;
  std::vector<CuFunction> functions;
  std::string dumpFolder;
};

} // namespace lns::cuda

#endif // LNS_RUNTIME_CUDA_KERNEL_LOADER_H
