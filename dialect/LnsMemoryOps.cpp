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

//===----------------------------------------------------------------------===//
// lns.pack
//===----------------------------------------------------------------------===//

static constexpr int64_t kAlignment = 64;

ParseResult PackOp::parse(OpAsmParser &parser, OperationState &state) {
  SmallVector<int64_t> first, last, sizes, offsets;
  SMLoc loc = parser.getCurrentLocation();
  auto parseInterval = [&]() -> ParseResult {
    if (parser.parseInteger(first.emplace_back()) || parser.parseComma() ||
        parser.parseInteger(last.emplace_back()) || parser.parseRSquare() ||
        parser.parseInteger(sizes.emplace_back()))
      return failure();
    if (succeeded(parser.parseOptionalKeyword("at")) &&
        parser.parseInteger(offsets.emplace_back()))
      return failure();
    return success();
  };
  if (succeeded(parser.parseOptionalLSquare())) {
    if (parseInterval())
      return failure();
    while (succeeded(parser.parseOptionalComma()))
      if (parser.parseLSquare() || parseInterval())
        return failure();
  }
  if (!offsets.empty() && offsets.size() != first.size())
    return parser.emitError(loc)
           << "has " << offsets.size() << " offsets for " << first.size()
           << " intervals, expected one each or none";
  auto &properties = state.getOrAddProperties<Properties>();
  Builder &builder = parser.getBuilder();
  if (succeeded(parser.parseOptionalKeyword("total"))) {
    int64_t total = 0;
    if (parser.parseInteger(total))
      return failure();
    properties.total = builder.getI64IntegerAttr(total);
    properties.offsets = builder.getDenseI64ArrayAttr(offsets);
  } else if (!offsets.empty()) {
    return parser.emitError(parser.getCurrentLocation(),
                            "expected 'total' after offsets");
  }
  properties.first = builder.getDenseI64ArrayAttr(first);
  properties.last = builder.getDenseI64ArrayAttr(last);
  properties.sizes = builder.getDenseI64ArrayAttr(sizes);
  return parser.parseOptionalAttrDict(state.attributes);
}

void PackOp::print(OpAsmPrinter &printer) {
  ArrayRef<int64_t> offsets =
      getOffsets() ? *getOffsets() : ArrayRef<int64_t>();
  for (auto [i, size] : llvm::enumerate(getSizes())) {
    printer << (i == 0 ? " [" : ", [") << getFirst()[i] << ", " << getLast()[i]
            << "] " << size;
    if (!offsets.empty())
      printer << " at " << offsets[i];
  }
  if (std::optional<uint64_t> total = getTotal())
    printer << " total " << *total;
  printer.printOptionalAttrDict((*this)->getAttrs(),
                                {getFirstAttrName(), getLastAttrName(),
                                 getSizesAttrName(), getOffsetsAttrName(),
                                 getTotalAttrName()});
}

LogicalResult PackOp::verify() {
  ArrayRef<int64_t> first = getFirst(), last = getLast(), sizes = getSizes();
  size_t count = sizes.size();
  if (first.size() != count || last.size() != count ||
      (getOffsets() && getOffsets()->size() != count))
    return emitOpError("has ")
           << first.size() << " first positions, " << last.size()
           << " last ones, " << count << " sizes and "
           << (getOffsets() ? getOffsets()->size() : count)
           << " offsets, expected equally many";
  // (C1)
  for (size_t i = 0; i < count; ++i) {
    if (first[i] < 0 || last[i] < first[i] || last[i] > INT32_MAX)
      return emitOpError("interval ")
             << i << " is [" << first[i] << ", " << last[i]
             << "], expected 0 <= first <= last < 2^31";
    if (sizes[i] < 0 || sizes[i] > (int64_t(1) << 46))
      return emitOpError("interval ")
             << i << " has " << sizes[i] << " bytes, expected 0 to 2^46";
  }
  if (bool(getOffsets()) != bool(getTotal()))
    return emitOpError("has ")
           << (getTotal() ? "a total" : "offsets") << " but no "
           << (getTotal() ? "offsets" : "total");
  if (!getOffsets())
    return success();
  // (C2)
  ArrayRef<int64_t> offsets = *getOffsets();
  int64_t end = 0;
  for (size_t i = 0; i < count; ++i) {
    if (offsets[i] < 0 || offsets[i] % kAlignment != 0 ||
        offsets[i] > INT64_MAX / 2)
      return emitOpError("interval ")
             << i << " is at " << offsets[i] << ", expected a multiple of "
             << kAlignment;
    end = std::max<int64_t>(end,
                            llvm::alignTo(offsets[i] + sizes[i], kAlignment));
    for (size_t j = 0; j < i; ++j)
      if (first[i] <= last[j] && first[j] <= last[i] &&
          offsets[i] < offsets[j] + sizes[j] &&
          offsets[j] < offsets[i] + sizes[i])
        return emitOpError("intervals ")
               << j << " and " << i
               << " live at the same time and overlap: bytes [" << offsets[j]
               << ", " << offsets[j] + sizes[j] << ") and [" << offsets[i]
               << ", " << offsets[i] + sizes[i] << ")";
  }
  // (C3)
  if (int64_t(*getTotal()) != end)
    return emitOpError("has a total of ")
           << *getTotal() << " bytes, but its last one ends at " << end;
  return success();
}
