//===- driver_test.cpp - The emulated driver and NVRTC over their C ABI ---===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "test/unit/emulation/driver_api.h"

using namespace lns::emulation::test;

namespace {

/// y = factor x + y, and the sum of y, in two kernels of one module.
const char *const kTwoKernels = R"(
  #include "math.cuh"
  // A comment with __global__ void notAKernel(int) in it.
  extern "C" __global__ void __launch_bounds__(64)
  addScaled(const float *x, float *y, float factor, long long n) {
    long long i = blockIdx.x * 64 + threadIdx.x;
    if (i < n)
      y[i] = lns::multiplyAdd(factor, x[i], y[i]);
  }
  extern "C" __global__ void __launch_bounds__(32 * 4)
  sum(const float *y, float *total, long long n) {
    float *shared = reinterpret_cast<float *>(lns::dynamicShared());
    float mine = 0;
    for (long long i = threadIdx.x; i < n; i += 128)
      mine += y[i];
    shared[threadIdx.x] = mine;
    __syncthreads();
    for (int half = 64; half > 0; half /= 2) {
      if (threadIdx.x < half)
        shared[threadIdx.x] += shared[threadIdx.x + half];
      __syncthreads();
    }
    if (threadIdx.x == 0)
      *total = shared[0];
  })";
const std::vector<std::pair<std::string, std::string>> kMathHeader = {
    {"math.cuh", R"(
      #pragma once
      #include "device.cuh"
      namespace lns {
      __device__ __forceinline__ float multiplyAdd(float a, float b, float c) {
        return fmaf(a, b, c);
      }
      } // namespace lns
    )"},
    {"device.cuh", "#error the emulator has its own\n"}};

class TwoKernels : public DriverTest {
protected:
  static constexpr long long kCount = 200;

  void prepare(const std::map<std::string, std::string> &environment = {}) {
    start(environment);
    Compiled compiled =
        compileText(kTwoKernels, {"--gpu-architecture=sm_80"}, kMathHeader);
    ASSERT_EQ(compiled.result, 0) << compiled.log;
    CUmodule module = nullptr;
    ASSERT_EQ(cuda("cuModuleLoadData", &module,
                   static_cast<const void *>(compiled.image.data())),
              CUDA_SUCCESS);
    addScaled = find(module, "addScaled");
    sum = find(module, "sum");
    CUfunction none = nullptr;
    EXPECT_EQ(cuda("cuModuleGetFunction", &none, module, "notAKernel"),
              CUDA_ERROR_NOT_FOUND);
    x = allocate(kCount * 4);
    y = allocate(kCount * 4);
    total = allocate(4);
    hostX = pin<float>(kCount);
    hostTotal = pin<float>(1);
    for (int i = 0; i < kCount; ++i)
      hostX[i] = static_cast<float>(i);
  }
  /// y = 0; y += 2 x twice; total = sum y.
  void enqueue() {
    ASSERT_EQ(cuda("cuMemcpyHtoDAsync_v2", x, static_cast<const void *>(hostX),
                   size_t(kCount * 4), stream),
              CUDA_SUCCESS);
    ASSERT_EQ(cuda("cuMemsetD8Async", y, static_cast<unsigned char>(0),
                   size_t(kCount * 4), stream),
              CUDA_SUCCESS);
    float factor = 2;
    long long count = kCount;
    for (int i = 0; i < 2; ++i)
      ASSERT_EQ(launch(addScaled, 4, 64, {&x, &y, &factor, &count}),
                CUDA_SUCCESS);
    factor = 1000; // parameters were read already
    ASSERT_EQ(launch(sum, 1, 128, {&y, &total, &count}, 128 * 4), CUDA_SUCCESS);
    ASSERT_EQ(cuda("cuMemcpyDtoHAsync_v2", static_cast<void *>(hostTotal),
                   total, size_t(4), stream),
              CUDA_SUCCESS);
  }

