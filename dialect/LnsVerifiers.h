//===- LnsVerifiers.h - Checks that several verifiers share -----*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_DIALECT_LNSVERIFIERS_H
#define LNS_DIALECT_LNSVERIFIERS_H

#include "dialect/LnsShapes.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/Operation.h"

namespace lns {

inline mlir::RankedTensorType tensorOf(mlir::Value value) {
  return llvm::cast<mlir::RankedTensorType>(value.getType());
}

/// Fails unless `value`, named `what`, has a last dimension.
llvm::LogicalResult verifyHasColumns(mlir::Operation *op, llvm::StringRef what,
                                     mlir::RankedTensorType type);

/// Fails unless both tensors have the same element type.
llvm::LogicalResult verifySameElement(mlir::Operation *op, llvm::StringRef what,
                                      mlir::RankedTensorType type,
                                      llvm::StringRef otherWhat,
                                      mlir::RankedTensorType other);

/// Fails unless `type` has the wide element type of `other`.
llvm::LogicalResult verifyWideElement(mlir::Operation *op, llvm::StringRef what,
                                      mlir::RankedTensorType type,
                                      llvm::StringRef otherWhat,
                                      mlir::RankedTensorType other);

/// Fails unless a matrix product may have these element types: all the same, or
/// bf16 and f32 with a bf16 operand.
llvm::LogicalResult
verifyProductTypes(mlir::Operation *op, llvm::StringRef aName,
                   mlir::RankedTensorType a, llvm::StringRef bName,
                   mlir::RankedTensorType b, llvm::StringRef resultName,
                   mlir::RankedTensorType result);

/// Fails unless `type`, the type of `what`, has (up to dynamic extents) the
/// shape of `expected`, and its element type; `why` says where `expected`
/// comes from.
llvm::LogicalResult verifyType(mlir::Operation *op, llvm::StringRef what,
                               mlir::RankedTensorType type,
                               mlir::RankedTensorType expected,
                               llvm::StringRef why);

llvm::LogicalResult verifyFinite(mlir::Operation *op, llvm::StringRef what,
                                 const llvm::APFloat &value);
/// Finite and > 0.
llvm::LogicalResult verifyPositive(mlir::Operation *op, llvm::StringRef what,
                                   const llvm::APFloat &value);

/// Of a learning rate, of AdamW's epsilon and of a weight decay: finite, not
/// negative, and so that f32, in which kernels take them, holds them; only the
/// last may be 0.
llvm::LogicalResult verifyFactors(mlir::Operation *op,
                                  const llvm::APFloat &learningRate,
                                  const llvm::APFloat &eps,
                                  const llvm::APFloat &decay);

/// The operand or result numbers of `left` and `right`, called by name, agree
/// in number and types.
llvm::LogicalResult verifySameTypes(mlir::Operation *op,
                                    llvm::StringRef leftName,
                                    mlir::TypeRange left,
                                    llvm::StringRef rightName,
                                    mlir::TypeRange right);

} // namespace lns

#endif // LNS_DIALECT_LNSVERIFIERS_H
