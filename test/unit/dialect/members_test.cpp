//===- members_test.cpp - Builders and small members of ops ---------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "parsed_ops.h"
#include <cmath>

using namespace mlir;
using namespace lns;

namespace {

using MembersTest = lns::test::ParsedOps;

TEST_F(MembersTest, RopeFrequenciesFallWithThePair) {
  auto op = parse<RopeOp>("%x: tensor<2x4x8xf32>",
                          "%y = lns.rope %x head_dim(8) {base = 500.0 : f64} : "
                          "tensor<2x4x8xf32>");
  SmallVector<double> frequencies = op.getAngularFrequencies();
  ASSERT_EQ(frequencies.size(), 4u);
  for (int j = 0; j < 4; ++j)
    EXPECT_DOUBLE_EQ(frequencies[j], std::pow(500.0, -j / 4.0));
}

TEST_F(MembersTest, GivenRopeFrequenciesReplaceTheBase) {
  auto op = parse<RopeOp>("%x: tensor<2x4x8xf32>",
                          "%y = lns.rope %x head_dim(4) {frequencies = "
                          "array<f64: 1.0, 0.25>} : tensor<2x4x8xf32>");
  EXPECT_EQ(op.getAngularFrequencies(), SmallVector<double>({1.0, 0.25}));
}

TEST_F(MembersTest, AttentionScaleDefaultsToTheHeadsWidth) {
  auto op = parse<AttentionOp>(
      "%q: tensor<2x3x16xf32>, %k: tensor<2x3x4xf32>",
      "%y = lns.attention %q, %k, %k heads(4) kv_heads(1) : "
      "(tensor<2x3x16xf32>, tensor<2x3x4xf32>, tensor<2x3x4xf32>) -> "
      "tensor<2x3x16xf32>");
  EXPECT_EQ(op.getHeadDim(), 4);
  EXPECT_DOUBLE_EQ(op.getEffectiveScale(), 0.5);
}

TEST_F(MembersTest, AttentionScaleCanBeGiven) {
  auto op = parse<AttentionOp>(
      "%q: tensor<2x3x16xf32>",
      "%y = lns.attention %q, %q, %q heads(4) kv_heads(4) {softmax_scale = "
      "0.125 : f64} : (tensor<2x3x16xf32>, tensor<2x3x16xf32>, "
      "tensor<2x3x16xf32>) -> tensor<2x3x16xf32>");
  EXPECT_DOUBLE_EQ(op.getEffectiveScale(), 0.125);
}

TEST_F(MembersTest, CrossEntropyGradMayOverwriteTheLogits) {
  auto op = parse<InPlaceOpInterface>(
      "%x: tensor<2x4x8xf32>, %t: tensor<2x4xi32>, %l: tensor<2x4xf32>",
      "%d = lns.cross_entropy_grad %x, %t, %l, %l : (tensor<2x4x8xf32>, "
      "tensor<2x4xi32>, tensor<2x4xf32>, tensor<2x4xf32>) -> "
      "tensor<2x4x8xf32>");
  ASSERT_TRUE(op);
  EXPECT_EQ(op->getOperand(op.getInPlaceOperand(0)), op->getOperand(0));
  EXPECT_EQ(op->getOperand(0).getType(), op->getResult(0).getType());
}

TEST_F(MembersTest, CrossEntropyWithGradMayOverwriteTheLogits) {
  auto op = parse<InPlaceOpInterface>(
      "%x: tensor<2x4x8xf32>, %t: tensor<2x4xi32>, %d: tensor<2x4xf32>",
      "%l, %g = lns.cross_entropy_with_grad %x, %t, %d : (tensor<2x4x8xf32>, "
      "tensor<2x4xi32>, tensor<2x4xf32>) -> (tensor<2x4xf32>, "
      "tensor<2x4x8xf32>)");
  ASSERT_TRUE(op);
  EXPECT_EQ(op.getInPlaceOperand(0), -1);
  EXPECT_EQ(op->getOperand(op.getInPlaceOperand(1)), op->getOperand(0));
  EXPECT_EQ(op->getOperand(0).getType(), op->getResult(1).getType());
}

TEST_F(MembersTest, WeightGradMayOverwriteItsAddends) {
  std::string arguments = "%u: tensor<2x8xf32>, %x: tensor<2x4xf32>, %w: "
                          "tensor<8x4xf32>, %g: tensor<4xf32>";
  auto both = parse<InPlaceOpInterface>(
      arguments,
      "%r:2 = lns.weight_grad %u, %x weight(%w) gain(%g) addend(%w) "
      "gain_addend(%g) : (tensor<2x8xf32>, tensor<2x4xf32>, tensor<8x4xf32>, "
      "tensor<4xf32>, tensor<8x4xf32>, tensor<4xf32>) -> (tensor<8x4xf32>, "
      "tensor<4xf32>)");
  ASSERT_TRUE(both);
  EXPECT_EQ(both.getInPlaceOperand(0), 4);
  EXPECT_EQ(both.getInPlaceOperand(1), 5);
  auto one = parse<InPlaceOpInterface>(
      arguments,
      "%r:2 = lns.weight_grad %u, %x weight(%w) gain(%g) gain_addend(%g) : "
      "(tensor<2x8xf32>, tensor<2x4xf32>, tensor<8x4xf32>, tensor<4xf32>, "
      "tensor<4xf32>) -> (tensor<8x4xf32>, tensor<4xf32>)");
  ASSERT_TRUE(one);
  EXPECT_EQ(one.getInPlaceOperand(0), -1);
  EXPECT_EQ(one.getInPlaceOperand(1), 4);
}

TEST_F(MembersTest, BuildersMakeWhatTheParserMakes) {
  auto parsed = parse<NormOp>("%x: tensor<2x8xf32>, %g: tensor<8xf32>",
                              "%y = lns.norm rms %x, %g eps(1.0e-3) scale(0.5)"
                              " : tensor<2x8xf32>, tensor<8xf32>");
  OpBuilder builder(parsed);
  auto norm =
      NormOp::create(builder, parsed.getLoc(), parsed.getInput(),
                     parsed.getGain(), Value(), NormKind::rms, 1.0e-3, 0.5);
  EXPECT_EQ(norm.getType(), parsed.getType());
  EXPECT_EQ(norm.getEpsAttr(), parsed.getEpsAttr());
  EXPECT_EQ(norm.getScaleAttr(), parsed.getScaleAttr());
  EXPECT_EQ(norm.getDepthScale(), DepthScale::none);
  EXPECT_FALSE(norm.getBias());

  auto weight =
      ConstantOp::create(builder, parsed.getLoc(),
                         RankedTensorType::get({6, 8}, builder.getF32Type()),
                         builder.getF64FloatAttr(0.0));
  auto linear =
      LinearOp::create(builder, parsed.getLoc(),
                       RankedTensorType::get({2, 6}, builder.getF32Type()),
                       norm.getResult(), weight);
  EXPECT_DOUBLE_EQ(linear.getAlpha().convertToDouble(), 1.0);
  EXPECT_FALSE(linear.getBias());
  EXPECT_TRUE(succeeded(verify(*module))) << errors;
}

} // namespace
