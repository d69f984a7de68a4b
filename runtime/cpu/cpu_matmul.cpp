//===- cpu_matmul.cpp - Choosing who computes matrix products -------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "runtime/cpu/cpu_matmul.h"

#include "runtime/cpu/cpu_features.h"

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

/// Those for mixed products: the same, which see rounded operands as f32,
/// unless the processor multiplies pairs of bf16.
static const GemmKernels *chooseMixed(const GemmKernels *plain) {
#if defined(__x86_64__)
  if (plain == &kGemmAvx512 && cpuHasFeature("avx512bf16"))
    return &kGemmAvx512Bf16;
#endif
  return plain;
}

Error CpuMatmul::create(const char *backend, const char *cpuLevel,
                        ThreadPool &threads) {
  pool = &threads;
  const char *place = "lnsrt_session_options.matmul";
  if (!backend) {
    place = "LNSRT_MATMUL";
    backend = std::getenv(place);
  }
  bool withoutBf16 = backend && std::string_view(backend) == "builtin-f32";
  if (!backend || withoutBf16 || std::string_view(backend) == "builtin")
    kind = MatmulBackend::Builtin;
  else if (std::string_view(backend) == "onednn")
    kind = MatmulBackend::OneDnn;
  else
    return makeError(LNSRT_INVALID_ARGUMENT, place, "unknown matmul '", backend,
                     "', expected 'builtin', 'builtin-f32' or 'onednn'");
  if (kind == MatmulBackend::OneDnn)
    if (Error error = openOneDnn())
      return error;
  kernels = chooseKernels(cpuLevel);
  mixed = withoutBf16 ? kernels : chooseMixed(kernels);
  title = mixed->name;
  if (kind == MatmulBackend::OneDnn)
    title = "onednn (bf16, gain: " + title + ")";
  return PageMemory::allocate(kMatmulWorkspaceBytes, "matmul", workspace);
}

Error CpuMatmul::run(const MatmulShape &shape, const void *a, const void *b,
                     void *c, const float *gain) {
  if (kind == MatmulBackend::OneDnn && !gain && !shape.isMixed())
    return oneDnnMatmul(shape, static_cast<const float *>(a),
                        static_cast<const float *>(b), static_cast<float *>(c),
                        *pool);
  builtinMatmul(shape.isMixed() ? *mixed : *kernels, shape, a, b, c, gain,
                workspace.data(), *pool);
  return nullptr;
}
