//===- MixedPrecision.cpp - bf16 activations, f32 state ---------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// Activations start at the embedding. From there types spread forward, op by
// op: where one operand is bf16, the op's other large operands are rounded and
// its large results are bf16. What is summed (numbers per row, losses) and what
// lasts over steps (parameters, gains, folds of weights) stays f32, so each
// number is rounded where a tensor is written and nowhere else (Micikevicius et
// al., arXiv 1710.03740, with bf16 in place of f16: no loss scale is needed).
//
//===----------------------------------------------------------------------===//

#include "dialect/LnsDialect.h"
#include "dialect/LnsInterfaces.h"
#include "dialect/LnsOps.h"
#include "dialect/LnsShapes.h"
#include "passes/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/Remarks.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Pass/Pass.h"
#include "llvm/ADT/DenseSet.h"
#include "llvm/ADT/MapVector.h"

namespace lns {
#define GEN_PASS_DEF_MIXEDPRECISION
#include "passes/Passes.h.inc"
} // namespace lns

using namespace mlir;
using namespace lns;

namespace {

Type getElement(Value value) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  return type ? type.getElementType() : Type();
}
bool isBf16(Value value) {
  Type element = getElement(value);
  return element && element.isBF16();
}
bool isF32(Value value) {
  Type element = getElement(value);
  return element && element.isF32();
}

/// The operands of `op` that have one element type when one of them is bf16,
/// and the results that then have it too. None where `op` takes bf16 as it is,
/// or not at all.
struct LargeValues {
  explicit LargeValues(Operation *op) {
    // The result of a cast is what it says.
    if (isa<CastOp>(op))
      return;
    if (isa<ReshapeOp>(op)) {
      operands.push_back(&op->getOpOperand(0));
      results.push_back(op->getResult(0));
    } else if (isa<LinearOp, MatmulOp>(op)) {
      // A weight stays what it is: the product rounds it while it reads it,
      // after the gain, so that no rounded copy is in memory.
      for (OpOperand &operand : op->getOpOperands().take_front(2))
        if (isBf16(operand.get()))
          operands.push_back(&operand);
      results.push_back(op->getResult(0));
    } else if (isa<AttentionOp, CachedAttentionOp>(op)) {
      // Starts of documents are no numbers to round.
      for (OpOperand &operand : op->getOpOperands().take_front(3))
        operands.push_back(&operand);
      results.push_back(op->getResult(0));
    } else if (isa<ColumnDotOp>(op)) {
      for (OpOperand &operand : op->getOpOperands())
        operands.push_back(&operand);
    } else if (isa<RowOpInterface>(op)) {
      // Whole rows come first; numbers per row have another shape.
      auto rows = cast<RankedTensorType>(op->getOperand(0).getType());
      auto isLarge = [&](Value value) {
        return cast<RankedTensorType>(value.getType()).getShape() ==
               rows.getShape();
      };
      for (OpOperand &operand : op->getOpOperands())
        if (isLarge(operand.get()) && !isSharedByRows(operand))
          operands.push_back(&operand);
      for (OpResult result : op->getResults())
        if (isLarge(result))
          results.push_back(result);
    }
  }

  SmallVector<OpOperand *> operands;
  SmallVector<OpResult> results;
};

class FunctionRewriter {
public:
  explicit FunctionRewriter(func::FuncOp function)
      : function(function), block(function.getBody().front()) {}

  void run() {
    for (Operation &op : llvm::make_early_inc_range(block))
      visit(&op);
    auto options =
        remark::RemarkOpts::name("mixed-precision").category("lns-precision");
    if (activations == 0) {
      remark::missed(function.getLoc(), options)
          << "nothing is bf16: there is no f32 embedding to start at";
      return;
    }
    remark::passed(function.getLoc(), options)
        << "activations are bf16" << remark::metric("activations", activations)
        << remark::metric("bytes_saved", bytesSaved);
  }

  /// Casts to f32 that the model asks for, and the ops that compute in f32 for
  /// them.
  llvm::MapVector<Operation *, unsigned> forced;

private:
  void visit(Operation *op) {
    if (auto embedding = dyn_cast<EmbeddingOp>(op)) {
      if (isF32(embedding.getResult()))
        makeBf16(embedding->getResult(0));
      return;
    }
    if (auto cast = dyn_cast<CastOp>(op);
        cast && isBf16(cast.getInput()) && isF32(cast.getResult())) {
      forced[cast] = 0;
      forcedBy[cast.getResult()] = cast;
      return;
    }
    if (llvm::none_of(op->getOperands(), isBf16)) {
      followForced(op);
      return;
    }
    if (auto append = dyn_cast<AppendOp>(op); append && narrowCache(append))
      return;
    // The cache has that type by now.
    if (auto set = dyn_cast<SetOp>(op);
        set && set.getStorage() == Storage::cache)
      return;
    // These take bf16 rows and give f32 numbers.
    if (isa<CastOp, CrossEntropyOp, MeanOp, SumOp>(op))
      return;
    LargeValues large(op);
    if (large.operands.empty())
      return keepF32(op);
    // What belongs to rows without being as large is wide: a gate of heads is
    // a linear's result.
    if (isa<RowOpInterface>(op))
      for (OpOperand &operand : op->getOpOperands())
        if (isBf16(operand.get()) &&
            !llvm::is_contained(large.operands, &operand))
          widenOperand(operand);
    if (llvm::none_of(op->getOperands(), isBf16)) {
      followForced(op);
      return;
    }
    for (OpOperand *operand : large.operands)
      if (isF32(operand->get()))
        castOperand(operand);
    for (OpResult result : large.results)
      if (isF32(result))
        makeBf16(result);
  }

