//===- cpu_matmul.cpp - Choosing who computes matrix products
//---------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "runtime/cpu_matmul.h"

#include "runtime/cpu_features.h"

#include <cstdlib>
#include <string_view>

using namespace lns;

/// The best inner loops that the processor has and that the session's level
/// allows.
static const GemmKernels *chooseKernels([[maybe_unused]] const char *cpuLevel) {
#if defined(__x86_64__)
  // A plan without kernels, or with code for one processor, sets no bound.
  int rank = cpuLevelRank(cpuLevel);
  bool bounded = rank >= 1 && rank <= 4;
  if ((!bounded || rank >= 4) && cpuHasLevel("x86-64-v4"))
    return &kGemmAvx512;
  if ((!bounded || rank >= 3) && cpuHasLevel("x86-64-v3"))
    return &kGemmAvx2;
#endif
  return &kGemmGeneric;
}

Error CpuMatmul::create(const char *backend, const char *cpuLevel,
                        ThreadPool &threads) {
  pool = &threads;
  const char *place = "lnsrt_session_options.matmul";
  if (!backend) {
    place = "LNSRT_MATMUL";
    backend = std::getenv(place);
  }
  if (!backend || std::string_view(backend) == "builtin")
    kind = MatmulBackend::Builtin;
  else if (std::string_view(backend) == "onednn")
    kind = MatmulBackend::OneDnn;
  else
    return makeError(LNSRT_INVALID_ARGUMENT, place, "unknown matmul '", backend,
                     "', expected 'builtin' or 'onednn'");
  kernels = chooseKernels(cpuLevel);
  title = kernels->name;
  if (kind == MatmulBackend::OneDnn)
    title = "onednn (gain: " + title + ")";
  // The same for all, so that a plan can say what a session takes.
  if (builtinWorkspaceBytes(*kernels) > kMatmulWorkspaceBytes)
    return makeError(LNSRT_INTERNAL, kernels->name, "a workspace of ",
                     builtinWorkspaceBytes(*kernels), " bytes, plans count on ",
                     kMatmulWorkspaceBytes);
  return PageMemory::allocate(kMatmulWorkspaceBytes, "matmul", workspace);
}

Error CpuMatmul::run(const MatmulShape &shape, const void *a, const void *b,
                     void *c, const float *gain) {
  const auto *left = static_cast<const float *>(a);
  const auto *right = static_cast<const float *>(b);
  auto *result = static_cast<float *>(c);
  if (kind == MatmulBackend::OneDnn && !gain)
    return oneDnnMatmul(shape, left, right, result, *pool);
  builtinMatmul(*kernels, shape, left, right, result, gain,
                reinterpret_cast<float *>(workspace.data()), *pool);
  return nullptr;
}
