//===- EntryPoint.cpp - What a module can run, and its arguments ----------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/interpret/EntryPoint.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace lns;
using namespace lns::interpret;

std::string EntryPoint::resultName(unsigned index) const {
  StringRef known = llvm::StringSwitch<StringRef>(name)
                        .Case("logits", "logits")
                        .Cases({"eval", "grads"}, "loss")
                        .Case("apply", "norm")
                        .Case("train_step", index == 0 ? "loss" : "norm")
                        .Default("");
  unsigned count = name == "train_step" ? 2 : 1;
  if (!known.empty() && index < count)
    return known.str();
  return "result." + std::to_string(index);
}

SmallVector<EntryPoint> lns::interpret::entryPointsOf(ModuleOp module) {
  SmallVector<EntryPoint> entries;
  for (Operation &op : *module.getBody()) {
    if (isa<ModelOp>(op)) {
      entries.push_back({"logits", &op});
      entries.push_back({"eval", &op});
    }
    if (auto function = dyn_cast<func::FuncOp>(op))
      entries.push_back({function.getSymName().str(), &op});
  }
  return entries;
}

//===----------------------------------------------------------------------===//
// Arguments
//===----------------------------------------------------------------------===//

SmallVector<int64_t>
lns::interpret::concreteShape(Type type, const InputOptions &options) {
  SmallVector<int64_t> shape(cast<RankedTensorType>(type).getShape());
  int64_t next = options.batch;
  for (int64_t &extent : shape)
    if (ShapedType::isDynamic(extent)) {
      extent = next;
      next = options.sequence;
    }
  return shape;
}

bool lns::interpret::isOptimizer(Value argument) {
  return llvm::any_of(argument.getUsers(), [&](Operation *user) {
    if (auto clip = dyn_cast<ClipFactorOp>(user))
      return clip.getOptimizer() == argument;
    if (auto adamw = dyn_cast<AdamWOp>(user))
      return adamw.getOptimizer() == argument;
    return false;
  });
}

bool lns::interpret::isStarts(Value argument) {
  return llvm::any_of(argument.getUses(), [&](OpOperand &use) {
    Operation *user = use.getOwner();
    if (auto repeat = dyn_cast<RepeatOp>(user)) {
      auto callee = SymbolTable::lookupNearestSymbolFrom<func::FuncOp>(
          repeat, repeat.getCalleeAttr());
      return isStarts(callee.getArgument(use.getOperandNumber()));
    }
    if (auto cluster = dyn_cast<ClusterOp>(user))
      return isStarts(
          cluster.getBody().front().getArgument(use.getOperandNumber()));
    return llvm::TypeSwitch<Operation *, bool>(user)
        .Case<AttentionOp, AttentionGradOp, RopeOp, AddPositionsOp,
              AddPositionsGradOp, AppendOp, CachedAttentionOp>(
            [&](auto op) { return op.getStarts() == argument; })
        .Default([](Operation *) { return false; });
  });
}

bool lns::interpret::takesStarts(const EntryPoint &entry) {
  auto function = dyn_cast<func::FuncOp>(entry.op);
  return function && llvm::any_of(function.getArguments(), isStarts);
}

/// The vocabulary of a tokens argument: the smallest that one of its readers
/// takes; without a reader, what the module says of its model; else 256.
static int64_t vocabularyOf(Value tokens) {
  int64_t vocabulary = ShapedType::kDynamic;
  auto limit = [&](int64_t extent) {
    if (!ShapedType::isDynamic(extent) &&
        (ShapedType::isDynamic(vocabulary) || extent < vocabulary))
      vocabulary = extent;
  };
  for (OpOperand &use : tokens.getUses()) {
    Operation *user = use.getOwner();
    if (auto op = dyn_cast<RepeatOp>(user)) {
      auto callee = SymbolTable::lookupNearestSymbolFrom<func::FuncOp>(
          op, op.getCalleeAttr());
      limit(vocabularyOf(callee.getArgument(use.getOperandNumber())));
    }
    if (auto op = dyn_cast<EmbeddingOp>(user))
      limit(op.getTable().getType().getDimSize(0));
    if (auto op = dyn_cast<EmbeddingGradOp>(user))
      limit(op.getResult().getType().getDimSize(0));
    if (auto op = dyn_cast<CrossEntropyOp>(user))
      limit(op.getLogits().getType().getShape().back());
    if (auto op = dyn_cast<CrossEntropyGradOp>(user))
      limit(op.getLogits().getType().getShape().back());
    if (auto op = dyn_cast<CrossEntropyWithGradOp>(user))
      limit(op.getLogits().getType().getShape().back());
  }
  if (!ShapedType::isDynamic(vocabulary))
    return vocabulary;
  Operation *owner = tokens.getParentBlock()->getParentOp();
  if (auto module = owner->getParentOfType<ModuleOp>())
    if (auto facts = module->getAttrOfType<DictionaryAttr>("lns.model"))
      if (auto known = facts.getAs<IntegerAttr>("vocabulary"))
        return known.getInt();
  return 256;
}

