//===- code_loader.h - Machine code out of a plan ----------------- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_RUNTIME_CPU_CODE_LOADER_H
#define LNS_RUNTIME_CPU_CODE_LOADER_H

#include "runtime/base/error.h"
#include "runtime/plan/kernel_abi.h"
#include "runtime/plan/plan_file.h"

#include <vector>

namespace lns {

/// The kernels of one plan, loaded for one instruction-set level.
class LoadedCode {
public:
  LoadedCode() = default;
  LoadedCode(const LoadedCode &) = delete;
  LoadedCode &operator=(const LoadedCode &) = delete;
  ~LoadedCode();

  /// Loads the blob for `level`, or, when null, the best that the processor
  /// has.
  Error load(const lnsrt_plan &plan, const char *level);

  /// "" when the plan has no kernels.
  const char *level() const { return levelName; }
  lns_kernel_fn kernel(size_t index) const { return kernels[index]; }

private:
  Error open(const lnsrt_plan &plan, const plan::CodeBlob &blob);

  const char *levelName = "";
  void *library = nullptr;
  int descriptor = -1;
  std::vector<lns_kernel_fn> kernels;
};

} // namespace lns

#endif // LNS_RUNTIME_CPU_CODE_LOADER_H
