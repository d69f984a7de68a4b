//===- BlockTypes.cpp - Ops that differ by the block they are in ----------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "dialect/BlockTypes.h"
#include "dialect/LnsOps.h"
#include "mlir/IR/Verifier.h"

using namespace mlir;
using namespace lns;

/// `none`, which the parser takes for the builtin type of that name.
static bool isNone(Attribute value) {
  auto type = dyn_cast_if_present<TypeAttr>(value);
  return type && isa<NoneType>(type.getValue());
}

static Attribute getEntry(Operation *op, StringRef type) {
  auto byType = op->getAttrOfType<DictionaryAttr>(kByType);
  return byType ? byType.get(type) : Attribute();
}

bool lns::isLeftOut(Operation *op, StringRef type) {
  return isNone(getEntry(op, type));
}

void lns::specialize(Operation *op, StringRef type) {
  if (!op->hasAttr(kByType))
    return;
  auto attributes = dyn_cast_if_present<DictionaryAttr>(getEntry(op, type));
  op->removeAttr(kByType);
  if (attributes)
    for (NamedAttribute attribute : attributes)
      op->setAttr(attribute.getName(), attribute.getValue());
}

/// What the op is in blocks of `type` is an op of its kind.
static LogicalResult verifyEntry(Operation *op, StringRef type,
                                 Attribute entry) {
  if (isNone(entry)) {
    if (op->getNumOperands() == 1 && op->getNumResults() == 1 &&
        op->getOperand(0).getType() == op->getResult(0).getType())
      return success();
    return op->emitOpError("is 'none' in blocks of type '")
           << type
           << "', but its result is not one operand's and cannot be left out";
  }
  auto attributes = dyn_cast<DictionaryAttr>(entry);
  if (!attributes)
    return op->emitOpError("is ")
           << entry << " in blocks of type '" << type
           << "', expected a dictionary of its attributes, or none";
  ArrayRef<StringAttr> known = op->getName().getAttributeNames();
  for (NamedAttribute attribute : attributes) {
    StringRef name = attribute.getName();
    if (!llvm::is_contained(known, attribute.getName()) || name == kByType)
      return op->emitOpError("has '") << name << "' in blocks of type '" << type
                                      << "', which is no attribute of it";
  }
  if (auto rope = dyn_cast<RopeOp>(op); rope && rope.getFrequencies() &&
                                        attributes.contains("base") &&
                                        !attributes.contains("frequencies"))
    return op->emitOpError("has a 'base' in blocks of type '")
           << type
           << "', but frequencies that go before it; give that type "
              "frequencies";
  Operation *special = op->clone();
  specialize(special, type);
  LogicalResult result = success();
  for (NamedAttribute attribute : attributes)
    // A property of another class is dropped without a word.
    if (special->getInherentAttr(attribute.getName()) != attribute.getValue() &&
        succeeded(result))
      result = op->emitOpError("has '")
               << attribute.getName().getValue() << "' of "
               << attribute.getValue() << " in blocks of type '" << type
               << "', which is not of the attribute's kind";
  if (succeeded(result))
    result = verify(special, /*verifyRecursively=*/false);
  special->destroy();
  return result;
}

LogicalResult lns::verifyByType(Operation *op) {
  auto byType = op->getAttrOfType<DictionaryAttr>(kByType);
  if (!byType)
    return success();
  auto layers = dyn_cast_if_present<LayersOp>(op->getParentOp());
  if (!layers || !layers.getTypes())
    return op->emitOpError("has 'by_type', but is ")
           << (layers ? "in lns.layers without types; give it 'types'"
                      : "outside lns.layers, where blocks have no types");
  auto types = layers.getTypes()->getAsValueRange<StringAttr>();
  for (NamedAttribute entry : byType) {
    StringRef type = entry.getName();
    if (!llvm::is_contained(types, type)) {
      InFlightDiagnostic diagnostic =
          op->emitOpError("has 'by_type' for blocks of type '")
          << type << "', of which there is none";
      diagnostic.attachNote(layers.getLoc())
          << "the types of blocks are " << *layers.getTypes();
      return diagnostic;
    }
    if (failed(verifyEntry(op, type, entry.getValue())))
      return failure();
  }
  return success();
}
