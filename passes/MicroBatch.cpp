//===- MicroBatch.cpp - A batch in parts ------------------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// @eval of a small batch becomes one of a large batch: the mean over calls of
// what it was. Everything behind this pass sees functions as before, and works
// on the small batch; nothing is written out once for each call.
//
//===----------------------------------------------------------------------===//

#include "dialect/LnsDialect.h"
#include "dialect/LnsOps.h"
#include "passes/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"
#include "mlir/Pass/Pass.h"

namespace lns {
#define GEN_PASS_DEF_MICROBATCH
#include "passes/Passes.h.inc"
} // namespace lns

using namespace mlir;
using namespace lns;

namespace {

struct MicroBatchPass : lns::impl::MicroBatchBase<MicroBatchPass> {
  using MicroBatchBase::MicroBatchBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    int64_t count = steps;
    if (count < 1 || count > INT32_MAX) {
      module.emitError() << "steps is " << count
                         << ", expected a positive 32-bit integer";
      return signalPassFailure();
    }
    if (count == 1)
      return;
    auto eval = module.lookupSymbol<func::FuncOp>("eval");
    if (!eval) {
      module.emitError("there is no function 'eval' to repeat; run "
                       "'lns-instantiate' first");
      return signalPassFailure();
    }
    if (Operation *other = module.lookupSymbol("micro_eval")) {
      other->emitError("'micro_eval' exists already; it is made from 'eval'");
      return signalPassFailure();
    }
    SmallVector<Type> inputs;
    if (failed(getWholeTypes(eval, count, inputs)))
      return signalPassFailure();
    eval.setSymName("micro_eval");
    OpBuilder builder(eval);
    builder.setInsertionPointAfter(eval);
    TypeRange results = eval.getResultTypes();
    auto whole = func::FuncOp::create(builder, eval.getLoc(), "eval",
                                      builder.getFunctionType(inputs, results));
    Block *body = whole.addEntryBlock();
    builder.setInsertionPointToStart(body);
    auto repeat = RepeatOp::create(
        builder, NameLoc::get(builder.getStringAttr("micro_batches")), results,
        "micro_eval", body->getArguments(), count);
    func::ReturnOp::create(builder, eval.getLoc(), repeat.getResults());
    noteBatch(module, count);
  }

private:
  /// The argument types of a batch that is `count` times as large.
  static LogicalResult getWholeTypes(func::FuncOp eval, int64_t count,
                                     SmallVectorImpl<Type> &types) {
    for (auto [i, type] : llvm::enumerate(eval.getArgumentTypes())) {
      auto tensor = dyn_cast<RankedTensorType>(type);
      if (!tensor || !tensor.hasStaticShape() || tensor.getRank() == 0)
        return eval.emitError()
               << "argument " << i << " has type " << type
               << ", but a batch is repeated along a static first dimension";
      SmallVector<int64_t> shape(tensor.getShape());
      if (llvm::MulOverflow(shape[0], count, shape[0]))
        return eval.emitError() << "argument " << i << " of type " << type
                                << ", " << count << " times, is too large";
      types.push_back(RankedTensorType::get(shape, tensor.getElementType()));
    }
    for (Type type : eval.getResultTypes()) {
      auto tensor = dyn_cast<RankedTensorType>(type);
      if (!tensor || tensor.getRank() != 0)
        return eval.emitError()
               << "returns " << type
               << ", but the mean over calls is one of scalars";
    }
    return success();
  }

  /// The model's batch is that of a step now.
  static void noteBatch(ModuleOp module, int64_t count) {
    auto facts = module->getAttrOfType<DictionaryAttr>("lns.model");
    auto batch = facts ? facts.getAs<IntegerAttr>("batch") : IntegerAttr();
    if (!batch)
      return;
    NamedAttrList list(facts);
    list.set("micro_batch", batch);
    list.set("batch",
             IntegerAttr::get(batch.getType(), batch.getInt() * count));
    module->setAttr("lns.model", list.getDictionary(module.getContext()));
  }
};

} // namespace
