//===- Instantiate.cpp - Model form to graph form ---------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// Writes every block out, gives batch and time their sizes, makes parameters
// symbols and each depth scale, of a norm or an initial value, a number:
// 1/sqrt(l), l the 1-based index of the block in the whole model (arXiv
// 2502.05795).
//
//===----------------------------------------------------------------------===//

#include "dialect/BlockTypes.h"
#include "dialect/LnsDialect.h"
#include "dialect/LnsOps.h"
#include "passes/Passes.h"
#include "passes/analysis/NormPlacement.h"
#include "passes/graph/Caches.h"
#include "passes/graph/Trace.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Pass/Pass.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/ADT/TypeSwitch.h"
#include <cmath>

namespace lns {
#define GEN_PASS_DEF_INSTANTIATE
#include "passes/Passes.h.inc"
} // namespace lns

using namespace mlir;
using namespace lns;

namespace {

constexpr llvm::StringLiteral kLayerMark = "{layer}";

/// Functions that this pass and those after it make.
constexpr llvm::StringLiteral kEntryPoints[] = {"logits", "eval", "grads",
                                                "apply", "train_step"};
constexpr int64_t kMaxElements = int64_t(1) << 40;

std::string replaceLayer(StringRef name, int64_t layer) {
  SmallVector<StringRef> pieces;
  name.split(pieces, kLayerMark);
  return llvm::join(pieces, llvm::itostr(layer));
}

/// 1/sqrt(l) of the 0-based block `layer`.
double getInvSqrtDepth(int64_t layer) {
  return 1.0 / std::sqrt(static_cast<double>(layer + 1));
}

/// What an op is called in profiles: from the parameter it uses, without the
/// leading "model." and the trailing ".weight", else the op's own name.
std::string getOpName(Operation &op, std::optional<int64_t> layer) {
  for (Value operand : op.getOperands()) {
    // A gain that is stored less its offset.
    if (auto offset = operand.getDefiningOp<OffsetOp>())
      operand = offset.getInput();
    if (auto param = operand.getDefiningOp<ParamOp>())
      if (isa<NormOp, LinearOp, EmbeddingOp, OffsetOp>(op)) {
        std::string name = replaceLayer(param.getName(), layer.value_or(0));
        StringRef shortName = name;
        shortName.consume_front("model.");
        shortName.consume_back(".weight");
        return isa<OffsetOp>(op) ? shortName.str() + ".gain" : shortName.str();
      }
  }
  StringRef mnemonic = op.getName().stripDialect();
  if (!layer)
    return mnemonic.str();
  return ("layers." + llvm::Twine(*layer) + "." + mnemonic).str();
}

class Instantiator {
public:
  Instantiator(ModelOp model, const InstantiateOptions &options)
      : model(model), batch(options.batch), sequence(options.seq),
        documents(options.documents), diagnostics(options.diagnostics),
        decode(options.decode), module(model->getParentOfType<ModuleOp>()),
        builder(model.getContext()) {}

  LogicalResult run() {
    Block &body = model.getBody().front();
    auto logits =
        cast<RankedTensorType>(body.getTerminator()->getOperand(0).getType());
    vocabulary = logits.getShape().back();
    if (failed(checkShapes()))
      return failure();
    builder.setInsertionPoint(model);
    if (failed(declareParameters()))
      return failure();

    auto tokens =
        RankedTensorType::get({batch, sequence}, builder.getI32Type());
    auto logitsType = cast<RankedTensorType>(getStaticType(logits));
    auto scalar = RankedTensorType::get({}, logits.getElementType());
    {
      SmallVector<Type> inputs = {tokens};
      if (documents)
        inputs.push_back(tokens);
      func::FuncOp function = createFunction("logits", inputs, {logitsType});
      Value result = emitForward(function);
      func::ReturnOp::create(builder, model.getLoc(), result);
    }
    builder.setInsertionPoint(model);
    {
      SmallVector<Type> inputs = {tokens, tokens};
      if (documents)
        inputs.push_back(tokens);
      func::FuncOp function = createFunction("eval", inputs, {scalar});
      Value result = emitForward(function);
      auto rows =
          RankedTensorType::get({batch, sequence}, logits.getElementType());
      Location location = name("loss");
      // Before the loss, whose gradient is then known before it, too.
      Value count = TargetCountOp::create(builder, name("target_count"),
                                          function.getArgument(1));
      auto entropy =
          CrossEntropyOp::create(builder, location, TypeRange{rows, rows},
                                 result, function.getArgument(1),
                                 /*factors=*/Value());
      Value loss =
          MeanOp::create(builder, location, scalar, entropy.getLosses(), count);
      func::ReturnOp::create(builder, model.getLoc(), loss);
    }
    if (diagnostics && failed(createTrace(tokens)))
      return failure();
    if (decode)
      createDecode(logits);
    recordFacts();
    model.erase();
    return success();
  }

private:
  Location name(const llvm::Twine &text) {
    return NameLoc::get(builder.getStringAttr(text), model.getLoc());
  }

