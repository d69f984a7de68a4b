//===- LnsGraphVerifiers.cpp - Verifiers of graph-form ops ----------------===//
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

using namespace mlir;
using namespace lns;

//===----------------------------------------------------------------------===//
// Linear algebra
//===----------------------------------------------------------------------===//

/// An extent as types print it.
static std::string extentText(int64_t extent) {
  return ShapedType::isDynamic(extent) ? "?" : std::to_string(extent);
}

LogicalResult MatmulOp::verify() {
  RankedTensorType a = tensorOf(getA()), b = tensorOf(getB()),
                   result = tensorOf(getResult());
  // (C1)
  for (auto [name, type] : {std::pair<StringRef, RankedTensorType>("a", a),
                            {"b", b},
                            {"result", result}})
    if (failed(verifyHasColumns(*this, name, type)))
      return failure();
  int64_t rows = rowsOf(a), innerA = columnsOf(a);
  int64_t innerB = rowsOf(b), columns = columnsOf(b);
  if (getTransposeA())
    std::swap(rows, innerA);
  if (getTransposeB())
    std::swap(innerB, columns);
  if (!extentsAgree(innerA, innerB))
    return emitOpError("inner extents differ: ")
           << innerA << " of a and " << innerB << " of b";
  if (!extentsAgree(rowsOf(result), rows) ||
      !extentsAgree(columnsOf(result), columns))
    return emitOpError("result of type ")
           << result << " does not hold a product of " << extentText(rows)
           << " x " << extentText(columns);
  // (C2)
  if (failed(verifyProductTypes(*this, "a", a, "b", b, "result", result)))
    return failure();
  // (C3)
  if (getGain() && failed(verifyType(*this, "gain", tensorOf(getGain()),
                                     columnVectorType(b), "b")))
    return failure();
  if (getAddend() && failed(verifyType(*this, "addend", tensorOf(getAddend()),
                                       result, "result")))
    return failure();
  return verifyFinite(*this, "alpha", getAlpha());
}

LogicalResult WeightGradOp::verify() {
  RankedTensorType grad = tensorOf(getGrad()), input = tensorOf(getInput()),
                   weight = tensorOf(getWeight());
  // (C1)
  for (auto [name, type] :
       {std::pair<StringRef, RankedTensorType>("grad", grad), {"input", input}})
    if (failed(verifyHasColumns(*this, name, type)))
      return failure();
  if (!extentsAgree(rowsOf(grad), rowsOf(input)))
    return emitOpError("grad has ")
           << rowsOf(grad) << " rows, but input has " << rowsOf(input);
  if (!extentsAgree(rowsOf(weight), columnsOf(grad)) ||
      !extentsAgree(columnsOf(weight), columnsOf(input)))
    return emitOpError("weight of type ")
           << weight << " is not one of " << extentText(columnsOf(grad))
           << " outputs and " << extentText(columnsOf(input)) << " inputs";
  // (C2)
  if (failed(verifyProductTypes(*this, "grad", grad, "input", input,
                                "weight_grad", tensorOf(getWeightGrad()))))
    return failure();
  // (C3)
  if (failed(verifyType(*this, "weight_grad", tensorOf(getWeightGrad()), weight,
                        "weight")) ||
      (getAddend() && failed(verifyType(*this, "addend", tensorOf(getAddend()),
                                        weight, "weight"))))
    return failure();
  // (C4)
  RankedTensorType columns = columnVectorType(weight);
  if (failed(
          verifyType(*this, "gain", tensorOf(getGain()), columns, "weight")) ||
      failed(verifyType(*this, "gain_grad", tensorOf(getGainGrad()), columns,
                        "weight")) ||
      (getGainAddend() &&
       failed(verifyType(*this, "gain_addend", tensorOf(getGainAddend()),
                         columns, "weight"))))
    return failure();
  // (C5)
  return verifyFinite(*this, "alpha", getAlpha());
}

//===----------------------------------------------------------------------===//
// Folded norms
//===----------------------------------------------------------------------===//

LogicalResult RowRstdOp::verify() {
  RankedTensorType input = tensorOf(getInput());
  // (C1)
  if (failed(verifyHasColumns(*this, "input", input)) ||
      failed(verifyType(*this, "result", tensorOf(getResult()),
                        rowVectorType(input), "input")))
    return failure();
  // (C2)
  return verifyPositive(*this, "eps", getEps());
}

LogicalResult RowRstdGradOp::verify() {
  RankedTensorType input = tensorOf(getInput());
  // (C1)
  if (failed(verifyHasColumns(*this, "input", input)) ||
      failed(verifyType(*this, "rstd", tensorOf(getRstd()),
                        rowVectorType(input), "input")) ||
      failed(verifyType(*this, "grad", tensorOf(getGrad()),
                        rowVectorType(input), "input")) ||
      failed(
          verifyType(*this, "result", tensorOf(getResult()), input, "input")))
    return failure();
  return success();
}

