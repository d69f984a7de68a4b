//===- LnsModelVerifiers.cpp - Verifiers of model form and of parameters --===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

//
// The numbers (C1), (C2), ... are those of the op's description.
//
//===----------------------------------------------------------------------===//

#include "dialect/LnsOps.h"
#include "dialect/LnsVerifiers.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringMap.h"

using namespace mlir;
using namespace lns;

/// What instantiation replaces by a block's index.
static constexpr llvm::StringLiteral kLayer = "{layer}";

/// (C1), (C2), (C5), (C6) and (C7) of lns.param and lns.parameter.
template <typename Op>
static LogicalResult verifyParameterFacts(Op op, RankedTensorType type) {
  // (C1)
  if (!type.hasStaticShape() || countOf(type) == 0)
    return op.emitOpError("has type ")
           << type << ", expected a static shape with at least one element";
  if (bytesOf(type) == std::numeric_limits<int64_t>::max())
    return op.emitOpError("has type ")
           << type << ", whose size in bytes does not fit 64 bits";
  // (C5)
  if (op.getProjection() && type.getRank() != 2)
    return op.emitOpError("has type ")
           << type << ", but rows or columns of length 1, project("
           << stringifyEnum(*op.getProjection())
           << "), are those of a matrix; leave out 'project'";
  // (C6)
  if (failed(verifyFactors(op, op.getLrFactor(), op.getEpsFactor(),
                           op.getDecayFactor())))
    return failure();
  // (C7)
  if (op.getFrozen() && (op.getDecayAttr() && op.getDecayAttr().getValue()))
    return op.emitOpError("is frozen, but has decay(true), which would change "
                          "it; leave out one of them");
  if (op.getFrozen() && op.getProjection())
    return op.emitOpError("is frozen, but has project(")
           << stringifyEnum(*op.getProjection())
           << "), which would change it; leave out one of them";
  if (op.getFrozen() && !(op.getLrFactor().isExactlyValue(1) &&
                          op.getEpsFactor().isExactlyValue(1) &&
                          op.getDecayFactor().isExactlyValue(1)))
    return op.emitOpError("is frozen, but has factors of an optimizer that "
                          "leaves it as it is; leave them out");
  // (C2)
  InitKind init = op.getInit();
  bool isNormal =
      init == InitKind::normal || init == InitKind::truncated_normal;
  bool takesValue = isNormal || init == InitKind::constant;
  std::optional<APFloat> value = op.getInitValue();
  if (takesValue && !value)
    return op.emitOpError("init '")
           << stringifyEnum(init) << "' needs a value, as in init("
           << stringifyEnum(init) << ", 0.02)";
  if (!takesValue && value)
    return op.emitOpError("init '")
           << stringifyEnum(init) << "' takes no value, got "
           << value->convertToDouble();
  if (!value)
    return success();
  if (failed(verifyFinite(op, "init value", *value)))
    return failure();
  if (isNormal && value->isNegative())
    return op.emitOpError("standard deviation must not be negative, got ")
           << value->convertToDouble();
  return success();
}

LogicalResult ParamOp::verify() {
  if (failed(verifyParameterFacts(*this, tensorOf(getResult()))))
    return failure();
  // (C3)
  if (getName().empty())
    return emitOpError("name is empty");
  bool perLayer = getName().contains(kLayer);
  bool insideLayers = isa<LayersOp>((*this)->getParentOp());
  if (insideLayers && !perLayer)
    return emitOpError("name '")
           << getName() << "' must contain '" << kLayer
           << "' inside lns.layers, or every block would share the parameter";
  if (!insideLayers && perLayer)
    return emitOpError("name '") << getName() << "' contains '" << kLayer
                                 << "', but the op is outside lns.layers";
  // (C4)
  if (getInitDepthScale() == DepthScale::none)
    return success();
  if (!getInitValue())
    return emitOpError("init '")
           << stringifyEnum(getInit()) << "' has no value that '"
           << stringifyEnum(getInitDepthScale())
           << "' could scale; write init(constant, 1.0, "
           << stringifyEnum(getInitDepthScale()) << ")";
  if (!insideLayers)
    return emitOpError("has an initial value scaled by '")
           << stringifyEnum(getInitDepthScale())
           << "', but the op is outside lns.layers, where there is no depth";
  return success();
}

