//===- CheckPipeline.cpp - The same numbers before and after passes -------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/interpret/CheckPipeline.h"
#include "llvm/Support/Format.h"
#include <cmath>
#include <limits>

using namespace mlir;
using namespace lns;
using namespace lns::interpret;

double lns::interpret::distance(const Tensor &a, const Tensor &b) {
  if (a.shape != b.shape || a.isTokens != b.isTokens || a.tokens != b.tokens)
    return std::numeric_limits<double>::infinity();
  double difference = 0, size = 0;
  for (auto [x, y] : llvm::zip_equal(a.values, b.values)) {
    if (!std::isfinite(x) || !std::isfinite(y))
      return std::numeric_limits<double>::quiet_NaN();
    difference += (x - y) * (x - y);
    size += x * x;
  }
  return std::sqrt(size > 0 ? difference / size : difference);
}

static std::string formatNumber(double number) {
  std::string text;
  llvm::raw_string_ostream(text) << llvm::format("%.17g", number);
  return text;
}

static double normOf(const Tensor &tensor) {
  double sum = 0;
  for (double value : tensor.values)
    sum += value * value;
  return std::sqrt(sum);
}

/// Where two tensors of one shape differ most: the first element that is not
/// finite, else the one with the largest difference.
static size_t worstElement(const Tensor &a, const Tensor &b) {
  size_t worst = 0;
  double largest = -1;
  for (size_t i = 0; i < a.values.size(); ++i) {
    double difference = std::abs(a.values[i] - b.values[i]);
    if (!std::isfinite(a.values[i]) || !std::isfinite(b.values[i]))
      return i;
    if (difference > largest) {
      largest = difference;
      worst = i;
    }
  }
  return worst;
}

namespace {

/// Compares what two runs of one entry point left behind.
struct Comparison {
  const EntryPoint &entry;
  double tolerance;
  int64_t compared = 0;
  double worst = 0;

  LogicalResult compare(const llvm::Twine &what, const Tensor &before,
                        const Tensor &after) {
    ++compared;
    double far = distance(before, after);
    if (agrees(far, tolerance)) {
      worst = std::max(worst, far);
      return success();
    }
    InFlightDiagnostic diagnostic =
        entry.op->emitError("'") << entry.name << "': " << what << " differs: ";
    if (before.shape != after.shape)
      return diagnostic << "shape " << formatShape(before.shape) << " before, "
                        << formatShape(after.shape) << " after";
    if (before.isTokens || before.values.empty())
      return diagnostic << "other tokens after the passes";
    size_t at = worstElement(before, after);
    return diagnostic << "norm " << formatNumber(normOf(before))
                      << " before and " << formatNumber(normOf(after))
                      << " after, element " << at << " is "
                      << formatNumber(before.values[at]) << " and "
                      << formatNumber(after.values[at])
                      << ", relative distance " << formatNumber(far)
                      << ", tolerance " << formatNumber(tolerance);
  }

  LogicalResult compareState(const std::string &name,
                             const ParameterState &before,
                             const ParameterState &after) {
    if (before.gradientStored != after.gradientStored)
      return entry.op->emitError("'")
             << entry.name << "': the gradient of '" << name << "' is stored "
             << (before.gradientStored ? "before" : "after")
             << " the passes, but not "
             << (before.gradientStored ? "after" : "before");
    if (failed(compare("gradient of '" + name + "'", *before.gradient,
                       *after.gradient)) ||
        failed(
            compare("parameter '" + name + "'", *before.value, *after.value)) ||
        failed(compare("exp_avg of '" + name + "'", *before.expAvg,
                       *after.expAvg)) ||
        failed(compare("exp_avg_sq of '" + name + "'", *before.expAvgSq,
                       *after.expAvgSq)))
      return failure();
    return success();
  }
};

} // namespace

/// Multiplies the last element by 1 + 1e-9.
static void perturb(TensorRef &tensor) {
  auto wrong = std::make_shared<Tensor>(*tensor);
  if (!wrong->values.empty())
    wrong->values.back() *= 1.0 + 1e-9;
  tensor = wrong;
}

