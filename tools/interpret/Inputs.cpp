//===- Inputs.cpp - Inputs that depend on a seed and names ----------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/interpret/Inputs.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/xxhash.h"
#include <cmath>

using namespace mlir;
using namespace lns;
using namespace lns::interpret;

//===----------------------------------------------------------------------===//
// Random numbers
//===----------------------------------------------------------------------===//

RandomStream::RandomStream(uint64_t seed, StringRef name)
    : state(llvm::xxh3_64bits(name)) {
  state ^= RandomStream(seed).next();
}

uint64_t RandomStream::next() {
  state += 0x9e3779b97f4a7c15u;
  uint64_t z = state;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

double RandomStream::uniform() {
  return (static_cast<double>(next() >> 12) + 0.5) * 0x1p-52;
}

double RandomStream::normal() {
  double radius = std::sqrt(-2.0 * std::log(uniform()));
  return radius * std::cos(2.0 * llvm::numbers::pi * uniform());
}

int64_t RandomStream::below(int64_t bound) {
  return static_cast<int64_t>(next() % static_cast<uint64_t>(bound));
}

std::shared_ptr<Tensor> lns::interpret::makeNormal(ArrayRef<int64_t> shape,
                                                   uint64_t seed,
                                                   StringRef name, double mean,
                                                   double deviation) {
  RandomStream random(seed, name);
  std::shared_ptr<Tensor> tensor = makeTensor(shape);
  for (double &value : tensor->values)
    value = mean + deviation * random.normal();
  return tensor;
}

std::shared_ptr<Tensor>
lns::interpret::makeRandomTokens(ArrayRef<int64_t> shape, int64_t vocabulary,
                                 uint64_t seed, StringRef name) {
  RandomStream random(seed, name);
  std::shared_ptr<Tensor> tensor = makeTokens(shape);
  for (int64_t &token : tensor->tokens)
    token = random.below(vocabulary);
  return tensor;
}

//===----------------------------------------------------------------------===//
// Arguments
//===----------------------------------------------------------------------===//

TensorRef lns::interpret::makeOptimizer() {
  std::shared_ptr<Tensor> tensor = makeTensor({8});
  tensor->values = {1e-2, 0.9, 0.95, 1e-8, 0.1, 1.0, 1.0 - 0.9, 1.0 - 0.95};
  return tensor;
}

/// Token values that `op` can take; -1 if it reads no tokens.
static int64_t vocabularyOf(Operation *op) {
  auto extent = [](Value value, int64_t fromEnd) {
    auto type = cast<RankedTensorType>(value.getType());
    return type.getDimSize(type.getRank() - fromEnd);
  };
  if (auto embedding = dyn_cast<EmbeddingOp>(op))
    return extent(embedding.getTable(), 2);
  if (auto grad = dyn_cast<EmbeddingGradOp>(op))
    return extent(grad.getResult(), 2);
  if (auto entropy = dyn_cast<CrossEntropyOp>(op))
    return extent(entropy.getLogits(), 1);
  if (auto grad = dyn_cast<CrossEntropyGradOp>(op))
    return extent(grad.getLogits(), 1);
  return -1;
}

int64_t lns::interpret::vocabularyOf(Value value) {
  int64_t vocabulary = -1;
  for (Operation *user : value.getUsers()) {
    int64_t own = ::vocabularyOf(user);
    if (own > 0 && (vocabulary < 0 || own < vocabulary))
      vocabulary = own;
  }
  if (vocabulary > 0)
    return vocabulary;
  auto module = value.getParentRegion()->getParentOfType<ModuleOp>();
  if (auto facts = module->getAttrOfType<DictionaryAttr>("lns.model"))
    if (auto entry = facts.getAs<IntegerAttr>("vocabulary"))
      if (entry.getInt() > 0)
        return entry.getInt();
  return 8;
}

/// Whether `argument` holds the optimizer's settings: an op reads it as such,
/// or it is the last argument of an entry point that takes them.
static bool isOptimizer(BlockArgument argument, StringRef function) {
  auto type = dyn_cast<RankedTensorType>(argument.getType());
  if (!type || type.getShape() != ArrayRef<int64_t>{8})
    return false;
  for (Operation *user : argument.getUsers()) {
    if (auto clip = dyn_cast<ClipFactorOp>(user))
      if (clip.getOptimizer() == argument)
        return true;
    if (auto adamw = dyn_cast<AdamWOp>(user))
      if (adamw.getOptimizer() == argument)
        return true;
  }
  return (function == "apply" || function == "train_step") &&
         argument.getArgNumber() + 1 == argument.getOwner()->getNumArguments();
}

FailureOr<SmallVector<TensorRef>>
lns::interpret::makeArguments(func::FuncOp function, uint64_t seed) {
  SmallVector<TensorRef> arguments;
  if (function.isExternal())
    return function.emitOpError("cannot be interpreted: it has no body");
  for (BlockArgument argument : function.getArguments()) {
    auto type = dyn_cast<RankedTensorType>(argument.getType());
    if (!type || !type.hasStaticShape() || countElements(type.getShape()) < 0)
      return function.emitOpError("argument ")
             << argument.getArgNumber() << " has type " << argument.getType()
             << ", expected a static tensor of at most " << Tensor::maxElements
             << " elements";
    std::string name = "argument " + std::to_string(argument.getArgNumber());
    if (type.getElementType().isIntOrIndex())
      arguments.push_back(makeRandomTokens(type.getShape(),
                                           vocabularyOf(argument), seed, name));
    else if (isOptimizer(argument, function.getSymName()))
      arguments.push_back(makeOptimizer());
    else
      arguments.push_back(makeNormal(type.getShape(), seed, name));
  }
  return arguments;
}

FailureOr<TensorRef> lns::interpret::makeModelTokens(ModelOp model,
                                                     int64_t batch,
                                                     int64_t sequence,
                                                     uint64_t seed) {
  int64_t shape[] = {batch, sequence};
  if (batch < 1 || sequence < 1 || countElements(shape) < 0)
    return model.emitOpError("cannot be interpreted with batch ")
           << batch << " and sequence " << sequence
           << ", expected sizes from 1 on with a product of at most "
           << Tensor::maxElements;
  BlockArgument tokens = model.getBody().getArgument(0);
  return TensorRef(
      makeRandomTokens(shape, vocabularyOf(tokens), seed, "argument 0"));
}

//===----------------------------------------------------------------------===//
// Parameters
//===----------------------------------------------------------------------===//

void lns::interpret::randomizeParameters(Environment &environment,
                                         uint64_t seed) {
  for (auto &[name, state] : environment) {
    ArrayRef<int64_t> shape = state.value->shape;
    double mean = 0.0, deviation = 0.1;
    if (state.role == Role::gain)
      mean = 1.0;
    else if (state.role != Role::bias && !shape.empty())
      deviation = 0.5 / std::sqrt(static_cast<double>(shape.back()));
    state.value = makeNormal(shape, seed, name, mean, deviation);
    state.gradient = makeNormal(shape, seed, name + " gradient", 0.0, 0.1);
    state.expAvg = makeNormal(shape, seed, name + " exp_avg", 0.0, 0.01);
    std::shared_ptr<Tensor> squares =
        makeNormal(shape, seed, name + " exp_avg_sq", 0.0, 0.1);
    for (double &value : squares->values)
      value *= value;
    state.expAvgSq = squares;
  }
}
