//===- LnsDialect.cpp - The lns dialect -----------------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "dialect/LnsDialect.h"
#include "dialect/KnownProperties.h"
#include "dialect/LnsMemory.h"
#include "dialect/LnsOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

#include "dialect/LnsDialect.cpp.inc"
#include "dialect/LnsEnums.cpp.inc"

#define GET_ATTRDEF_CLASSES
#include "dialect/LnsAttrs.cpp.inc"

template <typename... Ops> static void registerOps(lns::LnsDialect &dialect) {
  (RegisteredOperationName::insert<lns::KnowsItsProperties<Ops>>(dialect), ...);
}

void lns::LnsDialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "dialect/LnsAttrs.cpp.inc"
      >();
  registerOps<
#define GET_OP_LIST
#include "dialect/LnsOps.cpp.inc"
      >(*this);
}

/// Folders speak of a constant by its one value, an f64 whatever the tensor's
/// element type is, so that folding never rounds to the element type.
Operation *lns::LnsDialect::materializeConstant(OpBuilder &builder,
                                                Attribute value, Type type,
                                                Location loc) {
  auto number = dyn_cast<FloatAttr>(value);
  auto tensor = dyn_cast<RankedTensorType>(type);
  if (!number || !number.getType().isF64() || !tensor ||
      !tensor.hasStaticShape())
    return nullptr;
  return ConstantOp::create(builder, loc, type, number);
}

//===----------------------------------------------------------------------===//
// Attributes of ops of any dialect
//===----------------------------------------------------------------------===//

/// No plan is so large; sums of two such sizes do not overflow.
static constexpr int64_t kMaxPlanBytes = int64_t(1) << 60;

/// kOffsetsAttr: one for each result, -1 or where it begins.
static LogicalResult verifyOffsets(Operation *op, Attribute value) {
  auto offsets = dyn_cast<DenseI64ArrayAttr>(value);
  if (!offsets)
    return op->emitOpError("has '")
           << lns::kOffsetsAttr << "' of " << value
           << ", expected an array<i64> with an offset for each result";
  if (offsets.size() != int64_t(op->getNumResults()))
    return op->emitOpError("has ") << offsets.size() << " offsets for "
                                   << op->getNumResults() << " results";
  for (auto [result, offset] : llvm::enumerate(offsets.asArrayRef()))
    if (offset < -1 || offset > kMaxPlanBytes)
      return op->emitOpError("has result ")
             << result << " at offset " << offset
             << ", expected -1, outside of the arena, or 0 to "
             << kMaxPlanBytes;
  return success();
}

/// The sizes that `lns-plan-memory` leaves on a function.
static LogicalResult verifySize(Operation *op, NamedAttribute attribute) {
  if (!isa<func::FuncOp>(op))
    return op->emitOpError("has '") << attribute.getName().getValue()
                                    << "', which is an attribute of functions";
  auto bytes = dyn_cast<IntegerAttr>(attribute.getValue());
  if (bytes && bytes.getType().isInteger(64) && bytes.getInt() >= 0 &&
      bytes.getInt() <= kMaxPlanBytes)
    return success();
  return op->emitOpError("has '")
         << attribute.getName().getValue() << "' of " << attribute.getValue()
         << ", expected an i64 of 0 to " << kMaxPlanBytes << " bytes";
}

/// "lns.model", what instantiation notes of the model. Keys that are not here
/// are for people.
static LogicalResult verifyFacts(Operation *op, Attribute value) {
  auto facts = dyn_cast<DictionaryAttr>(value);
  if (!facts || !isa<ModuleOp>(op))
    return op->emitOpError("has 'lns.model' of ")
           << value << ", expected a dictionary, on a module";
  for (StringRef key :
       {"batch", "micro_batch", "sequence", "vocabulary", "width"})
    if (Attribute fact = facts.get(key)) {
      auto number = dyn_cast<IntegerAttr>(fact);
      if (!number || !number.getType().isInteger(64) || number.getInt() < 1 ||
          number.getInt() > INT32_MAX)
        return op->emitOpError("has '")
               << key << "' of " << fact
               << " in 'lns.model', expected a positive 32-bit integer, as i64";
    }
  if (Attribute fact = facts.get("layers")) {
    auto number = dyn_cast<IntegerAttr>(fact);
    if (!number || !number.getType().isInteger(64) || number.getInt() < 0 ||
        number.getInt() > INT32_MAX)
      return op->emitOpError("has 'layers' of ")
             << fact << " in 'lns.model', expected 0 or a positive 32-bit "
             << "integer, as i64";
  }
  if (Attribute fact = facts.get("documents"); fact && !isa<UnitAttr>(fact))
    return op->emitOpError("has 'documents' of ")
           << fact
           << " in 'lns.model', expected a unit: it is there, or it is not";
  if (Attribute fact = facts.get("branches")) {
    // How many of them a block has; what model form allows is far less.
    auto counts = dyn_cast<DenseI64ArrayAttr>(fact);
    if (!counts || llvm::any_of(counts.asArrayRef(), [](int64_t count) {
          return count < 0 || count > UINT16_MAX;
        }))
      return op->emitOpError("has 'branches' of ")
             << fact << " in 'lns.model', expected an array<i64> of 0 to "
             << UINT16_MAX;
  }
  for (StringRef key :
       {"name", "config", "norm_scheme", "dtype", "identity", "digest"})
    if (Attribute fact = facts.get(key); fact && !isa<StringAttr>(fact))
      return op->emitOpError("has '")
             << key << "' of " << fact << " in 'lns.model', expected a string";
  return success();
}

LogicalResult
lns::LnsDialect::verifyOperationAttribute(Operation *op,
                                          NamedAttribute attribute) {
  StringRef name = attribute.getName();
  if (name == kOffsetsAttr)
    return verifyOffsets(op, attribute.getValue());
  if (name == kArenaBytesAttr || name == kLiveBytesAttr ||
      name == kActivationBytesAttr)
    return verifySize(op, attribute);
  if (name == "lns.model")
    return verifyFacts(op, attribute.getValue());
  return op->emitOpError("has attribute '")
         << name << "', which the lns dialect does not know; remove it";
}
