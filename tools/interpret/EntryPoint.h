//===- EntryPoint.h - What a module can run, and its arguments --*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOOLS_INTERPRET_ENTRYPOINT_H
#define LNS_TOOLS_INTERPRET_ENTRYPOINT_H

#include "tools/interpret/RandomInputs.h"
#include <optional>

namespace lns::interpret {

/// A function, or one of the two things that a model means before it is
/// instantiated: `logits` (tokens) and `eval` (tokens, targets), the mean cross
/// entropy.
struct EntryPoint {
  std::string name;
  mlir::Operation *op; ///< func.func or lns.model

  bool isModel() const { return llvm::isa<ModelOp>(op); }
  /// Names of the results in files: "logits", "loss", "norm", else "result.N".
  std::string resultName(unsigned index) const;
};

/// All of them, in the module's order.
llvm::SmallVector<EntryPoint> entryPointsOf(mlir::ModuleOp module);

/// Seeds and sizes that stand for dynamic extents: the first dynamic extent of
/// a type is the batch, others are the sequence. `tokens`, `targets` and
/// `starts` are used in place of random ones when they are not null. Of random
/// targets every `ignoreEvery`th is ignored, from the first on; none where it is
/// 0. Documents begin at random times, or at every `documentEvery`th of a row;
/// where it is 0, a row is one.
struct InputOptions {
  uint64_t seed = 0;
  int64_t batch = 2, sequence = 8, ignoreEvery = 0;
  std::optional<int64_t> documentEvery;
  OptimizerValues optimizer;
  TensorRef tokens, targets, starts;
};

/// The argument's type with its dynamic extents replaced.
llvm::SmallVector<int64_t> concreteShape(mlir::Type type,
                                         const InputOptions &options);

/// Whether an argument is read as AdamW's values.
bool isOptimizer(mlir::Value argument);

/// Whether an argument is read as starts of documents, also by a function that
/// is called with it.
bool isStarts(mlir::Value argument);

/// Whether the entry point has such an argument.
bool takesStarts(const EntryPoint &entry);

/// One tensor per argument: tokens, targets, starts of documents, optimizer
/// values, standard normal numbers; for a count, the number of the targets before it that are
/// not ignored. Argument i is the same for every entry point with one seed.
/// Errors are emitted at the entry point.
llvm::LogicalResult makeArguments(const EntryPoint &entry,
                                  const InputOptions &options,
                                  llvm::SmallVectorImpl<TensorRef> &arguments);

/// Runs the entry point; errors are emitted at the op that fails.
llvm::LogicalResult runEntryPoint(const EntryPoint &entry,
                                  Environment &environment,
                                  llvm::ArrayRef<TensorRef> arguments,
                                  llvm::SmallVectorImpl<TensorRef> &results,
                                  Rounding rounding = Rounding::None,
                                  Memory memory = Memory::Values);

} // namespace lns::interpret

#endif // LNS_TOOLS_INTERPRET_ENTRYPOINT_H
