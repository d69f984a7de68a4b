//===- row_kernel_test.cpp - Rounding of CPU kernels --------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "kernel_test.h"

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

} // namespace