  /// Makes the cache bf16 to which bf16 rows are appended, where it is one that
  /// a symbol holds and nobody else reads.
  bool narrowCache(AppendOp append) {
    auto get = append.getCache().getDefiningOp<GetOp>();
    if (!get || get.getStorage() != Storage::cache || !isF32(get.getValue()) ||
        !get->hasOneUse())
      return false;
    auto cache =
        SymbolTable::lookupNearestSymbolFrom<CacheOp>(get, get.getSymbolAttr());
    makeBf16(get->getResult(0));
    append.getResult().setType(
        cast<RankedTensorType>(get.getValue().getType()));
    cache.setTypeAttr(TypeAttr::get(get.getValue().getType()));
    return true;
  }

  void makeBf16(OpResult result) {
    auto type = cast<RankedTensorType>(result.getType());
    result.setType(type.clone(BFloat16Type::get(type.getContext())));
    ++activations;
    bytesSaved += bytesOf(type) - bytesOf(result.getType());
  }

  void castOperand(OpOperand *operand) {
    Operation *op = operand->getOwner();
    OpBuilder builder(op);
    auto type = cast<RankedTensorType>(operand->get().getType());
    operand->set(CastOp::create(builder, op->getLoc(),
                                type.clone(builder.getBF16Type()),
                                operand->get()));
  }

  static void widenOperand(OpOperand &operand) {
    OpBuilder builder(operand.getOwner());
    auto type = cast<RankedTensorType>(operand.get().getType());
    operand.set(CastOp::create(builder, operand.get().getLoc(),
                               type.clone(builder.getF32Type()),
                               operand.get()));
  }

  /// Widens the operands of an op that has no bf16 form: a function's results,
  /// and ops of other dialects.
  void keepF32(Operation *op) {
    for (OpOperand &operand : op->getOpOperands())
      if (isBf16(operand.get()))
        widenOperand(operand);
    if (op->hasTrait<mlir::OpTrait::IsTerminator>())
      return;
    std::string reason = ("'" + op->getName().getStringRef() +
                          "' stays f32: it has no bf16 form")
                             .str();
    remark::missed(
        op->getLoc(),
        remark::RemarkOpts::name("mixed-precision").category("lns-precision"))
        << reason;
  }

  /// Counts `op` for the cast to f32 that its operands come from, if they do.
  void followForced(Operation *op) {
    for (Value operand : op->getOperands())
      if (Operation *cast = forcedBy.lookup(operand)) {
        if (op->getNumResults() == 0)
          return;
        ++forced[cast];
        for (Value result : op->getResults())
          forcedBy[result] = cast;
        return;
      }
  }

  func::FuncOp function;
  Block &block;
  llvm::DenseMap<Value, Operation *> forcedBy;
  int64_t activations = 0, bytesSaved = 0;
};

struct MixedPrecisionPass : lns::impl::MixedPrecisionBase<MixedPrecisionPass> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    SmallVector<func::FuncOp> functions;
    for (auto function : module.getOps<func::FuncOp>()) {
      if (function.isExternal())
        continue;
      if (failed(check(function)))
        return signalPassFailure();
      functions.push_back(function);
    }
    // @logits and @eval hold the same casts.
    llvm::DenseSet<Location> said;
    for (func::FuncOp function : functions) {
      FunctionRewriter rewriter(function);
      rewriter.run();
      for (auto [cast, ops] : rewriter.forced)
        if (said.insert(cast->getLoc()).second)
          cast->emitRemark("the model asks for f32 here: ")
              << ops << " ops compute in f32 and not in bf16";
    }
    Builder builder(module.getContext());
    NamedAttrList facts(module->getAttrOfType<DictionaryAttr>("lns.model"));
    facts.set("dtype", builder.getStringAttr("bf16"));
    module->setAttr("lns.model", facts.getDictionary(module.getContext()));
  }

private:
  /// Whether all of `function` can be rewritten; nothing is changed before.
  static LogicalResult check(func::FuncOp function) {
    if (!function.getBody().hasOneBlock())
      return function.emitError("must have a body of one block to compute in "
                                "bf16");
    WalkResult result = function.walk([](Operation *op) {
      if (isa<NormOp>(op)) {
        op->emitOpError("is left, but what of a norm is f32 shows only when it "
                        "is row ops; run 'lns-decompose-norms' first");
        return WalkResult::interrupt();
      }
      if (isa<ClusterOp>(op)) {
        op->emitOpError("is there already; choose types before 'lns-cluster'");
        return WalkResult::interrupt();
      }
      auto isF64 = [](Value value) {
        Type element = getElement(value);
        return element && element.isF64();
      };
      for (ValueRange values :
           {ValueRange(op->getOperands()), ValueRange(op->getResults())})
        if (auto wide = llvm::find_if(values, isF64); wide != values.end()) {
          op->emitOpError("has a value of type ")
              << (*wide).getType()
              << ", but bf16 is made of f32; cast the value to f32 or compile "
                 "without bf16";
          return WalkResult::interrupt();
        }
      return WalkResult::advance();
    });
    return failure(result.wasInterrupted());
  }
};

} // namespace
