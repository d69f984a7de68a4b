//===- kernel_test.h - Runs CUDA kernels of parsed ops ----------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// The text that would go into a plan, on the emulated device: every access is
// checked, and blocks, warps and lanes run in any order.
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TEST_UNIT_CUDA_KERNEL_TEST_H
#define LNS_TEST_UNIT_CUDA_KERNEL_TEST_H

#include "codegen/cuda/CudaKernels.h"
#include "test/emulation/EmulatedLaunch.h"
#include "test/unit/kernel_cases/kernel_case.h"

namespace lns::test {

class KernelTest : public KernelCase {
protected:
  KernelTarget &startLowering() override;
  /// Random inputs: results are as expected, and have the same bits for all
  /// orders of threads.
  void check(const std::string &arguments, const std::string &body,
             double tolerance = 1e-5, double bf16Tolerance = 5e-4);
  /// Compiles all kernels as one text.
  void build();
  /// Runs one launch; order 0 is that of the threads' numbers.
  void execute(const KernelLaunch &launch, RunResult &buffers,
               uint64_t order = 0);
  RunResult run(uint64_t order);

  std::unique_ptr<cuda::KernelLowering> lowering;
  std::unique_ptr<emulation::EmulatedProgram> program;
};

/// How many rows a launch of a row kernel has.
inline int64_t rowsOf(const KernelLaunch &launch) {
  return launch.ints.front();
}

/// Odd widths and vectors of two; one warp a row, with vectors for some lanes
/// and for all; several warps, in part without a vector.
inline auto rowWidths() { return testing::Values(1, 7, 90, 128, 776, 2056); }
inline auto columnWidths() {
  return testing::Values(1, 15, 40, 100, 300, 1000);
}
inline auto vocabularies() { return testing::Values(7, 16, 64, 1003, 5000); }

} // namespace lns::test

#endif // LNS_TEST_UNIT_CUDA_KERNEL_TEST_H
