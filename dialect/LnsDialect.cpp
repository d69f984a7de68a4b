//===- LnsDialect.cpp - The lns dialect -----------------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "dialect/LnsDialect.h"
#include "dialect/LnsOps.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

#include "dialect/LnsDialect.cpp.inc"
#include "dialect/LnsEnums.cpp.inc"

#define GET_ATTRDEF_CLASSES
#include "dialect/LnsAttrs.cpp.inc"

void lns::LnsDialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "dialect/LnsAttrs.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "dialect/LnsOps.cpp.inc"
      >();
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
