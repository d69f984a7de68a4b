//===- LnsOps.h - All ops of the lns dialect --------------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_DIALECT_LNSOPS_H
#define LNS_DIALECT_LNSOPS_H

#include "dialect/LnsDialect.h"
#include "dialect/LnsEnums.h"
#include "dialect/LnsInterfaces.h"
#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/ControlFlowInterfaces.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

namespace lns {

/// Products of a cluster and the row ops that follow them.
struct ClusterMember {
  llvm::SmallVector<mlir::Operation *> products, rowOps;

  /// Whether the products are several that are only added up.
  bool isSum() const;
};

/// The most layers of a model. A plan holds every layer's commands, and each
/// costs lnsc some 15 ms and 600 KB: without a bound a digit too many is
/// minutes without a word. The deepest models that were published have 1000.
inline constexpr int64_t kMaxDepth = 2048;

/// A target that is ignored; LNSRT_IGNORED_TARGET of runtime/lnsrt.h.
inline constexpr int64_t kIgnoredTarget = -100;

/// How many products a cluster may hold: query, key, value, and an up
/// projection of the same input beside them.
inline constexpr unsigned kMaxClusterProducts = 4;

} // namespace lns

#define GET_OP_CLASSES
#include "dialect/LnsOps.h.inc"

namespace lns {

/// Whether a row op reads this operand by column (a gain, a bias), by time (a
/// table of positions) or as one number, the same for all rows, rather than row
/// by row.
bool isSharedByRows(mlir::OpOperand &operand);

/// Whether the op multiplies matrices: what row ops of a cluster may follow as
/// its epilogue.
bool isProduct(mlir::Operation *op);

/// Whether both products are linears, or matmuls of operands that are stored in
/// the same way.
bool areOfOneKind(mlir::Operation *a, mlir::Operation *b);

/// Whether one kernel can compute both products from the same tiles of their
/// input: they differ in weights and alpha alone.
bool arePair(mlir::Operation *a, mlir::Operation *b);

/// Whether products can be added up before anything is scaled or rounded: they
/// differ in their operands, and in how long their sums are.
bool areAddable(mlir::Operation *a, mlir::Operation *b);

/// The value that `terms` are added up to by `lns.add` alone, which read each
/// of them and each sum between them once; null if there is none. The additions
/// are appended to `additions`, if given, in order.
mlir::Value
findSum(llvm::ArrayRef<mlir::Value> terms,
        llvm::SmallVectorImpl<mlir::Operation *> *additions = nullptr);

/// Whether a row op adds up whole rows to one number each. What reads it needs
/// the row to be complete, so that no product's epilogue can hold both.
bool isRowSum(mlir::Operation *op);

/// The type of whole rows of a row op: that of the highest rank among what it
/// reads or writes row by row.
mlir::RankedTensorType wholeRowsType(mlir::Operation *op);

} // namespace lns

#endif // LNS_DIALECT_LNSOPS_H
