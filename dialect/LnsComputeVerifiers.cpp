//===- LnsComputeVerifiers.cpp - Verifiers of model and forward ops -------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

//
// The numbers (C1), (C2), ... are those of the op's description.
//
//===----------------------------------------------------------------------===//

#include "dialect/BlockTypes.h"
#include "dialect/LnsOps.h"
#include "dialect/LnsVerifiers.h"
#include <cmath>

using namespace mlir;
using namespace lns;

/// `leading` followed by one dimension of `columns`.
static RankedTensorType withColumns(ArrayRef<int64_t> leading, int64_t columns,
                                    Type element) {
  SmallVector<int64_t> shape(leading);
  shape.push_back(columns);
  return RankedTensorType::get(shape, element);
}

/// The type of the rows of `table` that `tokens` name, as `actual` may have it:
/// with the table's element type, or bf16 for f32.
static RankedTensorType rowsOfTable(RankedTensorType table,
                                    RankedTensorType tokens,
                                    RankedTensorType actual) {
  Type element = actual.getElementType();
  if (wideElement(element) != table.getElementType())
    element = table.getElementType();
  return withColumns(tokens.getShape(), columnsOf(table), element);
}

LogicalResult EmbeddingOp::verify() {
  RankedTensorType table = tensorOf(getTable()), result = tensorOf(getResult());
  // (C1), (C2)
  return verifyType(*this, "result", result,
                    rowsOfTable(table, tensorOf(getTokens()), result),
                    "tokens and table");
}

LogicalResult EmbeddingGradOp::verify() {
  RankedTensorType table = tensorOf(getResult()), grad = tensorOf(getGrad());
  // (C1)
  if (failed(verifyType(*this, "grad", grad,
                        rowsOfTable(table, tensorOf(getTokens()), grad),
                        "tokens and result")))
    return failure();
  // (C2)
  return getAddend() ? verifyType(*this, "addend", tensorOf(getAddend()), table,
                                  "the result")
                     : success();
}

/// What eps is where none is given.
static constexpr double kDefaultEps = 1.0e-6;

/// (C5) and (C6) of a norm: what kinds have that do not look at rows.
static LogicalResult verifyFunction(NormOp op, RankedTensorType input) {
  StringRef kind = stringifyEnum(op.getKind());
  if (op.isOfRows() && op.getAlpha())
    return op.emitOpError("has an alpha, which kinds 'tanh' and 'erf' take but "
                          "kind '")
           << kind << "' does not";
  bool isErf = op.getKind() == NormKind::erf;
  if (!isErf && op.getShift())
    return op.emitOpError("has a shift, which kind 'erf' takes but kind '")
           << kind << "' does not";
  if (op.isOfRows())
    return success();
  if (!op.getAlpha())
    return op.emitOpError("has no alpha, which kind '") << kind << "' needs";
  if (failed(verifyType(op, "alpha", tensorOf(op.getAlpha()), scalarType(input),
                        "input")))
    return failure();
  if (isErf && !op.getShift())
    return op.emitOpError("has no shift, which kind 'erf' needs");
  if (isErf && failed(verifyType(op, "shift", tensorOf(op.getShift()),
                                 scalarType(input), "input")))
    return failure();
  if (op.getEps().convertToDouble() != kDefaultEps)
    return op.emitOpError("has an eps, which kinds 'rms' and 'layer' take but "
                          "kind '")
           << kind << "' does not";
  return success();
}

