//===- cpu_matmul.h - Matrix products on the session's threads ---- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// A product is cut into tiles of c, and k is never split between threads. An
// element of c is summed in an order that depends on the shape alone, so the
// bits are the same for every thread count.
//
//===----------------------------------------------------------------------===//

#ifndef LNS_RUNTIME_CPU_CPU_MATMUL_H
#define LNS_RUNTIME_CPU_CPU_MATMUL_H

#include "runtime/base/error.h"
#include "runtime/base/memory.h"
#include "runtime/base/session_memory.h"
#include "runtime/base/thread_pool.h"
#include "runtime/cpu/builtin_gemm.h"

#include <cstdint>
#include <string>

namespace lns {

enum class MatmulType : uint8_t { F32, Bf16 };

/// c[m,n] = alpha * op(a) op(b diag(gain)) + beta * c, as plan.fbs defines it.
/// gain is an operand of `run`.
struct MatmulShape {
  int64_t m = 0;
  int64_t n = 0;
  int64_t k = 0;
  bool transA = false;
  bool transB = false;
  float alpha = 1.0f;
  float beta = 0.0f;
  MatmulType typeA = MatmulType::F32;
  MatmulType typeB = MatmulType::F32;
  MatmulType typeC = MatmulType::F32;

  /// Operands are multiplied as bf16.
  bool isMixed() const {
    return typeA == MatmulType::Bf16 || typeB == MatmulType::Bf16;
  }
};

enum class MatmulBackend { Builtin, OneDnn };

class CpuMatmul {
public:
  /// `backend` is "builtin", "builtin-f32" (no instructions for bf16), "onednn"
  /// or null for the environment variable LNSRT_MATMUL and then the builtin
  /// one. `cpuLevel` bounds the instructions of the builtin one: a session on
  /// x86-64-v3 is the same everywhere. With x86-64-v4 or more, instructions for
  /// bf16 are used where there are any.
  Error create(const char *backend, const char *cpuLevel, ThreadPool &pool);

  /// Computes one product. Operands are dense; c does not overlap a, b or gain.
  /// oneDNN's products are of f32 and without a gain: the builtin code computes
  /// all others.
  Error run(const MatmulShape &shape, const void *a, const void *b, void *c,
            const float *gain = nullptr);

  MatmulBackend backend() const { return kind; }
  /// What computes the products: "builtin avx512",
  /// "onednn (bf16, gain: builtin avx512+bf16)", ...
  const char *name() const { return title.c_str(); }
  /// Memory that `create` allocated: the same for all, so that a plan can say
  /// what a session takes.
  uint64_t workspaceBytes() const { return workspace.size(); }

private:
  MatmulBackend kind = MatmulBackend::Builtin;
  const GemmKernels *kernels = nullptr; ///< of products that are all f32
  const GemmKernels *mixed = nullptr;   ///< of the others
  std::string title;
  PageMemory workspace;
  ThreadPool *pool = nullptr;
};

/// An error when there is no oneDNN on this machine.
Error openOneDnn();
/// The oneDNN backend, which must be open: single-threaded sgemm on tiles that
/// depend on the shape only.
Error oneDnnMatmul(const MatmulShape &shape, const float *a, const float *b,
                   float *c, ThreadPool &pool);

/// The builtin backend. `gain` may be null. `workspace` has at least
/// kMatmulWorkspaceBytes.
void builtinMatmul(const GemmKernels &kernels, const MatmulShape &shape,
                   const void *a, const void *b, void *c, const float *gain,
                   unsigned char *workspace, ThreadPool &pool);

} // namespace lns

#endif // LNS_RUNTIME_CPU_CPU_MATMUL_H
