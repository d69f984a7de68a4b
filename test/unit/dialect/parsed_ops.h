//===- parsed_ops.h - Ops for tests, parsed from text -----------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TEST_UNIT_DIALECT_PARSED_OPS_H
#define LNS_TEST_UNIT_DIALECT_PARSED_OPS_H

#include "dialect/LnsOps.h"
#include "dialect/Register.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"
#include <gtest/gtest.h>
#include <string>

namespace lns::test {

/// A module parsed from text, with the errors that its context reported.
class ParsedOps : public testing::Test {
protected:
  ParsedOps()
      : handler(&context, [this](mlir::Diagnostic &diagnostic) {
          errors += diagnostic.str() + "\n";
          return mlir::success();
        }) {
    mlir::DialectRegistry registry;
    registerDialects(registry);
    context.appendDialectRegistry(registry);
  }

  /// Parses a function with `arguments` and `body`, and returns its first op of
  /// kind `Op`; fails the test when there is none.
  template <typename Op>
  Op parse(const std::string &arguments, const std::string &body) {
    module = mlir::parseSourceString<mlir::ModuleOp>(
        "func.func @f(" + arguments + ") {\n" + body + "\nreturn\n}\n",
        mlir::ParserConfig(&context));
    EXPECT_TRUE(module) << errors;
    Op found;
    if (module)
      module->walk<mlir::WalkOrder::PreOrder>([&](Op op) {
        found = op;
        return mlir::WalkResult::interrupt();
      });
    EXPECT_TRUE(found) << body;
    return found;
  }

  mlir::MLIRContext context;
  std::string errors;
  mlir::ScopedDiagnosticHandler handler;
  mlir::OwningOpRef<mlir::ModuleOp> module;
};

} // namespace lns::test

#endif // LNS_TEST_UNIT_DIALECT_PARSED_OPS_H
