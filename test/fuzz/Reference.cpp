//===- Reference.cpp - What a model means, and how well that is known -----===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "test/fuzz/Reference.h"

#include "passes/Passes.h"
#include "passes/Pipelines.h"
#include "test/fuzz/Case.h"
#include "tools/interpret/CheckAdjoint.h"
#include "tools/interpret/EntryPoint.h"

#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"

using namespace mlir;
using namespace lns;
using namespace lns::fuzz;

LogicalResult Reference::read(const Case &test) {
  model = parseSourceString<ModuleOp>(test.model, &context, "model.mlir");
  if (!model)
    return failure();
  auto models = model->getOps<ModelOp>();
  if (models.empty())
    return model->emitError("has no lns.model");
  auto logits = cast<RankedTensorType>((*models.begin())
                                           .getBody()
                                           .front()
                                           .getTerminator()
                                           ->getOperand(0)
                                           .getType());
  vocabularySize = logits.getShape().back();
  decodes = test.decode;

  graph = model->clone();
  PassManager manager(&context);
  InstantiateOptions options;
  options.batch = test.batch;
  options.seq = test.sequence;
  buildGraphPipeline(manager, options);
  if (failed(manager.run(*graph)))
    return failure();
  narrow = graph->clone();
  PassManager differentiate(&context);
  differentiate.addPass(createDifferentiate());
  differentiate.addPass(createAddOptimizer());
  if (failed(differentiate.run(*graph)))
    return failure();
  PassManager round(&context);
  round.addPass(createDecomposeNorms());
  round.addPass(createMixedPrecision());
  round.addPass(createDifferentiate());
  return round.run(*narrow);
}

interpret::Environment Reference::declare() const {
  interpret::Environment environment;
  if (failed(interpret::declareParameters(*graph, environment)))
    environment.clear();
  environment.stepsDone = kStepsDone;
  return environment;
}

/// Runs a function, and adds its result and stored gradients to `into`.
static LogicalResult
runFunction(ModuleOp module, StringRef name, interpret::Environment environment,
            ArrayRef<interpret::TensorRef> arguments,
            interpret::Rounding rounding, uint64_t seed,
            std::map<std::string, interpret::TensorRef> &into,
            double *largest = nullptr) {
  auto function = module.lookupSymbol<func::FuncOp>(name);
  SmallVector<interpret::TensorRef> results;
  interpret::Interpreter interpreter(environment, rounding, seed);
  if (failed(interpreter.run(function, arguments, results)))
    return failure();
  if (largest)
    *largest = interpreter.getLargest();
  into[name == "logits" ? "logits" : "loss"] = results.front();
  if (name == "grads")
    for (auto &[parameter, state] : environment)
      into["d " + parameter] = state.gradient;
  return success();
}

LogicalResult Reference::compute(const interpret::Environment &environment,
                                 const interpret::TensorRef &tokens,
                                 const interpret::TensorRef &targets,
                                 unsigned samples, Expectations &expectations) {
  std::map<std::string, interpret::TensorRef> exact;
  if (failed(runFunction(*graph, "grads", environment, {tokens, targets},
                         interpret::Rounding::None, 0, exact, &largest)))
    return failure();
  // These two are the model's own.
  for (const interpret::EntryPoint &entry : interpret::entryPointsOf(*model)) {
    interpret::Environment state = environment;
    SmallVector<interpret::TensorRef> arguments = {tokens}, results;
    if (entry.name == "eval")
      arguments.push_back(targets);
    if (failed(interpret::runEntryPoint(entry, state, arguments, results)))
      return failure();
    exact[entry.name == "eval" ? "loss" : "logits"] = results.front();
  }
  for (auto &[name, tensor] : exact)
    expectations[name] = {tensor, {}};
  for (unsigned isBf16 : {0, 1})
    for (unsigned sample = 0; sample < samples; ++sample) {
      ModuleOp module = isBf16 ? *narrow : *graph;
      std::map<std::string, interpret::TensorRef> rounded;
      uint64_t seed = (uint64_t(sample) << 32) + 1;
      auto rounding = sample % 2 ? interpret::Rounding::Perturbed
                                 : interpret::Rounding::Random;
      if (failed(runFunction(module, "grads", environment, {tokens, targets},
                             rounding, seed, rounded)) ||
          failed(runFunction(module, "logits", environment, {tokens}, rounding,
                             seed, rounded)))
        return failure();
      for (auto &[name, tensor] : rounded)
        expectations[name].noise[isBf16].raise(
            distance<double>(tensor->values, exact[name]->values));
    }
  if (decodes)
    expectations["decoded"] = expectations["logits"];
  return success();
}

