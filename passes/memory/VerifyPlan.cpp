//===- VerifyPlan.cpp - What planned form promises --------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// The check shares nothing with the planner but the attribute: it replays the
// block and watches who owns which bytes, of the arena and of the homes outside
// of it, so that a mistake in the planner's intervals is found here and not as
// a wrong number in training.
//
//===----------------------------------------------------------------------===//

#include "dialect/LnsDialect.h"
#include "dialect/LnsMemory.h"
#include "dialect/LnsOps.h"
#include "passes/Passes.h"
#include "passes/memory/HomeReplay.h"
#include "passes/memory/PlanMemory.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/Pass.h"
#include "llvm/ADT/DenseSet.h"
#include <map>

namespace lns {
#define GEN_PASS_DEF_VERIFYPLAN
#include "passes/Passes.h.inc"
} // namespace lns

using namespace mlir;
using namespace lns;

namespace {

/// Bytes of the arena up to `end`, and whose they are.
struct Owner {
  uint64_t end;
  Value value;
};

struct VerifyPlanPass : lns::impl::VerifyPlanBase<VerifyPlanPass> {
  void runOnOperation() override {
    func::FuncOp function = getOperation();
    if (function.isExternal() || !function.getBody().hasOneBlock())
      return;
    auto arena = function->getAttrOfType<IntegerAttr>(kArenaBytesAttr);
    if (!arena) {
      function.emitError() << "has no '" << kArenaBytesAttr
                           << "'; run 'lns-plan-memory'";
      return signalPassFailure();
    }
    auto kept = function->getAttrOfType<IntegerAttr>(kActivationBytesAttr);
    if (kept && kept.getInt() > arena.getInt()) {
      function.emitError() << "has '" << kActivationBytesAttr << "' of "
                           << kept.getInt() << " in an arena of "
                           << arena.getInt()
                           << " bytes, of which they are a part; run "
                              "'lns-plan-memory'";
      return signalPassFailure();
    }
    owners.clear();
    placed.clear();
    alive.clear();
    homes = HomeReplay();
    for (Operation &op : function.getBody().front()) {
      if (isa<ReshapeOp>(op)) {
        if (failed(checkView(&op)))
          return signalPassFailure();
        continue;
      }
      if (failed(checkReads(&op)) || failed(homes.visit(&op)) ||
          failed(takeResults(&op, arena.getValue().getZExtValue())))
        return signalPassFailure();
    }
  }

private:
  /// A view is its operand's bytes, wherever these are.
  static LogicalResult checkView(Operation *op) {
    auto offsets = op->getAttrOfType<DenseI64ArrayAttr>(kOffsetsAttr);
    if (!offsets || offsets[0] < 0)
      return success();
    return op->emitOpError() << "has its result at offset " << offsets[0]
                             << ", but stands where its operand does; remove '"
                             << kOffsetsAttr << "'";
  }

  /// What an op reads must still be there.
  LogicalResult checkReads(Operation *op) {
    for (auto [index, operand] : llvm::enumerate(op->getOperands())) {
      Value value = getViewedValue(operand);
      if (!placed.contains(value) || alive.contains(value))
        continue;
      InFlightDiagnostic diagnostic =
          op->emitOpError() << "reads operand " << index
                            << " after its memory was given to another value";
      diagnostic.attachNote(value.getLoc()) << "the operand is made here";
      return diagnostic;
    }
    return success();
  }

  LogicalResult takeResults(Operation *op, uint64_t arenaBytes) {
    auto offsets = op->getAttrOfType<DenseI64ArrayAttr>(kOffsetsAttr);
    if (!offsets)
      return success();
    for (OpResult result : op->getResults()) {
      int64_t offset = offsets[result.getResultNumber()];
      if (offset < 0)
        continue;
      uint64_t bytes = getTensorBytes(result.getType()).value_or(0);
      if (offset % 64 != 0 || offset + bytes > arenaBytes)
        return op->emitOpError()
               << "result " << result.getResultNumber() << " has " << bytes
               << " bytes at offset " << offset
               << ", but must stand at a multiple of 64 within the arena's "
               << arenaBytes << " bytes";
      if (failed(checkWrite(op, result, offset, offset + bytes)))
        return failure();
      auto begin = findOwner(offset), end = begin;
      for (; end != owners.end() && end->first < offset + bytes; ++end)
        alive.erase(end->second.value);
      owners.erase(begin, end);
      if (bytes != 0)
        owners.insert({uint64_t(offset), {offset + bytes, result}});
      placed.insert(result);
      alive.insert(result);
    }
    return success();
  }

  /// A result may not stand on what the same op reads, but for the operand that
  /// the op says it may overwrite and that it reads once, nor on another of its
  /// results.
  LogicalResult checkWrite(Operation *op, OpResult result, uint64_t begin,
                           uint64_t end) {
    OpOperand *inPlace = getInPlaceOperand(result);
    Value allowed = inPlace ? getViewedValue(inPlace->get()) : Value();
    for (auto it = findOwner(begin); it != owners.end() && it->first < end;
         ++it) {
      const Owner &owner = it->second;
      // Element on element; beside each other, what is not read yet would go.
      if (owner.value == allowed && it->first == begin && owner.end == end)
        continue;
      bool isRead = llvm::any_of(op->getOperands(), [&](Value operand) {
        return getViewedValue(operand) == owner.value;
      });
      if (!isRead && owner.value.getDefiningOp() != op)
        continue;
      return op->emitOpError()
             << "result " << result.getResultNumber() << " shares memory with "
             << (isRead ? "an operand" : "another result") << " of the same op";
    }
    return success();
  }

  /// The first that has bytes at or behind `begin`.
  std::map<uint64_t, Owner>::iterator findOwner(uint64_t begin) {
    auto it = owners.upper_bound(begin);
    if (it == owners.begin())
      return it;
    auto previous = std::prev(it);
    return previous->second.end > begin ? previous : it;
  }

  std::map<uint64_t, Owner> owners; // by where their bytes begin
  llvm::DenseSet<Value> placed;
  llvm::DenseSet<Value> alive; // placed, and not yet overwritten
  HomeReplay homes;
};

} // namespace
