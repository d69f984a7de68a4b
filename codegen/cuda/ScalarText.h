//===- ScalarText.h - Scalar programs as CUDA text --------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// An expression for each step of a program (dialect/ScalarProgram.h), of floats
// or of `Floats<N>` alike: the operators and functions of floats.cuh take both.
// What is read more than once gets a variable.
//
//===----------------------------------------------------------------------===//

#ifndef LNS_CODEGEN_CUDA_SCALARTEXT_H
#define LNS_CODEGEN_CUDA_SCALARTEXT_H

#include "dialect/ScalarProgram.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include <functional>
#include <string>
#include <vector>

namespace lns::cuda {

class ScalarText {
public:
  explicit ScalarText(const ScalarProgram &program);

  /// Expressions for the leaves: names, or calls.
  std::function<std::string(unsigned)> operand, argument;
  /// The variable that a step has already, "" for none.
  std::function<std::string(unsigned step)> known;
  /// Prints the definition of a variable for a step, and gives its name.
  std::function<std::string(unsigned step, const std::string &expression)>
      define;

  std::string print(unsigned step) { return printStep(step).text; }

private:
  /// Larger binds tighter.
  enum Binding { sum, product, primary };
  struct Text {
    std::string text;
    Binding binding;
  };

  Text printStep(unsigned step);
  Text printExpression(const ScalarStep &step);
  std::string inside(unsigned step, Binding least);

  const ScalarProgram &program;
  std::vector<unsigned> readers; ///< of each step
};

/// "0.5f": the nearest float.
std::string printFloat(double value);

} // namespace lns::cuda

#endif // LNS_CODEGEN_CUDA_SCALARTEXT_H
