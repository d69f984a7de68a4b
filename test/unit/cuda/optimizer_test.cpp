//===- optimizer_test.cpp - AdamW that writes compute weights -------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "kernel_test.h"

using namespace mlir;
using namespace lns;
using namespace lns::test;

namespace {

class CudaOptimizer : public KernelTest {
protected:
  /// Expects a compute weight to be the product of what the parameters are now,
  /// rounded once, to the bit.
  void expectFresh(RunResult &buffers, const std::string &name) {
    auto weight = SymbolTable::lookupNearestSymbolFrom<ComputeWeightOp>(
        getFunction(), StringAttr::get(&context, name));
    ASSERT_TRUE(weight);
    Type f32 = Float32Type::get(&context);
    auto type = cast<RankedTensorType>(weight.getType());
    auto read = [&](StringRef parameter) {
      return readBuffer(*buffers[parameter.str() + ".parameter"], f32);
    };
    Tensor expected = read(weight.getWeight());
    Tensor gain;
    if (weight.getGain())
      gain = read(*weight.getGain());
    for (size_t i = 0; i < expected.size(); ++i) {
      if (!gain.empty())
        expected[i] = float(expected[i] *
                            float(gain[i % gain.size()] +
                                  weight.getGainOffset().convertToDouble()));
      if (type.getElementType().isBF16())
        expected[i] = roundToBf16(expected[i]);
    }
    EXPECT_EQ(readBuffer(*buffers[name + ".compute"], type.getElementType()),
              expected)
        << name;
  }
};

// Widths that four lanes divide, that they do not, and that are less than four;
// with a gain and without, in both types.
TEST_F(CudaOptimizer, WritesComputeWeights) {
  check("%o: tensor<8xf32>, %f: tensor<f32>, %a: tensor<37x45xf32>, "
        "%b: tensor<300x300xf32>, %c: tensor<5x3xf32>",
        "lns.adamw @p, %a, %f, %o decay(true) compute(@p.bf16) : "
        "tensor<37x45xf32>, tensor<f32>, tensor<8xf32>\n"
        "lns.adamw @q, %b, %f, %o decay(false) compute(@q.bf16) : "
        "tensor<300x300xf32>, tensor<f32>, tensor<8xf32>\n"
        "lns.adamw @r, %c, %f, %o decay(false) compute(@r.bf16) : "
        "tensor<5x3xf32>, tensor<f32>, tensor<8xf32>");
  // One kernel for all shapes.
  EXPECT_EQ(lowering->getKernels().size(), 1u);
  RunResult buffers = run(0);
  for (const char *name : {"p.bf16", "q.bf16", "r.bf16"})
    expectFresh(buffers, name);
}

TEST_F(CudaOptimizer, WithoutAGainAndInF32) {
  check("%o: tensor<8xf32>, %f: tensor<f32>, %a: tensor<37x45xf32>, "
        "%b: tensor<300x300xf32>, %c: tensor<5x3xf32>",
        "lns.adamw @p, %a, %f, %o decay(true) compute(@p.f32) : "
        "tensor<37x45xf32>, tensor<f32>, tensor<8xf32>\n"
        "lns.adamw @q, %b, %f, %o decay(false) compute(@q.plain) : "
        "tensor<300x300xf32>, tensor<f32>, tensor<8xf32>\n"
        "lns.adamw @r, %c, %f, %o decay(false) : tensor<5x3xf32>, "
        "tensor<f32>, tensor<8xf32>");
  // One for each type, and AdamW alone.
  EXPECT_EQ(lowering->getKernels().size(), 3u);
  RunResult buffers = run(0);
  for (const char *name : {"p.f32", "q.plain"})
    expectFresh(buffers, name);
}

// With a number that is added to the gain, in a kernel of its own.
TEST_F(CudaOptimizer, WithAGainOffset) {
  check("%o: tensor<8xf32>, %f: tensor<f32>, %a: tensor<37x45xf32>, "
        "%b: tensor<300x300xf32>",
        "lns.adamw @p, %a, %f, %o decay(true) compute(@p.offset) : "
        "tensor<37x45xf32>, tensor<f32>, tensor<8xf32>\n"
        "lns.adamw @q, %b, %f, %o decay(false) compute(@q.offset) : "
        "tensor<300x300xf32>, tensor<f32>, tensor<8xf32>");
  RunResult buffers = run(0);
  for (const char *name : {"p.offset", "q.offset"})
    expectFresh(buffers, name);
}

// A step that is not finite leaves a compute weight as it is, too.
TEST_F(CudaOptimizer, ASkippedStepWritesNoComputeWeight) {
  parse("%o: tensor<8xf32>, %f: tensor<f32>, %a: tensor<37x45xf32>",
        "lns.adamw @p, %a, %f, %o decay(true) compute(@p.bf16) : "
        "tensor<37x45xf32>, tensor<f32>, tensor<8xf32>");
  makeInputs();
  for (auto &[value, tensor] : inputs)
    if (tensor.size() == 1)
      tensor[0] = NAN;
  build();
  RunResult buffers = makeBuffers();
  auto weight = [&] {
    Buffer &buffer = *buffers["p.bf16.compute"];
    return std::string(buffer.data(), buffer.size());
  };
  std::string before = weight();
  for (auto &one : launches)
    execute(one, buffers);
  EXPECT_TRUE(weight() == before);
}

// A gain that was updated before is read as it is then.
TEST_F(CudaOptimizer, ReadsTheGainAsItIs) {
  check("%o: tensor<8xf32>, %f: tensor<f32>, %a: tensor<37x45xf32>, "
        "%g: tensor<45xf32>",
        "lns.adamw @gp, %g, %f, %o decay(false) : tensor<45xf32>, "
        "tensor<f32>, tensor<8xf32>\n"
        "lns.adamw @p, %a, %f, %o decay(true) compute(@p.bf16) : "
        "tensor<37x45xf32>, tensor<f32>, tensor<8xf32>");
  RunResult buffers = run(0);
  expectFresh(buffers, "p.bf16");
}

} // namespace
