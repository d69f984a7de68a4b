//===- RowText.h - Row ops as CUDA text, by column vectors ------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// Prints the straight-line code of a row program at one vector of columns
// (`Floats<N>`, codegen/cuda/kernels/floats.cuh): what a row kernel does in its
// loop over columns, and what the epilogue of a matrix product does with a
// vector of its accumulators.
//
// Values are pulled: `column(value)` prints one statement for every op that the
// value needs and that has not been printed yet, and returns the variable's
// name. Where inputs come from, and which numbers per row are known, the caller
// says. The text includes "row.cuh".
//
// All of it is f32. A bf16 value that is an output is rounded when it is
// computed and used as it is stored, so that a row's statistics are those of
// the row that other kernels read; one that stays inside is not rounded.
//
//===----------------------------------------------------------------------===//

#ifndef LNS_CODEGEN_CUDA_ROWTEXT_H
#define LNS_CODEGEN_CUDA_ROWTEXT_H

#include "codegen/RowProgram.h"
#include "codegen/cuda/ScalarText.h"
#include "llvm/Support/raw_ostream.h"
#include <functional>
#include <map>

namespace lns::cuda {

/// Names of a program's values, and of the parameters of a kernel made from it.
class RowNames {
public:
  explicit RowNames(const RowProgram &program);

  /// "residual_0" for the result of op 0. An input has the name of its pointer,
  /// "in2".
  llvm::StringRef of(mlir::Value value) const;
  /// "residual_0", "gated_activation_grad_3".
  std::string ofOp(mlir::Operation *op) const;
  /// "residual_0_skip_scale": the op's i-th scale factor.
  std::string scale(mlir::Operation *op, unsigned i) const;
  /// All scale parameters in the order of RowProgram::floats.
  llvm::SmallVector<std::string> allScales() const;

  static std::string output(unsigned i) { return "out" + std::to_string(i); }
  std::string cosines(mlir::Operation *rope) const {
    return ofOp(rope) + "_cos";
  }
  std::string sines(mlir::Operation *rope) const { return ofOp(rope) + "_sin"; }
  /// "in2_time", how far a row is into its document.
  std::string time(mlir::Value starts) const {
    return of(starts).str() + "_time";
  }

private:
  const RowProgram &program;
  llvm::DenseMap<mlir::Value, std::string> names;
};

/// Numbers of one row that the text has in variables.
class RowScalarText {
public:
  RowScalarText(const RowProgram &program, const RowPhases &phases,
                const RowNames &names)
      : program(program), phases(phases), names(names) {}

  /// Names the variable of an input, or of a reduction's result.
  void bind(mlir::Value value, std::string name) { known[value] = name; }
  /// The mean that center_rows takes off.
  void bindMean(mlir::Operation *center, std::string name) {
    byOp[center] = name;
  }
  /// Prints the variables of inputs that are one number for all rows.
  void printScalars(llvm::raw_ostream &os, unsigned indent);
  /// Prints what can be computed from now on: sums of numbers per row, and what
  /// ops on columns make of such numbers alone.
  void print(int phase, llvm::raw_ostream &os, unsigned indent);

  std::string of(mlir::Value value) const { return known.lookup(value); }
  std::string of(mlir::Operation *op) const { return byOp.lookup(op); }
  /// The variable of an operand that is the same for all columns.
  std::string ofOperand(mlir::Operation *op, unsigned operand) const;
  /// The variable of a step of an op's program, "" if it has none.
  std::string of(mlir::Operation *op, unsigned step) const {
    return factors.lookup({op, step});
  }

private:
  const RowProgram &program;
  const RowPhases &phases;
  const RowNames &names;
  llvm::DenseMap<mlir::Value, std::string> known, scalars;
  llvm::DenseMap<mlir::Operation *, std::string> byOp;
  llvm::DenseMap<std::pair<mlir::Operation *, unsigned>, std::string> factors;
};

/// The place of a column vector, as expressions of the text around it.
struct ColumnPlace {
  unsigned lanes = 1;
  std::string column; ///< its first column; of a pair, that of the first half
  /// The row's time (printTimes), where the program needs it.
  std::string time;
  /// Its place in the half head, where the program rotates.
  std::string place;
  /// How far away the other half's columns are, where that depends on the
  /// vector's place: an epilogue's vector is in either half, and `rotation` is
  /// -1 in the first, 1 in the second. Empty where a vector is a pair.
  std::string shift, rotation;
  /// How many of the columns exist, where these may be fewer than `lanes`.
  std::string count;
};

/// Prints the statements of one column vector, or of a pair of them half a head
/// apart where the program rotates. With `shift` only half 0 is the vector, and
/// of half 1 comes what its rotation needs.
class ColumnText {
public:
  ColumnText(const RowProgram &program, const RowNames &names,
             const RowScalarText &scalars, ColumnPlace place,
             llvm::raw_ostream &os, unsigned indent)
      : program(program), names(names), scalars(scalars),
        place(std::move(place)), os(os), indent(indent) {}

