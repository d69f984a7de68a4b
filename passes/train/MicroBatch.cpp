//===- MicroBatch.cpp - A batch in parts ------------------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// @eval of a small batch becomes one of a large batch: the sum over calls of
// each one's share of the loss. Everything behind this pass sees functions as
// before, and works on the small batch; nothing is written out once for each
// call. The mean that the loss is, is one over all targets of the large batch:
// their number is counted outside and handed to every call, so that a target
// weighs the same whatever its micro-batch ignores.
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
    FailureOr<TargetCountOp> targetCount = findTargetCount(eval);
    if (failed(targetCount) || failed(getWholeTypes(eval, count, inputs)))
      return signalPassFailure();
    if (failed(checkSequencesApart(eval)))
      return signalPassFailure();
    auto targets = cast<BlockArgument>(targetCount->getTargets());
    eval.setSymName("micro_eval");
    OpBuilder builder(eval);
    builder.setInsertionPointAfter(eval);
    TypeRange results = eval.getResultTypes();
    auto whole = func::FuncOp::create(builder, eval.getLoc(), "eval",
                                      builder.getFunctionType(inputs, results));
    Block *body = whole.addEntryBlock();
    builder.setInsertionPointToStart(body);
    SmallVector<Value> arguments(body->getArguments());
    arguments.push_back(
        TargetCountOp::create(builder, targetCount->getLoc(),
                              body->getArgument(targets.getArgNumber())));
    takeTargetCount(eval, *targetCount);
    auto repeat = RepeatOp::create(
        builder, NameLoc::get(builder.getStringAttr("micro_batches")), results,
        "micro_eval", arguments, count);
    func::ReturnOp::create(builder, eval.getLoc(), repeat.getResults());
    noteBatch(module, count);
  }

private:
  /// The count of targets that the function's loss is a mean over.
  static FailureOr<TargetCountOp> findTargetCount(func::FuncOp eval) {
    if (!eval.getBody().hasOneBlock())
      return eval.emitError("must have a body of one block to be repeated");
    Operation *terminator = eval.getBody().front().getTerminator();
    MeanOp mean;
    if (terminator->getNumOperands() == 1)
      mean = terminator->getOperand(0).getDefiningOp<MeanOp>();
    TargetCountOp count;
    if (mean && mean.getCount())
      count = mean.getCount().getDefiningOp<TargetCountOp>();
    if (!count || !isa<BlockArgument>(count.getTargets()) ||
        !count.getResult().hasOneUse())
      return eval.emitError(
          "returns a loss to which those of parts do not add up; expected an "
          "lns.mean over the lns.target_count of an argument, which nothing "
          "else reads");
    return count;
  }

  /// A product over the rows of the batch, such as x^T x, sees all sequences,
  /// and of a part those of the part: the model would be another one. So does
  /// what makes sequences columns of one row.
  static LogicalResult checkSequencesApart(func::FuncOp eval) {
    DenseSet<Value> ofBatch(eval.getArguments().begin(),
                            eval.getArguments().end());
    auto isOfBatch = [&](Value value) { return ofBatch.contains(value); };
    for (Operation &op : eval.getBody().front()) {
      auto product = dyn_cast<MatmulOp>(op);
      if (product && ((product.getTransposeA() && isOfBatch(product.getA())) ||
                      isOfBatch(product.getB())))
        return product.emitOpError(
            "adds up over all sequences of the batch, which no part of it has; "
            "compile without micro-batches, or make each sequence's result its "
            "own");
      auto reshape = dyn_cast<ReshapeOp>(op);
      if (reshape && isOfBatch(reshape.getInput()) &&
          reshape.getInput().getType().getShape().front() !=
              reshape.getType().getShape().front())
        return reshape.emitOpError(
            "makes another dimension of the batch, of which no part of it has "
            "all sequences; compile without micro-batches");
      if (llvm::any_of(op.getOperands(), isOfBatch))
        ofBatch.insert_range(op.getResults());
    }
    return success();
  }

  /// Makes the count the function's last argument.
  static void takeTargetCount(func::FuncOp eval, TargetCountOp count) {
    Block &block = eval.getBody().front();
    Value argument =
        block.addArgument(count.getResult().getType(), count.getLoc());
    count.getResult().replaceAllUsesWith(argument);
    count.erase();
    eval.setFunctionType(FunctionType::get(
        eval.getContext(), block.getArgumentTypes(), eval.getResultTypes()));
  }

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
