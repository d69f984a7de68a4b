//===- Overwritten.cpp - What may not be read any later ---------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "passes/Overwritten.h"
#include "dialect/LnsOps.h"

using namespace mlir;
using namespace lns;

StringRef lns::findOverwritten(Operation *reader, Operation *until) {
  using Memory = std::pair<StringAttr, Storage>;
  SmallVector<Memory, 3> reads;
  for (Value operand : reader->getOperands())
    if (auto get = operand.getDefiningOp<GetOp>())
      reads.push_back({get.getSymbolAttr().getAttr(), get.getStorage()});
  if (reads.empty())
    return {};
  for (Operation *op = reader->getNextNode(); op && op != until;
       op = op->getNextNode()) {
    // A repeated function may write all there is.
    if (isa<RepeatOp>(op))
      return reads.front().first.getValue();
    Memory written;
    if (auto set = dyn_cast<SetOp>(op))
      written = {set.getSymbolAttr().getAttr(), set.getStorage()};
    else if (auto adamw = dyn_cast<AdamWOp>(op))
      written = {adamw.getSymbolAttr().getAttr(), Storage::parameter};
    if (llvm::is_contained(reads, written))
      return written.first.getValue();
  }
  return {};
}
