//===- OpCall.h - One op and its tensors ------------------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOOLS_INTERPRET_OPCALL_H
#define LNS_TOOLS_INTERPRET_OPCALL_H

#include "tools/interpret/Interpreter.h"
#include <optional>

namespace lns::interpret {

/// The execution of one op: what goes in, what comes out, and the state that
/// ops with side effects change.
struct OpCall {
  mlir::Operation *op;
  Environment &environment;
  Rounding rounding;
  /// 0-based index of the block that runs; 0 outside of lns.layers.
  int64_t layer;
  llvm::SmallVector<TensorRef> operands;
  llvm::SmallVector<TensorRef> results;
  uint64_t seed = 0; ///< of this call's own rounding

  /// The tensor of an operand, null for an optional operand that is absent.
  const Tensor *get(mlir::Value operand) const;

  /// Whether this product rounds what it multiplies: one of its operands is
  /// bf16, and the run rounds.
  bool roundsFactors() const;

  /// Rounds what kernels have in f32 on the way to a result, where a run rounds
  /// by chance: a mean that is taken off, whose error no rounding of the
  /// difference has.
  void roundInside(std::vector<double> &values) const;

  /// Makes result `index`, of zeros. Null, with an error emitted, when it is
  /// too large or does not have the shape that the result's type says.
  Tensor *allocate(unsigned index, llvm::ArrayRef<int64_t> shape);

  /// Makes result `index` with the static shape of its type.
  Tensor *allocateByType(unsigned index);

  /// Fails unless `operand` has `shape`. Types may be dynamic, so that only
  /// this check keeps every access within its tensor.
  llvm::LogicalResult expectShape(mlir::Value operand,
                                  llvm::ArrayRef<int64_t> shape) const;

  /// Fails unless `starts` are those of documents in rows of shape [batch,
  /// time, ...]: 0 at time 0, and then at each time t the start before, or t.
  llvm::LogicalResult expectStarts(mlir::Value starts,
                                   llvm::ArrayRef<int64_t> rows) const;

  /// Fails unless every position t - starts[b, t] of rows of shape [batch,
  /// time, ...] is one of `count`: where documents may have begun before the
  /// rows.
  llvm::LogicalResult expectPositions(mlir::Value starts,
                                      llvm::ArrayRef<int64_t> rows,
                                      int64_t count) const;
};

/// Each family executes `call` if the op is one of its own, else gives nothing.
std::optional<llvm::LogicalResult> interpretCompute(OpCall &call);
std::optional<llvm::LogicalResult> interpretRowOp(OpCall &call);
std::optional<llvm::LogicalResult> interpretAttention(OpCall &call);
std::optional<llvm::LogicalResult> interpretAdjoint(OpCall &call);
std::optional<llvm::LogicalResult> interpretGraph(OpCall &call);

} // namespace lns::interpret

#endif // LNS_TOOLS_INTERPRET_OPCALL_H
