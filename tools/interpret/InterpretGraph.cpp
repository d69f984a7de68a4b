//===- InterpretGraph.cpp - Parameters, constants and the optimizer -------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "runtime/plan/kernel_abi.h"
#include "tools/interpret/OpCall.h"
#include "tools/interpret/RandomInputs.h"
#include "llvm/ADT/TypeSwitch.h"
#include <cmath>
#include <limits>

using namespace mlir;
using namespace lns;
using namespace lns::interpret;

/// The state of the parameter that `op` names; an error where the environment
/// has none.
static ParameterState *findParameter(OpCall &call, StringRef name) {
  auto entry = call.environment.find(name.str());
  if (entry != call.environment.end())
    return &entry->second;
  call.op->emitOpError("parameter '") << name << "' has no value";
  return nullptr;
}

static LogicalResult interpretParam(OpCall &call, ParamOp op) {
  ParameterState *state =
      findParameter(call, replaceLayer(op.getName(), call.layer));
  if (!state)
    return failure();
  call.results[0] = state->value;
  return success();
}

TensorRef lns::interpret::defineComputeWeight(ComputeWeightOp weight,
                                              const Environment &environment) {
  // As stored: rows and columns that pad a parameter are zero.
  auto find = [&](FlatSymbolRefAttr name) -> TensorRef {
    auto parameter =
        SymbolTable::lookupNearestSymbolFrom<ParameterOp>(weight, name);
    auto entry = environment.find(name.getValue().str());
    if (entry != environment.end())
      return padWithZeros(
          entry->second.value,
          cast<RankedTensorType>(parameter.getStoredType()).getShape());
    weight.emitOpError("parameter '") << name.getValue() << "' has no value";
    return nullptr;
  };
  TensorRef value = find(weight.getWeightAttr());
  TensorRef gain =
      weight.getGainAttr() ? find(weight.getGainAttr()) : TensorRef();
  if (!value || (weight.getGainAttr() && !gain))
    return nullptr;
  if (double offset = weight.getGainOffset().convertToDouble(); offset != 0) {
    auto whole = std::make_shared<Tensor>(*gain);
    for (double &number : whole->values)
      number += offset;
    gain = whole;
  }
  auto scaled = std::make_shared<Tensor>(*value);
  scaled->values = scaleColumns(*value, gain.get());
  return cropZeros(
      scaled, environment.find(weight.getWeight().str())->second.value->shape);
}

/// The parameter that get and set name, or whose compute weight they name.
template <typename Op> static ParameterState *findState(OpCall &call, Op op) {
  if (op.getStorage() != Storage::compute)
    return findParameter(call, op.getSymbol());
  auto weight = SymbolTable::lookupNearestSymbolFrom<ComputeWeightOp>(
      op, op.getSymbolAttr());
  return findParameter(call, weight.getWeight());
}

/// The tensor that get reads and set writes.
template <typename Op>
static TensorRef &getStored(Op op, ParameterState &state) {
  switch (op.getStorage()) {
  case Storage::parameter:
    return state.value;
  case Storage::gradient:
    return state.gradient;
  case Storage::compute:
    return state.compute[op.getSymbol().str()];
  case Storage::cache:
    break; // no parameter's
  }
  llvm_unreachable("covered switch");
}

static LogicalResult interpretGet(OpCall &call, GetOp op) {
  ArrayRef<int64_t> shape = op.getValue().getType().getShape();
  if (countElements(shape) < 0)
    return op.emitOpError("has shape ")
           << formatShape(shape) << ", but the interpreter holds at most "
           << Tensor::maxElements << " elements in a tensor";
  if (op.getStorage() == Storage::cache) {
    TensorRef &cache = call.environment.caches[op.getSymbol().str()];
    if (!cache)
      cache = makeNormal(shape, /*seed=*/0, streamOf(op.getSymbol()));
    call.results[0] = cache;
    return success();
  }
  ParameterState *state = findState(call, op);
  if (!state)
    return failure();
  call.results[0] = padWithZeros(getStored(op, *state), shape);
  return success();
}

/// What `operand` has for the parameter itself; the rest of its storage must be
/// zero, as every op keeps it.
static LogicalResult crop(OpCall &call, Value operand,
                          const ParameterState &state, TensorRef &cropped) {
  ArrayRef<int64_t> shape =
      cast<RankedTensorType>(operand.getType()).getShape();
  if (failed(call.expectShape(operand, shape)))
    return failure();
  for (auto [value, tensor] :
       llvm::zip_equal(call.op->getOperands(), call.operands))
    if (value == operand)
      cropped = cropZeros(tensor, state.value->shape);
  if (cropped)
    return success();
  return call.op->emitOpError("stores a tensor of shape ")
         << formatShape(shape) << " with other numbers than 0 outside of the "
         << "parameter's shape " << formatShape(state.value->shape);
}

