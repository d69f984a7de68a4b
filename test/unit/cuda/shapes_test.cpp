//===- shapes_test.cpp - Shapes that CUDA kernels cut in their own way ----===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "kernel_test.h"

#include "mlir/IR/TypeUtilities.h"
#include <cmath>
#include <cstring>

using namespace lns::test;

namespace {

class CudaShapes : public KernelTest,
                   public testing::WithParamInterface<const char *> {
protected:
  std::string tensor(const std::string &shape) {
    return "tensor<" + shape + "x" + GetParam() + ">";
  }
};

INSTANTIATE_TEST_SUITE_P(Types, CudaShapes, testing::Values("f32", "bf16"));

// More columns than a block keeps in registers: later phases read again what
// they and others have written.
TEST_P(CudaShapes, WideRows) {
  std::string x = tensor("1x1x36936"), r = "tensor<1x1xf32>",
              g = "tensor<36936xf32>";
  check("%x: " + x + ", %f: " + x + ", %g: " + g,
        "%0:4 = lns.cluster(%a = %x, %b = %f, %w = %g) : (" + x + ", " + x +
            ", " + g + ") -> (" + x + ", " + x + ", " + r + ", " + x +
            ") {\n%s = lns.residual %a, %b : " + x +
            "\n%c = lns.center_rows %s : " + x +
            "\n%t = lns.row_rstd %c eps(1.0e-6) : (" + x + ") -> " + r +
            "\n%u = lns.scale_columns %c, %w scale(0.5) : " + x + ", " + g +
            "\n%v = lns.row_scale %u, %t : " + x + ", " + r +
            "\n%z = lns.add %v, %a : " + x + "\nlns.yield %s, %c, %t, %z : " +
            x + ", " + x + ", " + r + ", " + x + "\n}");
  EXPECT_EQ(lowering->getKernels()[0].threads, 1024u);
}

// A rotation and a reduction in rows that have several warps.
TEST_P(CudaShapes, WideRotations) {
  std::string x = tensor("2x3x4160"), r = "tensor<2x3xf32>";
  check("%x: " + x + ", %y: " + x + ", %f: " + r,
        "%0:3 = lns.cluster(%a = %x, %b = %y, %q = %f) : (" + x + ", " + x +
            ", " + r + ") -> (" + x + ", " + r + ", " + x +
            ") {\n%s = lns.rope %a head_dim(130) inverse : " + x +
            "\n%t = lns.row_dot %s, %b : (" + x + ", " + x + ") -> " + r +
            "\n%u = lns.add %t, %q : " + r +
            "\n%v = lns.row_scale %s, %u : " + x + ", " + r +
            "\nlns.yield %s, %u, %v : " + x + ", " + r + ", " + x + "\n}");
}

// Many chunks of rows, and columns for some lanes of the last block.
TEST_P(CudaShapes, ManyRows) {
  std::string x = tensor("5x451x36"), g = "tensor<36xf32>";
  check("%a: " + x + ", %b: " + x,
        "%0 = lns.column_dot %a, %b scale(0.5) : (" + x + ", " + x + ") -> " +
            g + "\n%1 = lns.column_dot %a : (" + x + ") -> " + g +
            "\n%2 = lns.mean %a : (" + x + ") -> tensor<f32>");
}

// More tokens than a block lists at once; some tokens everywhere, some rows of
// the table nowhere, and more rows than one block has.
TEST_P(CudaShapes, ManyTokens) {
  tokenLimit = 130;
  std::string x = tensor("3x3000x40"), t = "tensor<3x3000xi32>",
              table = "tensor<131x40xf32>";
  check("%t: " + t + ", %g: " + x,
        "%0 = lns.embedding_grad %g, %t : (" + x + ", " + t + ") -> " + table);
  tokenLimit = 2;
  check("%t: " + t + ", %g: " + x,
        "%0 = lns.embedding_grad %g, %t : (" + x + ", " + t + ") -> " + table);
}

// The rows of an addend stay where no token names them.
TEST_P(CudaShapes, EmbeddingGradOnAnAddend) {
  tokenLimit = 70;
  std::string x = tensor("1x90x24"), t = "tensor<1x90xi32>",
              table = "tensor<80x24xf32>";
  ASSERT_NO_FATAL_FAILURE(
      parse("%t: " + t + ", %g: " + x + ", %a: " + table,
            "%0 = lns.embedding_grad %g, %t addend(%a) : (" + x + ", " + t +
                ", " + table + ") -> " + table));
  makeInputs();
  ASSERT_NO_FATAL_FAILURE(makeExpected());
  ASSERT_NO_FATAL_FAILURE(build());
  mlir::Value addend = getFunction().getArgument(2);
  mlir::Value result = getFunction().front().front().getResult(0);
  RunResult buffers = makeBuffers();
  Buffer &table0 = *buffers[nameOf(result)];
  std::memcpy(table0.data(), buffers[nameOf(addend)]->data(), table0.size());
  execute(launches[0], buffers);
  compare(buffers, 1e-5, 1e-5);
}

// Scores of minus infinity, first and last, have no probability; those far
// above and below zero neither overflow nor vanish.
TEST_P(CudaShapes, ExtremeScores) {
  std::string x = tensor("1x4x200"), r = "tensor<1x4xf32>",
              t = "tensor<1x4xi32>";
  ASSERT_NO_FATAL_FAILURE(parse(
      "%x: " + x + ", %t: " + t + ", %d: " + r,
      "%0:2 = lns.cross_entropy %x, %t : (" + x + ", " + t + ") -> (" + r +
          ", " + r + ")\n%1 = lns.cross_entropy_grad %x, %t, %0#1, %d : (" + x +
          ", " + t + ", " + r + ", " + r + ") -> " + x));
  makeInputs();
  Tensor &scores = inputs[getFunction().getArgument(0)];
  for (int i = 0; i < 200; ++i) {
    scores[i] = i >= 100 && i < 110 ? scores[i] : -INFINITY;
    scores[200 + i] = 100 - 4 * (i % 7);
    scores[400 + i] = -100 - 4 * (i % 7);
    scores[600 + i] = i == 150 ? 1e30 : -1e30;
  }
  for (double &score : scores)
    if (mlir::getElementTypeOrSelf(getFunction().getArgument(0)).isBF16())
      score = roundToBf16(score);
    else
      score = float(score);
  inputs[getFunction().getArgument(1)] = {104, 0, 7, 150};
  ASSERT_NO_FATAL_FAILURE(makeExpected());
  ASSERT_NO_FATAL_FAILURE(build());
  for (uint64_t order : {0, 1, 2})
    compare(run(order), 1e-5, 5e-4);
}

using CudaKernels = KernelTest;

// More gradients than one launch takes, small and large.
TEST_F(CudaKernels, ManyGradients) {
  std::string arguments = "%o: tensor<8xf32>", names, types = "tensor<8xf32>";
  const char *shapes[] = {"7",       "65536", "65537", "3x5", "1",
                          "300x300", "9",     "16",    "17",  "131072"};
  for (int i = 0; i < 10; ++i) {
    std::string type = std::string("tensor<") + shapes[i] + "xf32>";
    names += ", %g" + std::to_string(i);
    arguments += ", %g" + std::to_string(i) + ": " + type;
    types += ", " + type;
  }
  check(arguments,
        "%n, %f, %p = lns.clip_factor %o" + names + " : (" + types +
            ") -> (tensor<f32>, tensor<f32>, tensor<13xf64>)",
        1e-7);
  EXPECT_EQ(launches.size(), 3u);
  EXPECT_EQ(lowering->getKernels().size(), 2u);
}

// No number of a model is in the text: neither its scales nor its rows.
TEST_F(CudaKernels, TextHasNoScales) {
  parse("%a: tensor<47x32xf32>, %b: tensor<47x32xf32>",
        "%0 = lns.residual %a, %b {branch_scale = 0.7071} : tensor<47x32xf32>\n"
        "%1 = lns.column_dot %a, %b scale(0.7071) : (tensor<47x32xf32>, "
        "tensor<47x32xf32>) -> tensor<32xf32>");
  for (const lns::cuda::KernelInfo &kernel : lowering->getKernels()) {
    EXPECT_EQ(kernel.text.find("0.7"), std::string::npos) << kernel.text;
    EXPECT_EQ(kernel.text.find("47"), std::string::npos) << kernel.text;
  }
}

} // namespace