/// Which of the files' tokens an integer argument takes: the first takes the
/// tokens, the second the targets.
static TensorRef givenTokens(const InputOptions &options, unsigned number) {
  if (number == 0)
    return options.tokens;
  return number == 1 ? options.targets : nullptr;
}

/// Tokens, given or random, for an integer argument.
static LogicalResult makeTokensArgument(Operation *op, ArrayRef<int64_t> shape,
                                        int64_t vocabulary, unsigned index,
                                        unsigned number,
                                        const InputOptions &options,
                                        TensorRef &tensor) {
  if (countElements(shape) < 0)
    return op->emitError("argument ")
           << index << " has shape " << formatShape(shape)
           << ", but the interpreter holds at most " << Tensor::maxElements
           << " elements in a tensor; use smaller sizes";
  if (vocabulary < 1)
    return op->emitError("argument ")
           << index << " has no token to take: the vocabulary is empty";
  TensorRef given = givenTokens(options, number);
  if (!given) {
    auto random = std::make_shared<Tensor>(
        *makeRandomTokens(shape, vocabulary, options.seed, index));
    if (number == 1 && options.ignoreEvery > 0)
      for (int64_t i = 0; i < random->size(); i += options.ignoreEvery)
        random->tokens[i] = kIgnoredTarget;
    tensor = random;
    return success();
  }
  if (given->size() != countElements(shape))
    return op->emitError("argument ")
           << index << " has shape " << formatShape(shape) << ", but "
           << given->size() << " tokens are given";
  auto copy = std::make_shared<Tensor>(*given);
  copy->shape.assign(shape.begin(), shape.end());
  tensor = copy;
  return success();
}

/// How many of the targets, if there are any, are not ignored.
static TensorRef countTargets(const TensorRef &targets) {
  auto count = makeTokens({});
  if (targets)
    count->tokens[0] =
        targets->size() - llvm::count(targets->tokens, kIgnoredTarget);
  return count;
}

/// How many positions there are, where starts may lie before a function's rows;
/// else none.
static std::optional<int64_t> getPositionCount(Value starts) {
  for (OpOperand &use : starts.getUses()) {
    Operation *user = use.getOwner();
    std::optional<int64_t> count;
    if (auto cluster = dyn_cast<ClusterOp>(user))
      count = getPositionCount(
          cluster.getBody().front().getArgument(use.getOperandNumber()));
    if (auto append = dyn_cast<AppendOp>(user))
      count = append.getCache().getType().getDimSize(1);
    if (auto attention = dyn_cast<CachedAttentionOp>(user))
      count = attention.getKey().getType().getDimSize(1);
    if (auto rope = dyn_cast<RopeOp>(user); rope && rope.getPositions())
      count = *rope.getPositions();
    if (count && !ShapedType::isDynamic(*count))
      return count;
  }
  return std::nullopt;
}

/// Starts of rows that go on, one behind the other, with what was there before.
static TensorRef makeStartsBefore(ArrayRef<int64_t> shape, int64_t positions,
                                  uint64_t seed) {
  int64_t room = std::max<int64_t>(positions - shape[1] + 1, 1);
  TensorRef before = makeRandomTokens(shape, room, seed, streamOf("starts"));
  auto starts = makeTokens(shape);
  for (int64_t i = 0; i < starts->size(); ++i)
    starts->tokens[i] = -before->tokens[i / shape[1] * shape[1]];
  return starts;
}

/// Starts, given or random, for an argument that is read as such.
static LogicalResult makeStartsArgument(func::FuncOp function,
                                        ArrayRef<int64_t> shape, unsigned index,
                                        const InputOptions &options,
                                        TensorRef &tensor) {
  if (shape.size() != 2 || countElements(shape) < 0)
    return function.emitError("argument ")
           << index << " has shape " << formatShape(shape)
           << ", but starts of documents are [batch, time] of at most "
           << Tensor::maxElements << " elements";
  if (std::optional<int64_t> count =
          getPositionCount(function.getArgument(index))) {
    tensor = makeStartsBefore(shape, *count, options.seed);
    return success();
  }
  if (!options.starts) {
    tensor = options.documentEvery
                 ? makeEqualDocuments(shape, *options.documentEvery)
                 : makeRandomDocuments(shape, options.seed);
    return success();
  }
  if (options.starts->size() != countElements(shape))
    return function.emitError("argument ")
           << index << " has shape " << formatShape(shape) << ", but "
           << options.starts->size() << " starts are given";
  auto copy = std::make_shared<Tensor>(*options.starts);
  copy->shape.assign(shape.begin(), shape.end());
  tensor = copy;
  return success();
}

