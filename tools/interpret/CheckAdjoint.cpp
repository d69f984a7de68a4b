//===- CheckAdjoint.cpp - Adjoints against finite differences -------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/interpret/CheckAdjoint.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Verifier.h"
#include "llvm/ADT/DenseSet.h"
#include "llvm/Support/Format.h"
#include <cmath>

using namespace mlir;
using namespace lns;
using namespace lns::interpret;

LogicalResult lns::interpret::differentiate(
    llvm::function_ref<LogicalResult(double, double &)> along, double step,
    double &derivative) {
  double far = 0, near = 0, nearBack = 0, farBack = 0;
  if (failed(along(2 * step, far)) || failed(along(step, near)) ||
      failed(along(-step, nearBack)) || failed(along(-2 * step, farBack)))
    return failure();
  derivative = (8 * (near - nearBack) - (far - farBack)) / (12 * step);
  return success();
}

//===----------------------------------------------------------------------===//
// Building the adjoint
//===----------------------------------------------------------------------===//

static bool isFloatTensor(Value value) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  return type && isa<FloatType>(type.getElementType());
}

namespace {

class AdjointBuilder {
public:
  explicit AdjointBuilder(func::FuncOp adjoint)
      : adjoint(adjoint), block(adjoint.getBody().front()),
        builder(adjoint.getContext()) {}

  LogicalResult run() {
    Operation *terminator = block.getTerminator();
    SmallVector<Value> inputs;
    llvm::copy_if(block.getArguments(), std::back_inserter(inputs),
                  isFloatTensor);
    active.insert(inputs.begin(), inputs.end());
    SmallVector<Operation *> forward;
    for (Operation &op : llvm::make_early_inc_range(block.without_terminator()))
      forward.push_back(prepare(&op));

    builder.setInsertionPoint(terminator);
    for (Value result : SmallVector<Value>(terminator->getOperands()))
      if (isFloatTensor(result)) {
        Value seed = block.addArgument(result.getType(), adjoint.getLoc());
        if (active.contains(result))
          addGradient(result, seed);
      }
    for (Operation *op : llvm::reverse(forward))
      if (failed(reverse(op)))
        return failure();

    SmallVector<Value> outputs;
    for (Value input : inputs) {
      Value gradient = gradients.lookup(input);
      if (!gradient)
        gradient = ConstantOp::create(builder, input.getLoc(), input.getType(),
                                      builder.getF64FloatAttr(0.0));
      outputs.push_back(gradient);
    }
    terminator->setOperands(outputs);
    adjoint.setFunctionType(
        builder.getFunctionType(block.getArgumentTypes(), TypeRange(outputs)));
    return verify(adjoint);
  }

private:
  /// The op's form that its adjoint wants; notes which results depend on an
  /// argument.
  Operation *prepare(Operation *op) {
    if (auto differentiable = dyn_cast<DifferentiableOpInterface>(op)) {
      builder.setInsertionPoint(op);
      op = differentiable.prepareForward(builder);
    }
    auto isActive = [&](Value value) { return active.contains(value); };
    if (llvm::any_of(op->getOperands(), isActive))
      for (Value result : op->getResults())
        if (isFloatTensor(result))
          active.insert(result);
    return op;
  }

  void addGradient(Value value, Value gradient) {
    Value &sum = gradients[value];
    if (sum)
      gradient = AddOp::create(builder, gradient.getLoc(), value.getType(), sum,
                               gradient);
    sum = gradient;
  }

  LogicalResult reverse(Operation *op) {
    SmallVector<Value> resultGrads, operandGrads;
    for (Value result : op->getResults())
      resultGrads.push_back(gradients.lookup(result));
    if (llvm::none_of(resultGrads, [](Value grad) { return bool(grad); }))
      return success();
    auto differentiable = dyn_cast<DifferentiableOpInterface>(op);
    if (!differentiable)
      return op->emitOpError("has no adjoint");
    if (failed(differentiable.buildAdjoint(builder, resultGrads, operandGrads)))
      return failure();
    if (operandGrads.size() != op->getNumOperands())
      return op->emitOpError("has ")
             << op->getNumOperands() << " operands, but its adjoint gives "
             << operandGrads.size() << " gradients";
    for (auto [operand, gradient] :
         llvm::zip_equal(op->getOperands(), operandGrads)) {
      if (!gradient || !active.contains(operand))
        continue;
      if (gradient.getType() != operand.getType())
        return op->emitOpError("has an operand of type ")
               << operand.getType() << ", but its adjoint gives a gradient of "
               << gradient.getType();
      addGradient(operand, gradient);
    }
    return success();
  }

  func::FuncOp adjoint;
  Block &block;
  OpBuilder builder;
  llvm::DenseSet<Value> active;
  llvm::DenseMap<Value, Value> gradients;
};

} // namespace

