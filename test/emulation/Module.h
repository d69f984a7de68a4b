//===- Module.h - Images of kernels, loaded ----------------------- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// What stands for a cubin: a header and a shared object.
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TEST_EMULATION_MODULE_H
#define LNS_TEST_EMULATION_MODULE_H

#include "test/emulation/Machine.h"

#include <memory>
#include <string>

namespace lns::emulation {

struct ImageHeader {
  static constexpr char kMagic[8] = {'L', 'N', 'S', 'E', 'M', 'U', '\n', '\0'};

  char magic[8];
  /// Of the emulator's text that the kernels were compiled with.
  uint64_t emulatorHash;
  /// 80 for sm_80.
  uint32_t arch;
  /// 'a' of sm_90a, or 0.
  uint32_t archSuffix;
  /// For compute_80, which later architectures run too.
  uint32_t isVirtual;
  uint32_t isChecked;
  uint64_t objectBytes;
};

class Module {
public:
  /// Loads an image, whose end its header knows. Null with a message where it
  /// is no image or of another emulator.
  static std::unique_ptr<Module> load(const void *image, std::string &error);
  ~Module();
  Module(const Module &) = delete;
  Module &operator=(const Module &) = delete;

  const ImageHeader &header() const { return imageHeader; }
  const LnsEmuModule &description() const { return *module; }
  /// Null where there is none of that name.
  const LnsEmuKernel *find(const std::string &name) const;
  const ImageRange &range() const { return imageRange; }

private:
  Module() = default;

  ImageHeader imageHeader = {};
  int file = -1;
  void *handle = nullptr;
  const LnsEmuModule *module = nullptr;
  ImageRange imageRange;
};

} // namespace lns::emulation

#endif // LNS_TEST_EMULATION_MODULE_H