LogicalResult NormOp::verify() {
  RankedTensorType input = tensorOf(getInput());
  if (failed(verifyHasColumns(*this, "input", input)))
    return failure();
  // (C1)
  RankedTensorType row = columnVectorType(input);
  if (getGain() &&
      failed(verifyType(*this, "gain", tensorOf(getGain()), row, "input")))
    return failure();
  if (getBias() &&
      failed(verifyType(*this, "bias", tensorOf(getBias()), row, "input")))
    return failure();
  // (C2)
  if (failed(verifyPositive(*this, "eps", getEps())) ||
      failed(verifyFinite(*this, "scale", getScale())))
    return failure();
  // (C3)
  if (getBias() && getKind() == NormKind::rms)
    return emitOpError("has a bias, which kinds 'layer', 'tanh' and 'erf' take "
                       "but kind 'rms' does not");
  // (C5), (C6)
  if (failed(verifyFunction(*this, input)))
    return failure();
  // (C4)
  if (getDepthScale() == DepthScale::none)
    return success();
  if (!(*this)->getParentOfType<LayersOp>())
    return emitOpError("depth scale '")
           << stringifyEnum(getDepthScale())
           << "' needs a block index, but the op is outside lns.layers";
  if (getScale().convertToDouble() != 1.0)
    return emitOpError("has scale ")
           << getScale().convertToDouble() << " and depth scale '"
           << stringifyEnum(getDepthScale()) << "', expected only one of them";
  return success();
}

LogicalResult LinearOp::verify() {
  RankedTensorType input = tensorOf(getInput()), weight = tensorOf(getWeight());
  RankedTensorType result = tensorOf(getResult());
  if (failed(verifyHasColumns(*this, "input", input)))
    return failure();
  // (C1), (C3)
  if (failed(verifyProductTypes(*this, "input", input, "weight", weight,
                                "result", result)))
    return failure();
  if (!extentsAgree(columnsOf(input), columnsOf(weight)))
    return emitOpError("input has ")
           << columnsOf(input) << " columns, but weight of type " << weight
           << " takes " << columnsOf(weight);
  int64_t out = weight.getDimSize(0);
  if (failed(verifyType(
          *this, "result", result,
          withColumns(leadingShape(input), out, result.getElementType()),
          "input and weight")))
    return failure();
  // (C2)
  if (getBias() &&
      failed(
          verifyType(*this, "bias", tensorOf(getBias()),
                     withColumns({}, out, wideElement(result.getElementType())),
                     "weight and result")))
    return failure();
  if (getGain() && failed(verifyType(*this, "gain", tensorOf(getGain()),
                                     columnVectorType(weight), "weight")))
    return failure();
  // (C4)
  return verifyFinite(*this, "alpha", getAlpha());
}

/// Starts of documents, if there are any, are [batch, time] of `rows`.
template <typename Op>
static LogicalResult verifyStarts(Op op, StringRef rowsName,
                                  RankedTensorType rows) {
  if (!op.getStarts())
    return success();
  RankedTensorType starts = tensorOf(op.getStarts());
  return verifyType(op, "starts", starts,
                    RankedTensorType::get(rows.getShape().take_front(2),
                                          starts.getElementType()),
                    rowsName);
}

LogicalResult RopeOp::verify() {
  RankedTensorType input = tensorOf(getInput());
  int64_t headDim = getHeadDim();
  // (C1)
  if (input.getRank() != 3 && input.getRank() != 4)
    return emitOpError("input has type ")
           << input
           << ", expected [batch, time, features] or [batch, time, heads, "
              "features]";
  if (headDim <= 0 || headDim % 2 != 0)
    return emitOpError("head_dim must be positive and even, got ") << headDim;
  int64_t columns = columnsOf(input);
  if (input.getRank() == 4 && !extentsAgree(columns, headDim))
    return emitOpError("head_dim ") << headDim << " is not the width "
                                    << columns << " of rows that are heads";
  if (!ShapedType::isDynamic(columns) && columns % headDim != 0)
    return emitOpError("head_dim ")
           << headDim << " does not divide the width " << columns;
  // (C2)
  if (failed(verifyPositive(*this, "base", getBase())))
    return failure();
  if (std::optional<ArrayRef<double>> frequencies = getFrequencies()) {
    if (static_cast<int64_t>(frequencies->size()) != headDim / 2)
      return emitOpError("has ")
             << frequencies->size()
             << " frequencies, expected head_dim / 2 = " << headDim / 2;
    for (double frequency : *frequencies)
      if (failed(verifyFinite(*this, "every frequency", APFloat(frequency))))
        return failure();
  }
  // (C3)
  if (failed(verifyByType(*this)))
    return failure();
  // (C4)
  if (failed(verifyStarts(*this, "input", input)))
    return failure();
  // (C5)
  if (!getPositions())
    return success();
  auto positions = static_cast<int64_t>(*getPositions());
  if (!getStarts())
    return emitOpError("has ")
           << positions << " positions without starts, from which they count; "
           << "give starts, or leave the positions out";
  int64_t time = input.getDimSize(1);
  if (positions < 1 || (!ShapedType::isDynamic(time) && positions < time))
    return emitOpError("has ")
           << positions << " positions for input of type " << input
           << "; there are at least as many as times";
  return success();
}

