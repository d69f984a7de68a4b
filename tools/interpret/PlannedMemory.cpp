//===- PlannedMemory.cpp - Values that a plan overwrites ------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/interpret/PlannedMemory.h"
#include "dialect/LnsShapes.h"
#include <limits>

using namespace mlir;
using namespace lns;
using namespace lns::interpret;

LogicalResult PlannedMemory::check(func::FuncOp function) {
  if (function->hasAttr(kArenaBytesAttr))
    return success();
  return function.emitOpError("has no '")
         << kArenaBytesAttr
         << "', so that no memory is poisoned; run 'lns-plan-memory'";
}

std::optional<PlannedMemory::Place> PlannedMemory::getPlace(Value value) {
  // A function's argument and a ramp are nobody's to overwrite.
  auto result = dyn_cast<OpResult>(getViewedValue(value));
  if (!result)
    return std::nullopt;
  Operation *op = result.getOwner();
  if (isa<RampOp>(op))
    return std::nullopt;
  auto offsets = op->getAttrOfType<DenseI64ArrayAttr>(kOffsetsAttr);
  int64_t offset = offsets ? offsets[result.getResultNumber()] : -1;
  if (offset >= 0)
    return Place{uint64_t(offset),
                 uint64_t(offset) + uint64_t(bytesOf(result.getType())),
                 std::nullopt};
  if (auto get = dyn_cast<GetOp>(op))
    return Place{0, 0, getStoredTensor(get)};
  if (SetOp set = findStore(result))
    return Place{0, 0, getStoredTensor(set)};
  return std::nullopt;
}

static TensorRef makePoison(const Tensor &like) {
  auto poison = std::make_shared<Tensor>(like);
  llvm::fill(poison->values, std::numeric_limits<double>::quiet_NaN());
  // The one integer that has a place is a count, which a mean divides by.
  llvm::fill(poison->tokens, 0);
  return poison;
}

void PlannedMemory::poison(const Place &place, Value but) {
  for (auto &[value, other] : places)
    if (value != but && other.overlaps(place))
      if (auto entry = values.find(value); entry != values.end())
        entry->second = makePoison(*entry->second);
}

/// What is stored is gone as soon as a value is computed there.
void PlannedMemory::poisonHome(Operation *op, const StoredTensor &home) {
  if (home.second == Storage::cache) {
    if (TensorRef &cache = environment.caches[home.first.getValue().str()])
      cache = makePoison(*cache);
    return;
  }
  StringRef name = home.first.getValue();
  if (home.second == Storage::compute)
    name = SymbolTable::lookupNearestSymbolFrom<ComputeWeightOp>(op, home.first)
               .getWeight();
  auto entry = environment.find(name.str());
  if (entry == environment.end())
    return;
  TensorRef &stored = home.second == Storage::compute
                          ? entry->second.compute[home.first.getValue().str()]
                          : entry->second.gradient;
  if (stored)
    stored = makePoison(*stored);
}

/// Whether the result is what stands there already, rather than computed there.
static bool isThere(Operation *op, bool inHome) {
  return isa<ReshapeOp>(op) || (isa<GetOp>(op) && inHome);
}

void PlannedMemory::takeBytes(Operation *op) {
  places.remove_if([&](auto &entry) { return !values.contains(entry.first); });
  for (OpResult result : op->getResults()) {
    std::optional<Place> place = getPlace(result);
    if (!place || isThere(op, bool(place->home)))
      continue;
    OpOperand *over = getInPlaceOperand(result);
    poison(*place, over ? over->get() : Value());
    if (place->home)
      poisonHome(op, *place->home);
  }
}

void PlannedMemory::finish(Operation *op) {
  auto set = dyn_cast<SetOp>(op);
  StoredAccesses accesses(op);
  if (accesses.mayWrite())
    for (auto &[value, place] : places)
      if (place.home && accesses.mayWrite(*place.home) &&
          !(set && getViewedValue(set.getValue()) == getViewedValue(value)))
        if (auto entry = values.find(value); entry != values.end())
          entry->second = makePoison(*entry->second);
  for (OpResult result : op->getResults()) {
    std::optional<Place> place = getPlace(result);
    if (!place)
      continue;
    if (!isThere(op, bool(place->home)))
      poison(*place, result);
    places.insert({result, *place});
  }
}
