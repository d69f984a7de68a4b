//===- KnownProperties.h - Ops that refuse unknown keys ---------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// What ODS makes of an op's properties looks up the keys that it knows and
// passes over all others, so that a misspelled one in `<{...}>` would be lost
// without a word. MLIR has no hook for that, but for the class by which an op
// is registered: this one stands for an op's own, and is it in all but this.
//
//===----------------------------------------------------------------------===//

#ifndef LNS_DIALECT_KNOWNPROPERTIES_H
#define LNS_DIALECT_KNOWNPROPERTIES_H

#include "dialect/LnsInterfaces.h"

namespace lns {

template <typename ConcreteOp> class KnowsItsProperties : public ConcreteOp {
public:
  using ConcreteOp::ConcreteOp;

  template <typename Properties>
  static llvm::LogicalResult setPropertiesFromAttr(
      Properties &properties, mlir::Attribute attribute,
      llvm::function_ref<mlir::InFlightDiagnostic()> emitError) {
    if (failed(verifyKnownProperties(ConcreteOp::getOperationName(),
                                     ConcreteOp::getAttributeNames(), attribute,
                                     emitError)))
      return llvm::failure();
    return ConcreteOp::setPropertiesFromAttr(properties, attribute, emitError);
  }
};

} // namespace lns

/// To `isa` and all else, it is the op.
template <typename ConcreteOp>
class mlir::detail::TypeIDResolver<lns::KnowsItsProperties<ConcreteOp>> {
public:
  static TypeID resolveTypeID() { return TypeID::get<ConcreteOp>(); }
};

#endif // LNS_DIALECT_KNOWNPROPERTIES_H
