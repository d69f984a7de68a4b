//===- kernel_limits_test.cpp - Kernels that no plan can hold -------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// Launches and products are made up here: a module whose kernels were as large
// would take gigabytes. Each limit is met, and passed by one.
//
//===----------------------------------------------------------------------===//

#include "codegen/KernelLimits.h"
#include "runtime/plan/plan_limits.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"
#include <gtest/gtest.h>

using namespace mlir;
using namespace lns;

namespace {

class KernelLimits : public testing::Test {
protected:
  KernelLimits()
      : handler(&context,
                [this](Diagnostic &diagnostic) {
                  error = diagnostic.str();
                  return success();
                }),
        module(ModuleOp::create(UnknownLoc::get(&context))) {
    context.printOpOnDiagnostic(false);
    launch.grid = {1, 1, 1};
  }

  void expectError(LogicalResult result, llvm::StringRef text) {
    EXPECT_TRUE(failed(result));
    EXPECT_NE(error.find(text.str()), std::string::npos) << error;
  }

  MLIRContext context;
  std::string error;
  ScopedDiagnosticHandler handler;
  OwningOpRef<ModuleOp> module;
  KernelLaunch launch;
};

TEST_F(KernelLimits, CpuArguments) {
  launch.ints.resize(kMaxKernelArguments);
  EXPECT_TRUE(succeeded(checkLaunch(*module, launch, /*isCuda=*/false)));
  launch.ints.push_back(0);
  expectError(
      checkLaunch(*module, launch, /*isCuda=*/false),
      "0 tensors, 0 floats and 4097 integers, but a CPU kernel takes at "
      "most 4096 of each; write what it computes with fewer ops");
}

TEST_F(KernelLimits, CudaArguments) {
  launch.ints.resize(kMaxCudaArgumentBytes / 8);
  EXPECT_TRUE(succeeded(checkLaunch(*module, launch, /*isCuda=*/true)));
  launch.floats.push_back(1);
  expectError(checkLaunch(*module, launch, /*isCuda=*/true),
              "1 floats and 512 integers, but arguments of a CUDA kernel have "
              "at most 4096 bytes");
}

TEST_F(KernelLimits, CudaGrid) {
  launch.grid = {kMaxGridX, kMaxGridYZ, kMaxGridYZ};
  EXPECT_TRUE(succeeded(checkLaunch(*module, launch, /*isCuda=*/true)));
  launch.grid = {1, kMaxGridYZ + 1, 1};
  expectError(checkLaunch(*module, launch, /*isCuda=*/true),
              "needs a grid of 1 x 65536 x 1 blocks, but CUDA has at most "
              "2147483647 x 65535 x 65535; use a smaller batch or sequence");
}

TEST_F(KernelLimits, CudaProducts) {
  KernelProduct product;
  product.m = product.n = 1;
  product.k = kMaxCudaProductExtent;
  EXPECT_TRUE(succeeded(checkCudaProduct(*module, product)));
  ++product.k;
  expectError(checkCudaProduct(*module, product),
              "is a product with an extent of 2147483648, but CUDA's have at "
              "most 2147483647; use a smaller batch or sequence");
}

TEST_F(KernelLimits, CpuScratch) {
  EXPECT_TRUE(succeeded(checkCpuScratch(*module, kMaxCpuScratchBytes)));
  expectError(
      checkCpuScratch(*module, kMaxCpuScratchBytes + 1),
      "becomes a kernel with 1073741825 bytes of scratch on each thread, "
      "but a CPU kernel has at most 1073741824; make its rows shorter");
}

} // namespace