LogicalResult ParameterOp::verify() {
  // (C1)
  auto type = cast<RankedTensorType>(getType());
  if (failed(verifyParameterFacts(*this, type)))
    return failure();
  // (C2)
  if (!getStorage())
    return success();
  auto storage = cast<RankedTensorType>(*getStorage());
  bool holds = storage != type && storage.hasStaticShape() &&
               storage.getElementType() == type.getElementType() &&
               storage.getRank() == type.getRank();
  if (holds)
    for (auto [room, extent] :
         llvm::zip_equal(storage.getShape(), type.getShape()))
      holds &= room >= extent;
  if (!holds)
    return emitOpError("has storage of type ")
           << storage << " for type " << type
           << ", expected another type of the same rank and element type, no "
              "extent smaller; without storage the type itself is stored";
  if (bytesOf(storage) == std::numeric_limits<int64_t>::max())
    return emitOpError("has storage of type ")
           << storage << ", whose size in bytes does not fit 64 bits";
  return success();
}

LogicalResult LayersOp::verify() {
  // (C1)
  auto depth = static_cast<int64_t>(getDepth());
  if (depth < 1 || depth > kMaxDepth)
    return emitOpError("depth must be at least 1 and at most ")
           << kMaxDepth << ", got " << depth;
  // (C3)
  if (std::optional<ArrayAttr> types = getTypes()) {
    auto count = static_cast<int64_t>(types->size());
    if (count == 0 || llvm::any_of(types->getAsValueRange<StringAttr>(),
                                   [](StringRef type) { return type.empty(); }))
      return emitOpError("has ")
             << (count == 0 ? "an empty list of types"
                            : "a type without a name")
             << "; leave out 'types' where all blocks are alike";
    if (getTypesRepeat() ? count > depth : count != depth) {
      InFlightDiagnostic diagnostic = emitOpError("has ");
      diagnostic << count << (count == 1 ? " type" : " types")
                 << (getTypesRepeat() ? " that repeat, but its depth is only "
                                      : ", but its depth is ")
                 << depth;
      return diagnostic << (getTypesRepeat()
                                ? "; name no more types than blocks"
                                : "; name one for each block, or end the list "
                                  "with '...' where it repeats");
    }
  } else if (getTypesRepeat()) {
    return emitOpError("has types_repeat, but no types");
  }
  // (C2)
  if (getInits().empty())
    return emitOpError("carries no value, expected at least one");
  if (failed(verifySameTypes(*this, "carried values", getInits().getTypes(),
                             "block arguments", getBody().getArgumentTypes())))
    return failure();
  // Further results stand behind the carried ones.
  TypeRange results = getResultTypes();
  return verifySameTypes(
      *this, "carried values", getInits().getTypes(), "results",
      results.take_front(std::min(results.size(), getInits().size())));
}

LogicalResult LayersOp::verifyRegions() {
  // (C2)
  auto yield = cast<YieldOp>(getBody().front().getTerminator());
  bool carriesOnly = getNumResults() == getInits().size();
  return verifySameTypes(*this, carriesOnly ? "carried values" : "results",
                         getResultTypes(), "yielded values",
                         yield.getOperandTypes());
}

/// Whether two declarations of one name say the same.
static bool agree(ParamOp a, ParamOp b) {
  return a.getType() == b.getType() && a.getRole() == b.getRole() &&
         a.getInitAttr() == b.getInitAttr() &&
         a.getInitValueAttr() == b.getInitValueAttr() &&
         a.getInitDepthScale() == b.getInitDepthScale() &&
         a.getDecayAttr() == b.getDecayAttr() &&
         a.getProjection() == b.getProjection() &&
         a.getFrozen() == b.getFrozen() && a.getLrFactor() == b.getLrFactor() &&
         a.getEpsFactor() == b.getEpsFactor() &&
         a.getDecayFactor() == b.getDecayFactor();
}