  /// Batch and time are open in the tokens, and in everything made of them;
  /// no other dimension is. Sizes fit.
  LogicalResult checkShapes() {
    auto tokens =
        cast<RankedTensorType>(model.getBody().getArgument(0).getType());
    if (!tokens.isDynamicDim(0) || !tokens.isDynamicDim(1))
      return model.emitOpError()
             << "has tokens of type " << tokens
             << ", but batch and time come from lns-instantiate; write "
                "tensor<?x?xi32>";
    WalkResult result = model.walk([&](Operation *op) {
      for (Type type : op->getResultTypes())
        if (failed(checkShape(op, cast<RankedTensorType>(type))))
          return WalkResult::interrupt();
      auto positions = dyn_cast<AddPositionsOp>(op);
      return WalkResult(
          success(succeeded(checkDocuments(op)) &&
                  (!positions || succeeded(checkPositions(positions)))));
    });
    return failure(result.wasInterrupted());
  }

  /// Starts are an input of a step, and no value of a model; what sees
  /// documents behind its own has no bound that they give.
  LogicalResult checkDocuments(Operation *op) {
    if (Value starts = getStarts(op))
      return op->emitOpError(
          "has starts of documents in a model, but those come "
          "from lns-instantiate; leave them out, and compile "
          "with documents");
    auto attention = dyn_cast<AttentionOp>(op);
    if (!attention || attention.getCausal())
      return success();
    if (documents)
      return op->emitOpError(
          "is not causal, but only causal attention keeps to the documents of "
          "a row; add 'causal', or compile without documents");
    if (decode)
      return op->emitOpError(
          "is not causal, so that every token changes what those before it "
          "have seen, and none can be decoded alone; add 'causal', or compile "
          "without decode");
    return success();
  }

  LogicalResult checkPositions(AddPositionsOp op) {
    int64_t positions =
        cast<RankedTensorType>(op.getTable().getType()).getDimSize(0);
    if (sequence <= positions)
      return success();
    return op.emitOpError()
           << "has a table of " << positions << " positions, but seq is "
           << sequence << "; use a shorter seq or a longer table";
  }

  LogicalResult checkShape(Operation *op, RankedTensorType type) {
    if (!type.hasStaticShape() && type.getNumDynamicDims() != 2)
      return op->emitOpError()
             << "has type " << type << " with " << type.getNumDynamicDims()
             << " dynamic dimensions, but model form has two, batch and time";
    auto tensor = cast<RankedTensorType>(getStaticType(type));
    int64_t elements = 1;
    for (int64_t extent : tensor.getShape())
      if (llvm::MulOverflow(elements, extent, elements) ||
          elements > kMaxElements)
        return op->emitOpError()
               << "has type " << tensor << " for batch " << batch << " and seq "
               << sequence
               << ", but a tensor has at most 2^40 elements; use a smaller "
                  "batch, seq or model";
    return success();
  }

  /// Behind the other functions: one token more of each sequence. What an
  /// attention needs of those before it is kept in caches.
  void createDecode(RankedTensorType logits) {
    builder.setInsertionPoint(model);
    auto one = RankedTensorType::get({decode, 1}, builder.getI32Type());
    isDecoding = true;
    func::FuncOp function =
        createFunction("decode", {one, one}, {getStaticType(logits)});
    caches.emplace(function, sequence, [&](StringRef symbol) {
      return taken.contains(symbol) || parameters.contains(symbol);
    });
    Value result = emitForward(function);
    isDecoding = false;
    func::ReturnOp::create(builder, model.getLoc(), result);
  }

