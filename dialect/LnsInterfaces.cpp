//===- LnsInterfaces.cpp - Op interfaces ----------------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "dialect/LnsInterfaces.h"
#include "dialect/LnsShapes.h"

using namespace mlir;

#include "dialect/LnsInterfaces.cpp.inc"

/// The one of `names` that is most like `wanted`, empty if none is: two wrong
/// letters, or one in three.
template <typename Names>
static StringRef findNearest(const Names &names, StringRef wanted) {
  StringRef nearest;
  unsigned least = std::max<unsigned>(2, wanted.size() / 3) + 1;
  for (StringRef name : names) {
    unsigned distance = wanted.edit_distance(name, /*AllowReplacements=*/true,
                                             /*MaxEditDistance=*/least);
    if (distance < least && !name.ends_with("SegmentSizes")) {
      least = distance;
      nearest = name;
    }
  }
  return nearest;
}

LogicalResult lns::verifyKnownAttributes(Operation *op) {
  for (NamedAttribute attribute : op->getDiscardableAttrs()) {
    StringRef name = attribute.getName();
    if (name.contains('.'))
      continue;
    InFlightDiagnostic diagnostic = op->emitOpError()
                                    << "has no attribute '" << name << "'";
    if (StringRef nearest =
            findNearest(op->getName().getAttributeNames(), name);
        !nearest.empty())
      diagnostic << "; did you mean '" << nearest << "'?";
    else
      diagnostic << "; remove it, or give it the prefix of a dialect";
    return diagnostic;
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
    InFlightDiagnostic diagnostic =
        emitError() << "'" << op << "' has no property '" << name << "'";
    if (StringRef nearest = findNearest(names, name); !nearest.empty())
      diagnostic << "; did you mean '" << nearest << "'?";
    else
      diagnostic << "; remove it";
    return diagnostic;
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
