//===- differentiate_test.cpp - What is asked of adjoints -----------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// All ops of the dialect keep what DifferentiableOpInterface promises; ops of
// others, which learn it here, do not.
//
//===----------------------------------------------------------------------===//

#include "dialect/LnsInterfaces.h"
#include "dialect/Register.h"
#include "passes/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include <gtest/gtest.h>

using namespace mlir;
using namespace lns;

namespace {

/// Gives no gradient at all.
struct NoGradient
    : DifferentiableOpInterface::ExternalModel<NoGradient, arith::NegFOp> {
  LogicalResult buildAdjoint(Operation *, OpBuilder &, ValueRange,
                             SmallVectorImpl<Value> &) const {
    return success();
  }
};

/// Gives the result's gradient, which has another type than the operand.
struct WideGradient
    : DifferentiableOpInterface::ExternalModel<WideGradient, arith::ExtFOp> {
  LogicalResult buildAdjoint(Operation *, OpBuilder &, ValueRange grads,
                             SmallVectorImpl<Value> &operandGrads) const {
    operandGrads.push_back(grads[0]);
    return success();
  }
};

/// The errors of differentiating a loss that goes through `op`.
std::string differentiate(const std::string &op) {
  MLIRContext context;
  DialectRegistry registry;
  registerDialects(registry);
  context.appendDialectRegistry(registry);
  context.loadDialect<arith::ArithDialect>();
  arith::NegFOp::attachInterface<NoGradient>(context);
  arith::ExtFOp::attachInterface<WideGradient>(context);
  std::string errors;
  ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) {
    errors += diagnostic.str() + "\n";
    return success();
  });
  auto module = parseSourceString<ModuleOp>(
      "lns.parameter @w matrix init(zeros) decay(true) : tensor<3xf32>\n"
      "func.func @eval() -> tensor<f32> {\n"
      "  %w = lns.get parameter @w : tensor<3xf32>\n" +
          op +
          "  %loss = lns.mean %y : (tensor<3xf32>) -> tensor<f32>\n"
          "  return %loss : tensor<f32>\n}\n",
      ParserConfig(&context));
  if (!module)
    return errors;
  PassManager manager(&context);
  manager.addPass(createDifferentiate());
  EXPECT_TRUE(failed(manager.run(*module)));
  return errors;
}

TEST(Differentiate, AnAdjointGivesAGradientForEachOperand) {
  EXPECT_EQ(differentiate("%y = arith.negf %w : tensor<3xf32>\n"),
            "'arith.negf' op has 1 operands, but its adjoint gives 0 "
            "gradients\n");
}

TEST(Differentiate, AGradientHasItsOperandsType) {
  EXPECT_EQ(
      differentiate("%n = lns.cast %w : tensor<3xf32> to tensor<3xbf16>\n"
                    "%y = arith.extf %n : tensor<3xbf16> to tensor<3xf32>\n"),
      "'arith.extf' op has operand 0 of type 'tensor<3xbf16>', but its "
      "adjoint gives a gradient of type 'tensor<3xf32>'\n");
}

} // namespace
