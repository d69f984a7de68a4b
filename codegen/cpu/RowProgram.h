//===- RowProgram.h - Row ops that make one kernel --------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// Internal to codegen/cpu. A row program is the body of an `lns.cluster`, or a
// single row op taken as a body of one.
//
//===----------------------------------------------------------------------===//

#ifndef LNS_CODEGEN_CPU_ROWPROGRAM_H
#define LNS_CODEGEN_CPU_ROWPROGRAM_H

#include "codegen/cpu/KernelSet.h"
#include "llvm/ADT/MapVector.h"

namespace lns::cpu {

struct RowProgram {
  llvm::SmallVector<mlir::Operation *> ops; ///< in order
  /// Values inside, and the values outside that are bound to them.
  llvm::SmallVector<mlir::Value> inputs, outputs;
  llvm::SmallVector<mlir::Value> outerInputs, outerOutputs;
  /// Of full rows. `time` is the last but one extent, 1 if there is none.
  int64_t rank = 0, rows = 1, width = 1, time = 1;
  /// Whether an op asks which time a row is at.
  bool needsTime = false;
  /// Head size of the rotations inside, 0 if there are none.
  int64_t headDim = 0;
  /// Scale factors of the ops, in the ops' order: launch arguments.
  llvm::SmallVector<float> floats;
  llvm::DenseMap<mlir::Operation *, unsigned> firstFloat;
  /// Constant numbers of cosines and sines, per rotation: [time, headDim / 2].
  llvm::MapVector<mlir::Operation *, std::pair<unsigned, unsigned>> tables;

  bool isRowScalar(mlir::Value value) const {
    return mlir::cast<mlir::RankedTensorType>(value.getType()).getRank() ==
           rank - 1;
  }
  /// Whether a value is a table of positions: [positions, width].
  bool isTable(mlir::Value value) const;
};

/// The function that an op applies, if it is an activation or the gradient of
/// one.
std::optional<Activation> getActivation(mlir::Operation *op);

/// Fails with an error at `op` when there is no kernel for this combination.
llvm::FailureOr<RowProgram> buildRowProgram(mlir::Operation *op,
                                            KernelSet &set);

/// Text that is equal for programs with equal code.
std::string getStructuralKey(const RowProgram &program);

/// Whether the program writes or uses gain * x * rstd(x): a norm that was not
/// folded into its readers.
bool computesNorm(const RowProgram &program);

/// Emits the loop over rows. Buffers are the inputs, the outputs, then the
/// tables.
void emitRowProgram(CodeBuilder &code, KernelFrame &frame,
                    const RowProgram &program);

} // namespace lns::cpu

#endif // LNS_CODEGEN_CPU_ROWPROGRAM_H
