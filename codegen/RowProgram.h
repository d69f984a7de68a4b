//===- RowProgram.h - Row ops that make one kernel --------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// A row program is the body of an `lns.cluster`, or a single row op taken as a
// body of one: what a row kernel computes, whatever the target. Each target has
// an emitter of its own for it.
//
//===----------------------------------------------------------------------===//

#ifndef LNS_CODEGEN_ROWPROGRAM_H
#define LNS_CODEGEN_ROWPROGRAM_H

#include "dialect/LnsOps.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/MapVector.h"
#include <optional>
#include <string>
#include <vector>

namespace lns {

struct RowProgram {
  llvm::SmallVector<mlir::Operation *> ops; ///< in order
  /// The products that the ops follow, or the last addition of several that
  /// are only added up. Their results are the first inputs, and no value
  /// outside is bound to those.
  llvm::SmallVector<mlir::Operation *> products;
  /// Values inside, and the values outside that are bound to them.
  llvm::SmallVector<mlir::Value> inputs, outputs;
  llvm::SmallVector<mlir::Value> outerInputs, outerOutputs;
  /// Of full rows. `time` is the last but one extent, 1 if there is none; where
  /// rows are heads, [batch, time, heads, width], the one before.
  int64_t rank = 0, rows = 1, width = 1, time = 1;
  /// Rows of one time: heads, or 1.
  int64_t rowsPerTime = 1;
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
  /// Whether some op reads a value as one number for all rows.
  bool isScalar(mlir::Value value) const;
  /// Whether a value is starts of documents: i32 [batch, time], which launches
  /// get as it is, one for every time of the batch. A row's is element
  /// row / rowsPerTime; it is none of the row's numbers (isScalarInput).
  bool isStarts(mlir::Value value) const;
  /// The starts that an op's times count from: an input of the program, or null
  /// where a row's time is its index. Ops of one program may have different
  /// ones.
  static mlir::Value getStarts(mlir::Operation *op);
  /// Whether an input is read as one number per row by some op. (A gain has the
  /// same rank when rows are rank 2, a table of positions when they are rank
  /// 3.)
  bool isScalarInput(mlir::Value input) const;
  bool isOutput(mlir::Value value) const;
  bool isProductResult(mlir::Value value) const;

private:
  bool isReadAs(mlir::Value value, RowOperand kind) const;
};

/// The number of a constant with these contents; the second function makes them
/// when the key is new.
using ConstantNumber = llvm::function_ref<unsigned(
    llvm::StringRef key, llvm::function_ref<std::vector<float>()> make)>;

/// Fails with an error at `op` when there is no kernel for this combination.
llvm::FailureOr<RowProgram> buildRowProgram(mlir::Operation *op,
                                            ConstantNumber getConstant);

/// The row ops of a member of a cluster with products; there may be none.
llvm::FailureOr<RowProgram> buildEpilogueProgram(ClusterOp cluster,
                                                 const ClusterMember &member,
                                                 ConstantNumber getConstant);

/// Text that is equal for programs with equal code: getKernelKey of each op,
/// and how they are connected.
std::string getStructuralKey(const RowProgram &program);

/// "residual, row_rstd": the ops, and a part of a symbol made from the first
/// of them.
std::string getSourceText(const RowProgram &program);
std::string getSymbolHint(const RowProgram &program);

/// Whether the program writes what a norm computes, with its bias: a pass over
/// memory that elimination saves. A norm that goes on into a residual or a
/// rotation in the same kernel costs none.
bool writesNorm(const RowProgram &program);

/// A row reduction needs all columns before anything that depends on it can
/// start, so it ends a phase. (Centering is the reduction to a mean, and an
/// elementwise op after it.)
struct RowPhases {
  explicit RowPhases(const RowProgram &program);

  /// Whether the op needs a whole row: row_rstd, row_dot, center_rows.
  static bool isReduction(mlir::Operation *op);
  /// The first phase in which a value can be computed: one after the last of
  /// the reductions that it depends on; 0 for inputs.
  int of(mlir::Value value) const { return phases.lookup(value); }
  /// The reductions over columns that phase `phase` has.
  llvm::SmallVector<mlir::Operation *> reductionsIn(int phase) const;

  int last = 0; ///< phase of the program

private:
  llvm::DenseMap<mlir::Value, int> phases;
  llvm::SmallVector<std::pair<mlir::Operation *, int>> reductions;
};

} // namespace lns

#endif // LNS_CODEGEN_ROWPROGRAM_H
