//===- CheckGradients.cpp - Parameter gradients against differences -------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/interpret/CheckGradients.h"
#include "llvm/Support/Format.h"
#include <cmath>

using namespace mlir;
using namespace lns;
using namespace lns::interpret;

static double normOf(const std::vector<double> &values) {
  double sum = 0;
  for (double value : values)
    sum += value * value;
  return std::sqrt(sum);
}

static double dot(const std::vector<double> &a, const std::vector<double> &b) {
  double sum = 0;
  for (auto [x, y] : llvm::zip_equal(a, b))
    sum += x * y;
  return sum;
}

namespace {

class GradientCheck {
public:
  GradientCheck(EntryPoint eval, const Environment &environment,
                const AdjointOptions &options)
      : eval(std::move(eval)), environment(environment), options(options) {}

  LogicalResult run(const EntryPoint &grads, llvm::raw_ostream &report) {
    Environment state = environment;
    SmallVector<TensorRef> results;
    if (failed(makeArguments(eval, options.inputs, arguments)) ||
        failed(runEntryPoint(grads, state, arguments, results)))
      return failure();
    Environment noting = environment;
    noting.stopped = &stopped;
    if (failed(runEntryPoint(eval, noting, arguments, results)))
      return failure();
    if (state.empty())
      return grads.op->emitError("has no parameters, so there is no gradient "
                                 "to check");
    auto module = grads.op->getParentOfType<ModuleOp>();
    for (const auto &[name, parameter] : state) {
      auto declared =
          module ? module.lookupSymbol<ParameterOp>(name) : ParameterOp();
      if (declared && declared.getFrozen())
        continue;
      if (!parameter.gradientStored)
        return grads.op->emitError("the gradient of '")
               << name << "' is not stored";
      if (failed(checkParameter(name, *parameter.gradient, report)))
        return failure();
    }
    return success();
  }

private:
  LogicalResult lossAlong(const std::string &name,
                          const std::vector<double> &direction, double offset,
                          double &loss) {
    Environment state = environment;
    stopped.replay();
    state.stopped = &stopped;
    ParameterState &parameter = state[name];
    auto shifted = std::make_shared<Tensor>(*parameter.value);
    for (auto [value, d] : llvm::zip_equal(shifted->values, direction))
      value += offset * d;
    parameter.value = shifted;
    SmallVector<TensorRef> results;
    if (failed(runEntryPoint(eval, state, arguments, results)))
      return failure();
    loss = results.front()->values[0];
    return success();
  }

  LogicalResult checkParameter(const std::string &name, const Tensor &gradient,
                               llvm::raw_ostream &report) {
    std::vector<double> ours = gradient.values;
    double size = normOf(ours);
    if (!(size > 0) || !std::isfinite(size))
      return eval.op->emitError("the gradient of '")
             << name << "' has norm " << size << ", so the check shows nothing";
    size_t largest = 0;
    for (size_t i = 0; i < ours.size(); ++i)
      if (std::abs(ours[i]) > std::abs(ours[largest]))
        largest = i;

    std::vector<std::vector<double>> directions;
    TensorRef noise = makeNormal(gradient.shape, options.inputs.seed,
                                 streamOf(name + "/direction"));
    double noiseSize = normOf(noise->values);
    std::vector<double> mixed(ours.size());
    for (size_t i = 0; i < ours.size(); ++i)
      mixed[i] = (ours[i] / size + noise->values[i] / noiseSize) / 2;
    directions.push_back(mixed);
    for (size_t element : {largest, ours.size() / 3, ours.size() - 1}) {
      directions.emplace_back(ours.size());
      directions.back()[element] = 1;
    }
    ours[largest] += options.perturbation * size;

    double worst = 0;
    for (const std::vector<double> &direction : directions) {
      double expected = 0, found = dot(ours, direction);
      if (failed(lns::interpret::differentiate(
              [&](double offset, double &loss) {
                return lossAlong(name, direction, offset, loss);
              },
              1e-3, expected)))
        return failure();
      double error = std::abs(found - expected) / size;
      if (!(error <= options.tolerance)) {
        std::string text;
        llvm::raw_string_ostream(text) << llvm::format(
            "%.12g, but finite differences give %.12g", found, expected);
        return eval.op->emitError("the gradient of '")
               << name << "' is wrong: its "
               << (&direction == &directions.front() ? "product with a "
                                                       "direction"
                                                     : "element")
               << " is " << text;
      }
      worst = std::max(worst, error);
    }
    report << "gradient of " << name << " agrees, largest error "
           << llvm::format("%.1e", worst) << "\n";
    return success();
  }

  EntryPoint eval;
  const Environment &environment;
  const AdjointOptions &options;
  SmallVector<TensorRef> arguments;
  StoppedValues stopped;
};

} // namespace

LogicalResult lns::interpret::checkGradients(ModuleOp module,
                                             const Environment &environment,
                                             const AdjointOptions &options,
                                             llvm::raw_ostream &report) {
  auto eval = module.lookupSymbol<func::FuncOp>("eval");
  auto grads = module.lookupSymbol<func::FuncOp>("grads");
  if (!eval || !grads)
    return module.emitError("there is no function '")
           << (eval ? "grads" : "eval")
           << "', but gradients are checked with 'eval' and 'grads'; run "
              "'lns-differentiate' first";
  if (eval.getNumResults() < 1)
    return eval.emitError("returns no loss");
  return GradientCheck({"eval", eval}, environment, options)
      .run({"grads", grads}, report);
}
