//===- scalar_program_test.cpp - Programs of row ops, read ----------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "dialect/ScalarProgram.h"

#include <cmath>
#include <gtest/gtest.h>

using namespace lns;
using Scalar = ScalarProgram::Scalar;

namespace {

/// What a program of operand 0 makes of `x`.
double evaluate(llvm::function_ref<Scalar(ScalarProgram &, Scalar)> build,
                double x) {
  ScalarProgram p(1);
  p.yield(build(p, p.operand(0)));
  llvm::SmallVector<double> values;
  p.evaluate(x, {}, values);
  return values[p.getResults()[0]];
}

TEST(ScalarProgram, EvaluatesElementaryFunctions) {
  using P = ScalarProgram;
  EXPECT_EQ(evaluate([](P &p, Scalar x) { return p.exp(x); }, 0.75),
            std::exp(0.75));
  EXPECT_EQ(evaluate([](P &p, Scalar x) { return p.tanh(x); }, 0.75),
            std::tanh(0.75));
  EXPECT_EQ(evaluate([](P &p, Scalar x) { return p.erf(x); }, 0.75),
            std::erf(0.75));
  EXPECT_EQ(evaluate([](P &p, Scalar x) { return p.div(p.constant(1), x); }, 4),
            0.25);
}

/// Whether zeros of operand 0 stay zeros, whatever operand 1 is.
bool keepsZero(llvm::function_ref<Scalar(ScalarProgram &)> build) {
  ScalarProgram p(1);
  p.yield(build(p));
  return p.keepsZero([](unsigned operand) { return operand == 0; });
}

TEST(ScalarProgram, KnowsWhatZerosBecome) {
  using P = ScalarProgram;
  EXPECT_TRUE(keepsZero([](P &p) { return p.operand(0); }));
  EXPECT_TRUE(
      keepsZero([](P &p) { return p.mul(p.operand(1), p.operand(0)); }));
  EXPECT_TRUE(
      keepsZero([](P &p) { return p.mul(p.argument(0), p.operand(0)); }));
  EXPECT_TRUE(keepsZero(
      [](P &p) { return p.fma(p.operand(1), p.operand(0), p.operand(0)); }));
  EXPECT_TRUE(keepsZero(
      [](P &p) { return p.tanh(p.erf(p.mul(p.operand(0), p.operand(1)))); }));
  EXPECT_TRUE(keepsZero([](P &p) {
    return p.positive(p.operand(0), p.operand(1), p.constant(0));
  }));
  // sigmoid(0) is a half, and e^0 one.
  EXPECT_TRUE(keepsZero(
      [](P &p) { return p.sub(p.sigmoid(p.operand(0)), p.constant(0.5)); }));
  EXPECT_FALSE(keepsZero([](P &p) { return p.exp(p.operand(0)); }));
  EXPECT_FALSE(keepsZero([](P &p) { return p.operand(1); }));
  EXPECT_FALSE(
      keepsZero([](P &p) { return p.add(p.operand(0), p.operand(1)); }));
  EXPECT_FALSE(
      keepsZero([](P &p) { return p.add(p.operand(0), p.argument(0)); }));
  EXPECT_FALSE(keepsZero(
      [](P &p) { return p.fma(p.operand(1), p.operand(0), p.operand(1)); }));
  EXPECT_FALSE(keepsZero([](P &p) {
    return p.positive(p.operand(0), p.constant(0), p.constant(1));
  }));
}

// One result that is not zero is enough.
TEST(ScalarProgram, AsksForAllResults) {
  ScalarProgram p(1);
  p.yield(p.operand(0));
  EXPECT_TRUE(p.keepsZero([](unsigned) { return true; }));
  p.yield(p.constant(1));
  EXPECT_FALSE(p.keepsZero([](unsigned) { return true; }));
}

// Factors that are one and what all columns share cost nothing.
TEST(ScalarProgram, CountsOperationsOfElements) {
  auto flops = [](llvm::function_ref<Scalar(ScalarProgram &)> build,
                  double argument = 0.5) {
    ScalarProgram p(1);
    p.yield(build(p));
    return p.getFlops([](unsigned operand) { return operand == 1; }, argument);
  };
  using P = ScalarProgram;
  EXPECT_EQ(flops([](P &p) { return p.operand(0); }), 0);
  EXPECT_EQ(flops([](P &p) { return p.mul(p.argument(0), p.operand(0)); }), 1);
  EXPECT_EQ(flops([](P &p) { return p.mul(p.argument(0), p.operand(0)); }, 1),
            0);
  EXPECT_EQ(flops([](P &p) { return p.mul(p.operand(0), p.constant(1)); }), 0);
  auto fused = [](P &p) {
    return p.fma(p.argument(0), p.operand(0), p.operand(2));
  };
  EXPECT_EQ(flops(fused), 2);
  EXPECT_EQ(flops(fused, 1), 1);
  EXPECT_EQ(flops([](P &p) { return p.sigmoid(p.operand(0)); }), 3);
  EXPECT_EQ(flops([](P &p) { return p.tanh(p.operand(0)); }), 1);
  EXPECT_EQ(flops([](P &p) {
              Scalar root = p.sqrt(p.mul(p.operand(1), p.operand(1)));
              return p.mul(root, p.operand(0));
            }),
            1);
}

} // namespace
