//===- cost_test.cpp - What ops cost --------------------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "parsed_ops.h"
#include <limits>

using namespace mlir;
using namespace lns;

namespace {

struct Case {
  const char *name, *arguments, *body;
  int64_t flops, bytes;
};

class CostTest : public lns::test::ParsedOps,
                 public testing::WithParamInterface<Case> {};

TEST_P(CostTest, IsWhatTheFormulasSay) {
  const Case &test = GetParam();
  auto op = parse<CostOpInterface>(test.arguments, test.body);
  ASSERT_TRUE(op);
  EXPECT_EQ(op.getFlops(), test.flops);
  EXPECT_EQ(op.getBytes(), test.bytes);
}

constexpr int64_t kMost = std::numeric_limits<int64_t>::max();

// Tensors of 2 x 4 x 8 have 64 elements.
const Case cases[] = {
    {"embedding", "%t: tensor<16x8xf32>, %i: tensor<2x4xi32>",
     "%y = lns.embedding %t, %i : (tensor<16x8xf32>, tensor<2x4xi32>) -> "
     "tensor<2x4x8xf32>",
     0, 4 * (128 + 8 + 64)},
    {"linear", "%x: tensor<2x4x8xf32>, %w: tensor<6x8xf32>",
     "%y = lns.linear %x, %w : (tensor<2x4x8xf32>, tensor<6x8xf32>) -> "
     "tensor<2x4x6xf32>",
     2 * 8 * 6 * 8, 4 * (64 + 48 + 48)},
    {"linear_bias", "%x: tensor<8xf64>, %w: tensor<6x8xf64>, %b: tensor<6xf64>",
     "%y = lns.linear %x, %w bias(%b) : (tensor<8xf64>, tensor<6x8xf64>, "
     "tensor<6xf64>) -> tensor<6xf64>",
     2 * 6 * 8 + 6, 8 * (8 + 48 + 6 + 6)},
    {"matmul_transpose_a", "%a: tensor<2x3x8xf32>, %b: tensor<6x5xf32>",
     "%c = lns.matmul %a, %b transpose_a : (tensor<2x3x8xf32>, "
     "tensor<6x5xf32>) -> tensor<8x5xf32>",
     2 * 8 * 5 * 6, 4 * (48 + 30 + 40)},
    {"weight_grad",
     "%u: tensor<2x3x8xf32>, %x: tensor<6x5xf32>, %w: tensor<8x5xf32>, %g: "
     "tensor<5xf32>",
     "%r:2 = lns.weight_grad %u, %x weight(%w) gain(%g) addend(%w) "
     "gain_addend(%g) : (tensor<2x3x8xf32>, tensor<6x5xf32>, tensor<8x5xf32>, "
     "tensor<5xf32>, tensor<8x5xf32>, tensor<5xf32>) -> (tensor<8x5xf32>, "
     "tensor<5xf32>)",
     2 * 8 * 5 * 6 + 3 * 40 + 5, 4 * (48 + 30 + 3 * 40 + 3 * 5)},
    {"matmul_transpose_b", "%a: tensor<2x3x8xf32>, %b: tensor<5x8xf32>",
     "%c = lns.matmul %a, %b transpose_b : (tensor<2x3x8xf32>, "
     "tensor<5x8xf32>) -> tensor<2x3x5xf32>",
     2 * 6 * 5 * 8, 4 * (48 + 40 + 30)},
    {"attention", "%q: tensor<2x3x8xf32>",
     "%y = lns.attention %q, %q, %q heads(4) kv_heads(4) : "
     "(tensor<2x3x8xf32>, tensor<2x3x8xf32>, tensor<2x3x8xf32>) -> "
     "tensor<2x3x8xf32>",
     4 * 2 * 9 * 8, 4 * 4 * 48},
    // The lower triangle of 3 x 3 has 6 elements, that of 4 x 4 has 10.
    {"attention_causal_odd", "%q: tensor<2x3x8xf32>",
     "%y = lns.attention %q, %q, %q heads(4) kv_heads(4) causal : "
     "(tensor<2x3x8xf32>, tensor<2x3x8xf32>, tensor<2x3x8xf32>) -> "
     "tensor<2x3x8xf32>",
     4 * 2 * 6 * 8, 4 * 4 * 48},
    {"attention_causal_even", "%q: tensor<2x4x8xf32>",
     "%y = lns.attention %q, %q, %q heads(4) kv_heads(4) causal : "
     "(tensor<2x4x8xf32>, tensor<2x4x8xf32>, tensor<2x4x8xf32>) -> "
     "tensor<2x4x8xf32>",
     4 * 2 * 10 * 8, 4 * 4 * 64},
    // With a window of 3, the first queries see 1 and 2 keys, the others 3.
    {"attention_window", "%q: tensor<2x5x8xf32>",
     "%y = lns.attention %q, %q, %q heads(4) kv_heads(4) causal window(3) : "
     "(tensor<2x5x8xf32>, tensor<2x5x8xf32>, tensor<2x5x8xf32>) -> "
     "tensor<2x5x8xf32>",
     4 * 2 * (1 + 2 + 3 * 3) * 8, 4 * 4 * 80},
    {"attention_wide_window", "%q: tensor<2x4x8xf32>",
     "%y = lns.attention %q, %q, %q heads(4) kv_heads(4) causal window(9) : "
     "(tensor<2x4x8xf32>, tensor<2x4x8xf32>, tensor<2x4x8xf32>) -> "
     "tensor<2x4x8xf32>",
     4 * 2 * 10 * 8, 4 * 4 * 64},
    // Three more for each score, of four heads.
    {"attention_softcap", "%q: tensor<2x3x8xf32>",
     "%y = lns.attention %q, %q, %q heads(4) kv_heads(4) softcap(2.0) : "
     "(tensor<2x3x8xf32>, tensor<2x3x8xf32>, tensor<2x3x8xf32>) -> "
     "tensor<2x3x8xf32>",
     4 * 2 * 9 * 8 + 3 * 2 * 9 * 4, 4 * 4 * 48},
    {"attention_grad_softcap", "%q: tensor<2x4x8xf32>, %l: tensor<2x4x4xf32>",
     "%d:3 = lns.attention_grad %q, %q, %q, %q, %l, %q heads(4) kv_heads(4) "
     "causal window(1) softcap(2.0) : (tensor<2x4x8xf32>, tensor<2x4x8xf32>, "
     "tensor<2x4x8xf32>, tensor<2x4x8xf32>, tensor<2x4x4xf32>, "
     "tensor<2x4x8xf32>) -> (tensor<2x4x8xf32>, tensor<2x4x8xf32>, "
     "tensor<2x4x8xf32>)",
     10 * 2 * 4 * 8 + 6 * 2 * 4 * 4, 4 * (5 * 64 + 32 + 3 * 64)},
    {"softcap", "%x: tensor<2x4x8xf32>",
     "%y = lns.softcap %x cap(2.0) : tensor<2x4x8xf32>", 3 * 64, 4 * (64 + 64)},
    {"softcap_grad", "%x: tensor<2x4x8xf32>",
     "%y = lns.softcap_grad %x, %x cap(2.0) : tensor<2x4x8xf32>", 5 * 64,
     4 * (64 + 64 + 64)},
    {"offset", "%w: tensor<8xf32>",
     "%y = lns.offset %w by(1.0) : tensor<8xf32>", 8, 4 * (8 + 8)},
    {"attention_grad", "%q: tensor<2x4x8xf32>, %l: tensor<2x4x4xf32>",
     "%d:3 = lns.attention_grad %q, %q, %q, %q, %l, %q heads(4) kv_heads(4) "
     "causal : (tensor<2x4x8xf32>, tensor<2x4x8xf32>, tensor<2x4x8xf32>, "
     "tensor<2x4x8xf32>, tensor<2x4x4xf32>, tensor<2x4x8xf32>) -> "
     "(tensor<2x4x8xf32>, tensor<2x4x8xf32>, tensor<2x4x8xf32>)",
     10 * 2 * 10 * 8, 4 * (5 * 64 + 32 + 3 * 64)},
    {"norm", "%x: tensor<2x4x8xf32>, %g: tensor<8xf32>",
     "%y = lns.norm rms %x, %g : tensor<2x4x8xf32>, tensor<8xf32>", 4 * 64,
     4 * (64 + 8 + 64)},
    {"norm_layer", "%x: tensor<2x4x8xf32>, %g: tensor<8xf32>",
     "%y = lns.norm layer %x, %g bias(%g) : tensor<2x4x8xf32>, tensor<8xf32>, "
     "tensor<8xf32>",
     7 * 64, 4 * (64 + 8 + 8 + 64)},
    {"norm_tanh", "%x: tensor<2x4x8xf32>, %g: tensor<8xf32>, %a: tensor<1xf32>",
     "%y = lns.norm tanh %x, %g bias(%g) alpha(%a) : tensor<2x4x8xf32>, "
     "tensor<8xf32>, tensor<8xf32>, tensor<1xf32>",
     4 * 64, 4 * (64 + 8 + 8 + 1 + 64)},
    {"residual", "%x: tensor<2x4x8xf32>",
     "%y = lns.residual %x, %x {skip_scale = 0.5 : f64} : tensor<2x4x8xf32>",
     2 * 64, 4 * 3 * 64},
    {"scale_columns", "%x: tensor<2x4x8xf32>, %g: tensor<8xf32>",
     "%y = lns.scale_columns %x, %g scale(0.5) : tensor<2x4x8xf32>, "
     "tensor<8xf32>",
     2 * 64, 4 * (64 + 8 + 64)},
    // The gate of gelu_tanh is the sigmoid of a cubic polynomial: four
    // operations and three.
    {"activation_gelu", "%x: tensor<2x4x8xf32>",
     "%y = lns.activation gelu_tanh %x : tensor<2x4x8xf32>", 8 * 64,
     4 * 2 * 64},
    {"activation_relu", "%x: tensor<2x4x8xf32>",
     "%y = lns.activation relu %x : tensor<2x4x8xf32>", 64, 4 * 2 * 64},
    {"activation_grad_silu", "%x: tensor<2x4x8xf32>",
     "%y = lns.activation_grad silu %x, %x : tensor<2x4x8xf32>", 8 * 64,
     4 * 3 * 64},
    {"gated_activation", "%x: tensor<2x4x8xf32>",
     "%y = lns.gated_activation silu %x, %x : tensor<2x4x8xf32>", 5 * 64,
     4 * 3 * 64},
    {"gated_activation_grad_gelu", "%x: tensor<2x4x8xf32>",
     "%y:2 = lns.gated_activation_grad gelu_tanh %x, %x, %x : "
     "tensor<2x4x8xf32>",
     18 * 64, 4 * 5 * 64},
    {"add_positions", "%x: tensor<2x4x8xf32>, %t: tensor<5x8xf32>",
     "%y = lns.add_positions %x, %t : tensor<2x4x8xf32>, tensor<5x8xf32>", 64,
     4 * (64 + 40 + 64)},
    {"add_positions_grad", "%x: tensor<2x4x8xf32>",
     "%y = lns.add_positions_grad %x : (tensor<2x4x8xf32>) -> tensor<5x8xf32>",
     64, 4 * (64 + 40)},
    {"scale_by", "%x: tensor<2x4x8xf32>, %a: tensor<1xf32>",
     "%y = lns.scale_by %x, %a : tensor<2x4x8xf32>, tensor<1xf32>", 64,
     4 * (64 + 1 + 64)},
    {"shift_by", "%x: tensor<2x4x8xf32>, %a: tensor<1xf32>",
     "%y = lns.shift_by %x, %a : tensor<2x4x8xf32>, tensor<1xf32>", 64,
     4 * (64 + 1 + 64)},
    {"row_sum", "%x: tensor<2x4x8xf32>",
     "%y = lns.row_sum %x : (tensor<2x4x8xf32>) -> tensor<2x4xf32>", 64,
     4 * (64 + 8)},
    {"stop_gradient", "%x: tensor<2x4x8xf32>",
     "%y = lns.stop_gradient %x : tensor<2x4x8xf32>", 0, 4 * 2 * 64},
    {"ramp", "", "%y = lns.ramp steps(5.0) : tensor<1xf32>", 0, 4},
    {"erf_norm", "%x: tensor<2x4x8xf32>, %a: tensor<1xf32>",
     "%y = lns.norm erf %x alpha(%a) shift(%a) : tensor<2x4x8xf32>, "
     "tensor<1xf32>, tensor<1xf32>",
     3 * 64, 4 * (64 + 1 + 1 + 64)},
    {"sum", "%x: tensor<2x4x8xf32>",
     "%y = lns.sum %x : (tensor<2x4x8xf32>) -> tensor<1xf32>", 64,
     4 * (64 + 1)},
    {"add_bias", "%x: tensor<2x4x8xf32>, %b: tensor<8xf32>",
     "%y = lns.add_bias %x, %b : tensor<2x4x8xf32>, tensor<8xf32>", 64,
     4 * (64 + 8 + 64)},
    {"center_rows", "%x: tensor<2x4x8xf32>",
     "%y = lns.center_rows %x : tensor<2x4x8xf32>", 2 * 64, 4 * 2 * 64},
    {"clip_factor", "%o: tensor<8xf32>, %g: tensor<10xf32>",
     "%n, %f, %p = lns.clip_factor %o, %g : (tensor<8xf32>, tensor<10xf32>) "
     "-> (tensor<f32>, tensor<f32>, tensor<1xf64>)",
     20, 4 * (8 + 10 + 1 + 1) + 8},
    // A cluster costs what its ops cost, but touches only its own operands.
    {"cluster", "%x: tensor<2x4x8xf32>",
     "%y = lns.cluster(%a = %x) : (tensor<2x4x8xf32>) -> tensor<2x4xf32> {\n"
     "%s = lns.add %a, %a : tensor<2x4x8xf32>\n"
     "%r = lns.row_rstd %s eps(1.0e-6) : (tensor<2x4x8xf32>) -> "
     "tensor<2x4xf32>\n"
     "lns.yield %r : tensor<2x4xf32>\n}",
     64 + 2 * 64, 4 * (64 + 8)},
    // So does one with a product, whose result is in no memory.
    {"cluster_product", "%x: tensor<4x6xf32>, %w: tensor<8x6xf32>",
     "%y = lns.cluster(%a = %x, %b = %w) : (tensor<4x6xf32>, tensor<8x6xf32>) "
     "-> tensor<4xf32> {\n"
     "%p = lns.linear %a, %b : (tensor<4x6xf32>, tensor<8x6xf32>) -> "
     "tensor<4x8xf32>\n"
     "%r = lns.row_rstd %p eps(1.0e-6) : (tensor<4x8xf32>) -> tensor<4xf32>\n"
     "lns.yield %r : tensor<4xf32>\n}",
     2 * 4 * 6 * 8 + 2 * 32, 4 * (24 + 48 + 4)},
    // Dynamic shapes count as nothing, huge ones saturate.
    {"dynamic", "%a: tensor<?x3xf32>, %b: tensor<3x5xf32>",
     "%c = lns.matmul %a, %b : (tensor<?x3xf32>, tensor<3x5xf32>) -> "
     "tensor<?x5xf32>",
     0, 4 * 15},
    {"saturates",
     "%a: tensor<4294967296x4294967296xf32>, "
     "%b: tensor<4294967296x4294967296xf32>",
     "%c = lns.matmul %a, %b : (tensor<4294967296x4294967296xf32>, "
     "tensor<4294967296x4294967296xf32>) -> "
     "tensor<4294967296x4294967296xf32>",
     kMost, kMost},
};

INSTANTIATE_TEST_SUITE_P(Ops, CostTest, testing::ValuesIn(cases),
                         [](const auto &info) {
                           return std::string(info.param.name);
                         });

using AdamWCostTest = lns::test::ParsedOps;

// Reads the gradient, reads and writes the parameter and two moments.
TEST_F(AdamWCostTest, CountsTheParametersOwnTensors) {
  module = parseSourceString<ModuleOp>(
      R"(lns.parameter @p matrix init(zeros) decay(true) : tensor<10xf32>
      func.func @f(%g: tensor<10xf32>, %f: tensor<f32>, %o: tensor<8xf32>) {
        lns.adamw @p, %g, %f, %o decay(true)
          : tensor<10xf32>, tensor<f32>, tensor<8xf32>
        lns.adamw @p, %g, %f, %o decay(false)
          : tensor<10xf32>, tensor<f32>, tensor<8xf32>
        return
      })",
      ParserConfig(&context));
  ASSERT_TRUE(module) << errors;
  SmallVector<AdamWOp> ops;
  module->walk([&](AdamWOp op) { ops.push_back(op); });
  ASSERT_EQ(ops.size(), 2u);
  EXPECT_EQ(ops[0].getFlops(), 15 * 10);
  EXPECT_EQ(ops[1].getFlops(), 13 * 10);
  EXPECT_EQ(ops[0].getBytes(), 4 * (7 * 10 + 1 + 8));
}

// A square, its sum and a product; read and written once.
TEST_F(AdamWCostTest, ProjectionsReadAndWriteTheParameter) {
  module = parseSourceString<ModuleOp>(
      R"(lns.parameter @p matrix init(zeros) decay(false) project(rows) : tensor<5x2xf32>
      func.func @f(%f: tensor<f32>) {
        lns.project @p rows factor(%f) : tensor<5x2xf32>, tensor<f32>
        return
      })",
      ParserConfig(&context));
  ASSERT_TRUE(module) << errors;
  module->walk([&](ProjectOp op) {
    EXPECT_EQ(op.getFlops(), 3 * 10);
    EXPECT_EQ(op.getBytes(), 4 * (2 * 10 + 1));
  });
}

} // namespace