/// (C6)
static LogicalResult verifyDepth(ModelOp model) {
  int64_t depth = 0;
  for (auto layers : model.getBody().getOps<LayersOp>()) {
    depth += layers.getDepth();
    if (depth > kMaxDepth)
      return layers.emitOpError("makes the model ")
             << depth << " layers deep, but at most " << kMaxDepth
             << " are supported; make its depth smaller";
  }
  return success();
}

/// (C5): a session takes tokens below the vocabulary, and no kernel looks
/// again.
static LogicalResult verifyTables(ModelOp model, int64_t vocabulary) {
  WalkResult result = model.getBody().walk([&](EmbeddingOp embedding) {
    int64_t rows = tensorOf(embedding.getTable()).getDimSize(0);
    if (ShapedType::isDynamic(rows) || rows >= vocabulary)
      return WalkResult::advance();
    embedding.emitOpError("looks up tokens in a table of type ")
        << embedding.getTable().getType() << ", but the logits are over "
        << vocabulary
        << " tokens; give the table as many rows or the logits fewer columns";
    return WalkResult::interrupt();
  });
  return failure(result.wasInterrupted());
}

/// (C3): blocks are counted over all lns.layers of the model.
static LogicalResult verifyNames(ModelOp model) {
  llvm::StringMap<ParamOp> declared;
  auto declare = [&](ParamOp param, StringRef name) -> LogicalResult {
    auto [entry, isNew] = declared.try_emplace(name, param);
    if (isNew || agree(entry->second, param))
      return success();
    InFlightDiagnostic diagnostic =
        param.emitOpError("declares '")
        << name
        << "' again, with another type, role, init, decay, projection, "
           "factor or frozen";
    diagnostic.attachNote(entry->second.getLoc()) << "first declared here";
    return diagnostic;
  };
  int64_t firstLayer = 0;
  for (Operation &op : model.getBody().front()) {
    if (auto param = dyn_cast<ParamOp>(op)) {
      if (failed(declare(param, param.getName())))
        return failure();
      continue;
    }
    auto layers = dyn_cast<LayersOp>(op);
    if (!layers)
      continue;
    int64_t depth = layers.getDepth();
    for (auto param : layers.getBody().getOps<ParamOp>()) {
      SmallVector<StringRef> pieces;
      param.getName().split(pieces, kLayer);
      for (int64_t layer = firstLayer; layer < firstLayer + depth; ++layer)
        if (failed(declare(param, llvm::join(pieces, llvm::itostr(layer)))))
          return failure();
    }
    firstLayer += depth;
  }
  return success();
}

LogicalResult ModelOp::verifyRegions() {
  Block &block = getBody().front();
  // (C1)
  auto isTokens = [](Type type) {
    auto tensor = dyn_cast<RankedTensorType>(type);
    return tensor && tensor.getRank() == 2 &&
           tensor.getElementType().isInteger(32);
  };
  if (block.getNumArguments() != 1)
    return emitOpError("has ")
           << block.getNumArguments() << " arguments, expected one, the tokens";
  if (!isTokens(block.getArgument(0).getType()))
    return emitOpError("argument has type ")
           << block.getArgument(0).getType()
           << ", expected a rank-2 tensor of i32 tokens";
  // (C2)
  auto output = dyn_cast<OutputOp>(block.getTerminator());
  if (!output)
    return emitOpError("ends with ")
           << block.getTerminator()->getName() << ", expected lns.output";
  if (tensorOf(output.getLogits()).getRank() != 3)
    return output.emitOpError("logits have type ")
           << output.getLogits().getType()
           << ", expected [batch, time, vocabulary]";
  // (C4)
  WalkResult result = getBody().walk([](Operation *op) {
    if (isa_and_nonnull<LnsDialect>(op->getDialect()))
      return WalkResult::advance();
    op->emitError() << "op '" << op->getName()
                    << "' is not of the lns dialect, so that nothing is known "
                       "of its gradient; a model is made of lns ops alone";
    return WalkResult::interrupt();
  });
  if (result.wasInterrupted())
    return failure();
  if (failed(verifyDepth(*this)) ||
      failed(
          verifyTables(*this, tensorOf(output.getLogits()).getShape().back())))
    return failure();
  // (C3)
  return verifyNames(*this);
}
