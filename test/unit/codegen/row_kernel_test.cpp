//===- row_kernel_test.cpp - Rounding of CPU kernels --------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "kernel_test.h"

#include <cmath>

using namespace lns::test;

namespace {

using RowKernel = KernelTest;

// Every upper half of an f32, with lower halves below, at and above the middle,
// rounds as IEEE's nearest-even does, on every level; NaN stays NaN, and what
// is not normal becomes zero.
TEST_F(RowKernel, RoundsToNearestEven) {
  constexpr uint32_t kLower[] = {0, 1, 0x7fff, 0x8000, 0x8001, 0xffff};
  parse("%x: tensor<65536x6xf32>",
        "%0 = lns.cast %x : tensor<65536x6xf32> to tensor<65536x6xbf16>");
  makeInputs();
  std::vector<std::string> levels;
  for (const char *level : {"x86-64-v2", "x86-64-v3", "x86-64-v4", "native"})
    if (hostHas(level))
      levels.push_back(level);
  compile(levels);
  for (auto [level, loaded] : llvm::zip(levels, codes)) {
    SCOPED_TRACE(level);
    code = loaded.get();
    RunResult buffers = makeBuffers();
    auto find = [&](const lns::KernelArgument &argument) {
      return buffers[nameOf(argument.value)]->data();
    };
    auto *from = reinterpret_cast<uint32_t *>(find(launches[0].buffers[0]));
    auto *to = reinterpret_cast<uint16_t *>(find(launches[0].buffers[1]));
    for (uint32_t upper = 0; upper < 65536; ++upper)
      for (size_t i = 0; i < 6; ++i)
        from[upper * 6 + i] = upper << 16 | kLower[i];
    launch(launches[0], Split::Whole, buffers);
    unsigned wrong = 0;
    for (size_t i = 0; i < 65536 * 6; ++i) {
      llvm::APFloat number(llvm::APFloat::IEEEsingle(),
                           llvm::APInt(32, from[i]));
      bool isNaN = number.isNaN(), lossy;
      if (number.isDenormal())
        number =
            llvm::APFloat::getZero(number.getSemantics(), number.isNegative());
      number.convert(llvm::APFloat::BFloat(),
                     llvm::APFloat::rmNearestTiesToEven, &lossy);
      llvm::APFloat result(llvm::APFloat::BFloat(), llvm::APInt(16, to[i]));
      wrong += isNaN ? !result.isNaN()
                     : to[i] != number.bitcastToAPInt().getZExtValue();
    }
    EXPECT_EQ(wrong, 0u);
  }
}

// Every number by itself, on every level: tanh and erf (by gelu) in relation to
// their values, from where they are as small as their arguments to where they
// are flat, on both sides of where formulas change.
TEST_F(RowKernel, FunctionsAreExactInEveryElement) {
  constexpr size_t kCount = 8192;
  parse("%x: tensor<64x256xf32>",
        "%0 = lns.activation tanh %x : tensor<64x256xf32>\n"
        "%1 = lns.activation gelu %x : tensor<64x256xf32>");
  makeInputs();
  std::vector<float> arguments = {INFINITY, -INFINITY, NAN, 0.0f, -0.0f};
  for (size_t i = 0; i < kCount - 3; ++i) {
    // 1e-30 to 30, half of them above 0.01.
    double u = double(i) / kCount;
    arguments.push_back(
        float(u < 0.5 ? std::pow(10, -30 + 56 * u) : std::pow(30, 4 * u - 3)));
    arguments.push_back(-arguments.back());
  }
  arguments.resize(2 * kCount);
  std::vector<std::string> levels;
  for (const char *level : {"x86-64-v2", "x86-64-v3", "x86-64-v4", "native"})
    if (hostHas(level))
      levels.push_back(level);
  compile(levels);
  for (auto [level, loaded] : llvm::zip(levels, codes)) {
    SCOPED_TRACE(level);
    code = loaded.get();
    RunResult buffers = makeBuffers();
    auto find = [&](const lns::KernelLaunch &launch, unsigned buffer) {
      return reinterpret_cast<float *>(
          buffers[nameOf(launch.buffers[buffer].value)]->data());
    };
    llvm::copy(arguments, find(launches[0], 0));
    for (const lns::KernelLaunch &each : launches)
      launch(each, Split::Whole, buffers);
    const float *tanh = find(launches[0], 1), *gelu = find(launches[1], 1);
    EXPECT_EQ(tanh[0], 1);
    EXPECT_EQ(tanh[1], -1);
    EXPECT_TRUE(std::isnan(tanh[2]) && std::isnan(gelu[2]));
    EXPECT_EQ(gelu[0], INFINITY);
    double worst = 0, worstOfGelu = 0, worstBelow = 0;
    for (size_t i = 3; i < arguments.size(); ++i) {
      double x = arguments[i];
      if (x == 0) {
        EXPECT_EQ(tanh[i], 0);
        EXPECT_EQ(gelu[i], 0);
        continue;
      }
      worst = std::max(worst, std::abs(tanh[i] / std::tanh(x) - 1));
      double exact = x * std::erfc(-x * M_SQRT1_2) / 2;
      if (x > 0)
        worstOfGelu = std::max(worstOfGelu, std::abs(gelu[i] / exact - 1));
      else // 1 + erf(x) is a difference there
        worstBelow = std::max(worstBelow, std::abs((gelu[i] - exact) / x));
    }
    EXPECT_LE(worst, 3e-7);
    EXPECT_LE(worstOfGelu, 3e-7);
    EXPECT_LE(worstBelow, 2e-7);
    for (size_t i = 5; i < arguments.size(); i += 2)
      if (i + 1 < arguments.size())
        EXPECT_EQ(tanh[i], -tanh[i + 1]) << arguments[i];
  }
}

} // namespace