  /// Batch and time are the dynamic dimensions, in this order: checkShapes.
  Type getStaticType(Type type) {
    auto tensor = dyn_cast<RankedTensorType>(type);
    if (!tensor || tensor.hasStaticShape())
      return type;
    SmallVector<int64_t> shape(tensor.getShape());
    int64_t sizes[] = {isDecoding ? decode : batch, isDecoding ? 1 : sequence};
    unsigned next = 0;
    for (int64_t &extent : shape)
      if (ShapedType::isDynamic(extent))
        extent = sizes[std::min(next++, 1u)];
    return RankedTensorType::get(shape, tensor.getElementType());
  }

  func::FuncOp createFunction(StringRef symbol, TypeRange inputs,
                              TypeRange outputs) {
    auto function =
        func::FuncOp::create(builder, model.getLoc(), symbol,
                             builder.getFunctionType(inputs, outputs));
    builder.setInsertionPointToStart(function.addEntryBlock());
    return function;
  }

  /// Behind the other functions: the stream before every block, what the
  /// block's branches add to it, and the stream behind the last block.
  LogicalResult createTrace(RankedTensorType tokens) {
    LayersOp last;
    for (auto layers : model.getBody().getOps<LayersOp>())
      last = layers;
    if (!last)
      return model.emitOpError("has no lns.layers, whose blocks diagnostics "
                               "would trace; compile without them");
    builder.setInsertionPoint(model);
    SmallVector<Type> inputs = {tokens};
    if (documents)
      inputs.push_back(tokens);
    func::FuncOp function = createFunction("trace", inputs, {});
    trace.emplace();
    emitForward(function);
    if (failed(trace->finish(last, traced)))
      return failure();
    auto end = func::ReturnOp::create(builder, model.getLoc(),
                                      ValueRange(trace->getValues()));
    function.setFunctionType(
        builder.getFunctionType(inputs, end.getOperandTypes()));
    // The final norm and the head.
    for (Operation *op = end->getPrevNode(); op;) {
      Operation *previous = op->getPrevNode();
      if (isOpTriviallyDead(op))
        op->erase();
      op = previous;
    }
    return success();
  }

  LogicalResult declareParameters() {
    taken.insert_range(kEntryPoints);
    if (diagnostics)
      taken.insert("trace");
    if (decode)
      taken.insert("decode");
    for (auto other : module.getOps<SymbolOpInterface>())
      taken.insert(other.getName());
    WalkResult result = model.walk<WalkOrder::PreOrder>([&](Operation *op) {
      if (auto param = dyn_cast<ParamOp>(op);
          param && isa<ModelOp>(op->getParentOp()))
        return WalkResult(declareParameter(param, std::nullopt));
      auto layers = dyn_cast<LayersOp>(op);
      if (!layers)
        return WalkResult::advance();
      int64_t depth = layers.getDepth();
      for (int64_t i = 0; i < depth; ++i)
        for (auto param : layers.getBody().getOps<ParamOp>())
          if (failed(declareParameter(param, layerCount + i)))
            return WalkResult::interrupt();
      firstLayer[layers] = layerCount;
      layerCount += depth;
      return WalkResult::skip();
    });
    return failure(result.wasInterrupted());
  }

  LogicalResult declareParameter(ParamOp param, std::optional<int64_t> layer) {
    std::string symbol = replaceLayer(param.getName(), layer.value_or(0));
    // What has length 1 behind every step has nothing to decay.
    bool decay = param.getDecay().value_or(
        !param.getProjection() && !param.getFrozen() &&
        (param.getRole() == Role::matrix ||
         param.getRole() == Role::embedding));
    auto [it, isNew] = parameters.try_emplace(symbol);
    // Shared, as a tied head is. The model's verifier has seen to it that both
    // declarations say the same.
    if (!isNew)
      return success();
    if (taken.contains(symbol))
      return param.emitOpError()
             << "is called '" << symbol
             << "', as is a function or another symbol of the module; rename "
                "the parameter";
    FloatAttr initValue = param.getInitValueAttr();
    if (param.getInitDepthScale() == DepthScale::inv_sqrt_depth)
      initValue = builder.getF64FloatAttr(initValue.getValueAsDouble() *
                                          getInvSqrtDepth(*layer));
    it->second = ParameterOp::create(
        builder, NameLoc::get(builder.getStringAttr(symbol), param.getLoc()),
        symbol, param.getRole(), param.getInit(), initValue, decay,
        param.getValue().getType(), /*storage=*/TypeAttr(),
        param.getProjectionAttr(), param.getFrozen(), param.getLrFactor(),
        param.getEpsFactor(), param.getDecayFactor());
    return success();
  }

