//===- Overwritten.cpp - What may not be read any later ---------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "passes/Overwritten.h"

using namespace mlir;
using namespace lns;

StoredTensor lns::getStoredTensor(GetOp get) {
  return {get.getSymbolAttr().getAttr(), get.getStorage()};
}

SmallVector<StoredTensor, 2> lns::getWrittenTensors(Operation *op) {
  if (auto set = dyn_cast<SetOp>(op))
    return {{set.getSymbolAttr().getAttr(), set.getStorage()}};
  auto adamw = dyn_cast<AdamWOp>(op);
  if (!adamw)
    return {};
  SmallVector<StoredTensor, 2> written = {
      {adamw.getSymbolAttr().getAttr(), Storage::parameter}};
  if (FlatSymbolRefAttr compute = adamw.getComputeAttr())
    written.push_back({compute.getAttr(), Storage::compute});
  return written;
}

StringRef lns::findOverwritten(Operation *reader, Operation *until) {
  SmallVector<StoredTensor, 3> reads;
  for (Value operand : reader->getOperands())
    if (auto get = operand.getDefiningOp<GetOp>())
      reads.push_back(getStoredTensor(get));
  if (reads.empty())
    return {};
  for (Operation *op = reader->getNextNode(); op && op != until;
       op = op->getNextNode()) {
    // A repeated function may write all there is.
    if (isa<RepeatOp>(op))
      return reads.front().first.getValue();
    for (const StoredTensor &written : getWrittenTensors(op))
      if (llvm::is_contained(reads, written))
        return written.first.getValue();
  }
  return {};
}
