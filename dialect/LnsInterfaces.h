//===- LnsInterfaces.h - Op interfaces and traits ---------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_DIALECT_LNSINTERFACES_H
#define LNS_DIALECT_LNSINTERFACES_H

#include "dialect/ScalarProgram.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/Operation.h"
#include <cstdint>

namespace lns {

/// Bytes of every tensor operand and result of `op`, each counted once per
/// use. Saturates instead of overflowing; a dynamic tensor counts as nothing.
int64_t bytesTouchedOnce(mlir::Operation *op);

/// What the programs of a row op compute: see ScalarProgram::getFlops.
/// Saturates; an op with a dynamic shape counts as nothing.
int64_t getRowOpFlops(mlir::Operation *op);

/// Fails where the op has an attribute that it does not know and that is not of
/// a dialect ("x.name").
llvm::LogicalResult verifyKnownAttributes(mlir::Operation *op);

/// Fails where `properties`, as the generic form has them in `<{...}>`, has a
/// key that an op of this name, whose attributes are `names`, does not know.
llvm::LogicalResult
verifyKnownProperties(llvm::StringRef op, llvm::ArrayRef<llvm::StringRef> names,
                      mlir::Attribute properties,
                      llvm::function_ref<mlir::InFlightDiagnostic()> emitError);

/// The values of an op's float properties.
llvm::SmallVector<double, 2>
getFloatProperties(mlir::Operation *op,
                   llvm::ArrayRef<llvm::StringLiteral> names);

namespace OpTrait {
/// All ops of the dialect: attributes are those that the op knows.
template <typename ConcreteType>
class KnownAttributes
    : public mlir::OpTrait::TraitBase<ConcreteType, KnownAttributes> {
public:
  static llvm::LogicalResult verifyTrait(mlir::Operation *op) {
    return verifyKnownAttributes(op);
  }
};
} // namespace OpTrait

} // namespace lns

#include "dialect/LnsInterfaces.h.inc"

#endif // LNS_DIALECT_LNSINTERFACES_H
