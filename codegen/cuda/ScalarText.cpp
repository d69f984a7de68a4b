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

ScalarText::Text ScalarText::printStep(unsigned step) {
  if (known)
    if (string name = known(step); !name.empty())
      return {name, primary};
  Text text = printExpression(program.getSteps()[step]);
  if (program.getSteps()[step].isLeaf() || readers[step] < 2)
    return text;
  return {define(step, text.text), primary};
}

string ScalarText::inside(unsigned step, Binding least) {
  Text text = printStep(step);
  return text.binding >= least ? text.text : "(" + text.text + ")";
}

ScalarText::Text ScalarText::printExpression(const ScalarStep &step) {
  // f32 is not associative: only what stands on the left needs no brackets.
  auto binary = [&](const char *sign, Binding binding) -> Text {
    string left = inside(step.a, binding);
    return {left + sign + inside(step.b, Binding(binding + 1)), binding};
  };
  auto call = [&](const char *function) -> Text {
    string list;
    for (unsigned i = 0; i < step.arity(); ++i)
      list += (i ? ", " : "") + print(step.read(i));
    return {function + ("(" + list + ")"), primary};
  };
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
    return call("sqrtf");
  case ScalarStep::sigmoid:
    return call("sigmoid");
  case ScalarStep::positive:
    return call("ifPositive");
  }
  llvm_unreachable("all kinds are above");
}
