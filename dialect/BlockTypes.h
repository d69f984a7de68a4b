//===- BlockTypes.h - Ops that differ by the block they are in --*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// `by_type` of an op in lns.layers with types: what the op is in blocks of each
// type. Everybody who looks at one block of a model asks here.
//
//===----------------------------------------------------------------------===//

#ifndef LNS_DIALECT_BLOCKTYPES_H
#define LNS_DIALECT_BLOCKTYPES_H

#include "mlir/IR/Operation.h"
#include "llvm/ADT/StringRef.h"

namespace lns {

/// The attribute's name.
inline constexpr llvm::StringLiteral kByType = "by_type";

/// (C4) of lns.layers, for an op in it. Emits an error at the op.
llvm::LogicalResult verifyByType(mlir::Operation *op);

/// Whether the op is not there in blocks of a type: its result is its operand.
bool isLeftOut(mlir::Operation *op, llvm::StringRef type);

/// Makes `op`, which has been verified where it came from, what it is in blocks
/// of a type, without `by_type`.
void specialize(mlir::Operation *op, llvm::StringRef type);

} // namespace lns

#endif // LNS_DIALECT_BLOCKTYPES_H
