//===- LnsMemory.cpp - Which memory a value stands in ---------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "dialect/LnsMemory.h"

using namespace mlir;
using namespace lns;

//===----------------------------------------------------------------------===//
// Memory effects
//===----------------------------------------------------------------------===//

using Effects = SmallVectorImpl<MemoryEffects::EffectInstance>;

static SideEffects::Resource *getResource(Storage storage) {
  switch (storage) {
  case Storage::parameter:
    return ParameterResource::get();
  case Storage::gradient:
    return GradientResource::get();
  case Storage::compute:
    return ComputeWeightResource::get();
  case Storage::cache:
    return CacheResource::get();
  }
  llvm_unreachable("covered switch");
}

void GetOp::getEffects(Effects &effects) {
  effects.emplace_back(MemoryEffects::Read::get(),
                       SymbolRefAttr(getSymbolAttr()),
                       getResource(getStorage()));
}

void SetOp::getEffects(Effects &effects) {
  effects.emplace_back(MemoryEffects::Write::get(),
                       SymbolRefAttr(getSymbolAttr()),
                       getResource(getStorage()));
}

void AdamWOp::getEffects(Effects &effects) {
  SymbolRefAttr symbol = getSymbolAttr();
  for (SideEffects::Resource *resource :
       {static_cast<SideEffects::Resource *>(ParameterResource::get()),
        static_cast<SideEffects::Resource *>(MomentResource::get())}) {
    effects.emplace_back(MemoryEffects::Read::get(), symbol, resource);
    effects.emplace_back(MemoryEffects::Write::get(), symbol, resource);
  }
  if (!getComputeAttr())
    return;
  // The gain's name is the compute weight's, which is another op's business.
  effects.emplace_back(MemoryEffects::Read::get(), ParameterResource::get());
  effects.emplace_back(MemoryEffects::Write::get(),
                       SymbolRefAttr(getComputeAttr()),
                       ComputeWeightResource::get());
}

void ProjectOp::getEffects(Effects &effects) {
  SymbolRefAttr symbol = getSymbolAttr();
  effects.emplace_back(MemoryEffects::Read::get(), symbol,
                       ParameterResource::get());
  effects.emplace_back(MemoryEffects::Write::get(), symbol,
                       ParameterResource::get());
}

StoredTensor lns::getStoredTensor(GetOp get) {
  return {get.getSymbolAttr().getAttr(), get.getStorage()};
}
StoredTensor lns::getStoredTensor(SetOp set) {
  return {set.getSymbolAttr().getAttr(), set.getStorage()};
}

StoredAccesses::StoredAccesses(Operation *op) {
  if (isMemoryEffectFree(op))
    return;
  std::optional<SmallVector<MemoryEffects::EffectInstance>> effects =
      getEffectsRecursively(op);
  if (!effects) {
    reads.push_back({});
    writes.push_back({});
    return;
  }
  for (const MemoryEffects::EffectInstance &effect : *effects) {
    SideEffects::Resource *resource = effect.getResource();
    if (isa<MomentResource>(resource) ||
        isa<MemoryEffects::Allocate>(effect.getEffect()))
      continue;
    Range range;
    for (Storage storage : kStorages)
      if (resource == getResource(storage))
        range.storage = storage;
    // Other resources have no symbols of ours.
    if (SymbolRefAttr symbol = effect.getSymbolRef(); symbol && range.storage)
      range.symbol = symbol.getLeafReference();
    (isa<MemoryEffects::Read>(effect.getEffect()) ? reads : writes)
        .push_back(range);
  }
}

//===----------------------------------------------------------------------===//
// Places in a plan
//===----------------------------------------------------------------------===//

Value lns::getViewedValue(Value value) {
  while (auto view = value.getDefiningOp<ReshapeOp>())
    value = view.getInput();
  return value;
}

SmallVector<OpOperand *> lns::getReads(Value value) {
  SmallVector<OpOperand *> reads;
  SmallVector<Value, 2> pending = {value};
  while (!pending.empty())
    for (OpOperand &use : pending.pop_back_val().getUses()) {
      if (auto view = dyn_cast<ReshapeOp>(use.getOwner()))
        pending.push_back(view.getResult());
      else
        reads.push_back(&use);
    }
  return reads;
}

OpOperand *lns::getInPlaceOperand(OpResult result) {
  Operation *op = result.getOwner();
  auto inPlace = dyn_cast<InPlaceOpInterface>(op);
  int64_t index =
      inPlace ? inPlace.getInPlaceOperand(result.getResultNumber()) : -1;
  if (index < 0)
    return nullptr;
  Value bytes = getViewedValue(op->getOperand(index));
  auto reads = [&](Value operand) { return getViewedValue(operand) == bytes; };
  return llvm::count_if(op->getOperands(), reads) == 1
             ? &op->getOpOperand(index)
             : nullptr;
}

SetOp lns::findStore(Value value) {
  SetOp first;
  SmallVector<OpOperand *> reads = getReads(value);
  for (OpOperand *read : reads)
    if (auto set = dyn_cast<SetOp>(read->getOwner());
        set && set->getBlock() == value.getParentBlock() &&
        (!first || set->isBeforeInBlock(first)))
      first = set;
  if (first || reads.size() != 1)
    return first;
  for (OpResult result : reads[0]->getOwner()->getResults())
    if (getInPlaceOperand(result) == reads[0] &&
        result.getType() == reads[0]->get().getType())
      return findStore(result);
  return nullptr;
}