static double normOf(ArrayRef<double> values) {
  double sum = 0;
  for (double value : values)
    sum += value * value;
  return std::sqrt(sum);
}

/// Whether the two sides of 0 have different slopes, as where a relu's argument
/// is exactly zero.
static bool
hasKink(llvm::function_ref<LogicalResult(double, double &)> lossAlong) {
  constexpr double kStep = 1e-5;
  double left = 0, middle = 0, right = 0;
  if (failed(lossAlong(-kStep, left)) || failed(lossAlong(0, middle)) ||
      failed(lossAlong(kStep, right)))
    return false;
  double slope = std::abs(right - middle) + std::abs(middle - left);
  return std::abs(right - 2 * middle + left) > 0.01 * slope;
}

std::string Reference::checkGradients(const interpret::Environment &environment,
                                      const interpret::TensorRef &tokens,
                                      const interpret::TensorRef &targets,
                                      const Expectations &expectations) {
  std::optional<interpret::EntryPoint> eval;
  for (const interpret::EntryPoint &entry : interpret::entryPointsOf(*model))
    if (entry.name == "eval")
      eval = entry;
  // A softmax that is computed again from its log-sum-exp, a loss, a zero times
  // an overflow: of such numbers float64 has too few digits.
  if (!(largest <= 1e10))
    return "";
  interpret::StoppedValues stopped;
  interpret::Environment noting = environment;
  noting.stopped = &stopped;
  SmallVector<interpret::TensorRef> noted;
  if (failed(interpret::runEntryPoint(*eval, noting, {tokens, targets}, noted)))
    return "the model form cannot be interpreted";
  uint64_t stream = 0;
  for (const auto &[name, state] : environment) {
    const std::vector<double> &ours =
        expectations.at("d " + name).exact->values;
    double size = normOf(ours);
    interpret::TensorRef noise =
        interpret::makeNormal(state.value->shape, /*seed=*/7, ++stream);
    double noiseSize = normOf(noise->values);
    std::vector<double> direction(ours.size());
    for (size_t i = 0; i < ours.size(); ++i)
      direction[i] =
          (size > 0 ? ours[i] / size : 0) + noise->values[i] / noiseSize;
    double found = 0;
    for (size_t i = 0; i < ours.size(); ++i)
      found += ours[i] * direction[i];
    auto lossAlong = [&](double offset, double &loss) -> LogicalResult {
      interpret::Environment moved = environment;
      stopped.replay();
      moved.stopped = &stopped;
      auto shifted = std::make_shared<interpret::Tensor>(*state.value);
      for (size_t i = 0; i < ours.size(); ++i)
        shifted->values[i] += offset * direction[i];
      moved[name].value = shifted;
      SmallVector<interpret::TensorRef> results;
      if (failed(interpret::runEntryPoint(*eval, moved, {tokens, targets},
                                          results)))
        return failure();
      loss = results.front()->values[0];
      return success();
    };
    // A small step where the loss is not smooth, a large one where rounding of
    // the loss shows. Four norms of a row of zeros bend within eps^2.
    double nearest = INFINITY, best = 0;
    for (double step = 1e-3; step > 1e-17; step /= 10) {
      double expected = 0;
      if (failed(interpret::differentiate(lossAlong, step, expected)))
        return "the model form cannot be interpreted";
      double error = std::abs(expected - found);
      if (error < nearest) {
        nearest = error;
        best = expected;
      }
      if (error <= 1e-4 * size + 1e-11 / step)
        break;
    }
    if (!(nearest <= 1e-3 * size + 1e-6) && !hasKink(lossAlong))
      return "the gradient of '" + name + "' along a direction is " +
             std::to_string(found) + ", but differences of the loss give " +
             std::to_string(best);
  }
  return "";
}

LogicalResult Reference::apply(interpret::Environment &environment,
                               const interpret::TensorRef &optimizer,
                               double &norm) {
  SmallVector<interpret::TensorRef> results;
  auto function = graph->lookupSymbol<func::FuncOp>("apply");
  if (failed(interpret::Interpreter(environment)
                 .run(function, {optimizer}, results)))
    return failure();
  norm = results.front()->values[0];
  return success();
}
