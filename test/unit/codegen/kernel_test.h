//===- kernel_test.h - Compiles and runs kernels of parsed ops --*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TEST_UNIT_CODEGEN_KERNEL_TEST_H
#define LNS_TEST_UNIT_CODEGEN_KERNEL_TEST_H

#include "codegen/cpu/CpuKernels.h"
#include "runtime/plan/kernel_abi.h"
#include "test/unit/kernel_cases/kernel_case.h"

namespace lns::test {

/// How a launch's items are cut into ranges.
enum class Split { Whole, EachBackwards, Threes };

/// A shared object in memory, loaded.
class LoadedCode {
public:
  explicit LoadedCode(const std::vector<char> &sharedObject);
  ~LoadedCode();
  LoadedCode(const LoadedCode &) = delete;
  void *find(const std::string &symbol) const;

private:
  void *handle = nullptr;
};

class KernelTest : public KernelCase {
protected:
  KernelTarget &startLowering() override;
  /// Compiles for all `levels` into `codes`.
  void compile(const std::vector<std::string> &levels);
  /// Runs all ops with `code` on the inputs, with the items cut as `split`
  /// says.
  RunResult run(Split split);
  /// Random inputs, all levels that this processor has and all splits: results
  /// are as expected, and have the same bits for all splits.
  void check(const std::string &arguments, const std::string &body,
             double tolerance = 1e-5, double bf16Tolerance = 5e-4);
  /// Compiles for this processor; runs one launch with that code.
  void build();
  void execute(const KernelLaunch &launch, RunResult &buffers);
  /// Seconds of the fastest of several runs of launch number `launch`.
  double measure(size_t launch);

  void launch(const KernelLaunch &launch, Split split, RunResult &buffers);

  std::unique_ptr<cpu::KernelLowering> lowering;
  std::vector<std::unique_ptr<LoadedCode>> codes;
  LoadedCode *code = nullptr; ///< that runs now
};

/// How many rows a launch of a row kernel has.
inline int64_t rowsOf(const KernelLaunch &launch) { return launch.items; }

/// Widths around the vector width, its multiples and odd ones; those of rows of
/// logits.
inline auto rowWidths() {
  return testing::Values(1, 7, 16, 17, 48, 90, 128, 341);
}
inline auto columnWidths() {
  return testing::Values(1, 15, 16, 40, 64, 100, 256, 300, 512, 1000);
}
inline auto vocabularies() { return testing::Values(7, 16, 17, 64, 256, 1003); }

/// Whether this processor runs code of the level.
bool hostHas(const std::string &level);

} // namespace lns::test

#endif // LNS_TEST_UNIT_CODEGEN_KERNEL_TEST_H