  /// An expression of `Floats<lanes>` for an input of full rows, or for an
  /// output that was stored before. Empty for a value that is to be computed.
  std::function<std::string(mlir::Value, unsigned half)> load;
  /// An expression of `Floats<lanes>` for the result of a product.
  std::function<std::string(mlir::Value, unsigned half)> computeProduct;
  /// The flag that says at run time whether a value is an output; empty for one
  /// that is what the program says. Unset if there are none.
  std::function<std::string(mlir::Value)> flagOf;

  /// 1, or 2 where the vector is a pair.
  unsigned halves() const {
    return program.headDim == 0 || !place.shift.empty() ? 1 : 2;
  }
  /// An expression of `Floats<lanes>` for columns in memory, and a statement
  /// that stores a value's.
  std::string loadFrom(const std::string &pointer) const;
  std::string storeTo(const std::string &pointer, mlir::Value value,
                      unsigned half);
  /// The variable (`Floats<lanes>`) of a value of full rows.
  std::string column(mlir::Value value, unsigned half = 0);
  /// An expression for `sum` with the columns' terms of a reduction added.
  std::string accumulate(mlir::Operation *op, const std::string &sum,
                         unsigned half = 0);
  /// The variable (`Columns<T, lanes>`) of a value of element type T as it is
  /// stored.
  std::string stored(mlir::Value value, unsigned half = 0);
  /// The first column of a half, an expression.
  std::string columnOf(unsigned half) const;

private:
  std::string nameOf(mlir::Value value, unsigned half) const;
  void define(const std::string &type, const std::string &name,
              const std::string &expression);
  std::string floats() const;
  /// What the ops mean, as expressions. A term's steps have one reader each.
  ScalarText textOf(const ScalarProgram &steps, mlir::Operation *op,
                    unsigned half);
  std::string expressionOf(mlir::OpResult result, unsigned half);
  std::string rotate(RopeOp op, unsigned half);
  /// The variable of the time at which an op takes the row to be.
  std::string timeOf(mlir::Operation *op) const;
  /// The columns of a gain or bias.
  std::string shared(mlir::Value value, unsigned half);

  const RowProgram &program;
  const RowNames &names;
  const RowScalarText &scalars;
  ColumnPlace place;
  llvm::raw_ostream &os;
  unsigned indent;
  using Key = std::pair<mlir::Value, unsigned>;
  llvm::DenseMap<Key, std::string> known, inMemory, sharedColumns;
  /// Variables of steps that are read more than once.
  std::map<std::pair<mlir::Operation *, unsigned>,
           std::map<unsigned, std::string>>
      steps;
  llvm::DenseSet<mlir::Operation *> haveTables;
};

/// Adds the headers that the text of the program's ops wants beside "row.cuh".
void addIncludes(const RowProgram &program,
                 llvm::SmallVectorImpl<std::string> &includes);

/// Prints the variable `time` of row `row`, an expression of type `rowType`,
/// and one for each starts of documents that times count from. Nothing where
/// the program asks for no time.
void printTimes(llvm::raw_ostream &os, unsigned indent,
                const RowProgram &program, const RowNames &names,
                llvm::StringRef row, llvm::StringRef rowType = "int");

/// The element type of a tensor where `lns` is in scope: "float", "bf16",
/// "int".
llvm::StringRef getElementName(mlir::Value tensor);

} // namespace lns::cuda

#endif // LNS_CODEGEN_CUDA_ROWTEXT_H