/// Kernels multiply by a cap's reciprocal, in f32.
static LogicalResult verifyCap(Operation *op, StringRef what,
                               const APFloat &cap) {
  if (failed(verifyPositive(op, what, cap)))
    return failure();
  auto value = static_cast<float>(cap.convertToDouble());
  if (std::isnormal(value) && std::isnormal(1 / value))
    return success();
  return op->emitOpError() << what
                           << " must be from 1.2e-38 to 3.4e+38, which f32 "
                              "holds with its reciprocal, got "
                           << cap.convertToDouble();
}

/// (C1), (C2) and (C4) to (C6) of attention, for its gradient too.
template <typename Op> static LogicalResult verifyHeads(Op op) {
  auto query = tensorOf(op.getQuery());
  auto heads = static_cast<int64_t>(op.getHeads());
  auto kvHeads = static_cast<int64_t>(op.getKvHeads());
  // (C1)
  if (heads < 1 || kvHeads < 1)
    return op.emitOpError("heads and kv_heads must be at least 1, got ")
           << heads << " and " << kvHeads;
  if (heads % kvHeads != 0)
    return op.emitOpError("kv_heads ")
           << kvHeads << " does not divide heads " << heads;
  // (C2)
  if (query.getRank() != 3)
    return op.emitOpError("query has type ")
           << query << ", expected [batch, time, features]";
  int64_t columns = columnsOf(query);
  if (ShapedType::isDynamic(columns))
    return op.emitOpError("query has type ")
           << query << ", expected a static number of columns";
  if (columns % heads != 0 || columns == 0)
    return op.emitOpError("query's width ")
           << columns << " is not a positive multiple of heads " << heads;
  SmallVector<int64_t> rows(leadingShape(query));
  // A cache has more positions than there are queries.
  RankedTensorType key = tensorOf(op.getKey());
  if (std::is_same_v<Op, CachedAttentionOp> && key.getRank() == 3)
    rows[1] = key.getDimSize(1);
  auto keyType =
      withColumns(rows, columns / heads * kvHeads, query.getElementType());
  if (failed(verifyType(op, "key", tensorOf(op.getKey()), keyType,
                        "query and kv_heads")) ||
      failed(verifyType(op, "value", tensorOf(op.getValue()), keyType,
                        "query and kv_heads")))
    return failure();
  // (C4)
  if (std::optional<APFloat> scale = op.getSoftmaxScale();
      scale && failed(verifyFinite(op, "softmax_scale", *scale)))
    return failure();
  // (C5)
  if (op.getWindow()) {
    auto window = static_cast<int64_t>(*op.getWindow());
    if (window < 1)
      return op.emitOpError("window must be at least 1, the query's own key, "
                            "got ")
             << window << "; without a window, leave it out";
    if (!op.getCausal())
      return op.emitOpError("has a window of ")
             << window
             << " keys up to the query, but is not causal; add 'causal'";
  }
  // (C6)
  if (std::optional<APFloat> cap = op.getSoftcap();
      cap && failed(verifyCap(op, "softcap", *cap)))
    return failure();
  // (C8)
  if (op.getStarts() && !op.getCausal())
    return op.emitOpError("has starts of documents, but is not causal; add "
                          "'causal'");
  return verifyStarts(op, "query", query);
}

