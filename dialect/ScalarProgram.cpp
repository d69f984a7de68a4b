//===- ScalarProgram.cpp - What row ops compute of one element --*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "dialect/ScalarProgram.h"

#include "llvm/ADT/STLExtras.h"
#include <cmath>

using namespace lns;

unsigned ScalarStep::arity() const {
  switch (kind) {
  case operand:
  case argument:
  case constant:
    return 0;
  case sqrt:
  case sigmoid:
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
    return step.kind == ScalarStep::sigmoid;
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

void ScalarProgram::evaluate(llvm::ArrayRef<double> operands,
                             llvm::ArrayRef<double> arguments,
                             llvm::SmallVectorImpl<double> &values) const {
  values.resize_for_overwrite(steps.size());
  for (auto [step, value] : llvm::zip_equal(steps, values)) {
    double a = step.arity() > 0 ? values[step.a] : 0;
    double b = step.arity() > 1 ? values[step.b] : 0;
    double c = step.arity() > 2 ? values[step.c] : 0;
    switch (step.kind) {
    case ScalarStep::operand:
      value = operands[step.a];
      break;
    case ScalarStep::argument:
      value = arguments[step.a];
      break;
    case ScalarStep::constant:
      value = step.value;
      break;
    case ScalarStep::add:
      value = a + b;
      break;
    case ScalarStep::sub:
      value = a - b;
      break;
    case ScalarStep::mul:
      value = a * b;
      break;
    case ScalarStep::div:
      value = a / b;
      break;
    case ScalarStep::max:
      value = a > b ? a : b;
      break;
    case ScalarStep::fma:
      value = a * b + c;
      break;
    case ScalarStep::sqrt:
      value = std::sqrt(a);
      break;
    case ScalarStep::sigmoid:
      value = 1 / (1 + std::exp(-a));
      break;
    case ScalarStep::positive:
      value = a > 0 ? b : c;
      break;
    }
  }
}
