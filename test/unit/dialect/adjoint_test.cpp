//===- adjoint_test.cpp - The form of adjoints ----------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

//
// What the adjoints compute is tested with numbers, through lns-differentiate;
// here only their form and their errors.
//
//===----------------------------------------------------------------------===//

#include "parsed_ops.h"

using namespace mlir;
using namespace lns;

namespace {

struct Case {
  const char *name, *arguments, *body;
  /// For each operand, whether it gets a gradient.
  std::vector<bool> differentiable;
};

class AdjointTest : public lns::test::ParsedOps,
                    public testing::WithParamInterface<Case> {};

/// Ops that build the adjoint of `op` for a gradient of ones at result 0.
LogicalResult buildAdjoint(Operation *op, SmallVectorImpl<Value> &operandGrads,
                           unsigned atResult = 0) {
  OpBuilder builder(op->getContext());
  builder.setInsertionPointAfter(op);
  SmallVector<Value> resultGrads(op->getNumResults());
  resultGrads[atResult] = ConstantOp::create(builder, op->getLoc(),
                                             op->getResult(atResult).getType(),
                                             builder.getF64FloatAttr(1.0));
  return cast<DifferentiableOpInterface>(op).buildAdjoint(builder, resultGrads,
                                                          operandGrads);
}

TEST_P(AdjointTest, GradientsHaveTheOperandsTypes) {
  const Case &test = GetParam();
  auto op = parse<DifferentiableOpInterface>(test.arguments, test.body);
  ASSERT_TRUE(op);
  OpBuilder builder(&context);
  Operation *prepared = op.prepareForward(builder);
  SmallVector<Value> grads;
  ASSERT_TRUE(succeeded(buildAdjoint(prepared, grads))) << errors;
  EXPECT_TRUE(succeeded(verify(*module))) << errors;
  ASSERT_EQ(grads.size(), prepared->getNumOperands());
  ASSERT_EQ(grads.size(), test.differentiable.size());
  for (auto [index, grad] : llvm::enumerate(grads)) {
    ASSERT_EQ(static_cast<bool>(grad), test.differentiable[index]) << index;
    if (grad) {
      EXPECT_EQ(grad.getType(), prepared->getOperand(index).getType()) << index;
    }
  }
}

const Case cases[] = {
    {"embedding",
     "%t: tensor<16x8xf64>, %i: tensor<2x4xi32>",
     "%y = lns.embedding %t, %i : (tensor<16x8xf64>, tensor<2x4xi32>) -> "
     "tensor<2x4x8xf64>",
     {true, false}},
    {"norm",
     "%x: tensor<2x4x8xf32>",
     "%y = lns.norm rms %x scale(0.5) : tensor<2x4x8xf32>",
     {true}},
    {"norm_gain",
     "%x: tensor<2x4x8xf64>, %g: tensor<8xf64>",
     "%y = lns.norm rms %x, %g eps(1.0e-3) : tensor<2x4x8xf64>, tensor<8xf64>",
     {true, true}},
    {"norm_layer",
     "%x: tensor<2x4x8xf64>, %g: tensor<8xf64>, %b: tensor<8xf64>",
     "%y = lns.norm layer %x, %g bias(%b) : tensor<2x4x8xf64>, tensor<8xf64>, "
     "tensor<8xf64>",
     {true, true, true}},
    {"norm_layer_bias",
     "%x: tensor<2x4x8xf64>, %b: tensor<8xf64>",
     "%y = lns.norm layer %x bias(%b) : tensor<2x4x8xf64>, tensor<8xf64>",
     {true, true}},
    {"activation",
     "%x: tensor<2x4x8xf32>",
     "%y = lns.activation relu %x : tensor<2x4x8xf32>",
     {true}},
    {"add_positions",
     "%x: tensor<2x4x8xf32>, %t: tensor<5x8xf32>",
     "%y = lns.add_positions %x, %t : tensor<2x4x8xf32>, tensor<5x8xf32>",
     {true, true}},
    {"add_bias",
     "%x: tensor<2x4x8xf32>, %b: tensor<8xf32>",
     "%y = lns.add_bias %x, %b : tensor<2x4x8xf32>, tensor<8xf32>",
     {true, true}},
    {"center_rows",
     "%x: tensor<2x4x8xf32>",
     "%y = lns.center_rows %x : tensor<2x4x8xf32>",
     {true}},
    {"linear",
     "%x: tensor<2x4x8xf32>, %w: tensor<6x8xf32>",
     "%y = lns.linear %x, %w : (tensor<2x4x8xf32>, tensor<6x8xf32>) -> "
     "tensor<2x4x6xf32>",
     {true, true}},
    {"linear_bias_alpha",
     "%x: tensor<2x4x8xf64>, %w: tensor<6x8xf64>, %b: tensor<6xf64>",
     "%y = lns.linear %x, %w bias(%b) {alpha = 0.5 : f64} : "
     "(tensor<2x4x8xf64>, tensor<6x8xf64>, tensor<6xf64>) -> tensor<2x4x6xf64>",
     {true, true, true}},
    {"matmul",
     "%a: tensor<2x3x8xf32>, %b: tensor<8x5xf32>",
     "%c = lns.matmul %a, %b : (tensor<2x3x8xf32>, tensor<8x5xf32>) -> "
     "tensor<2x3x5xf32>",
     {true, true}},
    {"matmul_transpose_a",
     "%a: tensor<2x3x8xf32>, %b: tensor<6x5xf32>",
     "%c = lns.matmul %a, %b transpose_a : (tensor<2x3x8xf32>, "
     "tensor<6x5xf32>) -> tensor<8x5xf32>",
     {true, true}},
    {"matmul_transpose_b",
     "%a: tensor<2x3x8xf32>, %b: tensor<5x8xf32>",
     "%c = lns.matmul %a, %b transpose_b : (tensor<2x3x8xf32>, "
     "tensor<5x8xf32>) -> tensor<2x3x5xf32>",
     {true, true}},
    {"matmul_transpose_both",
     "%a: tensor<2x3x8xf32>, %b: tensor<5x6xf32>",
     "%c = lns.matmul %a, %b transpose_a transpose_b : (tensor<2x3x8xf32>, "
     "tensor<5x6xf32>) -> tensor<8x5xf32>",
     {true, true}},
    {"rope",
     "%x: tensor<2x4x8xf32>",
     "%y = lns.rope %x head_dim(4) {base = 500.0 : f64} : tensor<2x4x8xf32>",
     {true}},
    {"attention",
     "%q: tensor<2x3x8xf32>, %k: tensor<2x3x4xf32>",
     "%y = lns.attention %q, %k, %k heads(4) kv_heads(2) causal : "
     "(tensor<2x3x8xf32>, tensor<2x3x4xf32>, tensor<2x3x4xf32>) -> "
     "tensor<2x3x8xf32>",
     {true, true, true}},
    {"add_positions_starts",
     "%x: tensor<2x4x8xf32>, %t: tensor<5x8xf32>, %s: tensor<2x4xi32>",
     "%y = lns.add_positions %x, %t starts(%s) : tensor<2x4x8xf32>, "
     "tensor<5x8xf32>, tensor<2x4xi32>",
     {true, true, false}},
    {"rope_starts",
     "%x: tensor<2x4x3x8xf32>, %s: tensor<2x4xi32>",
     "%y = lns.rope %x starts(%s) head_dim(8) : tensor<2x4x3x8xf32>, "
     "tensor<2x4xi32>",
     {true, false}},
    {"attention_starts",
     "%q: tensor<2x3x8xf32>, %k: tensor<2x3x4xf32>, %s: tensor<2x3xi32>",
     "%y = lns.attention %q, %k, %k starts(%s) heads(4) kv_heads(2) causal : "
     "(tensor<2x3x8xf32>, tensor<2x3x4xf32>, tensor<2x3x4xf32>, "
     "tensor<2x3xi32>) -> tensor<2x3x8xf32>",
     {true, true, true, false}},
    {"gated_activation",
     "%x: tensor<2x4x8xf32>, %u: tensor<2x4x8xf32>",
     "%y = lns.gated_activation silu %x, %u : tensor<2x4x8xf32>",
     {true, true}},
    {"residual",
     "%x: tensor<2x4x8xf32>, %u: tensor<2x4x8xf32>",
     "%y = lns.residual %x, %u {branch_scale = 0.5 : f64} : tensor<2x4x8xf32>",
     {true, true}},
    {"cross_entropy",
     "%x: tensor<2x4x8xf32>, %t: tensor<2x4xi32>",
     "%l:2 = lns.cross_entropy %x, %t : (tensor<2x4x8xf32>, tensor<2x4xi32>) "
     "-> (tensor<2x4xf32>, tensor<2x4xf32>)",
     {true, false}},
    {"mean",
     "%x: tensor<2x4xf64>",
     "%y = lns.mean %x : (tensor<2x4xf64>) -> tensor<f64>",
     {true}},
    {"mean_over",
     "%x: tensor<2x4xf64>, %n: tensor<i32>",
     "%y = lns.mean %x over(%n) : (tensor<2x4xf64>, tensor<i32>) -> "
     "tensor<f64>",
     {true, false}},
    {"row_rstd",
     "%x: tensor<2x4x8xf32>",
     "%y = lns.row_rstd %x eps(1.0e-3) : (tensor<2x4x8xf32>) -> "
     "tensor<2x4xf32>",
     {true}},
    {"row_scale",
     "%x: tensor<2x4x8xf32>, %f: tensor<2x4xf32>",
     "%y = lns.row_scale %x, %f : tensor<2x4x8xf32>, tensor<2x4xf32>",
     {true, true}},
    {"scale_columns",
     "%x: tensor<6x8xf32>",
     "%y = lns.scale_columns %x scale(0.5) : tensor<6x8xf32>",
     {true}},
    {"scale_columns_gain",
     "%x: tensor<6x8xf32>, %g: tensor<8xf32>",
     "%y = lns.scale_columns %x, %g scale(0.5) : tensor<6x8xf32>, "
     "tensor<8xf32>",
     {true, true}},
    {"add",
     "%x: tensor<4xf32>, %u: tensor<4xf32>",
     "%y = lns.add %x, %u : tensor<4xf32>",
     {true, true}},
    {"scale",
     "%x: tensor<4xf32>",
     "%y = lns.scale %x factor(0.5) : tensor<4xf32>",
     {true}},
};

INSTANTIATE_TEST_SUITE_P(Ops, AdjointTest, testing::ValuesIn(cases),
                         [](const auto &info) {
                           return std::string(info.param.name);
                         });

using AdjointErrorTest = lns::test::ParsedOps;

TEST_F(AdjointErrorTest, SymbolicDepthScaleHasNone) {
  module = parseSourceString<ModuleOp>(
      R"(lns.model @m(%tokens: tensor<2x4xi32>) {
        %t = lns.param "t" embedding init(zeros) : tensor<8x8xf32>
        %x = lns.embedding %t, %tokens
          : (tensor<8x8xf32>, tensor<2x4xi32>) -> tensor<2x4x8xf32>
        %y = lns.layers(%h = %x) depth(2) : tensor<2x4x8xf32> {
          %n = lns.norm rms %h depth_scale(inv_sqrt_depth) : tensor<2x4x8xf32>
          lns.yield %n : tensor<2x4x8xf32>
        }
        lns.output %y : tensor<2x4x8xf32>
      })",
      ParserConfig(&context));
  ASSERT_TRUE(module) << errors;
  SmallVector<Value> grads;
  module->walk(
      [&](NormOp op) { EXPECT_TRUE(failed(buildAdjoint(op, grads))); });
  EXPECT_NE(errors.find("depth scale 'inv_sqrt_depth' has no adjoint, "
                        "instantiate the model first"),
            std::string::npos)
      << errors;
}

