//===- ScalarProgram.h - What row ops compute of one element ----*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// The body of a row op, written once (LnsRowOps.cpp) and read by whoever
// computes it: the interpreter in float64, the CPU's kernels as vectors, CUDA's
// as text. A program is a list of steps, each of which reads earlier ones;
// equal steps are one.
//
//===----------------------------------------------------------------------===//

#ifndef LNS_DIALECT_SCALARPROGRAM_H
#define LNS_DIALECT_SCALARPROGRAM_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/SmallVector.h"
#include <cstdint>

namespace lns {

/// How each element of a row op's result reads an operand.
enum class RowOperand {
  row,       ///< the same element of a tensor of full rows
  number,    ///< the row's number, of a tensor with one for every row
  columns,   ///< the column's element of a vector: the same for all rows
  positions, ///< of a table [time, columns]: the same for all sequences
  scalar,    ///< the only element of a tensor [1]: the same everywhere
  starts     ///< i32, the time at which the row's document starts, of a tensor
         ///< [batch, time]; programs do not read it, it moves the row's time
};

struct ScalarStep {
  enum Kind : uint8_t {
    operand,  ///< number `a` of the op's
    argument, ///< number `a` of the op's float arguments
    constant, ///< `value`
    add,
    sub,
    mul,
    div,
    max, ///< the greater one; `b` where either is not a number
    fma, ///< a * b + c, rounded once where the target can
    sqrt,
    sigmoid, ///< 1 / (1 + e^-a)
    exp,
    tanh,
    erf,
    positive, ///< a > 0 ? b : c
  };
  Kind kind = constant;
  unsigned a = 0, b = 0, c = 0; ///< an operand's number, or earlier steps
  double value = 0;

  bool isLeaf() const { return kind <= constant; }
  /// How many steps it reads: a, b and c in this order.
  unsigned arity() const;
  unsigned read(unsigned i) const { return i == 0 ? a : i == 1 ? b : c; }
  bool operator==(const ScalarStep &other) const = default;
};

class ScalarProgram {
public:
  /// A step's result while a program is written.
  struct Scalar {
    unsigned step;
  };

  /// `width` is how many columns a row has.
  explicit ScalarProgram(int64_t width) : width(width) {}

  // Writing.
  Scalar operand(unsigned number) {
    return append({ScalarStep::operand, number});
  }
  Scalar argument(unsigned number) {
    return append({ScalarStep::argument, number});
  }
  Scalar constant(double value) {
    return append({ScalarStep::constant, 0, 0, 0, value});
  }
  Scalar add(Scalar a, Scalar b) { return binary(ScalarStep::add, a, b); }
  Scalar sub(Scalar a, Scalar b) { return binary(ScalarStep::sub, a, b); }
  Scalar mul(Scalar a, Scalar b) { return binary(ScalarStep::mul, a, b); }
  Scalar div(Scalar a, Scalar b) { return binary(ScalarStep::div, a, b); }
  Scalar max(Scalar a, Scalar b) { return binary(ScalarStep::max, a, b); }
  Scalar fma(Scalar a, Scalar b, Scalar c) {
    return append({ScalarStep::fma, a.step, b.step, c.step});
  }
  Scalar sqrt(Scalar a) { return append({ScalarStep::sqrt, a.step}); }
  Scalar sigmoid(Scalar a) { return append({ScalarStep::sigmoid, a.step}); }
  Scalar exp(Scalar a) { return append({ScalarStep::exp, a.step}); }
  Scalar tanh(Scalar a) { return append({ScalarStep::tanh, a.step}); }
  Scalar erf(Scalar a) { return append({ScalarStep::erf, a.step}); }
  Scalar positive(Scalar a, Scalar then, Scalar otherwise) {
    return append({ScalarStep::positive, a.step, then.step, otherwise.step});
  }
  /// Makes it the op's next result.
  void yield(Scalar result) { results.push_back(result.step); }
  int64_t getWidth() const { return width; }

  // Reading.
  llvm::ArrayRef<ScalarStep> getSteps() const { return steps; }
  llvm::ArrayRef<unsigned> getResults() const { return results; }
  bool empty() const { return results.empty(); }
  /// Whether it has an elementary function, which takes longer than all else.
  bool isTranscendental() const;

  /// Which steps are the same for all columns of a row: those that read no
  /// operand but ones that are.
  llvm::SmallVector<bool>
  findUniform(llvm::function_ref<bool(unsigned operand)> isUniform) const;

  /// Floating-point operations for each element: a multiply-add is two, a
  /// sigmoid three, other steps are one. What is the same for all columns is
  /// none, nor is a factor that is one.
  int64_t getFlops(llvm::function_ref<bool(unsigned operand)> isUniform,
                   llvm::ArrayRef<double> arguments) const;

  /// Whether all results are 0 where those operands are that `isZero`, whatever
  /// finite numbers the others and the arguments are.
  bool keepsZero(llvm::function_ref<bool(unsigned operand)> isZero) const;

  /// Every step's value, from what the operands and arguments are. `values` is
  /// the caller's, so that a loop over elements allocates nothing.
  void evaluate(llvm::ArrayRef<double> operands,
                llvm::ArrayRef<double> arguments,
                llvm::SmallVectorImpl<double> &values) const;

private:
  Scalar append(ScalarStep step);
  Scalar binary(ScalarStep::Kind kind, Scalar a, Scalar b) {
    return append({kind, a.step, b.step});
  }

  int64_t width;
  llvm::SmallVector<ScalarStep> steps;
  llvm::SmallVector<unsigned, 2> results;
};

} // namespace lns

#endif // LNS_DIALECT_SCALARPROGRAM_H