  /// Emits the whole forward pass into a function of tokens; gives the logits.
  Value emitForward(func::FuncOp function) {
    Block &body = model.getBody().front();
    if (documents || isDecoding)
      starts = function.getArguments().back();
    IRMapping mapping;
    mapping.map(body.getArgument(0), function.getArgument(0));
    emitBlock(body, mapping, std::nullopt);
    return mapping.lookup(body.getTerminator()->getOperand(0));
  }

  /// `type` is that of the block, if it has one.
  void emitBlock(Block &block, IRMapping &mapping, std::optional<int64_t> layer,
                 StringRef type = "") {
    for (Operation &op : block.without_terminator()) {
      if (auto layers = dyn_cast<LayersOp>(op)) {
        emitLayers(layers, mapping);
        continue;
      }
      if (auto param = dyn_cast<ParamOp>(op)) {
        std::string symbol = replaceLayer(param.getName(), layer.value_or(0));
        ParameterOp parameter = parameters.lookup(symbol);
        mapping.map(param.getValue(), GetOp::create(builder, parameter.getLoc(),
                                                    parameter.getType(),
                                                    Storage::parameter, symbol)
                                          .getValue());
        continue;
      }
      if (isLeftOut(&op, type)) {
        mapping.map(op.getResult(0), mapping.lookup(op.getOperand(0)));
        continue;
      }
      Operation *copy = builder.clone(op, mapping);
      specialize(copy, type);
      copy->setLoc(NameLoc::get(builder.getStringAttr(getOpName(op, layer)),
                                op.getLoc()));
      for (OpResult result : copy->getResults())
        result.setType(getStaticType(result.getType()));
      if (documents || isDecoding)
        setStarts(copy);
      if (auto norm = dyn_cast<NormOp>(copy);
          norm && norm.getDepthScale() == DepthScale::inv_sqrt_depth) {
        norm.setDepthScale(DepthScale::none);
        norm.setScaleAttr(builder.getF64FloatAttr(getInvSqrtDepth(*layer)));
      }
      if (auto ramp = dyn_cast<RampOp>(copy); ramp && ramp.getPerLayer()) {
        ramp.setPerLayer(false);
        ramp.setStepsAttr(
            builder.getF64FloatAttr(ramp.getSteps().convertToDouble() *
                                    static_cast<double>(*layer + 1)));
      }
      if (!isDecoding)
        continue;
      if (auto rope = dyn_cast<RopeOp>(copy))
        rope.setPositions(sequence);
      if (auto attention = dyn_cast<AttentionOp>(copy))
        mapping.map(op.getResult(0), caches->replace(attention).getResult());
    }
  }

  /// Hands the function's starts to an op that asks which document a row is of.
  void setStarts(Operation *op) {
    llvm::TypeSwitch<Operation *>(op)
        .Case<AttentionOp, RopeOp, AddPositionsOp>(
            [&](auto op) { op.getStartsMutable().assign(starts); })
        .Default([](Operation *) {});
  }
  static Value getStarts(Operation *op) {
    return llvm::TypeSwitch<Operation *, Value>(op)
        .Case<AttentionOp, RopeOp, AddPositionsOp>(
            [](auto op) { return op.getStarts(); })
        .Default([](Operation *) { return Value(); });
  }

  void emitLayers(LayersOp layers, IRMapping &mapping) {
    Block &body = layers.getBody().front();
    SmallVector<Value> carried;
    for (Value init : layers.getInits())
      carried.push_back(mapping.lookup(init));
    int64_t depth = layers.getDepth();
    // It is still there when @decode is written.
    bool traces = trace && !isDecoding;
    SmallVector<ResidualOp> residuals;
    if (traces)
      residuals = findStreamResiduals(layers);
    for (int64_t i = 0; i < depth; ++i) {
      IRMapping inner(mapping);
      // What is yielded beyond these is for readers of the last block.
      for (auto [argument, value] : llvm::zip(body.getArguments(), carried))
        inner.map(argument, value);
      emitBlock(body, inner, firstLayer.lookup(layers) + i,
                layers.getBlockType(i));
      if (traces)
        trace->addBlock(
            builder, carried.front(),
            llvm::map_to_vector(residuals, [&](ResidualOp residual) {
              return inner.lookup(residual.getResult())
                  .getDefiningOp<ResidualOp>();
            }));
      carried.clear();
      for (Value operand : body.getTerminator()->getOperands())
        carried.push_back(inner.lookup(operand));
    }
    for (auto [result, value] : llvm::zip(layers.getResults(), carried))
      mapping.map(result, value);
    traced = carried.front();
  }

