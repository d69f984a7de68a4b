//===- Interpreter.cpp - Runs functions, blocks and ops -------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/interpret/Interpreter.h"
#include "dialect/BlockTypes.h"
#include "dialect/LnsShapes.h"
#include "tools/interpret/OpCall.h"
#include "tools/interpret/PlannedMemory.h"
#include "llvm/ADT/ScopeExit.h"
#include <cmath>

using namespace mlir;
using namespace lns;
using namespace lns::interpret;

//===----------------------------------------------------------------------===//
// OpCall
//===----------------------------------------------------------------------===//

const Tensor *OpCall::get(Value operand) const {
  if (!operand)
    return nullptr;
  for (auto [value, tensor] : llvm::zip_equal(op->getOperands(), operands))
    if (value == operand)
      return tensor.get();
  return nullptr;
}

Tensor *OpCall::allocate(unsigned index, ArrayRef<int64_t> shape) {
  auto type = cast<RankedTensorType>(op->getResult(index).getType());
  if (!shapesAgree(type.getShape(), shape)) {
    op->emitOpError("result ")
        << index << " would have shape " << formatShape(shape)
        << ", but its type is " << type;
    return nullptr;
  }
  if (countElements(shape) < 0) {
    op->emitOpError("result ")
        << index << " has shape " << formatShape(shape)
        << ", but the interpreter holds at most " << Tensor::maxElements
        << " elements in a tensor; use smaller sizes";
    return nullptr;
  }
  std::shared_ptr<Tensor> tensor = makeTensor(shape);
  results[index] = tensor;
  return tensor.get();
}

Tensor *OpCall::allocateByType(unsigned index) {
  auto type = cast<RankedTensorType>(op->getResult(index).getType());
  if (type.hasStaticShape())
    return allocate(index, type.getShape());
  op->emitOpError("result ")
      << index << " has type " << type << ", expected a static shape";
  return nullptr;
}

void OpCall::roundInside(std::vector<double> &values) const {
  constexpr unsigned kBits = 24;
  if (rounding == Rounding::Random)
    roundByChance(values, kBits, seed);
  else if (rounding == Rounding::Perturbed)
    perturb(values, kBits, seed);
}

bool OpCall::roundsFactors() const {
  auto isBf16 = [](Value value) {
    return cast<RankedTensorType>(value.getType()).getElementType().isBF16();
  };
  return rounding != Rounding::None &&
         llvm::any_of(op->getOperands().take_front(2), isBf16);
}

LogicalResult OpCall::expectShape(Value operand,
                                  ArrayRef<int64_t> shape) const {
  const Tensor *tensor = get(operand);
  if (ArrayRef(tensor->shape) == shape)
    return success();
  return op->emitOpError("operand of type ")
         << operand.getType() << " has shape " << formatShape(tensor->shape)
         << ", expected " << formatShape(shape);
}

LogicalResult OpCall::expectStarts(Value starts, ArrayRef<int64_t> rows) const {
  if (failed(expectShape(starts, rows.take_front(2))))
    return failure();
  ArrayRef<int64_t> all = get(starts)->tokens;
  int64_t times = rows[1];
  for (int64_t i = 0, end = all.size(); i < end; ++i) {
    int64_t time = i % times, before = time == 0 ? 0 : all[i - 1];
    if (all[i] != before && all[i] != time)
      return op->emitOpError("start ")
             << all[i] << " at " << formatShape({i / times, time})
             << " is neither its time, " << time << ", nor "
             << (time == 0 ? "0, where a row's first document starts"
                           : "the start before, " + std::to_string(before));
  }
  return success();
}

LogicalResult OpCall::expectPositions(Value starts, ArrayRef<int64_t> rows,
                                      int64_t count) const {
  if (failed(expectShape(starts, rows.take_front(2))))
    return failure();
  for (auto [i, start] : llvm::enumerate(get(starts)->tokens)) {
    int64_t sequence = int64_t(i) / rows[1], time = int64_t(i) % rows[1];
    if (time - start < 0 || time - start >= count)
      return op->emitOpError("start ")
             << start << " at " << formatShape({sequence, time})
             << " gives position " << time - start << ", but there are "
             << count;
  }
  return success();
}

//===----------------------------------------------------------------------===//
// Blocks
//===----------------------------------------------------------------------===//

