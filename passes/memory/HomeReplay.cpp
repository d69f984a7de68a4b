//===- HomeReplay.cpp - What stands in the homes of stored tensors --------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "passes/memory/HomeReplay.h"

using namespace mlir;
using namespace lns;

LogicalResult HomeReplay::visit(Operation *op) {
  // Who reads a view reads what it is a view of.
  if (isa<ReshapeOp>(op))
    return success();
  if (failed(checkReads(op)) || failed(checkEffects(op)))
    return failure();
  for (OpResult result : op->getResults())
    if (failed(addResult(result)))
      return failure();
  return success();
}

LogicalResult HomeReplay::checkReads(Operation *op) {
  for (auto [index, operand] : llvm::enumerate(op->getOperands())) {
    Value value = getViewedValue(operand);
    auto known = homeOf.find(value);
    if (known == homeOf.end())
      continue;
    const Home &home = homes[known->second];
    if (llvm::is_contained(home.values, value))
      continue;
    InFlightDiagnostic diagnostic = op->emitOpError()
                                    << "reads operand " << index << " after '@"
                                    << known->second.first.getValue()
                                    << "', where it stands, was overwritten";
    diagnostic.attachNote(home.writer->getLoc()) << "it is overwritten here";
    return diagnostic;
  }
  return success();
}

LogicalResult HomeReplay::checkEffects(Operation *op) {
  StoredAccesses accesses(op);
  // The first one made, in whatever order they are kept.
  Value early;
  StringAttr symbol;
  accesses.forEachRead(waiting, [&](auto &entry) {
    if (early &&
        !entry.second.getDefiningOp()->isBeforeInBlock(early.getDefiningOp()))
      return;
    early = entry.second;
    symbol = entry.first.first;
  });
  if (early) {
    InFlightDiagnostic diagnostic =
        op->emitOpError() << "reads '@" << symbol.getValue()
                          << "', where a value stands that is stored later";
    diagnostic.attachNote(early.getLoc()) << "the value is made here";
    return diagnostic;
  }
  auto set = dyn_cast<SetOp>(op);
  accesses.forEachWritten(homes, [&](auto &entry) {
    Home &home = entry.second;
    waiting.erase(entry.first);
    // What stands there is stored without a copy.
    if (set && llvm::is_contained(home.values, getViewedValue(set.getValue())))
      return;
    home = Home();
    home.writer = op;
  });
  return success();
}

LogicalResult HomeReplay::addResult(OpResult result) {
  Operation *op = result.getOwner();
  auto offsets = op->getAttrOfType<DenseI64ArrayAttr>(kOffsetsAttr);
  if (offsets && offsets[result.getResultNumber()] >= 0)
    return success();
  // Nothing in a plan writes there.
  if (isa<RampOp>(op))
    return success();
  if (auto get = dyn_cast<GetOp>(op)) {
    homes[getStoredTensor(get)].values.push_back(result);
    homeOf[result] = getStoredTensor(get);
    return success();
  }
  SetOp set = findStore(result);
  if (set && set.getStorage() != Storage::parameter &&
      set->getBlock() == op->getBlock() && op->isBeforeInBlock(set))
    return computeInHome(result, set);
  return op->emitOpError() << "result " << result.getResultNumber()
                           << " has no place; run 'lns-plan-memory'";
}

LogicalResult HomeReplay::computeInHome(OpResult result, SetOp set) {
  Operation *op = result.getOwner();
  Home &home = homes[getStoredTensor(set)];
  OpOperand *inPlace = getInPlaceOperand(result);
  for (OpOperand &operand : op->getOpOperands())
    if (llvm::is_contained(home.values, getViewedValue(operand.get())) &&
        inPlace != &operand)
      return op->emitOpError()
             << "result " << result.getResultNumber() << " is computed in '@"
             << set.getSymbol() << "', where an operand of the same op stands";
  home = Home();
  home.values.push_back(result);
  waiting[getStoredTensor(set)] = result;
  home.writer = op;
  homeOf[result] = getStoredTensor(set);
  return success();
}
