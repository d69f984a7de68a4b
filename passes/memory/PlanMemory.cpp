//===- PlanMemory.cpp - Places every value in one arena ---------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// Gives each tensor that needs memory an offset in its function's arena, such
// that values that live at the same time never overlap. Ops run in the order
// of the block, so a value lives from its op to its last reader.
//
// No memory in the arena is needed for function arguments (the caller's), for
// views (lns.reshape), whose readers are readers of what they are views of, for
// `lns.get` (the parameter's own, unless it is overwritten before the value's
// last reader: then a copy) and for a gradient, a compute weight or a cache
// whose home is free while it is alive: it is computed where `lns.set` stores
// it.
//
//===----------------------------------------------------------------------===//

#include "passes/memory/PlanMemory.h"
#include "dialect/LnsDialect.h"
#include "dialect/LnsMemory.h"
#include "dialect/LnsOps.h"
#include "passes/Passes.h"
#include "passes/memory/Packing.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/Remarks.h"
#include "mlir/Pass/Pass.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/Support/MathExtras.h"

namespace lns {
#define GEN_PASS_DEF_PLANMEMORY
#include "passes/Passes.h.inc"
} // namespace lns

using namespace mlir;
using namespace lns;

std::optional<uint64_t> lns::getTensorBytes(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  if (!tensor || !tensor.hasStaticShape())
    return std::nullopt;
  uint64_t bytes = tensor.getElementTypeBitWidth() / 8;
  for (int64_t extent : tensor.getShape()) {
    bool overflow = false;
    bytes = llvm::SaturatingMultiply<uint64_t>(bytes, extent, &overflow);
    if (overflow || bytes > (uint64_t(1) << 46))
      return std::nullopt;
  }
  return bytes;
}

namespace {

/// Who accesses what is stored in one place.
struct Home {
  SmallVector<GetOp, 2> gets;
  SmallVector<Operation *, 1> readers, writers; ///< no lns.get
};

class FunctionPlanner {
public:
  explicit FunctionPlanner(func::FuncOp function)
      : block(function.getBody().front()), function(function) {}

  LogicalResult run() {
    unsigned position = 0;
    for (Operation &op : block)
      positions[&op] = position++;
    findHomeAccesses();
    for (Operation &op : block.without_terminator()) {
      // A view is its operand's bytes, and a ramp the runtime's.
      if (isa<ReshapeOp, RampOp>(op))
        continue;
      for (OpResult result : op.getResults())
        if (failed(placeResult(result)))
          return failure();
    }
    arenaBytes = packIntervals(intervals);
    return success();
  }

  void annotate() {
    OpBuilder builder(function.getContext());
    for (Operation &op : block.without_terminator()) {
      if (op.getNumResults() == 0)
        continue;
      SmallVector<int64_t> offsets;
      for (OpResult result : op.getResults()) {
        auto it = places.find(result);
        offsets.push_back(
            it == places.end() ? -1 : int64_t(intervals[it->second].offset));
      }
      if (llvm::any_of(offsets, [](int64_t offset) { return offset >= 0; }))
        op.setAttr(kOffsetsAttr, builder.getDenseI64ArrayAttr(offsets));
    }
    function->setAttr(kArenaBytesAttr, builder.getI64IntegerAttr(arenaBytes));
    function->setAttr(kLiveBytesAttr,
                      builder.getI64IntegerAttr(getLiveBytes(intervals)));
    function->setAttr(kActivationBytesAttr,
                      builder.getI64IntegerAttr(getActivationBytes()));
  }

private:
  /// When the bytes of a value, which is no view, are read last.
  unsigned getLastUse(Value value) {
    unsigned last = 0;
    if (Operation *op = value.getDefiningOp())
      last = positions.lookup(op);
    for (OpOperand *read : getReads(value))
      last = std::max(last, getPosition(read->getOwner()));
    return last;
  }

  /// Of an op, or of the one in the block in whose regions it stands.
  unsigned getPosition(Operation *op) {
    return positions.lookup(block.findAncestorOpInBlock(*op));
  }

  /// Whether the value can be computed in the home of the gradient, compute
  /// weight or cache where it is stored: nothing else is written there while it
  /// is alive, and what stood there before is read before, or by the op itself,
  /// which computes over it. A parameter's home never qualifies, since it has
  /// readers of the old value.
  bool isComputedWhereStored(OpResult value) {
    SetOp set = findStore(value);
    if (!set || set.getStorage() == Storage::parameter)
      return false;
    Operation *op = value.getOwner();
    unsigned first = positions.lookup(op);
    unsigned stored = positions.lookup(set);
    unsigned last = std::max(stored, getLastUse(value));
    OpOperand *inPlace = getInPlaceOperand(value);
    auto isOutside = [&](Operation *writer) {
      unsigned at = positions.lookup(writer);
      return at < first || at > last;
    };
    const Home home = homes.lookup(getStoredTensor(set));
    for (GetOp get : home.gets)
      if (positions.lookup(get) <= stored)
        for (OpOperand *read : getReads(get.getValue()))
          if (getPosition(read->getOwner()) >= first && read != inPlace)
            return false;
    auto isNobody = [&](Operation *other) {
      return other == set || isOutside(other);
    };
    const Home &all = anyHome[unsigned(set.getStorage())];
    return llvm::all_of(home.writers, isNobody) &&
           llvm::all_of(home.readers, isNobody) &&
           llvm::all_of(all.writers, isNobody) &&
           llvm::all_of(all.readers, isNobody);
  }

