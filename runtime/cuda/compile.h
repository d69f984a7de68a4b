//===- compile.h - Kernel text to machine code -------------------- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_RUNTIME_CUDA_COMPILE_H
#define LNS_RUNTIME_CUDA_COMPILE_H

#include "runtime/cuda/disk_cache.h"
#include "runtime/cuda/nvrtc.h"

#include <string>
#include <vector>

namespace lns::cuda {

/// What code is made for.
struct CompileTarget {
  std::string arch; ///< "sm_90a"; "compute_90": PTX, which the driver finishes
  bool isPtx = false; ///< the device is newer than NVRTC
};

/// The names that machine code for a device may go by, best first: "sm_90a",
/// "sm_90". Only the first has what a later device need not have, such as
/// wgmma.
std::vector<std::string> archNames(int deviceArch);

/// The device's own architecture where NVRTC knows it, else PTX of the newest
/// one that it knows and the device is newer than.
Error chooseTarget(const Nvrtc &nvrtc, int deviceArch, CompileTarget &target);

struct HeaderText {
  const char *name;
  const char *text;
};

/// One kernel: a translation unit with one entry.
struct KernelText {
  const char *symbol;
  const char *text;
};

/// The options that kernels are compiled with.
std::vector<std::string> compileOptions(const CompileTarget &target);

/// A cubin, or PTX with its final zero, into `image`. `log` gets the compiler's
/// messages, also on success. Thread safe.
Error compileKernel(const Nvrtc &nvrtc, const CompileTarget &target,
                    const KernelText &kernel,
                    const std::vector<HeaderText> &headers, std::string &image,
                    std::string &log);

/// All that decides what `compileKernel` makes.
Digest kernelKey(const Nvrtc &nvrtc, const CompileTarget &target,
                 const KernelText &kernel,
                 const std::vector<HeaderText> &headers);

} // namespace lns::cuda

#endif // LNS_RUNTIME_CUDA_COMPILE_H