TEST_F(AdjointErrorTest, LogSumExpsTakeNoGradient) {
  auto loss = parse<CrossEntropyOp>(
      "%x: tensor<2x4x8xf32>, %t: tensor<2x4xi32>",
      "%l:2 = lns.cross_entropy %x, %t : (tensor<2x4x8xf32>, "
      "tensor<2x4xi32>) -> (tensor<2x4xf32>, tensor<2x4xf32>)");
  SmallVector<Value> grads;
  EXPECT_TRUE(failed(buildAdjoint(loss, grads, /*atResult=*/1)));
  EXPECT_NE(errors.find("no gradient can flow through result 1, only through "
                        "result 0"),
            std::string::npos)
      << errors;
}

constexpr const char *kAttention =
    "%y = lns.attention %q, %q, %q heads(2) kv_heads(2) : (tensor<2x3x8xf32>, "
    "tensor<2x3x8xf32>, tensor<2x3x8xf32>) -> tensor<2x3x8xf32>\n"
    "%z = lns.scale %y factor(2.0) : tensor<2x3x8xf32>";

TEST_F(AdjointErrorTest, AttentionWantsToBePrepared) {
  auto op = parse<AttentionOp>("%q: tensor<2x3x8xf32>", kAttention);
  SmallVector<Value> grads;
  EXPECT_TRUE(failed(buildAdjoint(op, grads)));
  EXPECT_NE(errors.find("the adjoint of attention needs the log-sum-exp, call "
                        "prepareForward first"),
            std::string::npos)
      << errors;
}

