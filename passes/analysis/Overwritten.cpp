//===- Overwritten.cpp - What may not be read any later ---------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "passes/analysis/Overwritten.h"
#include "dialect/LnsMemory.h"

using namespace mlir;
using namespace lns;

StringRef lns::findOverwritten(Operation *reader, Operation *until) {
  SmallVector<StoredTensor, 3> reads;
  for (Value operand : reader->getOperands())
    if (auto get = getViewedValue(operand).getDefiningOp<GetOp>())
      reads.push_back(getStoredTensor(get));
  if (reads.empty())
    return {};
  for (Operation *op = reader->getNextNode(); op && op != until;
       op = op->getNextNode()) {
    StoredAccesses accesses(op);
    for (const StoredTensor &tensor : reads)
      if (accesses.mayWrite(tensor))
        return tensor.first.getValue();
  }
  return {};
}
