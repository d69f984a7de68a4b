//===- attention_lowering_test.cpp - Which attentions share kernels -------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "codegen/cuda/CudaKernels.h"
#include "dialect/LnsDialect.h"
#include "dialect/LnsOps.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/Parser/Parser.h"
#include <gtest/gtest.h>

namespace {

/// What the lowering says to the ops of a module, "" where it takes them.
std::string lower(const char *text) {
  mlir::MLIRContext context;
  context.loadDialect<lns::LnsDialect, mlir::func::FuncDialect>();
  auto module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
  std::string message;
  mlir::ScopedDiagnosticHandler handler(&context,
                                        [&](mlir::Diagnostic &diagnostic) {
                                          message += diagnostic.str();
                                          return mlir::success();
                                        });
  lns::cuda::KernelLowering lowering(&context);
  llvm::SmallVector<lns::KernelLaunch> launches;
  for (auto function : module->getOps<mlir::func::FuncOp>())
    for (mlir::Operation &op : function.getBody().front().without_terminator())
      EXPECT_EQ(succeeded(lowering.lower(&op, launches)), message.empty());
  return message;
}

TEST(CudaAttentionLowering, SaysWhatItHasNoKernelFor) {
  EXPECT_EQ(
      lower(R"(
    func.func @f(%x: tensor<1x4x18xf32>) {
      %0 = lns.attention %x, %x, %x heads(2) kv_heads(2)
        : (tensor<1x4x18xf32>, tensor<1x4x18xf32>, tensor<1x4x18xf32>)
          -> tensor<1x4x18xf32>
      return
    })"),
      "'lns.attention' op has heads of size 9, but CUDA's attention needs "
      "an even size of at most 256; compile for the CPU");
  EXPECT_EQ(lower(R"(
    func.func @f(%x: tensor<1x4x258xf32>) {
      %0 = lns.attention %x, %x, %x heads(1) kv_heads(1)
        : (tensor<1x4x258xf32>, tensor<1x4x258xf32>, tensor<1x4x258xf32>)
          -> tensor<1x4x258xf32>
      return
    })"),
            "'lns.attention' op has heads of size 258, but CUDA's attention "
            "needs an even size of at most 256; compile for the CPU");
}

/// Depth costs no kernel: what differs between layers is an argument.
TEST(CudaAttentionLowering, LayersShareKernels) {
  mlir::MLIRContext context;
  context.loadDialect<lns::LnsDialect, mlir::func::FuncDialect>();
  auto module = mlir::parseSourceString<mlir::ModuleOp>(R"(
    func.func @f(%x: tensor<1x4x16xf32>, %y: tensor<2x9x16xf32>,
                 %s: tensor<2x9xi32>, %t: tensor<1x4xi32>) {
      %0 = lns.attention %x, %x, %x heads(2) kv_heads(2) causal
        : (tensor<1x4x16xf32>, tensor<1x4x16xf32>, tensor<1x4x16xf32>)
          -> tensor<1x4x16xf32>
      %1 = lns.attention %y, %y, %y heads(2) kv_heads(2) causal
        {softmax_scale = 0.5 : f64}
        : (tensor<2x9x16xf32>, tensor<2x9x16xf32>, tensor<2x9x16xf32>)
          -> tensor<2x9x16xf32>
      %2 = lns.attention %y, %y, %y heads(2) kv_heads(2)
        : (tensor<2x9x16xf32>, tensor<2x9x16xf32>, tensor<2x9x16xf32>)
          -> tensor<2x9x16xf32>
      %3 = lns.attention %y, %y, %y heads(2) kv_heads(2) causal window(2)
        : (tensor<2x9x16xf32>, tensor<2x9x16xf32>, tensor<2x9x16xf32>)
          -> tensor<2x9x16xf32>
      %4 = lns.attention %y, %y, %y heads(2) kv_heads(2) causal window(1000)
        : (tensor<2x9x16xf32>, tensor<2x9x16xf32>, tensor<2x9x16xf32>)
          -> tensor<2x9x16xf32>
      %5 = lns.attention %y, %y, %y heads(2) kv_heads(2) causal softcap(5.0)
        : (tensor<2x9x16xf32>, tensor<2x9x16xf32>, tensor<2x9x16xf32>)
          -> tensor<2x9x16xf32>
      %6 = lns.attention %y, %y, %y heads(2) kv_heads(2) causal softcap(0.5)
        : (tensor<2x9x16xf32>, tensor<2x9x16xf32>, tensor<2x9x16xf32>)
          -> tensor<2x9x16xf32>
      %7 = lns.attention %y, %y, %y starts(%s) heads(2) kv_heads(2) causal
        : (tensor<2x9x16xf32>, tensor<2x9x16xf32>, tensor<2x9x16xf32>,
           tensor<2x9xi32>) -> tensor<2x9x16xf32>
      %8 = lns.attention %x, %x, %x starts(%t) heads(2) kv_heads(2) causal
        : (tensor<1x4x16xf32>, tensor<1x4x16xf32>, tensor<1x4x16xf32>,
           tensor<1x4xi32>) -> tensor<1x4x16xf32>
      return
    })",
                                                        &context);
  ASSERT_TRUE(module);
  lns::cuda::KernelLowering lowering(&context);
  llvm::SmallVector<lns::KernelLaunch> launches;
  for (auto function : module->getOps<mlir::func::FuncOp>())
    for (mlir::Operation &op : function.getBody().front().without_terminator())
      ASSERT_TRUE(succeeded(lowering.lower(&op, launches)));
  ASSERT_EQ(launches.size(), 9u);
  EXPECT_EQ(launches[0].kernel, launches[1].kernel);
  EXPECT_NE(launches[0].kernel, launches[2].kernel) << "one is not causal";
  EXPECT_EQ(launches[0].floats[0], 0.35355338f);
  EXPECT_EQ(launches[1].floats[0], 0.5f);
  EXPECT_EQ(launches[1].ints[0], 9);
  EXPECT_NE(launches[0].kernel, launches[3].kernel) << "one has a window";
  EXPECT_EQ(launches[3].kernel, launches[4].kernel);
  EXPECT_EQ(launches[3].ints[1], 2);
  EXPECT_EQ(launches[4].ints[1], 9) << "no more than there are keys";
  EXPECT_NE(launches[0].kernel, launches[5].kernel) << "one has a soft-cap";
  EXPECT_EQ(launches[5].kernel, launches[6].kernel);
  EXPECT_EQ(launches[6].floats[1], 0.5f);
  EXPECT_NE(launches[0].kernel, launches[7].kernel) << "one has documents";
  EXPECT_EQ(launches[7].kernel, launches[8].kernel);
  EXPECT_EQ(launches[7].buffers.size(), 6u);
  EXPECT_EQ(lowering.getKernels()[launches[0].kernel].text.find("starts"),
            std::string::npos);
}

} // namespace