/// Binds `value` to a tensor that must have its type.
LogicalResult Interpreter::bind(Value value, TensorRef tensor) {
  auto type = cast<RankedTensorType>(value.getType());
  bool isInteger = type.getElementType().isIntOrIndex();
  if (isInteger != tensor->isTokens ||
      !shapesAgree(type.getShape(), tensor->shape))
    return emitError(value.getLoc())
           << "value of type " << type << " cannot take "
           << (tensor->isTokens ? "tokens" : "numbers") << " of shape "
           << formatShape(tensor->shape);
  // A view is not rounded once more.
  if (!isInteger &&
      !isa_and_nonnull<ReshapeOp, StopGradientOp>(value.getDefiningOp()))
    tensor = round(std::move(tensor), type.getElementType());
  for (double number : tensor->values)
    largest =
        std::isnan(number) ? INFINITY : std::max(largest, std::abs(number));
  values[value] = std::move(tensor);
  return success();
}

TensorRef Interpreter::round(TensorRef tensor, Type element) {
  bool byChance =
      rounding == Rounding::Random || rounding == Rounding::Perturbed;
  if (byChance ? element.isF64()
               : rounding == Rounding::None || !element.isBF16())
    return tensor;
  auto rounded = std::make_shared<Tensor>(*tensor);
  unsigned bits = cast<FloatType>(element).getFPMantissaWidth();
  if (rounding == Rounding::Bf16)
    roundToBf16(rounded->values);
  else if (rounding == Rounding::Random)
    roundByChance(rounded->values, bits, ++seed);
  else
    perturb(rounded->values, bits, ++seed);
  return rounded;
}

/// For each op of `block` the values, defined in the block, that nothing reads
/// after it.
static DenseMap<Operation *, SmallVector<Value>> lastReaders(Block &block) {
  DenseMap<Operation *, SmallVector<Value>> readers;
  auto note = [&](Value value) {
    Operation *last = value.getDefiningOp();
    for (Operation *user : value.getUsers()) {
      Operation *inBlock = block.findAncestorOpInBlock(*user);
      if (!last || last->isBeforeInBlock(inBlock))
        last = inBlock;
    }
    if (last)
      readers[last].push_back(value);
  };
  llvm::for_each(block.getArguments(), note);
  for (Operation &op : block)
    llvm::for_each(op.getResults(), note);
  return readers;
}

LogicalResult Interpreter::runBlock(Block &block, ArrayRef<TensorRef> arguments,
                                    SmallVectorImpl<TensorRef> &yielded,
                                    PlannedMemory *planned) {
  for (auto [argument, tensor] :
       llvm::zip_equal(block.getArguments(), arguments))
    if (failed(bind(argument, tensor)))
      return failure();
  DenseMap<Operation *, SmallVector<Value>> dead = lastReaders(block);
  for (Operation &op : block.without_terminator()) {
    if (planned)
      planned->takeBytes(&op);
    if (failed(runOp(&op)))
      return failure();
    if (planned)
      planned->finish(&op);
    for (Value value : dead.lookup(&op))
      values.erase(value);
  }
  Operation *terminator = block.getTerminator();
  if (!isa<func::ReturnOp, YieldOp, OutputOp>(terminator))
    return terminator->emitOpError("cannot be interpreted");
  yielded.clear();
  for (Value value : terminator->getOperands())
    yielded.push_back(values.lookup(value));
  for (Value value : dead.lookup(terminator))
    values.erase(value);
  return success();
}

LogicalResult Interpreter::runOp(Operation *op) {
  for (Type type : op->getResultTypes())
    if (!isa<RankedTensorType>(type))
      return op->emitOpError("cannot be interpreted: it has a result of type ")
             << type << ", expected ranked tensors";
  if (auto layers = dyn_cast<LayersOp>(op))
    return runLayers(layers);
  if (auto repeat = dyn_cast<RepeatOp>(op))
    return runRepeat(repeat);

  // The values of an op that differs by block are those of what it is there.
  Operation *called = op;
  if (op->hasAttr(kByType)) {
    if (isLeftOut(op, blockType))
      return bind(op->getResult(0), values.lookup(op->getOperand(0)));
    called = op->clone();
    specialize(called, blockType);
  }
  llvm::scope_exit destroy([&] {
    if (called != op)
      called->destroy();
  });

  OpCall call{called, environment, rounding, layer, {}, {}, ++seed};
  for (Value operand : op->getOperands())
    call.operands.push_back(values.lookup(operand));
  if (auto cluster = dyn_cast<ClusterOp>(op)) {
    if (failed(
            runBlock(cluster.getBody().front(), call.operands, call.results)))
      return failure();
  } else {
    call.results.resize(op->getNumResults());
    std::optional<LogicalResult> outcome = interpretCompute(call);
    for (auto family :
         {interpretRowOp, interpretAttention, interpretAdjoint, interpretGraph})
      if (!outcome)
        outcome = family(call);
    if (!outcome)
      return op->emitOpError("cannot be interpreted");
    if (failed(*outcome))
      return failure();
  }
  if (environment.stopped && isa<StopGradientOp>(op))
    environment.stopped->pass(call.results[0]);
  for (auto [value, tensor] : llvm::zip_equal(op->getResults(), call.results))
    if (failed(bind(value, tensor)))
      return failure();
  return success();
}