func::FuncOp lns::interpret::buildAdjoint(func::FuncOp function) {
  if (!function.getBody().hasOneBlock()) {
    function.emitError("cannot be differentiated: expected one block, got ")
        << function.getBody().getBlocks().size();
    return nullptr;
  }
  OpBuilder builder(function);
  builder.setInsertionPointAfter(function);
  auto adjoint = cast<func::FuncOp>(builder.clone(*function));
  adjoint.setSymName((function.getSymName() + ".adjoint").str());
  if (succeeded(AdjointBuilder(adjoint).run()))
    return adjoint;
  adjoint.erase();
  return nullptr;
}

//===----------------------------------------------------------------------===//
// Checking it
//===----------------------------------------------------------------------===//

static double largestOf(const std::vector<double> &values) {
  double largest = 0;
  for (double value : values) {
    if (!std::isfinite(value))
      return std::numeric_limits<double>::quiet_NaN();
    largest = std::max(largest, std::abs(value));
  }
  return largest;
}

namespace {

/// One function with its inputs, and the gradients of its results.
class AdjointCheck {
public:
  AdjointCheck(func::FuncOp function, const Environment &environment,
               const AdjointOptions &options)
      : function(function), environment(environment), options(options),
        entry{function.getSymName().str(), function} {}

  LogicalResult run(llvm::raw_ostream &report) {
    SmallVector<TensorRef> results, gradients;
    if (failed(makeArguments(entry, options.inputs, arguments)) ||
        failed(runCopy(entry, arguments, results, &stopped)))
      return failure();
    for (auto [index, result] : llvm::enumerate(results))
      seeds.push_back(result->isTokens
                          ? nullptr
                          : makeNormal(result->shape, options.inputs.seed,
                                       streamOf("seed") + index));
    func::FuncOp adjoint = buildAdjoint(function);
    if (!adjoint)
      return failure();
    SmallVector<TensorRef> adjointArguments = arguments;
    for (const TensorRef &seed : seeds)
      if (seed)
        adjointArguments.push_back(seed);
    LogicalResult ran = runCopy({adjoint.getSymName().str(), adjoint},
                                adjointArguments, gradients);
    adjoint.erase();
    if (failed(ran))
      return failure();

    unsigned next = 0;
    for (unsigned i = 0; i < arguments.size(); ++i)
      if (!arguments[i]->isTokens)
        if (failed(checkArgument(i, *gradients[next++], report)))
          return failure();
    if (next == 0)
      return function.emitError("has no float argument to differentiate by");
    return success();
  }

private:
  LogicalResult runCopy(const EntryPoint &what, ArrayRef<TensorRef> inputs,
                        SmallVectorImpl<TensorRef> &results,
                        StoppedValues *noted = nullptr) {
    Environment state = environment;
    state.stopped = noted;
    return runEntryPoint(what, state, inputs, results);
  }

  /// <seeds, function(arguments)> with `offset` added to one element.
  LogicalResult evaluate(unsigned argument, size_t element, double offset,
                         double &value) {
    SmallVector<TensorRef> inputs = arguments, results;
    auto shifted = std::make_shared<Tensor>(*arguments[argument]);
    shifted->values[element] += offset;
    inputs[argument] = shifted;
    stopped.replay();
    if (failed(runCopy(entry, inputs, results, &stopped)))
      return failure();
    value = 0;
    for (auto [seed, result] : llvm::zip_equal(seeds, results))
      if (seed)
        for (auto [s, r] : llvm::zip_equal(seed->values, result->values))
          value += s * r;
    return success();
  }

  LogicalResult checkArgument(unsigned argument, const Tensor &gradient,
                              llvm::raw_ostream &report) {
    std::vector<double> ours = gradient.values, expected(ours.size());
    double size = largestOf(ours);
    if (!ours.empty())
      ours[0] += options.perturbation * size;
    for (size_t i = 0; i < ours.size(); ++i)
      if (failed(differentiate(
              [&](double offset, double &value) {
                return evaluate(argument, i, offset, value);
              },
              1e-3, expected[i])))
        return failure();
    size = std::max(size, largestOf(expected));
    if (size == 0)
      return function.emitError("the gradient of argument ")
             << argument << " is zero everywhere, so the check shows nothing";
    double worst = 0;
    for (size_t i = 0; i < ours.size(); ++i) {
      double error = std::abs(ours[i] - expected[i]) / size;
      if (!(error <= options.tolerance)) {
        std::string text;
        llvm::raw_string_ostream(text) << llvm::format(
            "%.12g, but finite differences give %.12g", ours[i], expected[i]);
        return function.emitError("the gradient of argument ")
               << argument << " is wrong: element " << i << " is " << text;
      }
      worst = std::max(worst, error);
    }
    report << entry.name << ": gradient of argument " << argument
           << " agrees, largest error " << llvm::format("%.1e", worst) << "\n";
    return success();
  }

  func::FuncOp function;
  const Environment &environment;
  const AdjointOptions &options;
  EntryPoint entry;
  SmallVector<TensorRef> arguments, seeds;
  StoppedValues stopped;
};

} // namespace

LogicalResult lns::interpret::checkAdjoint(func::FuncOp function,
                                           const Environment &environment,
                                           const AdjointOptions &options,
                                           llvm::raw_ostream &report) {
  return AdjointCheck(function, environment, options).run(report);
}
