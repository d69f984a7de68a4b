//===- DropStopGradients.cpp - Identities that are left ---------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "dialect/LnsDialect.h"
#include "dialect/LnsOps.h"
#include "passes/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/Pass.h"

namespace lns {
#define GEN_PASS_DEF_DROPSTOPGRADIENTS
#include "passes/Passes.h.inc"
} // namespace lns

using namespace mlir;
using namespace lns;

namespace {

struct DropStopGradientsPass
    : lns::impl::DropStopGradientsBase<DropStopGradientsPass> {
  void runOnOperation() override {
    getOperation().walk([](StopGradientOp stop) {
      stop.getResult().replaceAllUsesWith(stop.getInput());
      stop.erase();
    });
  }
};

} // namespace