static void perturb(StringRef what, MutableArrayRef<TensorRef> results,
                    Environment &state) {
  if (what == "result" && !results.empty())
    perturb(results.back());
  if (state.empty())
    return;
  ParameterState &parameter = state.back().second;
  if (what == "gradient")
    perturb(parameter.gradient);
  if (what == "parameter")
    perturb(parameter.value);
  if (what == "exp_avg")
    perturb(parameter.expAvg);
  if (what == "exp_avg_sq")
    perturb(parameter.expAvgSq);
}

static LogicalResult checkEntry(const EntryPoint &before,
                                const EntryPoint &after,
                                const Environment &environment,
                                const PipelineOptions &options,
                                llvm::raw_ostream &report) {
  Environment beforeState = environment, afterState = environment;
  SmallVector<TensorRef> arguments, beforeResults, afterResults;
  if (failed(makeArguments(before, options.inputs, arguments)) ||
      failed(runEntryPoint(before, beforeState, arguments, beforeResults)))
    return failure();
  // Where passes have added starts, a row is the one document that it was.
  if (takesStarts(after) && !takesStarts(before)) {
    InputOptions inputs = options.inputs;
    inputs.starts = nullptr;
    inputs.documentEvery = 0;
    if (failed(makeArguments(after, inputs, arguments)))
      return failure();
  }
  if (failed(runEntryPoint(after, afterState, arguments, afterResults,
                           Rounding::None, options.memory)))
    return failure();
  perturb(options.perturbed, afterResults, afterState);
  if (beforeResults.size() != afterResults.size())
    return after.op->emitError("'")
           << after.name << "': " << beforeResults.size()
           << " results before the passes, " << afterResults.size() << " after";
  Comparison comparison{after, options.tolerance};
  for (size_t i = 0; i < beforeResults.size(); ++i)
    if (failed(comparison.compare("result " + llvm::Twine(i), *beforeResults[i],
                                  *afterResults[i])))
      return failure();
  for (const auto &[name, state] : beforeState)
    if (failed(comparison.compareState(name, state,
                                       afterState.find(name)->second)))
      return failure();
  for (const auto &[name, cache] : beforeState.caches)
    if (auto other = afterState.caches.find(name);
        other == afterState.caches.end())
      return after.op->emitError("'")
             << after.name << "': nobody reads or writes cache '" << name
             << "' after the passes";
    else if (failed(comparison.compare("cache '" + name + "'", *cache,
                                       *other->second)))
      return failure();
  // What is kept beside the parameters is what it is by definition.
  if (auto module = after.op->getParentOfType<ModuleOp>())
    for (auto weight : module.getOps<ComputeWeightOp>()) {
      std::string name = weight.getSymName().str();
      TensorRef defined = defineComputeWeight(weight, afterState);
      if (!defined ||
          failed(comparison.compare("compute weight '" + name +
                                        "', first by its definition,",
                                    *defined,
                                    *afterState.find(weight.getWeight().str())
                                         ->second.compute.find(name)
                                         ->second)))
        return failure();
    }
  if (comparison.compared == 0)
    return after.op->emitError("'")
           << after.name
           << "': nothing to compare: no results and no parameters";
  report << after.name << ": " << comparison.compared
         << " tensors agree, largest distance "
         << llvm::format("%.1e", comparison.worst) << "\n";
  return success();
}

LogicalResult lns::interpret::checkSameMeaning(ModuleOp before, ModuleOp after,
                                               const Environment &environment,
                                               const PipelineOptions &options,
                                               llvm::raw_ostream &report) {
  SmallVector<EntryPoint> afterEntries = entryPointsOf(after);
  bool found = false;
  for (const EntryPoint &from : entryPointsOf(before)) {
    if (!options.entry.empty() && from.name != options.entry)
      continue;
    auto to = llvm::find_if(afterEntries, [&](const EntryPoint &candidate) {
      return candidate.name == from.name;
    });
    if (to == afterEntries.end())
      continue;
    found = true;
    if (failed(checkEntry(from, *to, environment, options, report)))
      return failure();
  }
  if (found)
    return success();
  InFlightDiagnostic diagnostic = after.emitError("no entry point ");
  if (!options.entry.empty())
    diagnostic << "'" << options.entry << "' ";
  return diagnostic << "is there before and after the passes, so nothing can "
                       "be compared";
}
