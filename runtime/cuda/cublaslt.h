//===- cublaslt.h - NVIDIA's matrix products ---------------------- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_RUNTIME_CUDA_CUBLASLT_H
#define LNS_RUNTIME_CUDA_CUBLASLT_H

#include "runtime/cuda/api_types.h"
#include "runtime/cuda/shared_library.h"

#include <string>

/// X(member, symbol, type)
#define LNS_CUBLASLT_FUNCTIONS(X)                                              \
  X(getVersion, cublasLtGetVersion, size_t())                                  \
  X(getStatusString, cublasLtGetStatusString, const char *(LtStatus))          \
  X(create, cublasLtCreate, LtStatus(LtHandle *))                              \
  X(destroy, cublasLtDestroy, LtStatus(LtHandle))                              \
  X(matmulDescCreate, cublasLtMatmulDescCreate,                                \
    LtStatus(LtMatmulDesc *, LtComputeType, LtDataType scale))                 \
  X(matmulDescDestroy, cublasLtMatmulDescDestroy, LtStatus(LtMatmulDesc))      \
  X(matmulDescSetAttribute, cublasLtMatmulDescSetAttribute,                    \
    LtStatus(LtMatmulDesc, LtMatmulDescAttribute, const void *, size_t))       \
  X(matrixLayoutCreate, cublasLtMatrixLayoutCreate,                            \
    LtStatus(LtMatrixLayout *, LtDataType, uint64_t rows, uint64_t columns,    \
             int64_t leadingDimension))                                        \
  X(matrixLayoutDestroy, cublasLtMatrixLayoutDestroy,                          \
    LtStatus(LtMatrixLayout))                                                  \
  X(preferenceCreate, cublasLtMatmulPreferenceCreate,                          \
    LtStatus(LtPreference *))                                                  \
  X(preferenceDestroy, cublasLtMatmulPreferenceDestroy,                        \
    LtStatus(LtPreference))                                                    \
  X(preferenceSetAttribute, cublasLtMatmulPreferenceSetAttribute,              \
    LtStatus(LtPreference, LtPreferenceAttribute, const void *, size_t))       \
  X(getHeuristic, cublasLtMatmulAlgoGetHeuristic,                              \
    LtStatus(LtHandle, LtMatmulDesc, LtMatrixLayout a, LtMatrixLayout b,       \
             LtMatrixLayout c, LtMatrixLayout d, LtPreference, int requested,  \
             LtHeuristicResult *, int *returned))                              \
  X(matmul, cublasLtMatmul,                                                    \
    LtStatus(LtHandle, LtMatmulDesc, const void *alpha, const void *a,         \
             LtMatrixLayout, const void *b, LtMatrixLayout, const void *beta,  \
             const void *c, LtMatrixLayout, void *d, LtMatrixLayout,           \
             const LtAlgorithm *, void *workspace, size_t workspaceBytes,      \
             CuStream))

namespace lns::cuda {

struct CublasLt {
#define LNS_DECLARE(member, symbol, ...)                                       \
  std::add_pointer_t<__VA_ARGS__> member = nullptr;
  LNS_CUBLASLT_FUNCTIONS(LNS_DECLARE)
#undef LNS_DECLARE

  std::string path;
  uint64_t version = 0; ///< 130002 for 13.0.2

  void resolve(SharedLibrary &library);
  Error start();
  std::string versionText() const; ///< "13.0.2"
};

/// Finds cuBLASLt, of a version that the driver can work with. Thread safe; the
/// table lives as long as the process.
Error getCublasLt(int driverVersion, const CublasLt *&library);

} // namespace lns::cuda

#endif // LNS_RUNTIME_CUDA_CUBLASLT_H