  CUfunction addScaled = nullptr, sum = nullptr;
  CUdeviceptr x = 0, y = 0, total = 0;
  float *hostX = nullptr, *hostTotal = nullptr;
  static constexpr float kExpected = 4 * kCount * (kCount - 1) / 2;
};

TEST_F(TwoKernels, RunWhenSomebodyWaits) {
  prepare();
  *hostTotal = -1;
  enqueue();
  // Nobody waited: as late as a device may.
  EXPECT_EQ(*hostTotal, -1);
  EXPECT_EQ(synchronize(), CUDA_SUCCESS);
  EXPECT_EQ(*hostTotal, kExpected);
}

TEST_F(TwoKernels, RunCheckedInDrawnOrders) {
  for (const char *seed : {"1", "2", "3"}) {
    prepare({{"LNS_EMU_SEED", seed}, {"LNS_EMU_CHECK", "1"}});
    enqueue();
    EXPECT_EQ(synchronize(), CUDA_SUCCESS);
    EXPECT_EQ(*hostTotal, kExpected);
    ASSERT_EQ(cuda("cuDevicePrimaryCtxRelease_v2", 0), CUDA_SUCCESS);
    context = nullptr;
  }
}

TEST_F(TwoKernels, GraphsReplay) {
  prepare();
  ASSERT_EQ(cuda("cuStreamBeginCapture_v2", stream, 0), CUDA_SUCCESS);
  enqueue();
  CUgraph graph = nullptr;
  ASSERT_EQ(cuda("cuStreamEndCapture", stream, &graph), CUDA_SUCCESS);
  CUgraphExec executable = nullptr;
  ASSERT_EQ(cuda("cuGraphInstantiateWithFlags", &executable, graph, 0ull),
            CUDA_SUCCESS);
  ASSERT_EQ(cuda("cuGraphDestroy", graph), CUDA_SUCCESS);
  *hostTotal = -1;
  ASSERT_EQ(synchronize(), CUDA_SUCCESS);
  EXPECT_EQ(*hostTotal, -1) << "captured work has run";
  for (float scale : {1.0f, 3.0f}) {
    // A replay reads the memory that its copy names.
    for (int i = 0; i < kCount; ++i)
      hostX[i] = scale * static_cast<float>(i);
    ASSERT_EQ(cuda("cuGraphLaunch", executable, stream), CUDA_SUCCESS);
    ASSERT_EQ(synchronize(), CUDA_SUCCESS);
    EXPECT_EQ(*hostTotal, scale * kExpected);
  }
  EXPECT_EQ(cuda("cuGraphExecDestroy", executable), CUDA_SUCCESS);
  EXPECT_EQ(cuda("cuGraphLaunch", executable, stream),
            CUDA_ERROR_INVALID_HANDLE);
}

