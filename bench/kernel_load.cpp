//===- kernel_load.cpp - How long a session waits for its kernels ---------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// lns-bench-kernel-load PLAN [TIMES]: loads the kernels of a plan as a session
// does, again and again, and prints where they came from and how long it took.
// The first time compiles what LNSRT_CACHE_DIR does not have. Where there is no
// GPU, LNSRT_CUDA_DRIVER may name the tests' fake driver: it takes machine code
// and does nothing, so that all but the driver's own work is measured.
//
//===----------------------------------------------------------------------===//

#include "runtime/cuda/kernel_loader.h"

#include <chrono>
#include <cstdio>
#include <cstdlib>

using namespace lns;

static int fail(const Error &error) {
  std::fprintf(stderr, "lns-bench-kernel-load: error: %s: %s\n",
               error->place.c_str(), error->message.c_str());
  return 1;
}

int main(int argc, char **argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: lns-bench-kernel-load PLAN [TIMES]\n");
    return 1;
  }
  std::unique_ptr<lnsrt_plan> plan;
  const cuda::Driver *driver = nullptr;
  cuda::DeviceFacts device;
  cuda::Context context;
  if (Error error = openPlan(argv[1], plan))
    return fail(error);
  if (!plan->cuda()) {
    std::fprintf(stderr, "lns-bench-kernel-load: error: the plan has no code "
                         "for CUDA; compile it with --target=cuda\n");
    return 1;
  }
  if (Error error = cuda::getDriver(driver))
    return fail(error);
  if (Error error = cuda::findDevice(*driver, 0, device))
    return fail(error);
  if (Error error = context.retain(*driver, device))
    return fail(error);
  if (Error error = context.makeCurrent())
    return fail(error);
  cuda::DiskCache cache = cuda::DiskCache::fromEnvironment();
  int times = argc > 2 ? std::atoi(argv[2]) : 6;
  for (int i = 0; i < times; ++i) {
    cuda::LoadedKernels kernels;
    auto start = std::chrono::steady_clock::now();
    Error error = kernels.load(*plan, *driver, device, cache);
    std::chrono::duration<double, std::milli> took =
        std::chrono::steady_clock::now() - start;
    if (error)
      return fail(error);
    std::printf("%8.1f ms: %u from the plan, %u from the cache, %u compiled "
                "for %s\n",
                took.count(), kernels.fromPlan, kernels.fromCache,
                kernels.compiled, kernels.arch().c_str());
  }
  return 0;
}
