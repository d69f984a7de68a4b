//===- fake_nvrtc.cpp - A run-time compiler that compiles nothing ---------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// Its "machine code" is the target and the text, which is what the fake driver
// loads. A text with #error does not compile.
//
//   FAKE_NVRTC_VERSION  13000 when unset
//   FAKE_NVRTC_ARCHS    "80,90" when unset
//   FAKE_NVRTC_POISON   set: makes code that no driver takes
//   FAKE_NVRTC_LOG      a file that gets a line for every compilation
//
//===----------------------------------------------------------------------===//

#include "runtime/cuda/api_types.h"

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <string>
#include <thread>
#include <unistd.h>
#include <vector>

using namespace lns::cuda;

#define FAKE extern "C" __attribute__((visibility("default")))

namespace lns::cuda {
struct NvrtcProgramOpaque {
  std::string name, text, headers, target, log;
  std::string image;
};
} // namespace lns::cuda

static std::vector<int> archs() {
  const char *all = std::getenv("FAKE_NVRTC_ARCHS");
  std::vector<int> list;
  for (std::string text = all ? all : "80,90"; !text.empty();) {
    list.push_back(std::atoi(text.c_str()));
    size_t comma = text.find(',');
    text = comma == std::string::npos ? "" : text.substr(comma + 1);
  }
  return list;
}

FAKE NvrtcResult nvrtcVersion(int *major, int *minor) {
  const char *text = std::getenv("FAKE_NVRTC_VERSION");
  int version = text ? std::atoi(text) : 13000;
  *major = version / 1000;
  *minor = version % 1000 / 10;
  return kNvrtcSuccess;
}
FAKE const char *nvrtcGetErrorString(NvrtcResult result) {
  return result == kNvrtcSuccess            ? "NVRTC_SUCCESS"
         : result == kNvrtcErrorCompilation ? "NVRTC_ERROR_COMPILATION"
                                            : "NVRTC_ERROR_INVALID_INPUT";
}
FAKE NvrtcResult nvrtcGetNumSupportedArchs(int *count) {
  *count = int(archs().size());
  return kNvrtcSuccess;
}
FAKE NvrtcResult nvrtcGetSupportedArchs(int *list) {
  std::vector<int> all = archs();
  std::copy(all.begin(), all.end(), list);
  return kNvrtcSuccess;
}
FAKE NvrtcResult nvrtcCreateProgram(NvrtcProgram *program, const char *text,
                                    const char *name, int headerCount,
                                    const char *const *headers,
                                    const char *const *includeNames) {
  *program = new NvrtcProgramOpaque();
  (*program)->name = name;
  (*program)->text = text;
  for (int i = 0; i < headerCount; ++i)
    (*program)->headers += std::string(includeNames[i]) + ":" + headers[i];
  return kNvrtcSuccess;
}
FAKE NvrtcResult nvrtcCompileProgram(NvrtcProgram program, int optionCount,
                                     const char *const *options) {
  const std::string arch = "--gpu-architecture=";
  for (int i = 0; i < optionCount; ++i)
    if (std::string(options[i]).starts_with(arch))
      program->target = options[i] + arch.size();
  if (const char *path = std::getenv("FAKE_NVRTC_LOG")) {
    std::string line = program->name + " " + program->target + "\n";
    int file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (file < 0 || write(file, line.data(), line.size()) !=
                        static_cast<ssize_t>(line.size()))
      return 3;
    close(file);
    // Long enough for others to come and find it unfinished.
    std::this_thread::sleep_for(std::chrono::milliseconds(30));
  }
  if (program->text.find("#error") != std::string::npos) {
    program->log = program->name + "(3): error: #error directive\n\n" +
                   "1 error detected in the compilation.\n";
    return kNvrtcErrorCompilation;
  }
  program->image = std::getenv("FAKE_NVRTC_POISON") ? "" : "FAKE ";
  program->image += program->target + "\n" + program->text;
  return kNvrtcSuccess;
}
FAKE NvrtcResult nvrtcDestroyProgram(NvrtcProgram *program) {
  delete *program;
  *program = nullptr;
  return kNvrtcSuccess;
}
// As the real ones, each gives only its own kind of code.
FAKE NvrtcResult nvrtcGetCUBINSize(NvrtcProgram program, size_t *size) {
  *size = program->target.starts_with("sm_") ? program->image.size() + 1 : 0;
  return kNvrtcSuccess;
}
FAKE NvrtcResult nvrtcGetCUBIN(NvrtcProgram program, char *image) {
  std::memcpy(image, program->image.c_str(), program->image.size() + 1);
  return kNvrtcSuccess;
}
FAKE NvrtcResult nvrtcGetPTXSize(NvrtcProgram program, size_t *size) {
  *size = program->image.size() + 1;
  return kNvrtcSuccess;
}
FAKE NvrtcResult nvrtcGetPTX(NvrtcProgram program, char *image) {
  std::memcpy(image, program->image.c_str(), program->image.size() + 1);
  return kNvrtcSuccess;
}
FAKE NvrtcResult nvrtcGetProgramLogSize(NvrtcProgram program, size_t *size) {
  *size = program->log.size() + 1;
  return kNvrtcSuccess;
}
FAKE NvrtcResult nvrtcGetProgramLog(NvrtcProgram program, char *log) {
  std::memcpy(log, program->log.c_str(), program->log.size() + 1);
  return kNvrtcSuccess;
}
