//===- attention_kernel_test.cpp - Attention kernels against the reference ===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "kernel_test.h"

using namespace lns::test;

namespace {

struct Shape {
  int batch, time, heads, kvHeads, headDim;
  bool causal;
};

std::ostream &operator<<(std::ostream &stream, const Shape &s) {
  return stream << s.batch << "x" << s.time << " heads " << s.heads << "/"
                << s.kvHeads << " of " << s.headDim
                << (s.causal ? " causal" : " full");
}

class AttentionKernel
    : public KernelTest,
      public testing::WithParamInterface<std::tuple<Shape, const char *>> {};

INSTANTIATE_TEST_SUITE_P(
    Shapes, AttentionKernel,
    testing::Combine(
        testing::Values(
            Shape{2, 12, 4, 2, 8, true}, Shape{1, 1, 1, 1, 4, true},
            Shape{1, 16, 2, 2, 16, false}, Shape{2, 37, 3, 1, 48, true},
            Shape{1, 50, 2, 1, 52, false}, Shape{1, 97, 1, 1, 80, true},
            Shape{1, 64, 2, 2, 128, true}, Shape{1, 48, 2, 2, 6, true},
            Shape{1, 130, 2, 2, 32, true}, Shape{1, 49, 2, 2, 26, false}),
        testing::Values("f32", "bf16")));

// Forward with and without log-sum-exp, then backward from its results.
TEST_P(AttentionKernel, AgreesWithTheReference) {
  Shape s = std::get<0>(GetParam());
  std::string element = std::get<1>(GetParam());
  auto tensor = [&](int heads) {
    return "tensor<" + std::to_string(s.batch) + "x" + std::to_string(s.time) +
           "x" + std::to_string(heads * s.headDim) + "x" + element + ">";
  };
  std::string q = tensor(s.heads), k = tensor(s.kvHeads);
  std::string lse = "tensor<" + std::to_string(s.batch) + "x" +
                    std::to_string(s.heads) + "x" + std::to_string(s.time) +
                    "xf32>";
  std::string attributes = " heads(" + std::to_string(s.heads) + ") kv_heads(" +
                           std::to_string(s.kvHeads) + ")" +
                           (s.causal ? " causal" : "");
  check("%q: " + q + ", %k: " + k + ", %v: " + k + ", %g: " + q,
        "%0 = lns.attention %q, %k, %v" + attributes + " : (" + q + ", " + k +
            ", " + k + ") -> " + q + "\n%1:2 = lns.attention %q, %k, %v" +
            attributes + " : (" + q + ", " + k + ", " + k + ") -> (" + q +
            ", " + lse +
            ")\n%2:3 = lns.attention_grad %q, %k, %v, %1#0, "
            "%1#1, %g" +
            attributes + " : (" + q + ", " + k + ", " + k + ", " + q + ", " +
            lse + ", " + q + ") -> (" + q + ", " + k + ", " + k + ")");
}

using AttentionKernels = KernelTest;

// An explicit scale and scores far apart.
TEST_F(AttentionKernels, LargeScores) {
  deviation = 5;
  std::string x = "tensor<1x40x32xf32>";
  check("%q: " + x + ", %k: " + x + ", %v: " + x,
        "%0:2 = lns.attention %q, %k, %v heads(2) kv_heads(2) causal "
        "{softmax_scale = 0.7} : (" +
            x + ", " + x + ", " + x + ") -> (" + x + ", tensor<1x2x40xf32>)");
}

// The scale is an argument, the shape is not.
TEST_F(AttentionKernels, AreSharedByShape) {
  std::string x = "tensor<1x8x32xf32>", y = "tensor<3x8x32xf32>";
  auto op = [](const std::string &x, const std::string &rest) {
    return "%" + std::to_string(rest.size()) + " = lns.attention %q, %k, %v" +
           rest + " : (" + x + ", " + x + ", " + x + ") -> " + x + "\n";
  };
  parse("%q: " + x + ", %k: " + x + ", %v: " + x,
        op(x, " heads(2) kv_heads(2)") +
            op(x, " heads(2) kv_heads(2) {softmax_scale = 0.1}") +
            op(x, " heads(2) kv_heads(2) causal") +
            op(x, " heads(4) kv_heads(4) causal {softmax_scale = 0.1}"));
  ASSERT_EQ(launches.size(), 4u);
  EXPECT_EQ(launches[0].kernel, launches[1].kernel);
  EXPECT_NE(launches[0].kernel, launches[2].kernel);
  EXPECT_NE(launches[2].kernel, launches[3].kernel);
  EXPECT_EQ(launches[1].floats[0], 0.1f);
}

} // namespace
