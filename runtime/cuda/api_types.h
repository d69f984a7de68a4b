//===- api_types.h - The C types of CUDA that the runtime uses ---- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// Declared here, so that building needs no CUDA toolkit. Where there is one, a
// test holds every number and size against the real headers. Names are those of
// the headers without their prefixes.
//
//===----------------------------------------------------------------------===//

#ifndef LNS_RUNTIME_CUDA_API_TYPES_H
#define LNS_RUNTIME_CUDA_API_TYPES_H

#include <cstddef>
#include <cstdint>

namespace lns::cuda {

//===----------------------------------------------------------------------===//
// Driver: cuda.h
//===----------------------------------------------------------------------===//

using CuResult = int;
using CuDevice = int;
using CuAddress = unsigned long long; ///< CUdeviceptr
using CuContext = struct CuContextOpaque *;
using CuModule = struct CuModuleOpaque *;
using CuFunction = struct CuFunctionOpaque *;
using CuStream = struct CuStreamOpaque *;
using CuEvent = struct CuEventOpaque *;
using CuGraph = struct CuGraphOpaque *;
using CuGraphExec = struct CuGraphExecOpaque *;

enum : CuResult {
  kCuSuccess = 0,
  kCuErrorInvalidValue = 1,
  kCuErrorOutOfMemory = 2,
  kCuErrorNoDevice = 100,
  kCuErrorInvalidImage = 200,
  kCuErrorNoBinaryForGpu = 209
};
enum CuDeviceAttribute : int {
  kCuMultiprocessorCount = 16,
  kCuComputeCapabilityMajor = 75,
  kCuComputeCapabilityMinor = 76,
  kCuMaxSharedMemoryPerBlockOptin = 97
};
enum CuFunctionAttribute : int {
  kCuLocalSizeBytes = 3,
  kCuMaxDynamicSharedSizeBytes = 8
};
enum CuCaptureMode : int { kCuCaptureThreadLocal = 1 };
inline constexpr unsigned kCuStreamNonBlocking = 1;
inline constexpr unsigned kCuEventDefault = 0;

//===----------------------------------------------------------------------===//
// NVRTC: nvrtc.h
//===----------------------------------------------------------------------===//

using NvrtcResult = int;
using NvrtcProgram = struct NvrtcProgramOpaque *;

enum : NvrtcResult { kNvrtcSuccess = 0, kNvrtcErrorCompilation = 6 };

//===----------------------------------------------------------------------===//
// cuBLASLt: cublasLt.h
//===----------------------------------------------------------------------===//

using LtStatus = int;
using LtHandle = struct LtHandleOpaque *;
using LtMatmulDesc = struct LtMatmulDescOpaque *;
using LtMatrixLayout = struct LtMatrixLayoutOpaque *;
using LtPreference = struct LtPreferenceOpaque *;

struct LtAlgorithm {
  uint64_t data[8];
};
struct LtHeuristicResult {
  LtAlgorithm algorithm;
  size_t workspaceSize;
  LtStatus state;
  float wavesCount;
  int reserved[4];
};

enum : LtStatus { kLtSuccess = 0, kLtNotSupported = 15 };
enum LtDataType : int { kLtF32 = 0, kLtBf16 = 14 };
enum LtComputeType : int { kLtCompute32F = 68 };
enum LtOperation : int32_t { kLtNoTranspose = 0, kLtTranspose = 1 };
enum LtMatmulDescAttribute : int { kLtDescTransA = 3, kLtDescTransB = 4 };
enum LtPreferenceAttribute : int {
  kLtMaxWorkspaceBytes = 1,
  kLtReductionSchemeMask = 3,
  kLtMinAlignmentA = 5,
  kLtMinAlignmentB = 6,
  kLtMinAlignmentC = 7,
  kLtMinAlignmentD = 8
};
/// Split products whose parts are summed in a step of its own, in f32.
inline constexpr uint32_t kLtReduceInComputeType = 2;

} // namespace lns::cuda

#endif // LNS_RUNTIME_CUDA_API_TYPES_H
