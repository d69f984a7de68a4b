//===- Epilogue.cpp - What of a cluster may follow a product ----*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// One walk forward finds what each op waits for, one backward moves what does
// not wait for the products to its readers, so that the fewest values pass from
// part to part.
//
//===----------------------------------------------------------------------===//

#include "passes/cuda/Epilogue.h"
#include "dialect/LnsShapes.h"

using namespace mlir;
using namespace lns;

/// One value from the values of the same row and column, or of the row's
/// numbers; a rotation's two columns lie in one tile.
static bool isElementwise(Operation *op) {
  auto rowOp = cast<RowOpInterface>(op);
  if (int64_t headDim = rowOp.getRotatedHeadDim())
    return kEpilogueTile % headDim == 0;
  return rowOp.isElementwise() && !rowOp.hasOperand(RowOperand::positions);
}

static bool isYielded(Operation *op) {
  return llvm::any_of(op->getUsers(), llvm::IsaPred<YieldOp>);
}

Epilogue::Epilogue(ClusterOp cluster, ArrayRef<Operation *> products)
    : cluster(cluster), products(products),
      rows(cast<RankedTensorType>(products[0]->getResult(0).getType())) {
  Block &body = cluster.getBody().front();
  for (Operation &op : body.without_terminator())
    place(&op);
  for (Operation &op : llvm::reverse(body.without_terminator()))
    if (!dependent.contains(&op))
      moveToReaders(&op);
}

void Epilogue::place(Operation *op) {
  bool depends = false, waits = false;
  for (Value operand : op->getOperands()) {
    Operation *producer = operand.getDefiningOp();
    depends |= isProductResult(operand) || dependent.contains(producer);
    // Sums of the epilogue are complete only behind it.
    waits |= producer && (parts.lookup(producer) == Part::after ||
                          (isRowSum(producer) && dependent.contains(producer)));
  }
  // Numbers per row are cheap anywhere, and none of a tile's business.
  bool wholeRows =
      cast<RankedTensorType>(op->getResult(0).getType()).getShape() ==
      rows.getShape();
  bool fits = (isElementwise(op) && wholeRows) || isRowSum(op);
  if (!depends) {
    parts[op] = isElementwise(op) && wholeRows ? Part::epilogue : Part::before;
    return;
  }
  dependent.insert(op);
  parts[op] = fits && !waits ? Part::epilogue : Part::after;
  if (parts[op] == Part::epilogue)
    hasDependent = true;
  else if (!obstacle)
    obstacle = op;
}

void Epilogue::moveToReaders(Operation *op) {
  Part &part = parts[op];
  bool before = false, epilogue = isYielded(op), after = false;
  for (Operation *user : op->getUsers()) {
    if (isa<YieldOp>(user))
      continue;
    before |= parts[user] == Part::before;
    epilogue |= parts[user] == Part::epilogue;
    after |= parts[user] == Part::after;
  }
  if (before)
    part = Part::before;
  else if (after && !epilogue)
    part = Part::after;
}

SmallVector<Operation *> Epilogue::getOps(Part part) const {
  SmallVector<Operation *> ops;
  for (Operation &op :
       ClusterOp(cluster).getBody().front().without_terminator())
    if (parts.lookup(&op) == part)
      ops.push_back(&op);
  return ops;
}

std::string Epilogue::describeObstacle() const {
  std::string name = ("'" + obstacle->getName().getStringRef() + "'").str();
  if (int64_t headDim = cast<RowOpInterface>(obstacle).getRotatedHeadDim())
    return name + " rotates heads of " + std::to_string(headDim) +
           " columns, which do not divide a tile's " +
           std::to_string(kEpilogueTile);
  return name + " needs whole rows";
}

bool Epilogue::isProductResult(Value value) const {
  return llvm::is_contained(products, getOuter(value).getDefiningOp());
}

Value Epilogue::getOuter(Value value) const {
  auto argument = dyn_cast<BlockArgument>(value);
  return argument ? ClusterOp(cluster).getInputs()[argument.getArgNumber()]
                  : value;
}

std::optional<Part> Epilogue::getPart(Value value) const {
  if (isProductResult(value))
    return Part::epilogue;
  if (Operation *op = value.getDefiningOp(); op && parts.contains(op))
    return parts.lookup(op);
  return std::nullopt;
}

llvm::SetVector<Value> Epilogue::getInputs(Part part) const {
  llvm::SetVector<Value> inputs;
  for (Operation *op : getOps(part))
    for (Value operand : op->getOperands())
      if (getPart(operand) != part)
        inputs.insert(getOuter(operand));
  return inputs;
}

bool Epilogue::isReadElsewhere(Value outer) const {
  return llvm::any_of(outer.getUsers(), [&](Operation *user) {
    return user != ClusterOp(cluster).getOperation();
  });
}

SmallVector<Value> Epilogue::getOutputs(Part part) const {
  // One for several arguments with the same product.
  llvm::SetVector<Value> outputs;
  auto consider = [&](Value value) {
    for (Operation *user : value.getUsers())
      if (isa<YieldOp>(user) || parts.lookup(user) != part)
        outputs.insert(getOuter(value));
  };
  if (part == Part::epilogue)
    for (BlockArgument argument :
         ClusterOp(cluster).getBody().front().getArguments())
      if (isProductResult(argument)) {
        consider(argument);
        if (isReadElsewhere(getOuter(argument)))
          outputs.insert(getOuter(argument));
      }
  for (Operation *op : getOps(part))
    llvm::for_each(op->getResults(), consider);
  return outputs.takeVector();
}

int64_t Epilogue::getSavedBytes() const {
  int64_t saved = bytesTouchedOnce(ClusterOp(cluster));
  for (Operation *product : products)
    saved = saturatingAdd(saved, bytesOf(product->getResult(0).getType()));
  for (Part part : kParts) {
    for (Value input : getInputs(part))
      saved -= bytesOf(input.getType());
    for (Value output : getOutputs(part))
      saved -= bytesOf(output.getType());
  }
  return saved;
}
