//===- header_test.cpp - Both device.cuh have the same functions ----------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// One text uses all that kernels may use. It must compile with the emulator's
// device.cuh, and with the device's own where NVRTC can be loaded.
//
//===----------------------------------------------------------------------===//

#include "test/emulation/EmulatedLaunch.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <dlfcn.h>

using namespace lns::emulation;

namespace {

const char *const kUsesEverything = R"(
  #include "device.cuh"
  namespace lns {
  template <class T> __device__ __forceinline__ float roundTrip(float x) {
    return toFloat(fromFloat<T>(x));
  }
  }
  using namespace lns;
  extern "C" __global__ void __launch_bounds__(64, 2)
  k(const bf16 *x, const float *y, bf16 *out, float *sums, double *wide,
    int *bits, float scale, long long n) {
    unsigned char *shared = dynamicShared();
    copyAsync16(shared + threadIdx.x * 16, x + threadIdx.x * 8,
                static_cast<long long>(threadIdx.x) < n);
    copyAsyncCommit();
    copyAsyncWait<1>();
    copyAsyncWait<0>();
    __syncthreads();
    unsigned a[4], b[4];
    float d[4] = {0, 0, 0, 0};
    loadMatrix4(a, shared + threadIdx.x * 16);
    loadMatrix4Trans(b, shared + threadIdx.x * 16);
    const unsigned half[2] = {b[0], b[1]};
    mmaBf16(d, a, half);
    Vec<bf16, 8> row = loadVec<Vec<bf16, 8>>(x + threadIdx.x * 8);
    Vec<float, 4> four = loadVec<Vec<float, 4>>(y + threadIdx.x * 4);
    #pragma unroll
    for (int i = 0; i < 8; ++i)
      row.at[i] = fromFloat<bf16>(toFloat(row.at[i]) * d[i & 3]);
    storeVec(out + threadIdx.x * 8, row);
    four.at[0] = shuffleXor(four.at[0], 1) + roundTrip<float>(scale);
    four.at[1] = shuffleFrom(four.at[1], 3) + roundTrip<bf16>(scale);
    four.at[2] = shuffleDown(four.at[2], 2);
    four.at[3] = fmaf(fmaxf(scale, 1.0f), fminf(scale, 2.0f),
                      sqrtf(scale) + rsqrtf(scale) + expf(scale) + logf(scale) +
                          tanhf(scale) + fabsf(scale));
    storeVec(sums + threadIdx.x * 4, four);
    double more = sqrt(fmax(static_cast<double>(scale), 2.0));
    wide[threadIdx.x + blockDim.x * (blockIdx.x + gridDim.x * blockIdx.y)] =
        shuffleXor(more, 1) + shuffleFrom(more, 2) + shuffleDown(more, 3);
    syncWarp();
    int lane = laneId();
    unsigned votes = lns::ballot(four.at[0] > 0 && blockIdx.z == 0);
    bits[threadIdx.x] =
        popcount(votes) + findFirst(votes) + shuffleXor(lane, 1) +
        shuffleFrom(lane, 2) + shuffleDown(lane, 3) +
        static_cast<int>(shuffleXor(packBf16(scale, 1), 1) +
                         shuffleFrom(votes, 2) + shuffleDown(votes, 3));
  })";

/// The parts of NVRTC that this test calls; null where it cannot be loaded.
struct Nvrtc {
  void *library = nullptr;

  Nvrtc() {
    const char *root = std::getenv("CUDA_PATH");
    std::string folder = root && *root ? root : "/usr/local/cuda";
    for (const char *name : {"libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so"})
      for (const std::string &place :
           {std::string(name), folder + "/lib64/" + name})
        if (!library)
          library = dlopen(place.c_str(), RTLD_NOW | RTLD_LOCAL);
  }
  template <class... Args> int call(const char *name, Args... args) const {
    void *function = dlsym(library, name);
    if (!function)
      return -1;
    return reinterpret_cast<int (*)(Args...)>(function)(args...);
  }
};

TEST(DeviceHeader, CompilesForTheEmulator) {
  EmulatedProgram program(kUsesEverything, {});
  ASSERT_TRUE(program) << program.log();
  ASSERT_NE(program.get().find("k"), nullptr);
  EXPECT_EQ(program.get().find("k")->numParams, 8u);
  EXPECT_EQ(program.get().find("k")->maxThreads, 64u);
}

TEST(DeviceHeader, EmulatorKnowsNothingElse) {
  for (const char *what :
       {"int x = max(1, 2);", "float x = __expf(1.0f);", "__syncwarp();",
        "unsigned x = __ballot_sync(~0u, true);", "asm(\"mov.u32 %0, 1;\");",
        "__shared__ float x[4];", "bool x = ballot(true);"}) {
    EmulatedProgram program("#include \"device.cuh\"\n"
                            "extern \"C\" __global__ void k() { " +
                                std::string(what) + " }\n",
                            {});
    EXPECT_FALSE(program) << what;
  }
}

TEST(DeviceHeader, CompilesForEveryDevice) {
  Nvrtc nvrtc;
  if (!nvrtc.library)
    GTEST_SKIP() << "no NVRTC on this machine";
  std::vector<SourceFile> headers =
      readHeaders(LNS_TEST_DIR "/../codegen/cuda/kernels");
  std::vector<const char *> names, texts;
  for (const SourceFile &header : headers) {
    names.push_back(header.name.c_str());
    texts.push_back(header.text.c_str());
  }
  for (const char *arch : {"sm_80", "sm_90a", "sm_100a", "sm_120a"}) {
    void *program = nullptr;
    ASSERT_EQ(nvrtc.call("nvrtcCreateProgram", &program, kUsesEverything,
                         "kernel.cu", static_cast<int>(names.size()),
                         texts.data(), names.data()),
              0);
    std::string option = std::string("--gpu-architecture=") + arch;
    const char *options[] = {option.c_str(), "--std=c++17"};
    int result = nvrtc.call("nvrtcCompileProgram", program, 2,
                            static_cast<const char *const *>(options));
    size_t bytes = 0;
    ASSERT_EQ(nvrtc.call("nvrtcGetProgramLogSize", program, &bytes), 0);
    std::string log(bytes, '\0');
    ASSERT_EQ(nvrtc.call("nvrtcGetProgramLog", program, log.data()), 0);
    EXPECT_EQ(result, 0) << arch << ": " << log;
    EXPECT_EQ(nvrtc.call("nvrtcDestroyProgram", &program), 0);
  }
}

} // namespace
