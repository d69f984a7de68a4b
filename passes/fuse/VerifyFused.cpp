//===- VerifyFused.cpp - What fused form must be ----------------*- C++ -*-===//
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
#define GEN_PASS_DEF_VERIFYFUSED
#include "passes/Passes.h.inc"
} // namespace lns

using namespace mlir;
using namespace lns;

namespace {

struct VerifyFusedPass : lns::impl::VerifyFusedBase<VerifyFusedPass> {
  void runOnOperation() override {
    func::FuncOp function = getOperation();
    bool failed = false;
    for (Block &block : function.getBody())
      for (Operation &op : block) {
        if (!isa<RowOpInterface>(op))
          continue;
        op.emitOpError("is a row op outside of a cluster, so that it is no "
                       "part of a kernel; run 'lns-cluster'");
        failed = true;
      }
    if (failed)
      signalPassFailure();
  }
};

} // namespace
