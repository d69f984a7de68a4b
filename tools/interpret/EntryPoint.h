//===- EntryPoint.h - What a module can run, and its arguments --*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOOLS_INTERPRET_ENTRYPOINT_H
#define LNS_TOOLS_INTERPRET_ENTRYPOINT_H

#include "tools/interpret/RandomInputs.h"

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
/// a type is the batch, others are the sequence. `tokens` and `targets` are
/// used in place of random ones when they are not null. Of random targets every
/// `ignoreEvery`th is ignored, from the first on; none where it is 0.
struct InputOptions {
  uint64_t seed = 0;
  int64_t batch = 2, sequence = 8, ignoreEvery = 0;
  OptimizerValues optimizer;
  TensorRef tokens, targets;
};

/// The argument's type with its dynamic extents replaced.
llvm::SmallVector<int64_t> concreteShape(mlir::Type type,
                                         const InputOptions &options);

/// Whether an argument is read as AdamW's values.
bool isOptimizer(mlir::Value argument);

/// One tensor per argument: tokens, targets, optimizer values, standard
/// normal numbers; for a count, the number of the targets before it that are
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
