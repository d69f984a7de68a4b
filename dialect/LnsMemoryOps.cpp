//===- LnsMemoryOps.cpp - Verifiers and syntax of memory ops --------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

//
// The numbers (C1), (C2), ... are those of the op's description.
//
//===----------------------------------------------------------------------===//

#include "dialect/LnsOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/Support/MathExtras.h"
#include <algorithm>

using namespace mlir;
using namespace lns;

//===----------------------------------------------------------------------===//
// lns.repeat
//===----------------------------------------------------------------------===//

LogicalResult RepeatOp::verifySymbolUses(SymbolTableCollection &symbols) {
  // (C1)
  int64_t count = getCount();
  if (count < 1)
    return emitOpError("has count ") << count << ", expected at least 1";
  auto callee =
      symbols.lookupNearestSymbolFrom<func::FuncOp>(*this, getCalleeAttr());
  if (!callee)
    return emitOpError("names '")
           << getCallee() << "', but there is no such function";
  if (!callee.getBody().hasOneBlock() ||
      !callee.getBody().front().getOps<RepeatOp>().empty())
    return emitOpError("calls '")
           << getCallee()
           << "', which must have a body of one block without "
              "an lns.repeat";
  // (C2)
  FunctionType type = callee.getFunctionType();
  if (type.getNumInputs() != getInputs().size())
    return emitOpError("has ")
           << getInputs().size() << " inputs, but '" << getCallee()
           << "' takes " << type.getNumInputs();
  for (auto [i, input, argument] :
       llvm::enumerate(getInputs().getTypes(), type.getInputs())) {
    auto whole = cast<RankedTensorType>(input);
    if (whole.getRank() == 0) {
      if (input != argument)
        return emitOpError("input ") << i << " is the scalar " << input
                                     << ", but the callee takes " << argument;
      continue;
    }
    auto part = dyn_cast<RankedTensorType>(argument);
    bool fits = part && part.hasStaticShape() && whole.hasStaticShape() &&
                part.getRank() > 0 && part.getRank() == whole.getRank() &&
                part.getElementType() == whole.getElementType() &&
                part.getShape().drop_front() == whole.getShape().drop_front() &&
                whole.getDimSize(0) % count == 0 &&
                whole.getDimSize(0) / count == part.getDimSize(0);
    if (!fits)
      return emitOpError("input ")
             << i << " has type " << input << ", which is not " << count
             << " times the callee's " << argument;
  }
  // (C3)
  if (TypeRange(type.getResults()) != TypeRange(getResults()))
    return emitOpError("has result types ")
           << TypeRange(getResults()) << ", but '" << getCallee()
           << "' returns " << type.getResults();
  return success();
}