LogicalResult RowScaleOp::verify() {
  RankedTensorType input = tensorOf(getInput());
  // (C1)
  if (failed(verifyHasColumns(*this, "input", input)))
    return failure();
  return verifyType(*this, "factors", tensorOf(getFactors()),
                    rowVectorType(input), "input");
}

LogicalResult RowDotOp::verify() {
  RankedTensorType a = tensorOf(getA());
  // (C1)
  if (failed(verifyHasColumns(*this, "a", a)) ||
      failed(verifyType(*this, "b", tensorOf(getB()), a, "a")))
    return failure();
  return verifyType(*this, "result", tensorOf(getResult()), rowVectorType(a),
                    "a");
}

LogicalResult RowSumOp::verify() {
  RankedTensorType input = tensorOf(getInput());
  // (C1)
  if (failed(verifyHasColumns(*this, "input", input)))
    return failure();
  return verifyType(*this, "result", tensorOf(getResult()),
                    rowVectorType(input), "input");
}

LogicalResult ScaleColumnsOp::verify() {
  RankedTensorType input = tensorOf(getInput());
  // (C1)
  if (failed(verifyHasColumns(*this, "input", input)))
    return failure();
  if (getGain() && failed(verifyType(*this, "gain", tensorOf(getGain()),
                                     columnVectorType(input), "input")))
    return failure();
  return verifyFinite(*this, "scale", getScale());
}

LogicalResult AddBiasOp::verify() {
  RankedTensorType input = tensorOf(getInput());
  // (C1)
  if (failed(verifyHasColumns(*this, "input", input)) ||
      failed(verifyType(*this, "bias", tensorOf(getBias()),
                        columnVectorType(input), "input")))
    return failure();
  return verifyFinite(*this, "scale", getScale());
}

LogicalResult CenterRowsOp::verify() {
  // (C1)
  return verifyHasColumns(*this, "input", tensorOf(getInput()));
}

LogicalResult ColumnDotOp::verify() {
  RankedTensorType a = tensorOf(getA());
  // (C1)
  if (failed(verifyHasColumns(*this, "a", a)))
    return failure();
  if (getB() && failed(verifyType(*this, "b", tensorOf(getB()), a, "a")))
    return failure();
  if (failed(verifyType(*this, "result", tensorOf(getResult()),
                        columnVectorType(a), "a")))
    return failure();
  return verifyFinite(*this, "scale", getScale());
}

LogicalResult SumOp::verify() {
  // (C1)
  return verifyType(*this, "result", tensorOf(getResult()),
                    scalarType(tensorOf(getInput())), "input");
}

//===----------------------------------------------------------------------===//
// Elementwise ops
//===----------------------------------------------------------------------===//

LogicalResult CacheOp::verify() {
  // (C1)
  auto type = cast<RankedTensorType>(getType());
  if (type.getRank() == 3 && type.hasStaticShape())
    return success();
  return emitOpError("has type ")
         << type << ", expected a static one, [batch, positions, features]";
}

LogicalResult ConstantOp::verify() {
  // (C1)
  if (!tensorOf(getResult()).hasStaticShape())
    return emitOpError("result has type ")
           << getType() << ", expected a static shape";
  return success();
}

LogicalResult ScaleOp::verify() {
  // (C1)
  return verifyFinite(*this, "factor", getFactor());
}

//===----------------------------------------------------------------------===//
// Optimizer
//===----------------------------------------------------------------------===//

/// `optimizer` is tensor<8xf32>, the layout of runtime/plan/kernel_abi.h.
static LogicalResult verifyOptimizer(Operation *op, Value optimizer) {
  auto expected =
      RankedTensorType::get({8}, Float32Type::get(op->getContext()));
  if (optimizer.getType() == expected)
    return success();
  return op->emitOpError("optimizer has type ")
         << optimizer.getType() << ", expected " << expected;
}

