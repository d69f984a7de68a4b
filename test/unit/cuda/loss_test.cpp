//===- loss_test.cpp - The loss and its gradient in one kernel ------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "kernel_test.h"

#include <vector>

using namespace lns::test;

namespace {

/// A vocabulary, and the element type of logits.
class LossWithGrad
    : public KernelTest,
      public testing::WithParamInterface<std::tuple<int, const char *>> {
protected:
  std::string logits = "tensor<2x3x" + std::to_string(std::get<0>(GetParam())) +
                       "x" + std::get<1>(GetParam()) + ">";
  std::string rows = "tensor<2x3xf32>", targets = "tensor<2x3xi32>";
  std::string arguments =
      "%x: " + logits + ", %t: " + targets + ", %d: " + rows;

  std::string together() const {
    return "%0:2 = lns.cross_entropy_with_grad %x, %t, %d : (" + logits + ", " +
           targets + ", " + rows + ") -> (" + rows + ", " + logits + ")";
  }
};

INSTANTIATE_TEST_SUITE_P(Vocabularies, LossWithGrad,
                         testing::Combine(vocabularies(),
                                          testing::Values("f32", "bf16")));

TEST_P(LossWithGrad, LossesAndGradient) {
  deviation = 3;
  check(arguments, together());
  EXPECT_EQ(lowering->getKernels().size(), 1u);
}

TEST_P(LossWithGrad, Factors) {
  deviation = 3;
  for (std::string relative : {"", " relative"})
    check(arguments + ", %f: " + rows,
          "%0:3 = lns.cross_entropy_with_grad %x, %t, %d factors(%f)" +
              relative + " : (" + logits + ", " + targets + ", " + rows + ", " +
              rows + ") -> (" + rows + ", " + logits + ", " + rows + ")");
}

TEST_P(LossWithGrad, IgnoredTargets) {
  deviation = 3;
  for (int every : {1, 2, 5}) {
    ignoreEvery = every;
    check(arguments, together());
    check(arguments + ", %f: " + rows,
          "%0:3 = lns.cross_entropy_with_grad %x, %t, %d factors(%f) relative "
          ": (" +
              logits + ", " + targets + ", " + rows + ", " + rows + ") -> (" +
              rows + ", " + logits + ", " + rows + ")");
  }
}

/// The bytes that a value's buffer has after all launches.
static std::vector<char> getBytes(RunResult &buffers, const std::string &name) {
  auto &buffer = *buffers[name];
  const auto *bytes = reinterpret_cast<const char *>(buffer.data());
  return std::vector<char>(bytes, bytes + buffer.size());
}

// Over the logits, too, and with threads in another order: a row's losses are
// known before any of it is overwritten.
TEST_P(LossWithGrad, InPlace) {
  deviation = 3;
  ignoreEvery = 4;
  parse(arguments, together());
  makeInputs();
  build();
  mlir::Operation &op = getFunction().front().front();
  std::string losses = nameOf(op.getResult(0)), grad = nameOf(op.getResult(1)),
              input = nameOf(op.getOperand(0));
  RunResult elsewhere = makeBuffers();
  execute(launches[0], elsewhere);
  // logits, targets, grad, losses, result
  launches[0].buffers[4] = launches[0].buffers[0];
  for (uint64_t order : {0, 1, 2}) {
    RunResult inPlace = makeBuffers();
    execute(launches[0], inPlace, order);
    EXPECT_EQ(getBytes(inPlace, losses), getBytes(elsewhere, losses));
    EXPECT_EQ(getBytes(inPlace, input), getBytes(elsewhere, grad));
  }
}

} // namespace
