//===- InterpretModel.cpp - Model form ------------------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/interpret/Interpreter.h"

using namespace mlir;
using namespace lns;
using namespace lns::interpret;

static constexpr llvm::StringLiteral layerMark = "{layer}";

std::string lns::interpret::replaceLayer(StringRef name, int64_t layer) {
  std::string result;
  while (true) {
    size_t mark = name.find(layerMark);
    result += name.substr(0, mark);
    if (mark == StringRef::npos)
      return result;
    result += std::to_string(layer);
    name = name.substr(mark + layerMark.size());
  }
}

//===----------------------------------------------------------------------===//
// Parameters
//===----------------------------------------------------------------------===//

static LogicalResult declare(Operation *op, std::string name, Role role,
                             Type type, Environment &environment) {
  ArrayRef<int64_t> shape = cast<RankedTensorType>(type).getShape();
  if (countElements(shape) < 0)
    return op->emitOpError("has shape ")
           << formatShape(shape) << ", but the interpreter holds at most "
           << Tensor::maxElements
           << " elements in a tensor; use a smaller model";
  auto [entry, isNew] = environment.try_emplace(std::move(name));
  if (!isNew) {
    if (ArrayRef(entry->second.value->shape) == shape)
      return success(); // one parameter in two places, as a tied head is
    return op->emitOpError("declares '")
           << entry->first << "' with shape " << formatShape(shape)
           << ", but it already has shape "
           << formatShape(entry->second.value->shape);
  }
  TensorRef zeros = makeTensor(shape);
  entry->second = {role, zeros, zeros, zeros, zeros};
  return success();
}

static LogicalResult declareModel(ModelOp model, Environment &environment) {
  int64_t firstLayer = 0;
  for (Operation &op : model.getBody().front()) {
    if (auto param = dyn_cast<ParamOp>(op))
      if (failed(declare(param, param.getName().str(), param.getRole(),
                         param.getValue().getType(), environment)))
        return failure();
    auto layers = dyn_cast<LayersOp>(op);
    if (!layers)
      continue;
    int64_t depth = static_cast<int64_t>(layers.getDepth());
    for (int64_t i = 0; i < depth; ++i)
      for (auto param : layers.getBody().getOps<ParamOp>())
        if (failed(declare(param, replaceLayer(param.getName(), firstLayer + i),
                           param.getRole(), param.getValue().getType(),
                           environment)))
          return failure();
    firstLayer += depth;
  }
  return success();
}

LogicalResult lns::interpret::declareParameters(ModuleOp module,
                                                Environment &environment) {
  for (Operation &op : *module.getBody()) {
    if (auto model = dyn_cast<ModelOp>(op))
      if (failed(declareModel(model, environment)))
        return failure();
    if (auto parameter = dyn_cast<ParameterOp>(op))
      if (failed(declare(parameter, parameter.getSymName().str(),
                         parameter.getRole(), parameter.getType(),
                         environment)))
        return failure();
  }
  return success();
}

//===----------------------------------------------------------------------===//
// Execution
//===----------------------------------------------------------------------===//

/// Runs the body once for each block; l, the index that names and depth scales
/// use, counts over all lns.layers of the model. Results beyond the carried
/// ones are what the last block yields.
LogicalResult Interpreter::runLayers(LayersOp layers) {
  SmallVector<TensorRef> carried;
  for (Value init : layers.getInits())
    carried.push_back(values.lookup(init));
  int64_t depth = static_cast<int64_t>(layers.getDepth());
  for (int64_t i = 0; i < depth; ++i) {
    layer = nextLayer++;
    blockType = layers.getBlockType(i);
    SmallVector<TensorRef> yielded;
    carried.truncate(layers.getInits().size());
    if (failed(runBlock(layers.getBody().front(), carried, yielded)))
      return failure();
    carried = std::move(yielded);
  }
  layer = 0;
  blockType = "";
  for (auto [result, tensor] : llvm::zip_equal(layers.getResults(), carried))
    if (failed(bind(result, tensor)))
      return failure();
  return success();
}

LogicalResult Interpreter::run(ModelOp model, const TensorRef &tokens,
                               TensorRef &logits) {
  values.clear();
  layer = nextLayer = 0;
  SmallVector<TensorRef> results;
  if (failed(runBlock(model.getBody().front(), tokens, results)))
    return failure();
  logits = results.front();
  return success();
}