  /// Whether something writes where an lns.get reads before the value's last
  /// reader, which then needs a copy. An lns.set of the value itself to where
  /// it comes from writes nothing.
  bool isOverwritten(GetOp get) {
    unsigned first = positions.lookup(get), last = getLastUse(get.getValue());
    auto writes = [&](Operation *op) {
      unsigned at = positions.lookup(op);
      auto set = dyn_cast<SetOp>(op);
      return at > first && at <= last &&
             !(set && getViewedValue(set.getValue()) == get.getValue());
    };
    return llvm::any_of(homes.lookup(getStoredTensor(get)).writers, writes) ||
           llvm::any_of(anyHome[unsigned(get.getStorage())].writers, writes);
  }

  /// Who reads and writes what is stored.
  void findHomeAccesses() {
    using Range = StoredAccesses::Range;
    auto note = [&](ArrayRef<Range> ranges, Operation *op, auto member) {
      for (const Range &range : ranges) {
        if (range.symbol && range.storage) {
          (homes[{range.symbol, *range.storage}].*member).push_back(op);
          continue;
        }
        for (unsigned storage = 0; storage < std::size(anyHome); ++storage)
          if (!range.storage || unsigned(*range.storage) == storage)
            (anyHome[storage].*member).push_back(op);
      }
    };
    for (Operation &op : block) {
      if (auto get = dyn_cast<GetOp>(op)) {
        homes[getStoredTensor(get)].gets.push_back(get);
        continue;
      }
      StoredAccesses accesses(&op);
      note(accesses.getReads(), &op, &Home::readers);
      note(accesses.getWrites(), &op, &Home::writers);
    }
  }

  LogicalResult placeResult(OpResult result) {
    Operation *op = result.getOwner();
    auto get = dyn_cast<GetOp>(op);
    if (get ? !isOverwritten(get) : isComputedWhereStored(result))
      return success();
    if (get)
      remark::missed(
          op->getLoc(),
          remark::RemarkOpts::name("plan-memory").category("lns-memory"))
          << "copied: '" + get.getSymbol().str() +
                 "' is overwritten before the last reader of what was there";
    std::optional<uint64_t> bytes = getTensorBytes(result.getType());
    if (!bytes)
      return op->emitOpError()
             << "result " << result.getResultNumber() << " has type "
             << result.getType()
             << ", but a plan needs static shapes of at most 2^46 bytes";
    unsigned first = positions.lookup(op), last = getLastUse(result);

    // Over an operand, when nobody reads that one later.
    if (OpOperand *operand = getInPlaceOperand(result)) {
      Value below = getViewedValue(operand->get());
      auto it = places.find(below);
      if (it != places.end() && getLastUse(below) == first &&
          getTensorBytes(below.getType()) == bytes) {
        unsigned interval = it->second;
        intervals[interval].last = std::max(intervals[interval].last, last);
        places[result] = interval;
        return success();
      }
    }
    places[result] = intervals.size();
    // Also a tensor without elements gets an address of its own.
    intervals.push_back({first, last, std::max<uint64_t>(*bytes, 1)});
    return success();
  }

  /// Bytes of numbers that depend on the tokens, were there before the loss and
  /// are read after it. How many targets there are is no such number.
  uint64_t getActivationBytes() {
    unsigned loss = 0;
    for (Operation &op : block)
      if (isa<MeanOp>(op))
        loss = positions.lookup(&op);
    if (loss == 0)
      return 0;
    llvm::DenseSet<Value> fromTokens(block.args_begin(), block.args_end());
    uint64_t bytes = 0;
    for (Operation &op : block.without_terminator()) {
      if (positions.lookup(&op) >= loss)
        break;
      if (!llvm::any_of(op.getOperands(),
                        [&](Value v) { return fromTokens.contains(v); }))
        continue;
      for (OpResult result : op.getResults()) {
        fromTokens.insert(result);
        if (places.count(result) && getLastUse(result) > loss &&
            isa<FloatType>(getElementTypeOrSelf(result.getType())))
          bytes += *getTensorBytes(result.getType());
      }
    }
    return bytes;
  }

  Block &block;
  func::FuncOp function;
  llvm::DenseMap<Operation *, unsigned> positions;
  llvm::DenseMap<StoredTensor, Home> homes;
  Home anyHome[std::size(kStorages)];     // who may access all of a storage
  llvm::DenseMap<Value, unsigned> places; // value to interval
  SmallVector<MemoryInterval> intervals;
  uint64_t arenaBytes = 0;
};

struct PlanMemoryPass : lns::impl::PlanMemoryBase<PlanMemoryPass> {
  void runOnOperation() override {
    func::FuncOp function = getOperation();
    if (function.isExternal() || !function.getBody().hasOneBlock())
      return;
    FunctionPlanner planner(function);
    if (failed(planner.run()))
      return signalPassFailure();
    planner.annotate();
  }
};

} // namespace