TEST_F(AdjointErrorTest, PreparedAttentionKeepsItsReaders) {
  auto op = parse<AttentionOp>("%q: tensor<2x3x8xf32>", kAttention);
  Operation *reader = *op.getResult().getUsers().begin();
  OpBuilder builder(&context);
  auto prepared = cast<AttentionOp>(
      cast<DifferentiableOpInterface>(*op).prepareForward(builder));
  ASSERT_TRUE(prepared.getLse());
  EXPECT_EQ(cast<RankedTensorType>(prepared.getLse().getType()).getShape(),
            ArrayRef<int64_t>({2, 2, 3}));
  EXPECT_EQ(reader->getOperand(0), prepared.getResult());
  EXPECT_TRUE(succeeded(verify(*module))) << errors;
  // A second time changes nothing.
  EXPECT_EQ(cast<DifferentiableOpInterface>(*prepared).prepareForward(builder),
            prepared.getOperation());
}

// Whoever reads times in the forward pass reads the same ones in the backward
// pass.
TEST_F(AdjointErrorTest, AdjointsReadTheStarts) {
  auto op = parse<AttentionOp>(
      "%q: tensor<2x3x8xf32>, %s: tensor<2x3xi32>",
      "%r = lns.rope %q starts(%s) head_dim(4) : tensor<2x3x8xf32>, "
      "tensor<2x3xi32>\n"
      "%y:2 = lns.attention %r, %r, %r starts(%s) heads(2) kv_heads(2) causal "
      ": (tensor<2x3x8xf32>, tensor<2x3x8xf32>, tensor<2x3x8xf32>, "
      "tensor<2x3xi32>) -> (tensor<2x3x8xf32>, tensor<2x2x3xf32>)");
  ASSERT_TRUE(op);
  SmallVector<Value> grads;
  ASSERT_TRUE(succeeded(buildAdjoint(op, grads))) << errors;
  auto adjoint = grads[0].getDefiningOp<AttentionGradOp>();
  ASSERT_TRUE(adjoint);
  EXPECT_EQ(adjoint.getStarts(), op.getStarts());
  auto rope = op.getQuery().getDefiningOp<RopeOp>();
  grads.clear();
  ASSERT_TRUE(succeeded(buildAdjoint(rope, grads))) << errors;
  auto back = grads[0].getDefiningOp<RopeOp>();
  EXPECT_TRUE(back.getInverse());
  EXPECT_EQ(back.getStarts(), op.getStarts());
}

} // namespace