/// The part of `whole` that call number `index` of `count` gets.
static TensorRef slice(const Tensor &whole, int64_t index, int64_t count) {
  SmallVector<int64_t> shape(whole.shape);
  shape[0] /= count;
  auto cut = [&](const auto &from, auto &to) {
    size_t size = from.size() / count;
    to.assign(from.begin() + index * size, from.begin() + (index + 1) * size);
  };
  if (whole.isTokens) {
    auto part = makeTokens(shape);
    cut(whole.tokens, part->tokens);
    return part;
  }
  auto part = makeTensor(shape);
  cut(whole.values, part->values);
  return part;
}

LogicalResult Interpreter::runRepeat(RepeatOp op) {
  auto callee = SymbolTable::lookupNearestSymbolFrom<func::FuncOp>(
      op, op.getCalleeAttr());
  SmallVector<double> sums(op->getNumResults(), 0.0);
  for (int64_t i = 0, count = op.getCount(); i < count; ++i) {
    SmallVector<TensorRef> parts, results;
    for (Value input : op.getInputs()) {
      TensorRef whole = values.lookup(input);
      parts.push_back(whole->shape.empty() ? whole : slice(*whole, i, count));
    }
    if (failed(Interpreter(environment, rounding, seed + i, memory)
                   .run(callee, parts, results)))
      return failure();
    for (auto [sum, result] : llvm::zip_equal(sums, results))
      sum += result->values[0];
  }
  for (auto [value, sum] : llvm::zip_equal(op.getResults(), sums)) {
    auto tensor = makeTensor({});
    tensor->values[0] = sum;
    if (failed(bind(value, tensor)))
      return failure();
  }
  return success();
}

//===----------------------------------------------------------------------===//
// Functions
//===----------------------------------------------------------------------===//

/// Those that no run has written yet are as `@refresh` would leave them.
LogicalResult Interpreter::addComputeWeights(ModuleOp module) {
  for (auto weight : module.getOps<ComputeWeightOp>()) {
    auto parameter = environment.find(weight.getWeight().str());
    if (parameter != environment.end() &&
        parameter->second.compute.count(weight.getSymName().str()))
      continue;
    TensorRef value = defineComputeWeight(weight, environment);
    if (!value)
      return failure();
    parameter->second.compute[weight.getSymName().str()] = value;
  }
  return success();
}

LogicalResult Interpreter::run(func::FuncOp function,
                               ArrayRef<TensorRef> arguments,
                               SmallVectorImpl<TensorRef> &results) {
  if (!function.getBody().hasOneBlock())
    return function.emitOpError("cannot be interpreted: it has ")
           << function.getBody().getBlocks().size() << " blocks, expected one";
  Block &block = function.getBody().front();
  if (arguments.size() != block.getNumArguments())
    return function.emitOpError("takes ")
           << block.getNumArguments() << " arguments, but got "
           << arguments.size();
  for (Value argument : block.getArguments())
    if (!isa<RankedTensorType>(argument.getType()))
      return emitError(argument.getLoc())
             << "argument of type " << argument.getType()
             << " cannot be interpreted, expected a ranked tensor";
  // A function may stand alone.
  if (auto module = function->getParentOfType<ModuleOp>())
    if (failed(addComputeWeights(module)))
      return failure();
  values.clear();
  layer = nextLayer = 0;
  if (memory == Memory::Values)
    return runBlock(block, arguments, results);
  if (failed(PlannedMemory::check(function)))
    return failure();
  PlannedMemory planned(values, environment);
  return runBlock(block, arguments, results, &planned);
}