/// [B, heads, T] of a query [B, T, heads * d].
template <typename Op> static RankedTensorType lseType(Op op) {
  auto query = tensorOf(op.getQuery());
  return RankedTensorType::get({query.getDimSize(0),
                                static_cast<int64_t>(op.getHeads()),
                                query.getDimSize(1)},
                               wideElement(query.getElementType()));
}

LogicalResult AttentionOp::verify() {
  if (failed(verifyHeads(*this)))
    return failure();
  // (C3)
  if (failed(verifyType(*this, "result", tensorOf(getResult()),
                        tensorOf(getQuery()), "query")))
    return failure();
  if (getLse() && failed(verifyType(*this, "lse", tensorOf(getLse()),
                                    lseType(*this), "query and heads")))
    return failure();
  // (C7)
  return verifyByType(*this);
}

LogicalResult AttentionGradOp::verify() {
  // (C1)
  if (failed(verifyHeads(*this)))
    return failure();
  RankedTensorType query = tensorOf(getQuery()), key = tensorOf(getKey());
  if (failed(
          verifyType(*this, "output", tensorOf(getOutput()), query, "query")) ||
      failed(verifyType(*this, "grad", tensorOf(getGrad()), query, "query")) ||
      failed(verifyType(*this, "lse", tensorOf(getLse()), lseType(*this),
                        "query and heads")))
    return failure();
  if (failed(verifyType(*this, "query_grad", tensorOf(getQueryGrad()), query,
                        "query")) ||
      failed(
          verifyType(*this, "key_grad", tensorOf(getKeyGrad()), key, "key")) ||
      failed(verifyType(*this, "value_grad", tensorOf(getValueGrad()), key,
                        "value")))
    return failure();
  return success();
}

LogicalResult CachedAttentionOp::verify() {
  // (C1), (C3)
  if (failed(verifyHeads(*this)))
    return failure();
  // (C2)
  return verifyType(*this, "result", tensorOf(getResult()),
                    tensorOf(getQuery()), "query");
}

LogicalResult AppendOp::verify() {
  // (C1)
  RankedTensorType cache = tensorOf(getCache()), rows = tensorOf(getRows());
  if (cache.getRank() != 3 || rows.getRank() != 3)
    return emitOpError("has a cache of type ")
           << cache << " and rows of type " << rows
           << ", expected [batch, positions, features] and [batch, time, "
              "features]";
  if (failed(verifyType(
          *this, "rows", rows,
          RankedTensorType::get(
              {cache.getDimSize(0), rows.getDimSize(1), cache.getDimSize(2)},
              cache.getElementType()),
          "cache")))
    return failure();
  // (C2)
  return verifyStarts(*this, "rows", rows);
}

LogicalResult SoftcapOp::verify() {
  // (C1)
  return verifyCap(*this, "cap", getCap());
}

LogicalResult SoftcapGradOp::verify() {
  // (C1)
  return verifyCap(*this, "cap", getCap());
}

LogicalResult OffsetOp::verify() {
  // (C1)
  return verifyFinite(*this, "by", getBy());
}

LogicalResult ResidualOp::verify() {
  // (C1)
  if (failed(verifyFinite(*this, "skip_scale", getSkipScale())) ||
      failed(verifyFinite(*this, "branch_scale", getBranchScale())))
    return failure();
  return success();
}