TEST_F(TwoKernels, CapturesRefuseWhatWaits) {
  prepare();
  ASSERT_EQ(cuda("cuStreamBeginCapture_v2", stream, 0), CUDA_SUCCESS);
  CUdeviceptr pointer = 0;
  EXPECT_EQ(cuda("cuMemAlloc_v2", &pointer, size_t(4)),
            CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
  CUgraph graph = nullptr;
  EXPECT_EQ(cuda("cuStreamEndCapture", stream, &graph),
            CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
  EXPECT_EQ(graph, nullptr);
  EXPECT_EQ(synchronize(), CUDA_SUCCESS);
}

TEST_F(TwoKernels, EventsTimeWhatIsBetween) {
  prepare();
  CUevent start = nullptr, end = nullptr;
  ASSERT_EQ(cuda("cuEventCreate", &start, 0u), CUDA_SUCCESS);
  ASSERT_EQ(cuda("cuEventCreate", &end, 0u), CUDA_SUCCESS);
  ASSERT_EQ(cuda("cuEventRecord", start, stream), CUDA_SUCCESS);
  enqueue();
  ASSERT_EQ(cuda("cuEventRecord", end, stream), CUDA_SUCCESS);
  float elapsed = -1;
  EXPECT_EQ(cuda("cuEventElapsedTime", &elapsed, start, end),
            CUDA_ERROR_NOT_READY);
  ASSERT_EQ(cuda("cuEventSynchronize", end), CUDA_SUCCESS);
  EXPECT_EQ(cuda("cuEventElapsedTime", &elapsed, start, end), CUDA_SUCCESS);
  EXPECT_GT(elapsed, 0);
  EXPECT_EQ(*hostTotal, kExpected);
  EXPECT_EQ(cuda("cuEventDestroy_v2", start), CUDA_SUCCESS);
  EXPECT_EQ(cuda("cuEventRecord", start, stream), CUDA_ERROR_INVALID_HANDLE);
}

TEST_F(TwoKernels, RefusesWhatADeviceRefuses) {
  prepare();
  long long count = kCount;
  std::vector<void *> params = {&y, &total, &count};
  EXPECT_EQ(launch(sum, 1, 256, params), CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES);
  EXPECT_EQ(launch(sum, 0, 128, params), CUDA_ERROR_INVALID_VALUE);
  // More than 48 KiB only where the function was told, and never more than
  // sm_80 has.
  EXPECT_EQ(launch(sum, 1, 128, params, 64 * 1024), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(cuda("cuFuncSetAttribute", sum, 8, 164 * 1024),
            CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(cuda("cuFuncSetAttribute", sum, 8, 64 * 1024), CUDA_SUCCESS);
  EXPECT_EQ(launch(sum, 1, 128, params, 64 * 1024), CUDA_SUCCESS);
  EXPECT_EQ(cuda("cuMemsetD8Async", y + 4, static_cast<unsigned char>(0),
                 size_t(kCount * 4), stream),
            CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(cuda("cuStreamSynchronize", static_cast<CUstream>(nullptr)),
            CUDA_ERROR_NOT_SUPPORTED);
  EXPECT_EQ(synchronize(), CUDA_SUCCESS);
}

TEST_F(DriverTest, MemoryRunsOut) {
  start({{"LNS_EMU_MEMORY", "1000000"}});
  size_t available = 0, total = 0;
  CUdeviceptr first = allocate(600000), second = 1;
  EXPECT_EQ(cuda("cuMemAlloc_v2", &second, size_t(600000)),
            CUDA_ERROR_OUT_OF_MEMORY);
  EXPECT_EQ(cuda("cuMemGetInfo_v2", &available, &total), CUDA_SUCCESS);
  EXPECT_EQ(available, 400000u);
  EXPECT_EQ(total, 1000000u);
  EXPECT_EQ(cuda("cuMemFree_v2", first), CUDA_SUCCESS);
  EXPECT_EQ(cuda("cuMemAlloc_v2", &second, size_t(600000)), CUDA_SUCCESS);
}

TEST_F(DriverTest, NewMemoryIsNotANumber) {
  start();
  CUdeviceptr memory = allocate(8);
  float values[2] = {1, 2};
  ASSERT_EQ(cuda("cuMemcpyDtoHAsync_v2", static_cast<void *>(values), memory,
                 size_t(8), stream),
            CUDA_SUCCESS);
  EXPECT_NE(values[0], values[0]);
  EXPECT_NE(values[1], values[1]);
}

const char *const kWritesPast = R"(
  extern "C" __global__ void __launch_bounds__(32) k(float *y, long long n) {
    y[threadIdx.x < n ? threadIdx.x : 40] = 1;
  })";

/// A failed launch makes the context useless until all have released it.
class FailingLaunch : public DriverTest {
protected:
  void expectFailure(const char *text, const char *message) {
    CUfunction function = find(load(text), "k");
    CUdeviceptr y = allocate(31 * 4);
    long long count = 31;
    ASSERT_EQ(launch(function, 1, 32, {&y, &count}), CUDA_SUCCESS);
    testing::internal::CaptureStderr();
    EXPECT_EQ(synchronize(), CUDA_ERROR_LAUNCH_FAILED);
    std::string output = testing::internal::GetCapturedStderr();
    EXPECT_NE(output.find(message), std::string::npos) << output;
    EXPECT_EQ(cuda("cuMemAlloc_v2", &y, size_t(4)), CUDA_ERROR_LAUNCH_FAILED);
    EXPECT_EQ(cuda("cuDevicePrimaryCtxRelease_v2", 0), CUDA_SUCCESS);
    context = nullptr;
    start();
    EXPECT_NE(allocate(4), 0u);
  }
};

TEST_F(FailingLaunch, GuardsTellOfWrites) {
  start();
  expectFailure(kWritesPast, "kernel k: wrote 36 bytes past the end of an "
                             "allocation of 124 bytes");
}

TEST_F(FailingLaunch, ChecksTellOfEveryAccess) {
  start({{"LNS_EMU_CHECK", "1"}});
  expectFailure(kWritesPast,
                "kernel k, block (0, 0, 0), thread 31: writes 4 bytes 36 bytes "
                "past the end of an allocation of 124 bytes");
}

TEST_F(FailingLaunch, FaultsTellTheThread) {
  start();
  expectFailure(R"(
    extern "C" __global__ void k(float *y, long long n) {
      if (threadIdx.x == 7)
        y[n << 50] = 1;
    })",
                "kernel k, block (0, 0, 0), thread 7: accesses memory that is "
                "not there");
}

TEST_F(DriverTest, ImagesMustFitTheDevice) {
  start({{"LNS_EMU_ARCH", "90"}});
  auto loads = [&](std::vector<const char *> options) {
    Compiled compiled = compileText("", options);
    EXPECT_EQ(compiled.result, 0) << compiled.log;
    CUmodule module = nullptr;
    return cuda("cuModuleLoadData", &module,
                static_cast<const void *>(compiled.image.data()));
  };
  EXPECT_EQ(loads({"--gpu-architecture=sm_90"}), CUDA_SUCCESS);
  EXPECT_EQ(loads({"-arch", "sm_90a"}), CUDA_SUCCESS);
  EXPECT_EQ(loads({"--gpu-architecture=sm_80"}), CUDA_ERROR_NO_BINARY_FOR_GPU);
  EXPECT_EQ(loads({"--gpu-architecture=sm_100a"}),
            CUDA_ERROR_NO_BINARY_FOR_GPU);
  CUmodule module = nullptr;
  EXPECT_EQ(cuda("cuModuleLoadData", &module,
                 static_cast<const void *>("\177ELF is no image of ours")),
            CUDA_ERROR_INVALID_IMAGE);
}

TEST(Nvrtc, SaysWhatIsWrong) {
  Compiled compiled = compileText("#include \"device.cuh\"\n"
                                  "extern \"C\" __global__ void k(float *y) {\n"
                                  "  *y = undeclared;\n"
                                  "}\n");
  EXPECT_EQ(compiled.result, 6);
  EXPECT_NE(compiled.log.find("kernel.cu:3:8: error: use of undeclared "
                              "identifier 'undeclared'"),
            std::string::npos)
      << compiled.log;
}

TEST(Nvrtc, KnowsNoOtherHeaders) {
  EXPECT_EQ(compileText("#include <math.h>\n").result, 6);
  EXPECT_EQ(compileText("#include <cuda_bf16.h>\n").result, 6);
}

TEST(Nvrtc, TakesTheOptionsOfNvrtc) {
  const char *text = "extern \"C\" __global__ void k(int *y) { *y = SIZE; }";
  EXPECT_EQ(compileText(text, {"--gpu-architecture=sm_80", "--std=c++17",
                               "--use_fast_math", "-DSIZE=3", "--fmad=false"})
                .result,
            0);
  EXPECT_EQ(compileText(text, {"--define-macro=SIZE=4"}).result, 0);
  for (const char *option : {"--gpu-architecture=sm_42", "--fmad=maybe",
                             "--gpu-architecture=sm_80a", "--no-such-option"})
    EXPECT_EQ(compileText(text, {option, "-DSIZE=3"}).result, 5) << option;
}

} // namespace
