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

//===----------------------------------------------------------------------===//
// Elementwise ops
//===----------------------------------------------------------------------===//

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

/// `optimizer` is tensor<8xf32>, the layout of runtime/kernel_abi.h.
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
  return verifySameElement(*this, "factor", tensorOf(getFactor()), "gradient",
                           tensorOf(getGradient()));
}

//===----------------------------------------------------------------------===//
// Parameters
//===----------------------------------------------------------------------===//

/// (C1) of get, set and adamw: `symbol` names a parameter of type `type`.
static LogicalResult verifyParameterUse(Operation *op,
                                        SymbolTableCollection &symbols,
                                        FlatSymbolRefAttr symbol, Type type,
                                        StringRef what) {
  Operation *target = symbols.lookupNearestSymbolFrom(op, symbol);
  if (!target)
    return op->emitOpError("parameter ") << symbol << " is not declared";
  auto parameter = dyn_cast<ParameterOp>(target);
  if (!parameter) {
    InFlightDiagnostic diagnostic =
        op->emitOpError("symbol ")
        << symbol << " is not an lns.parameter but an " << target->getName();
    diagnostic.attachNote(target->getLoc()) << "declared here";
    return diagnostic;
  }
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

LogicalResult GetOp::verifySymbolUses(SymbolTableCollection &symbols) {
  return verifyParameterUse(*this, symbols, getSymbolAttr(),
                            getResult().getType(), "value");
}

LogicalResult SetOp::verifySymbolUses(SymbolTableCollection &symbols) {
  return verifyParameterUse(*this, symbols, getSymbolAttr(),
                            getValue().getType(), "value");
}

LogicalResult AdamWOp::verifySymbolUses(SymbolTableCollection &symbols) {
  return verifyParameterUse(*this, symbols, getSymbolAttr(),
                            getGradient().getType(), "gradient");
}

//===----------------------------------------------------------------------===//
// Clusters
//===----------------------------------------------------------------------===//

LogicalResult ClusterOp::verify() {
  // (C1)
  return verifySameTypes(*this, "inputs", getInputs().getTypes(),
                         "block arguments", getBody().getArgumentTypes());
}

/// A tensor with whole rows among the operands of a row op, or null where the
/// op may as well work on one value per row (elementwise ops).
static Value fullRows(Operation *op) {
  if (isProduct(op))
    return op->getResult(0);
  if (isa<AddOp, ScaleOp, ResidualOp, CastOp>(op))
    return Value();
  return op->getOperand(0);
}

/// (C3) of clusters.
static LogicalResult verifyShared(ClusterOp cluster, OpOperand &operand) {
  auto refuse = [&](const llvm::Twine &what, Location place,
                    StringRef note) -> LogicalResult {
    InFlightDiagnostic diagnostic = cluster.emitOpError(what);
    diagnostic.attachNote(place) << note;
    return diagnostic;
  };
  if (Operation *producer = operand.get().getDefiningOp())
    return refuse("computes what '" +
                      operand.getOwner()->getName().getStringRef() +
                      "' reads the same for all rows, which must come from "
                      "outside",
                  producer->getLoc(), "it is computed here");
  if (!isa<AddPositionsOp>(operand.getOwner()))
    return success();
  for (OpOperand &use : operand.get().getUses())
    if (!isa<AddPositionsOp>(use.getOwner()) || !isSharedByRows(use))
      return refuse("reads a table of positions in another way, too",
                    use.getOwner()->getLoc(), "the other reader is here");
  return success();
}

SmallVector<Operation *> ClusterOp::getProducts() {
  SmallVector<Operation *> products;
  for (Operation &op : getBody().front().without_terminator())
    if (isProduct(&op))
      products.push_back(&op);
  return products;
}

/// (C2), (C4) and (C5) of a cluster with products.
static LogicalResult verifyProducts(ClusterOp cluster) {
  SmallVector<Operation *> products = cluster.getProducts();
  if (products.empty())
    return success();
  auto refuse = [&](Operation *op, const llvm::Twine &what) -> LogicalResult {
    InFlightDiagnostic diagnostic = cluster.emitOpError(what);
    diagnostic.attachNote(op->getLoc()) << "the op is here";
    return diagnostic;
  };
  auto isProductOp = [](Operation &op) { return isProduct(&op); };
  Block &block = cluster.getBody().front();
  // (C2)
  if (products.size() > 2)
    return refuse(products[2], "holds " + llvm::Twine(products.size()) +
                                   " products, expected at most 2");
  auto firstRowOp = llvm::find_if_not(block.without_terminator(), isProductOp);
  for (Operation *product : products)
    if (firstRowOp != block.without_terminator().end() &&
        firstRowOp->isBeforeInBlock(product))
      return refuse(product, "holds a product behind a row op, expected all "
                             "products before");
  // (C4)
  for (Operation *product : products) {
    for (Value operand : product->getOperands())
      if (operand.getDefiningOp())
        return refuse(product, "multiplies what it computes, which must come "
                               "from outside");
    auto linear = dyn_cast<LinearOp>(product);
    auto matmul = dyn_cast<MatmulOp>(product);
    if (product->getNumOperands() != 2)
      return refuse(product, llvm::Twine("holds a product with a") +
                                 (linear && linear.getBias()     ? " bias"
                                  : matmul && matmul.getAddend() ? "n addend"
                                                                 : " gain") +
                                 ", expected a row op in its place");
    Type a = tensorOf(product->getOperand(0)).getElementType();
    Type b = tensorOf(product->getOperand(1)).getElementType();
    if (a == b)
      continue;
    InFlightDiagnostic diagnostic =
        cluster.emitOpError("holds a product of ")
        << a << " and " << b << ", expected operands of one element type";
    diagnostic.attachNote(product->getLoc()) << "the op is here";
    return diagnostic;
  }
  if (products.size() == 2) {
    auto first = dyn_cast<MatmulOp>(products[0]);
    auto second = dyn_cast<MatmulOp>(products[1]);
    bool alike = bool(first) == bool(second) &&
                 (!first || (first.getTransposeA() == second.getTransposeA() &&
                             first.getTransposeB() == second.getTransposeB()));
    if (!alike || products[0]->getOperand(0) != products[1]->getOperand(0) ||
        products[0]->getOperandTypes() != products[1]->getOperandTypes() ||
        products[0]->getResultTypes() != products[1]->getResultTypes())
      return refuse(products[1], "holds two products that differ in more than "
                                 "their weights and alpha");
  }
  // (C5)
  for (Operation &op : block.without_terminator()) {
    if (isa<CenterRowsOp>(op))
      return refuse(&op, "centers rows behind a product, where no row is "
                         "complete");
    if (isRowSum(&op) && llvm::any_of(op.getUsers(), [](Operation *user) {
          return !isa<YieldOp>(user);
        }))
      return refuse(&op, "reads a sum over a row behind a product, where no "
                         "row is complete");
  }
  return success();
}

LogicalResult ClusterOp::verifyRegions() {
  Block &block = getBody().front();
  // (C1)
  auto yield = cast<YieldOp>(block.getTerminator());
  if (failed(verifySameTypes(*this, "results", getResultTypes(),
                             "yielded values", yield.getOperandTypes())))
    return failure();

  // (C2): the first op that names whole rows says how many and how wide; a
  // cluster of elementwise ops alone takes its first op's.
  Value reference;
  for (Operation &op : block.without_terminator()) {
    if (!op.hasTrait<lns::OpTrait::RowOp>() && !isProduct(&op)) {
      InFlightDiagnostic diagnostic =
          emitOpError("holds ")
          << op.getName() << ", which is neither a row op nor a product";
      diagnostic.attachNote(op.getLoc()) << "the op is here";
      return diagnostic;
    }
    if (!reference)
      reference = fullRows(&op);
  }
  if (block.without_terminator().empty())
    return success();
  if (!reference)
    reference = block.front().getOperand(0);
  RankedTensorType full = tensorOf(reference);
  if (failed(verifyHasColumns(*this, "the body's first row operand", full)))
    return failure();
  for (Operation &op : block.without_terminator()) {
    Value rows = fullRows(&op);
    RankedTensorType type = tensorOf(rows ? rows : op.getOperand(0));
    bool sameRows = type.getRank() >= 1 && rowsOf(type) == rowsOf(full) &&
                    columnsOf(type) == columnsOf(full);
    bool onePerRow = !rows && elementsOf(type.getShape()) == rowsOf(full);
    if (sameRows || onePerRow)
      continue;
    InFlightDiagnostic diagnostic = emitOpError("has rows of ")
                                    << full << " and of " << type
                                    << ", expected one number of rows and "
                                    << "one width";
    diagnostic.attachNote(op.getLoc()) << "the second is in this op";
    return diagnostic;
  }

  // (C3)
  for (Operation &op : block.without_terminator())
    for (OpOperand &operand : op.getOpOperands())
      if (isSharedByRows(operand) && failed(verifyShared(*this, operand)))
        return failure();
  return verifyProducts(*this);
}