/// (C1), (C2) and (C3) of learned positions, for their gradient too.
static LogicalResult verifyPositions(Operation *op, StringRef rowsName,
                                     RankedTensorType rows, StringRef tableName,
                                     RankedTensorType table) {
  // (C1)
  if (rows.getRank() != 3)
    return op->emitOpError() << rowsName << " has type " << rows
                             << ", expected [batch, time, features]";
  if (!extentsAgree(columnsOf(rows), columnsOf(table)))
    return op->emitOpError()
           << rowsName << " has " << columnsOf(rows) << " columns, but "
           << tableName << " of type " << table << " has " << columnsOf(table);
  // (C2)
  int64_t time = rows.getDimSize(1), positions = table.getDimSize(0);
  if (!ShapedType::isDynamic(time) && !ShapedType::isDynamic(positions) &&
      time > positions)
    return op->emitOpError()
           << rowsName << " has " << time << " positions, but " << tableName
           << " has rows for " << positions
           << "; use shorter sequences or a longer table";
  // (C3)
  return verifyWideElement(op, tableName, table, rowsName, rows);
}

LogicalResult AddPositionsOp::verify() {
  if (failed(verifyPositions(*this, "input", tensorOf(getInput()), "table",
                             tensorOf(getTable()))))
    return failure();
  // (C4)
  return verifyStarts(*this, "input", tensorOf(getInput()));
}

LogicalResult AddPositionsGradOp::verify() {
  if (failed(verifyPositions(*this, "grad", tensorOf(getGrad()), "result",
                             tensorOf(getResult()))))
    return failure();
  // (C4)
  return verifyStarts(*this, "grad", tensorOf(getGrad()));
}

/// `tokens` has the leading dimensions of `logits`, which has columns.
static LogicalResult verifyTargets(Operation *op, RankedTensorType logits,
                                   RankedTensorType targets) {
  if (failed(verifyHasColumns(op, "logits", logits)))
    return failure();
  return verifyType(
      op, "targets", targets,
      RankedTensorType::get(leadingShape(logits), targets.getElementType()),
      "logits");
}

LogicalResult CrossEntropyOp::verify() {
  RankedTensorType logits = tensorOf(getLogits());
  // (C1), (C2)
  if (failed(verifyTargets(*this, logits, tensorOf(getTargets()))) ||
      failed(verifyType(*this, "losses", tensorOf(getLosses()),
                        rowVectorType(logits), "logits")) ||
      failed(verifyType(*this, "lse", tensorOf(getLse()), rowVectorType(logits),
                        "logits")))
    return failure();
  if (getFactors())
    return verifyType(*this, "factors", tensorOf(getFactors()),
                      rowVectorType(logits), "logits");
  return success();
}

/// Of both ops that make the logits' gradient.
template <typename Op>
static LogicalResult verifyFactorsOfGrad(Op op, RankedTensorType logits) {
  if (bool(op.getFactors()) != bool(op.getFactorsGrad()))
    return op.emitOpError(op.getFactors()
                              ? "has factors, but no result for their "
                                "gradient"
                              : "has a result for the gradient of "
                                "factors, but no factors");
  if (!op.getFactors())
    return op.getRelative() ? op.emitOpError("is relative, but has no factors")
                            : LogicalResult::success();
  if (failed(verifyType(op, "factors", tensorOf(op.getFactors()),
                        rowVectorType(logits), "logits")))
    return failure();
  return verifyType(op, "factors_grad", tensorOf(op.getFactorsGrad()),
                    rowVectorType(logits), "logits");
}

LogicalResult CrossEntropyGradOp::verify() {
  RankedTensorType logits = tensorOf(getLogits());
  // (C1)
  if (failed(verifyTargets(*this, logits, tensorOf(getTargets()))) ||
      failed(verifyType(*this, "lse", tensorOf(getLse()), rowVectorType(logits),
                        "logits")) ||
      failed(verifyType(*this, "grad", tensorOf(getGrad()),
                        rowVectorType(logits), "logits")))
    return failure();
  // (C2)
  return verifyFactorsOfGrad(*this, logits);
}