static LogicalResult interpretSet(OpCall &call, SetOp op) {
  if (op.getStorage() == Storage::cache) {
    call.environment.caches[op.getSymbol().str()] = call.operands[0];
    return success();
  }
  ParameterState *state = findState(call, op);
  TensorRef value;
  if (!state || failed(crop(call, op.getValue(), *state, value)))
    return failure();
  getStored(op, *state) = value;
  state->updated |= op.getStorage() == Storage::parameter;
  state->gradientStored |= op.getStorage() == Storage::gradient;
  return success();
}

/// A literal: every element of a dense attribute.
static LogicalResult interpretLiteral(OpCall &call, arith::ConstantOp op) {
  auto elements = dyn_cast<DenseElementsAttr>(op.getValue());
  if (!elements)
    return op.emitOpError("cannot be interpreted: its value is not dense");
  ArrayRef<int64_t> shape = elements.getType().getShape();
  if (countElements(shape) < 0)
    return op.emitOpError("has shape ")
           << formatShape(shape) << ", but the interpreter holds at most "
           << Tensor::maxElements << " elements in a tensor";
  if (isa<FloatType>(elements.getElementType())) {
    auto tensor = makeTensor(shape);
    for (auto [to, from] :
         llvm::zip_equal(tensor->values, elements.getValues<APFloat>())) {
      APFloat number = from;
      bool lossy;
      number.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven,
                     &lossy);
      to = number.convertToDouble();
    }
    call.results[0] = tensor;
    return success();
  }
  auto tensor = makeTokens(shape);
  for (auto [to, from] :
       llvm::zip_equal(tensor->tokens, elements.getValues<APInt>()))
    to = from.getSExtValue();
  call.results[0] = tensor;
  return success();
}

static LogicalResult interpretConstant(OpCall &call, ConstantOp op) {
  Tensor *result = call.allocateByType(0);
  if (!result)
    return failure();
  llvm::fill(result->values, op.getValue().convertToDouble());
  return success();
}

//===----------------------------------------------------------------------===//
// Optimizer
//===----------------------------------------------------------------------===//

static LogicalResult interpretClipFactor(OpCall &call, ClipFactorOp op) {
  constexpr int64_t chunk = 65536;
  Tensor *norm = call.allocate(0, {}), *factor = call.allocate(1, {});
  Tensor *partials = call.allocateByType(2);
  if (!norm || !factor || !partials ||
      failed(call.expectShape(op.getOptimizer(), LNS_OPT_SLOTS)))
    return failure();
  double sum = 0;
  int64_t next = 0;
  for (Value operand : op.getGradients()) {
    const Tensor &gradient = *call.get(operand);
    for (int64_t first = 0; first < gradient.size(); first += chunk) {
      double partial = 0;
      int64_t last = std::min(gradient.size(), first + chunk);
      for (int64_t i = first; i < last; ++i)
        partial += gradient.values[i] * gradient.values[i];
      if (next == partials->size())
        return op.emitOpError("partials has ")
               << partials->size() << " elements, too few for the chunks";
      partials->values[next++] = partial;
      sum += partial;
    }
  }
  norm->values[0] = std::sqrt(sum);
  double clip = call.get(op.getOptimizer())->values[LNS_OPT_CLIP];
  factor->values[0] =
      clip > 0 && norm->values[0] > clip ? clip / norm->values[0] : 1.0;
  const Tensor *loss = call.get(op.getLoss());
  if (!std::isfinite(norm->values[0]) ||
      (loss && !std::isfinite(loss->values[0])))
    factor->values[0] = std::numeric_limits<double>::quiet_NaN();
  return success();
}