LogicalResult ClipFactorOp::verify() {
  // (C1)
  if (getGradients().empty())
    return emitOpError("has no gradient, expected at least one");
  if (failed(verifyOptimizer(*this, getOptimizer())))
    return failure();
  // (C2)
  constexpr int64_t chunk = 65536;
  int64_t chunks = 0;
  for (Value gradient : getGradients()) {
    RankedTensorType type = tensorOf(gradient);
    if (!type.hasStaticShape())
      return emitOpError("gradient has type ")
             << type << ", expected a static shape";
    int64_t count = countOf(type);
    chunks = saturatingAdd(chunks, count / chunk + (count % chunk != 0));
  }
  RankedTensorType partials = tensorOf(getPartials());
  if (!partials.getElementType().isF64() || partials.getDimSize(0) != chunks)
    return emitOpError("partials has type ")
           << partials << ", expected one f64 for each of the gradients' "
           << chunks << " chunks";
  // (C3)
  RankedTensorType first = tensorOf(getGradients().front());
  for (Value gradient : getGradients().drop_front())
    if (failed(verifySameElement(*this, "every gradient", tensorOf(gradient),
                                 "the first gradient", first)))
      return failure();
  if (getLoss() && failed(verifySameElement(*this, "loss", tensorOf(getLoss()),
                                            "the first gradient", first)))
    return failure();
  if (failed(verifySameElement(*this, "norm", tensorOf(getNorm()),
                               "the first gradient", first)) ||
      failed(verifySameElement(*this, "factor", tensorOf(getFactor()),
                               "the first gradient", first)))
    return failure();
  return success();
}

LogicalResult AdamWOp::verify() {
  // (C2)
  if (failed(verifyOptimizer(*this, getOptimizer())))
    return failure();
  // (C3)
  if (failed(verifySameElement(*this, "factor", tensorOf(getFactor()),
                               "gradient", tensorOf(getGradient()))))
    return failure();
  // (C5)
  return verifyFactors(*this, getLrFactor(), getEpsFactor(), getDecayFactor());
}

LogicalResult ProjectOp::verify() {
  // (C2)
  if (!getFactor())
    return success();
  return verifySameElement(*this, "factor", tensorOf(getFactor()),
                           "the parameter", cast<RankedTensorType>(getType()));
}

//===----------------------------------------------------------------------===//
// Parameters
//===----------------------------------------------------------------------===//

/// The lns.parameter, lns.compute_weight or lns.cache that `symbol` names;
/// null, with an error at `op`, where it names none.
template <typename Target>
static Target lookUp(Operation *op, SymbolTableCollection &symbols,
                     FlatSymbolRefAttr symbol, StringRef what) {
  Operation *found = symbols.lookupNearestSymbolFrom(op, symbol);
  if (!found) {
    op->emitOpError() << what << " " << symbol << " is not declared";
    return {};
  }
  if (auto target = dyn_cast<Target>(found))
    return target;
  InFlightDiagnostic diagnostic = op->emitOpError("symbol ")
                                  << symbol << " is not an "
                                  << Target::getOperationName() << " but an "
                                  << found->getName();
  diagnostic.attachNote(found->getLoc()) << "declared here";
  return {};
}

/// (C1) of get, set, adamw and project: `symbol` names a parameter of type
/// `type`.
static LogicalResult verifyParameterUse(Operation *op,
                                        SymbolTableCollection &symbols,
                                        FlatSymbolRefAttr symbol, Type type,
                                        StringRef what) {
  auto parameter = lookUp<ParameterOp>(op, symbols, symbol, "parameter");
  if (!parameter)
    return failure();
  if (parameter.getStoredType() == type)
    return success();
  InFlightDiagnostic diagnostic =
      op->emitOpError() << what << " has type " << type << ", but parameter "
                        << symbol
                        << (parameter.getStorage() ? " has storage of type "
                                                   : " has type ")
                        << parameter.getStoredType();
  diagnostic.attachNote(parameter.getLoc()) << "declared here";
  return diagnostic;
}

/// (C1) of get and set, of a cache.
static LogicalResult verifyCacheUse(Operation *op,
                                    SymbolTableCollection &symbols,
                                    FlatSymbolRefAttr symbol, Type type) {
  auto cache = lookUp<CacheOp>(op, symbols, symbol, "cache");
  if (!cache)
    return failure();
  if (cache.getType() == type)
    return success();
  InFlightDiagnostic diagnostic = op->emitOpError("value has type ")
                                  << type << ", but cache " << symbol
                                  << " has type " << cache.getType();
  diagnostic.attachNote(cache.getLoc()) << "declared here";
  return diagnostic;
}

/// (C1) of get and set.
static LogicalResult verifyStorageUse(Operation *op,
                                      SymbolTableCollection &symbols,
                                      Storage storage, FlatSymbolRefAttr symbol,
                                      Type type) {
  if (storage == Storage::cache)
    return verifyCacheUse(op, symbols, symbol, type);
  if (storage != Storage::compute)
    return verifyParameterUse(op, symbols, symbol, type, "value");
  auto weight = lookUp<ComputeWeightOp>(op, symbols, symbol, "compute weight");
  if (!weight)
    return failure();
  if (weight.getType() == type)
    return success();
  InFlightDiagnostic diagnostic = op->emitOpError("value has type ")
                                  << type << ", but compute weight " << symbol
                                  << " has type " << weight.getType();
  diagnostic.attachNote(weight.getLoc()) << "declared here";
  return diagnostic;
}

