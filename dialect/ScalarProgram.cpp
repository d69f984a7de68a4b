//===- ScalarProgram.cpp - What row ops compute of one element --*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "dialect/ScalarProgram.h"

#include "llvm/ADT/STLExtras.h"
#include <cmath>
#include <optional>

using namespace lns;

unsigned ScalarStep::arity() const {
  switch (kind) {
  case operand:
  case argument:
  case constant:
    return 0;
  case sqrt:
  case sigmoid:
  case exp:
  case tanh:
  case erf:
    return 1;
  case add:
  case sub:
  case mul:
  case div:
  case max:
    return 2;
  case fma:
  case positive:
    return 3;
  }
  llvm_unreachable("all kinds are above");
}

ScalarProgram::Scalar ScalarProgram::append(ScalarStep step) {
  auto *found = llvm::find(steps, step);
  if (found != steps.end())
    return {unsigned(found - steps.begin())};
  steps.push_back(step);
  return {unsigned(steps.size() - 1)};
}

bool ScalarProgram::isTranscendental() const {
  return llvm::any_of(steps, [](const ScalarStep &step) {
    return step.kind == ScalarStep::sigmoid || step.kind == ScalarStep::exp ||
           step.kind == ScalarStep::tanh || step.kind == ScalarStep::erf;
  });
}

llvm::SmallVector<bool> ScalarProgram::findUniform(
    llvm::function_ref<bool(unsigned operand)> isUniform) const {
  llvm::SmallVector<bool> uniform;
  for (const ScalarStep &step : steps) {
    bool same = step.kind != ScalarStep::operand || isUniform(step.a);
    for (unsigned i = 0; i < step.arity(); ++i)
      same = same && uniform[step.read(i)];
    uniform.push_back(same);
  }
  return uniform;
}

int64_t
ScalarProgram::getFlops(llvm::function_ref<bool(unsigned operand)> isUniform,
                        llvm::ArrayRef<double> arguments) const {
  auto isOne = [&](unsigned step) {
    return (steps[step].kind == ScalarStep::constant &&
            steps[step].value == 1) ||
           (steps[step].kind == ScalarStep::argument &&
            arguments[steps[step].a] == 1);
  };
  int64_t flops = 0;
  for (auto [step, same] : llvm::zip_equal(steps, findUniform(isUniform))) {
    if (same || step.isLeaf())
      continue;
    bool multiplies =
        step.kind == ScalarStep::mul || step.kind == ScalarStep::fma;
    if (step.kind == ScalarStep::sigmoid)
      flops += 3;
    else if (!multiplies || step.kind == ScalarStep::fma)
      ++flops;
    if (multiplies && !isOne(step.a) && !isOne(step.b))
      ++flops;
  }
  return flops;
}

/// What a step that reads others makes of their values.
static double apply(ScalarStep::Kind kind, double a, double b, double c) {
  switch (kind) {
  case ScalarStep::operand:
  case ScalarStep::argument:
  case ScalarStep::constant:
    break;
  case ScalarStep::add:
    return a + b;
  case ScalarStep::sub:
    return a - b;
  case ScalarStep::mul:
    return a * b;
  case ScalarStep::div:
    return a / b;
  case ScalarStep::max:
    return a > b ? a : b;
  case ScalarStep::fma:
    return a * b + c;
  case ScalarStep::sqrt:
    return std::sqrt(a);
  case ScalarStep::sigmoid:
    return 1 / (1 + std::exp(-a));
  case ScalarStep::exp:
    return std::exp(a);
  case ScalarStep::tanh:
    return std::tanh(a);
  case ScalarStep::erf:
    return std::erf(a);
  case ScalarStep::positive:
    return a > 0 ? b : c;
  }
  llvm_unreachable("a leaf is its own value");
}

bool ScalarProgram::keepsZero(
    llvm::function_ref<bool(unsigned operand)> isZero) const {
  // Of each step, its value if that is always the same.
  llvm::SmallVector<std::optional<double>> values;
  for (const ScalarStep &step : steps) {
    std::optional<double> &value = values.emplace_back();
    if (step.isLeaf()) {
      if (step.kind == ScalarStep::constant)
        value = step.value;
      else if (step.kind == ScalarStep::operand && isZero(step.a))
        value = 0;
      continue;
    }
    auto read = [&](unsigned i) { return values[step.read(i)]; };
    bool multiplies =
        step.kind == ScalarStep::mul || step.kind == ScalarStep::fma;
    bool isZeroProduct = multiplies && (read(0) == 0.0 || read(1) == 0.0);
    if (isZeroProduct)
      value = step.kind == ScalarStep::mul ? 0.0 : read(2);
    else if (step.kind == ScalarStep::positive && read(0))
      value = read(*read(0) > 0 ? 1 : 2);
    else if (read(0) && (step.arity() < 2 || read(1)) &&
             (step.arity() < 3 || read(2)))
      value = apply(step.kind, *read(0), step.arity() > 1 ? *read(1) : 0,
                    step.arity() > 2 ? *read(2) : 0);
  }
  return llvm::all_of(results,
                      [&](unsigned result) { return values[result] == 0.0; });
}

void ScalarProgram::evaluate(llvm::ArrayRef<double> operands,
                             llvm::ArrayRef<double> arguments,
                             llvm::SmallVectorImpl<double> &values) const {
  values.resize_for_overwrite(steps.size());
  for (auto [step, value] : llvm::zip_equal(steps, values)) {
    if (step.kind == ScalarStep::operand)
      value = operands[step.a];
    else if (step.kind == ScalarStep::argument)
      value = arguments[step.a];
    else if (step.kind == ScalarStep::constant)
      value = step.value;
    else
      value = apply(step.kind, values[step.a],
                    step.arity() > 1 ? values[step.b] : 0,
                    step.arity() > 2 ? values[step.c] : 0);
  }
}