  void recordFacts() {
    SmallVector<NormOp> norms;
    model.walk([&](NormOp norm) { norms.push_back(norm); });
    SmallVector<NamedAttribute> facts = {
        builder.getNamedAttr("name", builder.getStringAttr(model.getSymName())),
        builder.getNamedAttr("batch", builder.getI64IntegerAttr(batch)),
        builder.getNamedAttr("sequence", builder.getI64IntegerAttr(sequence)),
        builder.getNamedAttr("vocabulary",
                             builder.getI64IntegerAttr(vocabulary)),
        builder.getNamedAttr("layers", builder.getI64IntegerAttr(layerCount)),
        builder.getNamedAttr("norm_scheme",
                             builder.getStringAttr(getNormPlacement(norms)))};
    if (documents)
      facts.push_back(builder.getNamedAttr("documents", builder.getUnitAttr()));
    if (decode)
      facts.push_back(
          builder.getNamedAttr("decode", builder.getI64IntegerAttr(decode)));
    if (trace) {
      facts.push_back(builder.getNamedAttr(
          "width", builder.getI64IntegerAttr(trace->getWidth())));
      facts.push_back(builder.getNamedAttr(
          "branches", builder.getDenseI64ArrayAttr(trace->getBranchCounts())));
    }
    if (model.getConfigAttr())
      facts.push_back(builder.getNamedAttr("config", model.getConfigAttr()));
    module->setAttr("lns.model", builder.getDictionaryAttr(facts));
  }

  ModelOp model;
  int64_t batch, sequence;
  bool documents; ///< several in a sequence
  Value starts;   ///< of them: an argument of the function that is emitted
  bool diagnostics;
  int64_t decode; ///< sequences that @decode takes; 0: there is none
  ModuleOp module;
  OpBuilder builder;
  int64_t vocabulary = 0, layerCount = 0;
  llvm::StringSet<> taken; // symbols that are not parameters
  llvm::StringMap<ParameterOp> parameters;
  llvm::DenseMap<Operation *, int64_t> firstLayer;
  std::optional<TraceBuilder> trace;  ///< while @trace is written
  Value traced;                       ///< what the last block gave
  bool isDecoding = false;            ///< while @decode is written
  std::optional<CacheBuilder> caches; ///< of @decode
};

struct InstantiatePass : lns::impl::InstantiateBase<InstantiatePass> {
  using Base::Base;
  InstantiatePass() = default;
  InstantiatePass(const InstantiatePass &other) : Base(other) {}

  void runOnOperation() override {
    ModuleOp module = getOperation();
    if (batch < 1 || seq < 1 || batch > INT32_MAX || seq > INT32_MAX) {
      // Not `<< batch`: an option is not a number to a diagnostic.
      module.emitError() << "batch " << int64_t(batch) << " and seq "
                         << int64_t(seq)
                         << " must be at least 1 and fit 32 bits";
      return signalPassFailure();
    }
    if (decode < 0 || decode > INT32_MAX) {
      module.emitError() << "decode " << int64_t(decode)
                         << " must be a number of sequences that fits 32 bits, "
                            "or 0 for none";
      return signalPassFailure();
    }
    auto models = llvm::to_vector(module.getOps<ModelOp>());
    if (models.size() != 1) {
      module.emitError() << "a module has one lns.model to instantiate, but "
                            "this one has "
                         << models.size();
      return signalPassFailure();
    }
    InstantiateOptions options;
    options.batch = batch;
    options.seq = seq;
    options.documents = documents;
    options.diagnostics = diagnostics;
    options.decode = decode;
    if (failed(Instantiator(models.front(), options).run()))
      signalPassFailure();
  }
};

} // namespace