LogicalResult GetOp::verifySymbolUses(SymbolTableCollection &symbols) {
  return verifyStorageUse(*this, symbols, getStorage(), getSymbolAttr(),
                          getResult().getType());
}

LogicalResult SetOp::verifySymbolUses(SymbolTableCollection &symbols) {
  return verifyStorageUse(*this, symbols, getStorage(), getSymbolAttr(),
                          getValue().getType());
}

LogicalResult AdamWOp::verifySymbolUses(SymbolTableCollection &symbols) {
  if (failed(verifyParameterUse(*this, symbols, getSymbolAttr(),
                                getGradient().getType(), "gradient")))
    return failure();
  // (C4)
  if (!getComputeAttr())
    return success();
  auto weight = lookUp<ComputeWeightOp>(*this, symbols, getComputeAttr(),
                                        "compute weight");
  if (!weight)
    return failure();
  if (weight.getWeightAttr() == getSymbolAttr())
    return success();
  InFlightDiagnostic diagnostic = emitOpError("updates ")
                                  << getSymbolAttr() << ", but compute weight "
                                  << getComputeAttr() << " is of "
                                  << weight.getWeightAttr();
  diagnostic.attachNote(weight.getLoc()) << "declared here";
  return diagnostic;
}

LogicalResult ProjectOp::verifySymbolUses(SymbolTableCollection &symbols) {
  // (C1)
  if (failed(verifyParameterUse(*this, symbols, getSymbolAttr(), getType(),
                                "what is projected")))
    return failure();
  auto parameter =
      symbols.lookupNearestSymbolFrom<ParameterOp>(*this, getSymbolAttr());
  if (parameter.getProjection() == getAlong())
    return success();
  InFlightDiagnostic diagnostic = emitOpError("projects ")
                                  << stringifyEnum(getAlong()) << " of "
                                  << getSymbolAttr() << ", which has ";
  if (parameter.getProjection())
    diagnostic << "project(" << stringifyEnum(*parameter.getProjection())
               << ")";
  else
    diagnostic << "no projection";
  diagnostic.attachNote(parameter.getLoc()) << "declared here";
  return diagnostic;
}

/// Looks at the module's compute weights, of which there are as many as
/// updates: by comparing pointers, where a look-up of symbols compares strings.
ComputeWeightOp AdamWOp::getComputeWeight() {
  auto module = (*this)->getParentOfType<ModuleOp>();
  if (!getComputeAttr() || !module)
    return {};
  for (auto weight : module.getOps<ComputeWeightOp>())
    if (weight.getSymNameAttr() == getComputeAttr().getAttr())
      return weight;
  return {};
}

LogicalResult
ComputeWeightOp::verifySymbolUses(SymbolTableCollection &symbols) {
  // (C1)
  auto weight =
      lookUp<ParameterOp>(*this, symbols, getWeightAttr(), "parameter");
  if (!weight)
    return failure();
  // (C2)
  auto type = cast<RankedTensorType>(getType());
  auto stored = cast<RankedTensorType>(weight.getStoredType());
  Type element = type.getElementType();
  if (type.getShape() != stored.getShape() ||
      (element != stored.getElementType() && !element.isBF16())) {
    InFlightDiagnostic diagnostic =
        emitOpError("has type ")
        << type << ", but parameter " << getWeightAttr() << " is stored as "
        << stored << "; expected that or the same in bf16";
    diagnostic.attachNote(weight.getLoc()) << "declared here";
    return diagnostic;
  }
  // (C4)
  if (failed(verifyFinite(*this, "gain_offset", getGainOffset())))
    return failure();
  if (!getGainAttr() && !getGainOffset().isZero())
    return emitOpError("has a gain_offset of ")
           << getGainOffset().convertToDouble()
           << ", but no gain that it would be added to";
  if (!getGainAttr()) {
    if (type != stored)
      return success();
    return emitOpError("is parameter ")
           << getWeightAttr() << " itself; read that instead";
  }
  auto gain = lookUp<ParameterOp>(*this, symbols, getGainAttr(), "parameter");
  if (!gain)
    return failure();
  // (C3)
  RankedTensorType expected = columnVectorType(stored);
  if (gain.getStoredType() == expected)
    return success();
  InFlightDiagnostic diagnostic = emitOpError("has a gain of type ")
                                  << gain.getStoredType() << ", expected "
                                  << expected << " for a weight of type "
                                  << stored;
  diagnostic.attachNote(gain.getLoc()) << "declared here";
  return diagnostic;
}
