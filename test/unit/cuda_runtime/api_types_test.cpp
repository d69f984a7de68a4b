//===- api_types_test.cpp - Our numbers are those of the headers ----------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// Built only where the CUDA toolkit's headers are. The checks are made by the
// compiler; of functions, that a table's member can hold the header's.
//
//===----------------------------------------------------------------------===//

#include "runtime/cuda/cublaslt.h"
#include "runtime/cuda/driver.h"
#include "runtime/cuda/nvrtc.h"

#include <cublasLt.h>
#include <cuda.h>
#include <gtest/gtest.h>
#include <nvrtc.h>

using namespace lns::cuda;

#define SAME(ours, theirs) static_assert(long(ours) == long(theirs))

SAME(kCuSuccess, CUDA_SUCCESS);
SAME(kCuErrorInvalidValue, CUDA_ERROR_INVALID_VALUE);
SAME(kCuErrorOutOfMemory, CUDA_ERROR_OUT_OF_MEMORY);
SAME(kCuErrorNoDevice, CUDA_ERROR_NO_DEVICE);
SAME(kCuErrorInvalidImage, CUDA_ERROR_INVALID_IMAGE);
SAME(kCuErrorNoBinaryForGpu, CUDA_ERROR_NO_BINARY_FOR_GPU);
SAME(kCuMultiprocessorCount, CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT);
SAME(kCuComputeCapabilityMajor, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR);
SAME(kCuComputeCapabilityMinor, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR);
SAME(kCuMaxSharedMemoryPerBlockOptin,
     CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN);
SAME(kCuLocalSizeBytes, CU_FUNC_ATTRIBUTE_LOCAL_SIZE_BYTES);
SAME(kCuMaxDynamicSharedSizeBytes,
     CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES);
SAME(kCuCaptureThreadLocal, CU_STREAM_CAPTURE_MODE_THREAD_LOCAL);
SAME(kCuStreamNonBlocking, CU_STREAM_NON_BLOCKING);
SAME(kCuEventDefault, CU_EVENT_DEFAULT);
SAME(kNvrtcSuccess, NVRTC_SUCCESS);
SAME(kNvrtcErrorCompilation, NVRTC_ERROR_COMPILATION);
SAME(kLtSuccess, CUBLAS_STATUS_SUCCESS);
SAME(kLtNotSupported, CUBLAS_STATUS_NOT_SUPPORTED);
SAME(kLtF32, CUDA_R_32F);
SAME(kLtBf16, CUDA_R_16BF);
SAME(kLtCompute32F, CUBLAS_COMPUTE_32F);
SAME(kLtNoTranspose, CUBLAS_OP_N);
SAME(kLtTranspose, CUBLAS_OP_T);
SAME(kLtDescTransA, CUBLASLT_MATMUL_DESC_TRANSA);
SAME(kLtDescTransB, CUBLASLT_MATMUL_DESC_TRANSB);
SAME(kLtMaxWorkspaceBytes, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES);
SAME(kLtReductionSchemeMask, CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK);
SAME(kLtMinAlignmentA, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES);
SAME(kLtMinAlignmentB, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES);
SAME(kLtMinAlignmentC, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES);
SAME(kLtMinAlignmentD, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES);
SAME(kLtReduceInComputeType, CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE);

static_assert(sizeof(CuResult) == sizeof(CUresult));
static_assert(sizeof(CuDevice) == sizeof(CUdevice));
static_assert(sizeof(CuAddress) == sizeof(CUdeviceptr));
static_assert(sizeof(CuStream) == sizeof(CUstream));
static_assert(sizeof(CuCaptureMode) == sizeof(CUstreamCaptureMode));
static_assert(sizeof(NvrtcResult) == sizeof(nvrtcResult));
static_assert(sizeof(LtStatus) == sizeof(cublasStatus_t));
static_assert(sizeof(LtDataType) == sizeof(cudaDataType_t));
static_assert(sizeof(LtComputeType) == sizeof(cublasComputeType_t));
static_assert(sizeof(LtAlgorithm) == sizeof(cublasLtMatmulAlgo_t));
static_assert(sizeof(LtHeuristicResult) ==
              sizeof(cublasLtMatmulHeuristicResult_t));
static_assert(offsetof(LtHeuristicResult, workspaceSize) ==
              offsetof(cublasLtMatmulHeuristicResult_t, workspaceSize));
static_assert(offsetof(LtHeuristicResult, state) ==
              offsetof(cublasLtMatmulHeuristicResult_t, state));

/// Whether parameters and results of two functions have the same sizes, one by
/// one. That they mean the same is for people to see.
template <typename Ours, typename Theirs> struct IsAlike;
template <typename R, typename... A, typename S, typename... B>
struct IsAlike<R(A...), S(B...)> {
  static constexpr bool value = [] {
    if constexpr (sizeof...(A) != sizeof...(B))
      return false;
    else
      return sizeof(R) == sizeof(S) && ((sizeof(A) == sizeof(B)) && ...);
  }();
};
// noexcept or not makes no difference to a caller in C.
template <typename Ours, typename R, typename... A>
struct IsAlike<Ours, R(A...) noexcept> : IsAlike<Ours, R(A...)> {};

#define CHECK(member, symbol, ...)                                             \
  static_assert(IsAlike<__VA_ARGS__, decltype(::symbol)>::value, #symbol);
LNS_CUDA_DRIVER_FUNCTIONS(CHECK)
LNS_NVRTC_FUNCTIONS(CHECK)
LNS_CUBLASLT_FUNCTIONS(CHECK)

TEST(ApiTypes, TheMachinesNvrtcHasAllFunctions) {
  SharedLibrary library;
  LibraryPlaces places = {"NVRTC", "LNSRT_NVRTC", {}, "install it"};
  for (const char *name : {"libnvrtc.so.13", "libnvrtc.so.12"})
    addToolkitPlaces(places.names, name);
  if (library.open(places))
    GTEST_SKIP() << "no NVRTC here";
  Nvrtc nvrtc;
  nvrtc.resolve(library);
  EXPECT_EQ(library.finish(places), nullptr);
}

TEST(ApiTypes, TheMachinesCublasLtHasAllFunctions) {
  SharedLibrary library;
  LibraryPlaces places = {"cuBLASLt", "LNSRT_CUBLASLT", {}, "install it"};
  for (const char *name : {"libcublasLt.so.13", "libcublasLt.so.12"})
    addToolkitPlaces(places.names, name);
  if (library.open(places))
    GTEST_SKIP() << "no cuBLASLt here";
  CublasLt all;
  all.resolve(library);
  EXPECT_EQ(library.finish(places), nullptr);
}
