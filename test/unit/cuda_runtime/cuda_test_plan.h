//===- cuda_test_plan.h - The plan made by hand, for CUDA --------- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TEST_UNIT_CUDA_RUNTIME_CUDA_TEST_PLAN_H
#define LNS_TEST_UNIT_CUDA_RUNTIME_CUDA_TEST_PLAN_H

#include "test/unit/runtime/test_plan.h"

namespace lns::test {

/// The plan of test_plan.h with its program for CUDA beside the one for the
/// CPU. Every product is a choice between the kernel test_product ("generated")
/// and cuBLASLt ("library").
struct CudaTestPlan : TestPlan {
  CudaTestPlan();

  plan::CudaProgramT &cuda() { return *table.cuda; }
  plan::CudaKernelT &kernel(const std::string &symbol);
  plan::EntryPointT &cudaEntry(const std::string &name);
  /// The first command of this name in train_step.
  plan::CommandT &cudaCommand(const std::string &name);
  plan::LaunchT &cudaLaunch(const std::string &name);
  plan::AlternativesT &alternatives(const std::string &name);

  /// Only the code for CUDA is left.
  void removeCpu();
  /// Makes all of `extra` the machine code of a kernel.
  void addCubin(const std::string &symbol, const std::string &arch,
                const std::string &bytes);
  /// As TestPlan::splitBatch, in both programs.
  void splitCudaBatch();
  /// As TestPlan::takeDocuments, in both programs.
  void takeCudaDocuments();
  /// As TestPlan::addDecode, in both programs, behind what changes both.
  void addCudaDecode();
  /// The table is read from a copy in the segment `compute`, as a compute
  /// weight is: updates copy it anew, and so does the entry point "refresh".
  void keepTable();
};

} // namespace lns::test

#endif // LNS_TEST_UNIT_CUDA_RUNTIME_CUDA_TEST_PLAN_H
