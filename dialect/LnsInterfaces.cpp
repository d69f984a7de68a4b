//===- LnsInterfaces.cpp - Op interfaces ----------------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "dialect/LnsInterfaces.h"
#include "dialect/LnsShapes.h"
#include "dialect/NearestName.h"

using namespace mlir;

#include "dialect/LnsInterfaces.cpp.inc"

/// "; did you mean 'x'?", or `otherwise`. Nobody means sizes of segments.
template <typename Names>
static std::string suggestKey(StringRef wanted, const Names &names,
                              StringRef otherwise) {
  std::string text = lns::suggestName(wanted, names, [](StringRef name) {
    return name.ends_with("SegmentSizes") ? StringRef() : name;
  });
  return text.empty() ? otherwise.str() : text;
}

LogicalResult lns::verifyKnownAttributes(Operation *op) {
  for (NamedAttribute attribute : op->getDiscardableAttrs()) {
    StringRef name = attribute.getName();
    if (name.contains('.'))
      continue;
    return op->emitOpError()
           << "has no attribute '" << name << "'"
           << suggestKey(name, op->getName().getAttributeNames(),
                         "; remove it, or give it the prefix of a dialect");
  }
  return success();
}

LogicalResult
lns::verifyKnownProperties(StringRef op, ArrayRef<StringRef> names,
                           Attribute properties,
                           llvm::function_ref<InFlightDiagnostic()> emitError) {
  auto dictionary = dyn_cast_if_present<DictionaryAttr>(properties);
  if (!dictionary)
    return success(); // refused with a message of MLIR's own
  for (NamedAttribute property : dictionary) {
    StringRef name = property.getName();
    // MLIR reads sizes of segments by their old names, too.
    StringRef known = name == "operand_segment_sizes"  ? "operandSegmentSizes"
                      : name == "result_segment_sizes" ? "resultSegmentSizes"
                                                       : name;
    if (llvm::is_contained(names, known))
      continue;
    return emitError() << "'" << op << "' has no property '" << name << "'"
                       << suggestKey(name, names, "; remove it");
  }
  return success();
}

int64_t lns::bytesTouchedOnce(Operation *op) {
  int64_t bytes = 0;
  for (Type type : op->getOperandTypes())
    bytes = saturatingAdd(bytes, bytesOf(type));
  for (Type type : op->getResultTypes())
    bytes = saturatingAdd(bytes, bytesOf(type));
  return bytes;
}

llvm::SmallVector<double, 2>
lns::getFloatProperties(Operation *op, ArrayRef<StringLiteral> names) {
  return llvm::map_to_vector<2>(names, [&](StringRef name) {
    auto value = dyn_cast_if_present<FloatAttr>(
        op->getInherentAttr(name).value_or(Attribute()));
    assert(value && "not a float property of the op");
    return value.getValueAsDouble();
  });
}
