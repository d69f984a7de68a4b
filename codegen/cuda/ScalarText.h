//===- ScalarText.h - Scalar programs as CUDA text --------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// An expression for each step of a program (dialect/ScalarProgram.h), of floats
// or of `Floats<N>` alike: the operators and functions of floats.cuh take both.
// Where they do not take a mixture, floats are made vectors of equal ones.
// What is read more than once gets a variable.
//
//===----------------------------------------------------------------------===//

#ifndef LNS_CODEGEN_CUDA_SCALARTEXT_H
#define LNS_CODEGEN_CUDA_SCALARTEXT_H

#include "dialect/ScalarProgram.h"
#include "llvm/ADT/SmallVector.h"
#include <functional>
#include <string>
#include <vector>

namespace lns::cuda {

class ScalarText {
public:
  /// Of floats alone.
  explicit ScalarText(const ScalarProgram &program);
  /// Of vectors, but for steps that are the same for all columns.
  ScalarText(const ScalarProgram &program, unsigned lanes,
             llvm::SmallVector<bool> uniform);

  /// Expressions for the leaves: names, or calls.
  std::function<std::string(unsigned)> operand, argument;
  /// The variable that a step has already, "" for none.
  std::function<std::string(unsigned step)> known;
  /// Prints the definition of a variable for a step, and gives its name.
  std::function<std::string(unsigned step, const std::string &expression)>
      define;

  std::string print(unsigned step) { return printStep(step).text; }
  /// A vector in any case.
  std::string printVector(unsigned step);
  bool isVector(unsigned step) const {
    return !uniform.empty() && !uniform[step];
  }

private:
  /// Larger binds tighter.
  enum Binding { sum, product, primary };
  struct Text {
    std::string text;
    Binding binding;
  };

  Text printStep(unsigned step);
  Text printVectorStep(unsigned step);
  bool mustSplat(const ScalarStep &step) const;
  Text printExpression(const ScalarStep &step);
  std::string inside(const Text &text, Binding least);

  const ScalarProgram &program;
  unsigned lanes = 1;
  llvm::SmallVector<bool> uniform; ///< steps; empty: all
  std::vector<unsigned> readers;   ///< of each step
};

/// Whether a program has steps that floats.cuh lacks, and functions.cuh has.
/// `uniform` steps are the same for all columns; if it is empty, all are.
bool needsFunctions(const ScalarProgram &program,
                    llvm::ArrayRef<bool> uniform = {});

/// "0.5f": the nearest float.
std::string printFloat(double value);

} // namespace lns::cuda

#endif // LNS_CODEGEN_CUDA_SCALARTEXT_H
