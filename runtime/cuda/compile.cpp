//===- compile.cpp - Kernel text to machine code --------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "runtime/cuda/compile.h"

#include <algorithm>

using namespace lns;
using namespace lns::cuda;

/// From compute capability 9.0 on there are instructions that only one
/// architecture has.
static constexpr int kFirstSpecific = 90;

std::vector<std::string> lns::cuda::archNames(int deviceArch) {
  std::vector<std::string> names;
  if (deviceArch >= kFirstSpecific)
    names.push_back(concat("sm_", deviceArch, "a"));
  names.push_back(concat("sm_", deviceArch));
  return names;
}

Error lns::cuda::chooseTarget(const Nvrtc &nvrtc, int deviceArch,
                              CompileTarget &target) {
  if (nvrtc.supports(deviceArch)) {
    target = {archNames(deviceArch).front(), false};
    return nullptr;
  }
  auto newer = std::upper_bound(nvrtc.supported.begin(), nvrtc.supported.end(),
                                deviceArch);
  if (newer == nvrtc.supported.begin()) {
    std::string known;
    for (int arch : nvrtc.supported)
      known += concat(known.empty() ? "" : ", ", arch);
    return makeError(LNSRT_UNSUPPORTED, "cuda", "nvrtc ", nvrtc.versionText(),
                     " at ", nvrtc.path, " compiles for sm_", known,
                     ", not for the device's sm_", deviceArch,
                     "; set LNSRT_NVRTC to an older nvrtc");
  }
  target = {concat("compute_", *std::prev(newer)), true};
  return nullptr;
}

std::vector<std::string>
lns::cuda::compileOptions(const CompileTarget &target) {
  return {"--gpu-architecture=" + target.arch, "--std=c++20"};
}

Digest lns::cuda::kernelKey(const Nvrtc &nvrtc, const CompileTarget &target,
                            const KernelText &kernel,
                            const std::vector<HeaderText> &headers) {
  Sha256 hash;
  hash.field("lns cuda kernel");
  hash.field(nvrtc.versionText());
  std::vector<std::string> options = compileOptions(target);
  hash.field(uint64_t(options.size()));
  for (const std::string &option : options)
    hash.field(option);
  hash.field(std::string_view(kernel.symbol));
  hash.field(std::string_view(kernel.text));
  for (const HeaderText &header : headers) {
    hash.field(std::string_view(header.name));
    hash.field(std::string_view(header.text));
  }
  return hash.finish();
}

/// The first lines that say something, in one line.
static std::string firstLines(std::string_view log) {
  constexpr size_t kLines = 6, kLength = 1200;
  std::string all;
  size_t lines = 0;
  while (!log.empty() && lines < kLines && all.size() < kLength) {
    std::string_view line = log.substr(0, log.find('\n'));
    log.remove_prefix(std::min(log.size(), line.size() + 1));
    size_t start = line.find_first_not_of(" \t\r");
    if (start == std::string_view::npos || line[start] == '\0')
      continue;
    line.remove_prefix(start);
    line = line.substr(0, kLength);
    all += concat(all.empty() ? "" : " | ", line);
    ++lines;
  }
  return all.empty() ? "(no message)" : all;
}

namespace {
struct Program {
  const Nvrtc &nvrtc;
  NvrtcProgram handle = nullptr;
  ~Program() {
    if (handle)
      nvrtc.destroyProgram(&handle);
  }
};
} // namespace

Error lns::cuda::compileKernel(const Nvrtc &nvrtc, const CompileTarget &target,
                               const KernelText &kernel,
                               const std::vector<HeaderText> &headers,
                               std::string &image, std::string &log) {
  std::vector<const char *> texts, names;
  for (const HeaderText &header : headers) {
    texts.push_back(header.text);
    names.push_back(header.name);
  }
  auto failed = [&](NvrtcResult result, std::string_view said) {
    return makeError(result == kNvrtcErrorCompilation ? LNSRT_INVALID_PLAN
                                                      : LNSRT_UNSUPPORTED,
                     kernel.symbol, "nvrtc ", nvrtc.versionText(), " at ",
                     nvrtc.path, " does not compile kernel '", kernel.symbol,
                     "' for ", target.arch, ": ", nvrtc.getErrorString(result),
                     said.empty() ? "" : ": ", said,
                     "; set LNSRT_CUDA_DUMP to a folder to see its text, or "
                     "compile the model again");
  };
  Program program{nvrtc};
  std::string fileName = concat(kernel.symbol, ".cu");
  NvrtcResult result =
      nvrtc.createProgram(&program.handle, kernel.text, fileName.c_str(),
                          int(headers.size()), texts.data(), names.data());
  if (result != kNvrtcSuccess)
    return failed(result, "");
  std::vector<std::string> options = compileOptions(target);
  std::vector<const char *> pointers;
  for (const std::string &option : options)
    pointers.push_back(option.c_str());
  result = nvrtc.compileProgram(program.handle, int(pointers.size()),
                                pointers.data());
  size_t size = 0;
  log.clear();
  if (nvrtc.getLogSize(program.handle, &size) == kNvrtcSuccess && size > 1) {
    log.resize(size);
    if (nvrtc.getLog(program.handle, log.data()) != kNvrtcSuccess)
      log.clear();
    log = log.substr(0, log.find('\0'));
  }
  if (result != kNvrtcSuccess)
    return failed(result, firstLines(log));
  result = target.isPtx ? nvrtc.getPtxSize(program.handle, &size)
                        : nvrtc.getCubinSize(program.handle, &size);
  if (result != kNvrtcSuccess)
    return failed(result, "");
  image.resize(size);
  result = target.isPtx ? nvrtc.getPtx(program.handle, image.data())
                        : nvrtc.getCubin(program.handle, image.data());
  return result == kNvrtcSuccess ? nullptr : failed(result, "");
}