LogicalResult CrossEntropyWithGradOp::verify() {
  RankedTensorType logits = tensorOf(getLogits());
  // (C1)
  if (failed(verifyTargets(*this, logits, tensorOf(getTargets()))) ||
      failed(verifyType(*this, "losses", tensorOf(getLosses()),
                        rowVectorType(logits), "logits")) ||
      failed(verifyType(*this, "grad", tensorOf(getGrad()),
                        rowVectorType(logits), "logits")))
    return failure();
  // (C2)
  return verifyFactorsOfGrad(*this, logits);
}

LogicalResult ScaleByOp::verify() {
  RankedTensorType input = tensorOf(getInput());
  // (C1)
  if (failed(verifyHasColumns(*this, "input", input)))
    return failure();
  return verifyType(*this, "factor", tensorOf(getFactor()), scalarType(input),
                    "input");
}

LogicalResult ShiftByOp::verify() {
  RankedTensorType input = tensorOf(getInput());
  // (C1)
  if (failed(verifyHasColumns(*this, "input", input)))
    return failure();
  return verifyType(*this, "shift", tensorOf(getShift()), scalarType(input),
                    "input");
}

LogicalResult MixFactorsOp::verify() {
  // (C1)
  return verifyPositive(*this, "eps", getEps());
}

LogicalResult MixFactorsGradOp::verify() {
  // (C1)
  return verifyPositive(*this, "eps", getEps());
}

LogicalResult RampOp::verify() {
  // (C1)
  double steps = getSteps().convertToDouble();
  if (!std::isfinite(steps) || steps < 1)
    return emitOpError("steps must be finite and at least 1, got ") << steps;
  // (C2)
  RankedTensorType result = tensorOf(getResult());
  if (result.getShape() != ArrayRef<int64_t>(1))
    return emitOpError("result has type ")
           << result << ", expected one dimension of one element";
  // (C3)
  if (getPerLayer() && !(*this)->getParentOfType<LayersOp>())
    return emitOpError("takes more steps in each layer, but the op is outside "
                       "lns.layers, where there is no depth");
  return success();
}

LogicalResult MeanOp::verify() {
  // (C1)
  return verifyWideElement(*this, "result", tensorOf(getResult()), "input",
                           tensorOf(getInput()));
}

LogicalResult MeanGradOp::verify() {
  RankedTensorType result = tensorOf(getResult());
  // (C1)
  if (failed(verifyWideElement(*this, "grad", tensorOf(getGrad()), "result",
                               result)))
    return failure();
  if (countOf(result) == 0)
    return emitOpError("result has type ")
           << result << ", expected a static shape with at least one element";
  return success();
}

LogicalResult CastOp::verify() {
  RankedTensorType input = tensorOf(getInput()), result = tensorOf(getResult());
  // (C1)
  return verifyType(*this, "result", result,
                    input.clone(result.getElementType()), "input");
}

LogicalResult ReshapeOp::verify() {
  RankedTensorType input = tensorOf(getInput()), result = tensorOf(getResult());
  // (C1)
  if (failed(verifySameElement(*this, "result", result, "input", input)))
    return failure();
  // (C2)
  if (input == result)
    return success();
  bool splits = result.getRank() > input.getRank();
  ArrayRef<int64_t> apart = (splits ? result : input).getShape();
  ArrayRef<int64_t> joined = (splits ? input : result).getShape();
  if (joined.empty() || apart.size() != joined.size() + 1 ||
      apart.drop_back(2) != joined.drop_back())
    return emitOpError("makes ")
           << result << " of " << input
           << ", expected its last dimension split in two or its last two as "
              "one, and all others as they are";
  ArrayRef<int64_t> last = apart.take_back(2);
  if (ShapedType::isDynamicShape(last) || ShapedType::isDynamic(joined.back()))
    return emitOpError("makes ")
           << result << " of " << input
           << ", expected static dimensions where it splits or joins them";
  if (saturatingMul(last[0], last[1]) != joined.back())
    return emitOpError("makes ")
           << result << " of " << input << ", but " << last[0] << " times "
           << last[1] << " is not " << joined.back();
  return success();
}