static LogicalResult interpretAdamW(OpCall &call, AdamWOp op) {
  ParameterState *state = findParameter(call, op.getSymbol());
  TensorRef cropped;
  if (!state || failed(crop(call, op.getGradient(), *state, cropped)) ||
      failed(call.expectShape(op.getOptimizer(), LNS_OPT_SLOTS)))
    return failure();
  const Tensor &gradient = *cropped;
  double factor = call.get(op.getFactor())->values[0];
  const std::vector<double> &slots = call.get(op.getOptimizer())->values;
  double lr = slots[LNS_OPT_LR] * op.getLrFactor().convertToDouble();
  double eps = slots[LNS_OPT_EPS] * op.getEpsFactor().convertToDouble();
  double beta1 = slots[LNS_OPT_BETA1], beta2 = slots[LNS_OPT_BETA2];
  double decay = op.getDecay() ? slots[LNS_OPT_WEIGHT_DECAY] *
                                     op.getDecayFactor().convertToDouble()
                               : 0.0;

  auto value = std::make_shared<Tensor>(*state->value);
  auto expAvg = std::make_shared<Tensor>(*state->expAvg);
  auto expAvgSq = std::make_shared<Tensor>(*state->expAvgSq);
  for (int64_t i = 0; i < value->size() && !std::isnan(factor); ++i) {
    double g = factor * gradient.values[i];
    double &p = value->values[i];
    double &m = expAvg->values[i], &v = expAvgSq->values[i];
    p -= lr * decay * p;
    m = beta1 * m + (1 - beta1) * g;
    v = beta2 * v + (1 - beta2) * g * g;
    p -= lr * (m / slots[LNS_OPT_BIAS_CORRECTION1]) /
         (std::sqrt(v / slots[LNS_OPT_BIAS_CORRECTION2]) + eps);
  }
  state->value = value;
  state->expAvg = expAvg;
  state->expAvgSq = expAvgSq;
  state->updated = true;
  ComputeWeightOp weight = op.getComputeWeight();
  if (!weight || std::isnan(factor))
    return success();
  TensorRef computed = defineComputeWeight(weight, call.environment);
  state->compute[weight.getSymName().str()] = computed;
  return success(computed != nullptr);
}

/// Scales `count` numbers, which lie `stride` apart, to length 1; as the op's
/// description says, those that have it and zeros stay what they are.
static void projectLine(double *line, int64_t count, int64_t stride) {
  double squares = 0;
  for (int64_t i = 0; i < count; ++i)
    squares += line[i * stride] * line[i * stride];
  if (!std::isfinite(squares) || squares == 0 ||
      std::abs(squares - 1) <= std::ldexp(1.0, -20))
    return;
  for (int64_t i = 0; i < count; ++i)
    line[i * stride] /= std::sqrt(squares);
}

static LogicalResult interpretProject(OpCall &call, ProjectOp op) {
  ParameterState *state = findParameter(call, op.getSymbol());
  if (!state)
    return failure();
  if (op.getFactor() && std::isnan(call.get(op.getFactor())->values[0]))
    return success();
  // What pads the parameter is zero, and makes no line longer.
  auto value = std::make_shared<Tensor>(*state->value);
  int64_t rows = value->shape[0], columns = value->shape[1];
  if (op.getAlong() == Projection::rows)
    for (int64_t row = 0; row < rows; ++row)
      projectLine(value->values.data() + row * columns, columns, 1);
  else
    for (int64_t column = 0; column < columns; ++column)
      projectLine(value->values.data() + column, rows, columns);
  state->value = value;
  state->updated = true;
  return success();
}

static LogicalResult interpretRamp(OpCall &call, RampOp op) {
  Tensor *result = call.allocate(0, {1});
  if (!result)
    return failure();
  double steps = op.getSteps().convertToDouble();
  if (op.getPerLayer())
    steps *= static_cast<double>(call.layer + 1);
  result->values[0] = std::min(call.environment.stepsDone / steps, 1.0);
  return success();
}

std::optional<LogicalResult> lns::interpret::interpretGraph(OpCall &call) {
  using Outcome = std::optional<LogicalResult>;
  return llvm::TypeSwitch<Operation *, Outcome>(call.op)
      .Case([&](ParamOp op) { return interpretParam(call, op); })
      .Case([&](GetOp op) { return interpretGet(call, op); })
      .Case([&](SetOp op) { return interpretSet(call, op); })
      .Case([&](arith::ConstantOp op) { return interpretLiteral(call, op); })
      .Case([&](ConstantOp op) { return interpretConstant(call, op); })
      .Case([&](RampOp op) { return interpretRamp(call, op); })
      .Case([&](ClipFactorOp op) { return interpretClipFactor(call, op); })
      .Case([&](AdamWOp op) { return interpretAdamW(call, op); })
      .Case([&](ProjectOp op) { return interpretProject(call, op); })
      .Default([](Operation *) { return std::nullopt; });
}
