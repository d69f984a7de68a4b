//===- build_plan_test.cpp - From fused form to commands ------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "codegen/plan/Plan.h"
#include "dialect/Register.h"

#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"
#include "mlir/Parser/Parser.h"
#include <gtest/gtest.h>

using namespace mlir;

namespace {

const std::string kFacts =
    "lns.model = {name = \"m\", batch = 1 : i64, sequence = 2 : i64, "
    "vocabulary = 4 : i64, layers = 1 : i64, norm_scheme = \"pre\"}";
const std::string kWeight =
    "lns.parameter @w matrix init(ones) decay(true) : tensor<4x4xf32>\n";

class BuildPlan : public testing::Test {
protected:
  BuildPlan()
      : handler(&context, [this](Diagnostic &diagnostic) {
          errors += diagnostic.str() + "\n";
          return success();
        }) {
    DialectRegistry registry;
    lns::registerDialects(registry);
    context.appendDialectRegistry(registry);
    context.printOpOnDiagnostic(false);
  }

  bool build(const std::string &facts, const std::string &body) {
    module = parseSourceString<ModuleOp>("module attributes {" + facts +
                                             "} {\n" + body + "}",
                                         ParserConfig(&context));
    EXPECT_TRUE(module) << errors;
    if (!module)
      return false;
    lns::cpu::KernelLowering kernels(&context);
    return succeeded(lns::buildPlan(*module, kernels, plan));
  }

  void expectError(const std::string &facts, const std::string &body,
                   const std::string &message) {
    EXPECT_FALSE(build(facts, body));
    EXPECT_NE(errors.find(message), std::string::npos) << errors;
  }

  MLIRContext context;
  std::string errors;
  ScopedDiagnosticHandler handler;
  OwningOpRef<ModuleOp> module;
  lns::Plan plan;
};

std::string function(const std::string &attributes, const std::string &body,
                     const std::string &arguments = "%t: tensor<1x2xi32>") {
  return "func.func @logits(" + arguments + ") attributes {" + attributes +
         "} {\n" + body + "\nreturn }\n";
}
const std::string kPlanned = "lns.arena_bytes = 128 : i64";

TEST_F(BuildPlan, MatmulsAndCopies) {
  ASSERT_TRUE(build(kFacts, kWeight + function(kPlanned, R"(
    %w = lns.get parameter @w : tensor<4x4xf32>
    %y = lns.linear %w, %w {alpha = 0.5, lns.offsets = array<i64: 64>}
      : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
    lns.set %w, gradient @w : tensor<4x4xf32>)")))
      << errors;
  ASSERT_EQ(plan.entryPoints.size(), 1u);
  const auto &commands = plan.entryPoints[0].commands;
  ASSERT_EQ(commands.size(), 2u);
  const auto &matmul = std::get<lns::PlanMatmul>(commands[0].body);
  EXPECT_EQ(matmul.m, 4u);
  EXPECT_TRUE(matmul.transB);
  EXPECT_EQ(matmul.alpha, 0.5);
  EXPECT_EQ(matmul.c.offset, 64u);
  const auto &copy = std::get<lns::PlanCopy>(commands[1].body);
  EXPECT_EQ(copy.source.segment, lns::PlanSegment::Parameters);
  EXPECT_EQ(copy.target.segment, lns::PlanSegment::Gradients);
  EXPECT_EQ(plan.entryPoints[0].flops, 2u * 4 * 4 * 4);
}

TEST_F(BuildPlan, NoGraphForm) {
  expectError("", "",
              "module has no 'lns.model' attribute, so it is no graph "
              "form; run 'lns-instantiate' first");
}

TEST_F(BuildPlan, FactsAreNumbers) {
  expectError("lns.model = {batch = 0 : i64}", "",
              "'lns.model' attribute needs a positive 32-bit integer 'batch'");
}

TEST_F(BuildPlan, ParametersAreF32) {
  expectError(
      kFacts, "lns.parameter @w matrix init(ones) decay(true) : tensor<4xf64>",
      "has type 'tensor<4xf64>', but a plan's parameters are f32 with static "
      "shapes");
}

TEST_F(BuildPlan, MemoryIsPlanned) {
  expectError(kFacts, function("", ""),
              "memory is not planned; run 'lns-plan-memory' first");
}

TEST_F(BuildPlan, ArgumentsAreTokens) {
  expectError(kFacts, function(kPlanned, "", "%t: tensor<1x3xi32>"),
              "argument 0 of entry point 'logits' has type 'tensor<1x3xi32>', "
              "but a plan takes tokens and targets as tensor<1x2xi32> and "
              "optimizer values as tensor<8xf32>");
}

TEST_F(BuildPlan, EveryValueHasAPlace) {
  expectError(kFacts, function(kPlanned, "%c = lns.constant 1.0 : tensor<f32>"),
              "result 0 has no place; run 'lns-plan-memory'");
}

TEST_F(BuildPlan, UnknownParameter) {
  // The verifier refuses this in a file; a pass may still erase a parameter.
  build(kFacts, kWeight + function(kPlanned, "%w = lns.get parameter @w : "
                                             "tensor<4x4xf32>"));
  module->lookupSymbol("w")->erase();
  lns::cpu::KernelLowering kernels(&context);
  lns::Plan again;
  EXPECT_FALSE(succeeded(lns::buildPlan(*module, kernels, again)));
  EXPECT_NE(errors.find("names 'w', but there is no such lns.parameter"),
            std::string::npos)
      << errors;
}

TEST_F(BuildPlan, NoKernelForModelOps) {
  expectError(kFacts, kWeight + function(kPlanned, R"(
    %w = lns.get parameter @w : tensor<4x4xf32>
    %n = lns.norm rms %w {lns.offsets = array<i64: 0>} : tensor<4x4xf32>)"),
              "has no CPU kernel and is no matmul, so that it cannot stand in "
              "a plan");
}

TEST_F(BuildPlan, NoBias) {
  expectError(kFacts,
              kWeight +
                  "lns.parameter @b bias init(ones) decay(false) : "
                  "tensor<4xf32>\n" +
                  function(kPlanned, R"(
    %w = lns.get parameter @w : tensor<4x4xf32>
    %b = lns.get parameter @b : tensor<4xf32>
    %y = lns.linear %w, %w bias(%b) {lns.offsets = array<i64: 0>}
      : (tensor<4x4xf32>, tensor<4x4xf32>, tensor<4xf32>) -> tensor<4x4xf32>)"),
              "has a bias, but in a plan biases are row ops; run "
              "'lns-split-bias'");
}

} // namespace
