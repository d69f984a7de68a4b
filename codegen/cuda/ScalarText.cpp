//===- ScalarText.cpp - Scalar programs as CUDA text ----------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "codegen/cuda/ScalarText.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"

using namespace lns;
using namespace lns::cuda;

using std::string;

string cuda::printFloat(double value) {
  string text;
  llvm::raw_string_ostream(text) << llvm::format("%.9g", double(float(value)));
  if (text.find_first_of(".e") == string::npos)
    text += ".0";
  return text + "f";
}

ScalarText::ScalarText(const ScalarProgram &program)
    : program(program), readers(program.getSteps().size()) {
  for (const ScalarStep &step : program.getSteps())
    for (unsigned i = 0; i < step.arity(); ++i)
      ++readers[step.read(i)];
  for (unsigned result : program.getResults())
    ++readers[result];
}

ScalarText::ScalarText(const ScalarProgram &program, unsigned lanes,
                       llvm::SmallVector<bool> uniform)
    : ScalarText(program) {
  this->lanes = lanes;
  this->uniform = std::move(uniform);
}

//===----------------------------------------------------------------------===//
// Vectors
//===----------------------------------------------------------------------===//

/// What a step reads: "fv" for a float and a vector.
static string getOperandKinds(const ScalarStep &step,
                              llvm::ArrayRef<bool> uniform) {
  string kinds;
  for (unsigned i = 0; i < step.arity(); ++i)
    kinds += uniform.empty() || uniform[step.read(i)] ? 'f' : 'v';
  return kinds;
}

/// Whether floats.cuh has the step for such operands, one of which is a vector.
static bool isInFloats(ScalarStep::Kind kind, llvm::StringRef operands) {
  using llvm::is_contained;
  static constexpr llvm::StringLiteral products[] = {"vv", "fv"},
                                       differences[] = {"vv", "vf", "fv"},
                                       fused[] = {"vvv", "fvv", "vff", "vvf"};
  switch (kind) {
  case ScalarStep::add:
    return operands == "vv";
  case ScalarStep::sub:
    return is_contained(differences, operands);
  case ScalarStep::mul:
    return is_contained(products, operands);
  case ScalarStep::fma:
    return is_contained(fused, operands);
  case ScalarStep::max:
    return operands == "fv";
  case ScalarStep::positive:
    return operands == "vff";
  case ScalarStep::sigmoid:
    return true;
  default:
    return false;
  }
}

/// Whether floats.cuh has it for vectors alone.
static bool isInFloatsForVectors(ScalarStep::Kind kind) {
  string vectors(ScalarStep{kind}.arity(), 'v');
  return isInFloats(kind, vectors);
}

/// Whether the step takes floats without functions.cuh.
static bool takesFloats(ScalarStep::Kind kind) {
  switch (kind) {
  case ScalarStep::max:
  case ScalarStep::positive:
  case ScalarStep::exp:
  case ScalarStep::tanh:
  case ScalarStep::erf:
    return false;
  default:
    return true;
  }
}

bool cuda::needsFunctions(const ScalarProgram &program,
                          llvm::ArrayRef<bool> uniform) {
  return llvm::any_of(program.getSteps(), [&](const ScalarStep &step) {
    if (step.isLeaf())
      return false;
    string operands = getOperandKinds(step, uniform);
    if (!llvm::StringRef(operands).contains('v'))
      return !takesFloats(step.kind);
    return !isInFloats(step.kind, operands) && !isInFloatsForVectors(step.kind);
  });
}

bool ScalarText::mustSplat(const ScalarStep &step) const {
  string operands = getOperandKinds(step, uniform);
  return llvm::StringRef(operands).contains('v') &&
         !isInFloats(step.kind, operands);
}

ScalarText::Text ScalarText::printVectorStep(unsigned step) {
  Text text = printStep(step);
  if (isVector(step))
    return text;
  return {"splat<" + std::to_string(lanes) + ">(" + text.text + ")", primary};
}

string ScalarText::printVector(unsigned step) {
  return printVectorStep(step).text;
}

//===----------------------------------------------------------------------===//
// Steps
//===----------------------------------------------------------------------===//

ScalarText::Text ScalarText::printStep(unsigned step) {
  if (known)
    if (string name = known(step); !name.empty())
      return {name, primary};
  Text text = printExpression(program.getSteps()[step]);
  if (program.getSteps()[step].isLeaf() || readers[step] < 2)
    return text;
  return {define(step, text.text), primary};
}

string ScalarText::inside(const Text &text, Binding least) {
  return text.binding >= least ? text.text : "(" + text.text + ")";
}

ScalarText::Text ScalarText::printExpression(const ScalarStep &step) {
  bool splats = mustSplat(step);
  auto read = [&](unsigned i) {
    return splats ? printVectorStep(step.read(i)) : printStep(step.read(i));
  };
  // f32 is not associative: only what stands on the left needs no brackets.
  auto binary = [&](const char *sign, Binding binding) -> Text {
    string left = inside(read(0), binding);
    return {left + sign + inside(read(1), Binding(binding + 1)), binding};
  };
  auto call = [&](const char *function) -> Text {
    string list;
    for (unsigned i = 0; i < step.arity(); ++i)
      list += (i ? ", " : "") + read(i).text;
    return {function + ("(" + list + ")"), primary};
  };
  bool ofVectors =
      llvm::StringRef(getOperandKinds(step, uniform)).contains('v');
  switch (step.kind) {
  case ScalarStep::operand:
    return {operand(step.a), primary};
  case ScalarStep::argument:
    return {argument(step.a), primary};
  case ScalarStep::constant:
    return {printFloat(step.value), step.value < 0 ? sum : primary};
  case ScalarStep::add:
    return binary(" + ", sum);
  case ScalarStep::sub:
    return binary(" - ", sum);
  case ScalarStep::mul:
    return binary(" * ", product);
  case ScalarStep::div:
    return binary(" / ", product);
  case ScalarStep::max:
    return call("maximum");
  case ScalarStep::fma:
    return call("multiplyAdd");
  case ScalarStep::sqrt:
    return call(ofVectors ? "squareRoot" : "sqrtf");
  case ScalarStep::sigmoid:
    return call("sigmoid");
  case ScalarStep::exp:
    return call("exponential");
  case ScalarStep::tanh:
    return call("hyperbolicTangent");
  case ScalarStep::erf:
    return call("errorFunction");
  case ScalarStep::positive:
    return call("ifPositive");
  }
  llvm_unreachable("all kinds are above");
}
