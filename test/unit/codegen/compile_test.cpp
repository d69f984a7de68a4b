//===- compile_test.cpp - Levels, errors and speed of compiled kernels ----===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "kernel_test.h"

#include "dialect/LnsShapes.h"
#include "runtime/cpu/cpu_features.h"

#include "mlir/Parser/Parser.h"
#include "llvm/TargetParser/Host.h"
#include <chrono>
#include <cmath>
#include <cstdio>

using namespace lns;
using namespace lns::test;

namespace {

TEST(CodeLevel, KnownNames) {
  cpu::CodeLevel level;
  std::string error;
  ASSERT_TRUE(cpu::parseCodeLevel("x86-64-v3", level, error));
  EXPECT_EQ(level.name, "x86-64-v3");
  EXPECT_EQ(level.cpu, "x86-64-v3");
  EXPECT_TRUE(llvm::is_contained(level.features, "avx2"));
  EXPECT_TRUE(llvm::is_contained(level.features, "sse4.2"));
  EXPECT_FALSE(llvm::is_contained(level.features, "avx512f"));
  ASSERT_TRUE(cpu::parseCodeLevel("x86-64-v4", level, error));
  EXPECT_TRUE(llvm::is_contained(level.features, "avx512f"));
  ASSERT_TRUE(cpu::parseCodeLevel("native", level, error));
  EXPECT_EQ(level.name, "native:" + level.cpu);
  EXPECT_FALSE(level.features.empty());
}

// Whatever is compiled for this processor runs on it: LLVM may know features
// that the runtime does not look for, as avx10.1 was.
TEST(CodeLevel, NativeAsksForWhatTheRuntimeFinds) {
  cpu::CodeLevel level;
  std::string error;
  ASSERT_TRUE(cpu::parseCodeLevel("native", level, error));
  for (const std::string &feature : level.features)
    EXPECT_TRUE(cpuHasFeature(feature)) << feature;
  for (const auto &entry : llvm::sys::getHostCPUFeatures())
    EXPECT_TRUE(llvm::is_contained(level.features, entry.getKey()) !=
                llvm::is_contained(level.absent, entry.getKey()))
        << entry.getKey().str();
}

TEST(CodeLevel, UnknownNameListsKnownOnes) {
  cpu::CodeLevel level;
  std::string error;
  for (const char *name : {"x86-64-v5", "", "avx2", "x86-64-v"}) {
    EXPECT_FALSE(cpu::parseCodeLevel(name, level, error)) << name;
    EXPECT_EQ(error, std::string("unknown instruction-set level '") + name +
                         "'; known are x86-64-v2, x86-64-v3, x86-64-v4 and "
                         "native");
    EXPECT_TRUE(level.features.empty());
  }
}

class Compile : public KernelTest {
protected:
  std::string lowerError(const std::string &arguments,
                         const std::string &body) {
    parse(arguments, "");
    errors.clear();
    auto text = "func.func @g(" + arguments + ") {\n" + body + "\nreturn\n}";
    auto other = mlir::parseSourceString<mlir::ModuleOp>(
        text, mlir::ParserConfig(&context));
    EXPECT_TRUE(other) << errors;
    if (!other)
      return errors;
    auto function = *other->getOps<mlir::func::FuncOp>().begin();
    auto &op = function.getBody().front().front();
    EXPECT_TRUE(failed(lowering->lower(&op, launches)));
    return errors;
  }
};

TEST_F(Compile, RefusesDoubles) {
  EXPECT_EQ(
      lowerError("%a: tensor<4x8xf64>",
                 "%0 = lns.add %a, %a : tensor<4x8xf64>"),
      "'lns.add' op operand 0 has type 'tensor<4x8xf64>', but CPU kernels "
      "need static shapes of f32, bf16 or i32; lower the model in f32\n");
}

TEST_F(Compile, RefusesDynamicShapes) {
  EXPECT_EQ(
      lowerError("%a: tensor<?x8xf32>",
                 "%0 = lns.add %a, %a : tensor<?x8xf32>"),
      "'lns.add' op operand 0 has type 'tensor<?x8xf32>', but CPU kernels "
      "need static shapes of f32, bf16 or i32; lower the model in f32\n");
}

TEST_F(Compile, RefusesScalesBeyondF32) {
  EXPECT_EQ(lowerError("%a: tensor<4x8xf32>",
                       "%0 = lns.scale %a factor(1.0e+300) : tensor<4x8xf32>"),
            "'lns.scale' op has a scale that is not finite in f32, the "
            "kernels' type\n");
}

TEST_F(Compile, RefusesOpsWithoutKernel) {
  EXPECT_EQ(lowerError("%a: tensor<4x8xf32>, %b: tensor<8x8xf32>",
                       "%0 = lns.linear %a, %b : (tensor<4x8xf32>, "
                       "tensor<8x8xf32>) -> tensor<4x8xf32>"),
            "'lns.linear' op has no CPU kernel\n");
}

TEST_F(Compile, RefusesRotationsOfTwoSizesInOneKernel) {
  EXPECT_EQ(
      lowerError("%x: tensor<1x4x16xf32>",
                 "%0 = lns.cluster(%a = %x) : (tensor<1x4x16xf32>) -> "
                 "tensor<1x4x16xf32> {\n"
                 "%s = lns.rope %a head_dim(8) : tensor<1x4x16xf32>\n"
                 "%t = lns.rope %s head_dim(16) : tensor<1x4x16xf32>\n"
                 "lns.yield %t : tensor<1x4x16xf32>\n}"),
      "'lns.rope' op rotates heads of 16 columns, but another rotation of its "
      "cluster rotates heads of 8; they need clusters of their own\n");
}

class CompileTypes : public Compile,
                     public testing::WithParamInterface<const char *> {};

INSTANTIATE_TEST_SUITE_P(Types, CompileTypes, testing::Values("f32", "bf16"));

// Every level makes code, also those that this processor lacks, and code of a
// higher level uses its registers. Nothing is called, not even to round to
// bf16.
TEST_P(CompileTypes, EveryLevel) {
  std::string x = std::string("tensor<2x12x32x") + GetParam() + ">";
  parse("%q: " + x, "%0 = lns.attention %q, %q, %q heads(2) kv_heads(2) causal "
                    ": (" +
                        x + ", " + x + ", " + x + ") -> " + x +
                        "\n%1 = lns.gated_activation silu %q, %q : " + x);
  std::vector<cpu::CodeLevel> levels(4);
  std::string error, ir;
  const char *names[] = {"x86-64-v2", "x86-64-v3", "x86-64-v4", "native"};
  for (auto [i, name] : llvm::enumerate(names))
    ASSERT_TRUE(cpu::parseCodeLevel(name, levels[i], error));
  std::vector<std::vector<char>> objects, again;
  ASSERT_TRUE(succeeded(
      cpu::compileKernels(lowering->getModule(), levels, objects, &ir)))
      << errors;
  EXPECT_NE(ir.find("@" + lowering->getKernels()[0].symbol), std::string::npos);
  EXPECT_EQ(ir.find("declare float @"), std::string::npos)
      << "a call of a library function is left";
  // The first level has no instruction that rounds to bf16.
  EXPECT_EQ(ir.find("fptrunc"), std::string::npos);
  EXPECT_EQ(ir.find("fpext"), std::string::npos);
  ASSERT_TRUE(
      succeeded(cpu::compileKernels(lowering->getModule(), levels, again)));
  ASSERT_EQ(objects.size(), 4u);
  for (size_t i = 0; i < objects.size(); ++i) {
    EXPECT_EQ(objects[i], again[i]) << "the same kernels gave other bytes";
    for (size_t j = 0; j < i; ++j)
      EXPECT_NE(objects[i], objects[j]);
  }
}

// Not a test: prints how fast kernels of a small model are. Run with
// --gtest_also_run_disabled_tests --gtest_filter=*Speed*.
TEST_P(CompileTypes, DISABLED_Speed) {
  std::string element = GetParam();
  std::string x = "tensor<4x256x128x" + element + ">";
  std::string f = "tensor<4x256x384x" + element + ">";
  std::string logits = "tensor<4x256x4096x" + element + ">";
  std::string lse = "tensor<4x4x256xf32>", r = "tensor<4x256xf32>";
  parse(
      "%q: " + x + ", %k: " + x + ", %v: " + x + ", %a: " + f + ", %b: " + f +
          ", %c: " + f + ", %x: " + logits + ", %t: tensor<4x256xi32>, " +
          "%g: tensor<128xf32>, %o: tensor<8xf32>, %u: tensor<300x300xf32>",
      "%0:2 = lns.attention %q, %k, %v heads(4) kv_heads(4) causal : (" + x +
          ", " + x + ", " + x + ") -> (" + x + ", " + lse + ")\n" +
          "%1:3 = lns.attention_grad %q, %k, %v, %0#0, %0#1, %q heads(4) "
          "kv_heads(4) causal : (" +
          x + ", " + x + ", " + x + ", " + x + ", " + lse + ", " + x +
          ") -> (" + x + ", " + x + ", " + x + ")\n" +
          "%2 = lns.gated_activation silu %a, %b : " + f + "\n" +
          "%3:2 = lns.gated_activation_grad silu %a, %b, %c : " + f + "\n" +
          "%4:2 = lns.cluster(%i = %q, %j = %k) : (" + x + ", " + x + ") -> (" +
          x + ", " + r + ") {\n%s = lns.residual %i, %j : " + x +
          "\n%w = lns.row_rstd %s eps(1.0e-6) : (" + x + ") -> " + r +
          "\nlns.yield %s, %w : " + x + ", " + r + "\n}\n" +
          "%5 = lns.rope %q head_dim(32) : " + x + "\n" +
          "%6:2 = lns.cross_entropy %x, %t : (" + logits +
          ", tensor<4x256xi32>) -> (" + r + ", " + r + ")\n" +
          "%7 = lns.cross_entropy_grad %x, %t, %6#1, %4#1 : (" + logits +
          ", tensor<4x256xi32>, " + r + ", " + r + ") -> " + logits + "\n" +
          "%8 = lns.column_dot %q, %k : (" + x + ", " + x +
          ") -> tensor<128xf32>\n" +
          "%n, %h, %p = lns.clip_factor %o, %u : (tensor<8xf32>, "
          "tensor<300x300xf32>) -> (tensor<f32>, tensor<f32>, tensor<2xf64>)\n"
          "lns.adamw @q, %u, %h, %o decay(true) : tensor<300x300xf32>, "
          "tensor<f32>, tensor<8xf32>");
  makeInputs();
  for (const char *name : {"native", "x86-64-v3"}) {
    if (!hostHas(name))
      continue;
    auto start = std::chrono::steady_clock::now();
    compile({name});
    code = codes[0].get();
    std::chrono::duration<double> time =
        std::chrono::steady_clock::now() - start;
    std::printf("%s: %zu kernels compiled in %.0f ms\n", name,
                lowering->getKernels().size(), time.count() * 1e3);
    RunResult buffers = makeBuffers();
    for (auto [number, one] : llvm::enumerate(launches)) {
      double seconds = measure(number);
      double bytes = 0;
      for (auto &argument : one.buffers)
        if (argument.value)
          bytes += lns::bytesOf(argument.value.getType());
      // Causal scores and products: 2 matmuls forward, 5 backward.
      double flops = number == 0   ? 2 * 2.0 * 4 * 4 * 256 * 257 / 2 * 32
                     : number == 1 ? 5 * 2.0 * 4 * 4 * 256 * 257 / 2 * 32
                                   : 0;
      std::printf("  %-44s %8.1f us %6.1f GB/s %6.1f GFLOP/s\n",
                  lowering->getKernels()[one.kernel].symbol.c_str(),
                  seconds * 1e6, bytes / seconds * 1e-9,
                  flops / seconds * 1e-9);
    }
  }
}

} // namespace
