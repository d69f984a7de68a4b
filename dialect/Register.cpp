//===- Register.cpp - Registers the dialects that every tool reads --------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "dialect/Register.h"
#include "dialect/LnsDialect.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

void lns::registerDialects(mlir::DialectRegistry &registry) {
  registry
      .insert<LnsDialect, mlir::arith::ArithDialect, mlir::func::FuncDialect>();
}
