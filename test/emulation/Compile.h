//===- Compile.h - Kernel text to an image for the emulator ------- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// Runs clang++ on the very text that NVRTC would get; only the header
// device.cuh is another. Sums and products are not contracted: a fused
// multiply-add is what a kernel calls fmaf for, where NVRTC may also make one
// by itself.
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TEST_EMULATION_COMPILE_H
#define LNS_TEST_EMULATION_COMPILE_H

#include <cstdint>
#include <string>
#include <vector>

namespace lns::emulation {

struct SourceFile {
  std::string name, text;
};

struct CompileRequest {
  SourceFile source;
  std::vector<SourceFile> headers;
  /// NAME or NAME=VALUE.
  std::vector<std::string> macros;
  unsigned arch = 80;
  char archSuffix = 0;
  bool isVirtualArch = false;
  /// Report every access to memory, to be checked for bounds and races.
  bool isChecked = false;
};

struct CompileResult {
  /// Empty where the text does not compile.
  std::string image;
  std::string log;
};

CompileResult compile(const CompileRequest &request);

/// Changes with all that an image depends on beside the request.
uint64_t emulatorHash();

/// FNV-1a, continued from `hash`.
uint64_t hashText(const std::string &text, uint64_t hash = 0xcbf29ce484222325);

/// Names of the kernels in a text and their launch bounds, as written.
struct KernelDeclaration {
  std::string name, launchBounds;
};
std::vector<KernelDeclaration> findKernels(const std::string &text);

} // namespace lns::emulation

#endif // LNS_TEST_EMULATION_COMPILE_H