LogicalResult
lns::interpret::makeArguments(const EntryPoint &entry,
                              const InputOptions &options,
                              SmallVectorImpl<TensorRef> &arguments) {
  Operation *op = entry.op;
  arguments.clear();
  if (auto model = dyn_cast<ModelOp>(op)) {
    Block &body = model.getBody().front();
    SmallVector<int64_t> shape =
        concreteShape(body.getArgument(0).getType(), options);
    int64_t columns =
        cast<RankedTensorType>(body.getTerminator()->getOperand(0).getType())
            .getShape()
            .back();
    int64_t vocabularies[] = {vocabularyOf(body.getArgument(0)),
                              ShapedType::isDynamic(columns) ? 256 : columns};
    for (unsigned i = 0; i < (entry.name == "eval" ? 2 : 1); ++i)
      if (failed(makeTokensArgument(op, shape, vocabularies[i], i, i, options,
                                    arguments.emplace_back())))
        return failure();
    return success();
  }
  auto function = cast<func::FuncOp>(op);
  if (function.isDeclaration())
    return function.emitError("cannot be interpreted: it has no body");
  unsigned number = 0;
  TensorRef targets; // what was last of the tokens
  for (BlockArgument argument : function.getArguments()) {
    unsigned index = argument.getArgNumber();
    auto type = dyn_cast<RankedTensorType>(argument.getType());
    if (!type || !type.getElementType().isIntOrFloat())
      return function.emitError("argument ")
             << index << " of type " << argument.getType()
             << " cannot be interpreted, expected a ranked tensor of numbers";
    SmallVector<int64_t> shape = concreteShape(type, options);
    TensorRef &tensor = arguments.emplace_back();
    if (type.getElementType().isInteger() && shape.empty()) {
      tensor = countTargets(targets);
    } else if (type.getElementType().isInteger() && isStarts(argument)) {
      if (failed(makeStartsArgument(function, shape, index, options, tensor)))
        return failure();
    } else if (type.getElementType().isInteger()) {
      if (failed(makeTokensArgument(op, shape, vocabularyOf(argument), index,
                                    number++, options, tensor)))
        return failure();
      targets = tensor;
    } else if (isOptimizer(argument)) {
      tensor = makeOptimizer(options.optimizer, 1);
    } else if (countElements(shape) < 0) {
      return function.emitError("argument ")
             << index << " has shape " << formatShape(shape)
             << ", but the interpreter holds at most " << Tensor::maxElements
             << " elements in a tensor; use smaller sizes";
    } else {
      tensor = makeNormal(shape, options.seed, index);
    }
  }
  return success();
}

//===----------------------------------------------------------------------===//
// Execution
//===----------------------------------------------------------------------===//

/// The mean cross entropy, as the dialect's ops define it.
static LogicalResult runLoss(Location loc, const TensorRef &logits,
                             const TensorRef &targets, TensorRef &loss) {
  // A file with nothing but a model has not loaded it.
  loc.getContext()->loadDialect<func::FuncDialect>();
  OpBuilder builder(loc.getContext());
  Type f64 = builder.getF64Type();
  auto logitsType = RankedTensorType::get(logits->shape, f64);
  auto rows = RankedTensorType::get(ArrayRef(logits->shape).drop_back(), f64);
  auto targetsType =
      RankedTensorType::get(targets->shape, builder.getI32Type());
  OwningOpRef<func::FuncOp> function = func::FuncOp::create(
      builder, loc, "loss",
      builder.getFunctionType({logitsType, targetsType}, {}));
  builder.setInsertionPointToStart(function->addEntryBlock());
  auto entropy =
      CrossEntropyOp::create(builder, loc, TypeRange{rows, rows},
                             function->getArgument(0), function->getArgument(1),
                             /*factors=*/Value());
  Value count = TargetCountOp::create(builder, loc, function->getArgument(1));
  Value mean = MeanOp::create(builder, loc, RankedTensorType::get({}, f64),
                              entropy.getLosses(), count);
  func::ReturnOp::create(builder, loc, mean);

  Environment none;
  SmallVector<TensorRef> results;
  if (failed(Interpreter(none).run(*function, {logits, targets}, results)))
    return failure();
  loss = results.front();
  return success();
}

LogicalResult lns::interpret::runEntryPoint(const EntryPoint &entry,
                                            Environment &environment,
                                            ArrayRef<TensorRef> arguments,
                                            SmallVectorImpl<TensorRef> &results,
                                            Rounding rounding, Memory memory) {
  Interpreter interpreter(environment, rounding, /*seed=*/0, memory);
  auto model = dyn_cast<ModelOp>(entry.op);
  if (model && memory == Memory::Poisoned)
    return model.emitOpError("has no plan whose memory could be poisoned; run "
                             "'lns-plan-memory'");
  if (!model)
    return interpreter.run(cast<func::FuncOp>(entry.op), arguments, results);
  results.resize(1);
  if (failed(interpreter.run(model, arguments[0], results[0])))
    return failure();
  if (entry.name == "logits")
    return success();
  TensorRef logits = results[0];
  return runLoss(model.getLoc(), logits, arguments[1], results[0]);
}
