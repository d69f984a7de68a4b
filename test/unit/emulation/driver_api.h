//===- driver_api.h - The emulated libraries, loaded as real ones - C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TEST_UNIT_EMULATION_DRIVER_API_H
#define LNS_TEST_UNIT_EMULATION_DRIVER_API_H

#include "test/emulation/cuda_abi.h"

#include <cstdlib>
#include <dlfcn.h>
#include <gtest/gtest.h>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace lns::emulation::test {

/// A function of a library in LNS_LIB_DIR, by the name in the C ABI. The result
/// is an int whatever enum it is; tests cast arguments themselves.
template <class... Args>
int callLibrary(const char *library, const char *name, Args... args) {
  static std::map<std::string, void *> handles;
  std::string path = std::string(LNS_LIB_DIR "/lib") + library + "-emu.so";
  void *&handle = handles[path];
  if (!handle)
    handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  void *function = handle ? dlsym(handle, name) : nullptr;
  if (!function) {
    ADD_FAILURE() << path << " has no " << name;
    return -1;
  }
  return reinterpret_cast<int (*)(Args...)>(function)(args...);
}
template <class... Args> int cuda(const char *name, Args... args) {
  return callLibrary("cuda", name, args...);
}
template <class... Args> int nvrtc(const char *name, Args... args) {
  return callLibrary("nvrtc", name, args...);
}

/// Compiles a text; the result of nvrtcCompileProgram, the log, the image.
struct Compiled {
  int result = -1;
  std::string log, image;
};

inline Compiled compileText(
    const std::string &text,
    std::vector<const char *> options = {"--gpu-architecture=sm_80"},
    const std::vector<std::pair<std::string, std::string>> &headers = {}) {
  Compiled compiled;
  std::vector<const char *> names, texts;
  for (const auto &[name, content] : headers) {
    names.push_back(name.c_str());
    texts.push_back(content.c_str());
  }
  void *program = nullptr;
  EXPECT_EQ(nvrtc("nvrtcCreateProgram", &program, text.c_str(), "kernel.cu",
                  static_cast<int>(headers.size()),
                  static_cast<const char *const *>(texts.data()),
                  static_cast<const char *const *>(names.data())),
            0);
  compiled.result =
      nvrtc("nvrtcCompileProgram", program, static_cast<int>(options.size()),
            static_cast<const char *const *>(options.data()));
  size_t bytes = 0;
  EXPECT_EQ(nvrtc("nvrtcGetProgramLogSize", program, &bytes), 0);
  compiled.log.resize(bytes);
  EXPECT_EQ(nvrtc("nvrtcGetProgramLog", program, compiled.log.data()), 0);
  compiled.log.resize(bytes - 1);
  if (compiled.result == 0) {
    EXPECT_EQ(nvrtc("nvrtcGetCUBINSize", program, &bytes), 0);
    compiled.image.resize(bytes);
    if (bytes) {
      EXPECT_EQ(nvrtc("nvrtcGetCUBIN", program, compiled.image.data()), 0);
    }
  }
  EXPECT_EQ(nvrtc("nvrtcDestroyProgram", &program), 0);
  return compiled;
}

/// A context and a stream on device 0, with the environment as given; all that
/// a test makes in it is gone with it.
class DriverTest : public testing::Test {
protected:
  void start(const std::map<std::string, std::string> &environment = {}) {
    for (const char *name :
         {"LNS_EMU_SEED", "LNS_EMU_MEMORY", "LNS_EMU_DEVICES", "LNS_EMU_CHECK",
          "LNS_EMU_ARCH", "LNS_EMU_DRIVER_VERSION", "LNS_EMU_LOCAL_BYTES"})
      unsetenv(name);
    for (const auto &[name, value] : environment)
      setenv(name.c_str(), value.c_str(), 1);
    ASSERT_EQ(cuda("cuInit", 0u), CUDA_SUCCESS);
    ASSERT_EQ(cuda("cuDevicePrimaryCtxRetain", &context, 0), CUDA_SUCCESS);
    ASSERT_EQ(cuda("cuCtxSetCurrent", context), CUDA_SUCCESS);
    ASSERT_EQ(cuda("cuStreamCreate", &stream, 1u), CUDA_SUCCESS);
  }
  void TearDown() override {
    if (context) {
      EXPECT_EQ(cuda("cuDevicePrimaryCtxRelease_v2", 0), CUDA_SUCCESS);
    }
  }

  CUdeviceptr allocate(size_t bytes) {
    CUdeviceptr pointer = 0;
    EXPECT_EQ(cuda("cuMemAlloc_v2", &pointer, bytes), CUDA_SUCCESS);
    return pointer;
  }
  template <class T> T *pin(size_t count) {
    void *pointer = nullptr;
    EXPECT_EQ(cuda("cuMemHostAlloc", &pointer, count * sizeof(T), 0u),
              CUDA_SUCCESS);
    return static_cast<T *>(pointer);
  }
  CUmodule load(const std::string &text) {
    Compiled compiled = compileText(text);
    EXPECT_EQ(compiled.result, 0) << compiled.log;
    CUmodule module = nullptr;
    EXPECT_EQ(cuda("cuModuleLoadData", &module,
                   static_cast<const void *>(compiled.image.data())),
              CUDA_SUCCESS);
    return module;
  }
  CUfunction find(CUmodule module, const char *name) {
    CUfunction function = nullptr;
    EXPECT_EQ(cuda("cuModuleGetFunction", &function, module, name),
              CUDA_SUCCESS);
    return function;
  }
  int launch(CUfunction function, unsigned grid, unsigned threads,
             std::vector<void *> params, unsigned sharedBytes = 0) {
    return cuda("cuLaunchKernel", function, grid, 1u, 1u, threads, 1u, 1u,
                sharedBytes, stream, params.data(),
                static_cast<void **>(nullptr));
  }
  int synchronize() { return cuda("cuStreamSynchronize", stream); }

  CUcontext context = nullptr;
  CUstream stream = nullptr;
};

} // namespace lns::emulation::test

#endif // LNS_TEST_UNIT_EMULATION_DRIVER_API_H
