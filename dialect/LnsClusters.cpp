//===- LnsClusters.cpp - What a cluster may hold --------------------------===//
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

#include "llvm/ADT/EquivalenceClasses.h"
#include "llvm/ADT/SmallPtrSet.h"

using namespace mlir;
using namespace lns;

//===----------------------------------------------------------------------===//
// Products
//===----------------------------------------------------------------------===//

bool lns::areOfOneKind(Operation *a, Operation *b) {
  auto first = dyn_cast<MatmulOp>(a), second = dyn_cast<MatmulOp>(b);
  return a->getName() == b->getName() &&
         (!first || (first.getTransposeA() == second.getTransposeA() &&
                     first.getTransposeB() == second.getTransposeB()));
}

bool lns::arePair(Operation *a, Operation *b) {
  return areOfOneKind(a, b) && a->getOperand(0) == b->getOperand(0) &&
         a->getOperand(1).getType() == b->getOperand(1).getType() &&
         a->getResultTypes() == b->getResultTypes();
}

bool lns::areAddable(Operation *a, Operation *b) {
  auto alphaOf = [](Operation *product) {
    if (auto linear = dyn_cast<LinearOp>(product))
      return linear.getAlpha().convertToDouble();
    return cast<MatmulOp>(product).getAlpha().convertToDouble();
  };
  auto elementOf = [](Operation *product) {
    return getElementTypeOrSelf(product->getOperand(0).getType());
  };
  return areOfOneKind(a, b) && alphaOf(a) == alphaOf(b) &&
         elementOf(a) == elementOf(b) &&
         a->getResultTypes() == b->getResultTypes();
}

Value lns::findSum(ArrayRef<Value> terms,
                   SmallVectorImpl<Operation *> *additions) {
  llvm::SmallPtrSet<Value, 4> open(terms.begin(), terms.end());
  while (open.size() > 1) {
    // The first addition of two of them, in their order.
    AddOp next;
    for (Value term : open) {
      if (!term.hasOneUse())
        return {};
      auto add = dyn_cast<AddOp>(*term.getUsers().begin());
      if (add && open.contains(add.getA()) && open.contains(add.getB()) &&
          (!next || add->isBeforeInBlock(next)))
        next = add;
    }
    if (!next)
      return {};
    open.erase(next.getA());
    open.erase(next.getB());
    open.insert(next.getResult());
    if (additions)
      additions->push_back(next);
  }
  return open.empty() ? Value() : *open.begin();
}

//===----------------------------------------------------------------------===//
// Members
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
  if (auto rowOp = dyn_cast<RowOpInterface>(op);
      rowOp && rowOp.worksOnNumbers())
    return Value();
  return op->getOperand(0);
}

static bool isTableOfPositions(OpOperand &use) {
  auto op = dyn_cast<RowOpInterface>(use.getOwner());
  return op &&
         op.getRowOperand(use.getOperandNumber()) == RowOperand::positions;
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
  if (!isTableOfPositions(operand))
    return success();
  for (OpOperand &use : operand.get().getUses())
    if (!isTableOfPositions(use))
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

SmallVector<ClusterMember> ClusterOp::getMembers() {
  llvm::EquivalenceClasses<Operation *> parts;
  for (Operation &op : getBody().front().without_terminator()) {
    parts.insert(&op);
    for (Value operand : op.getOperands())
      if (Operation *producer = operand.getDefiningOp())
        parts.unionSets(producer, &op);
  }
  SmallVector<ClusterMember> members;
  for (Operation *product : getProducts()) {
    auto same = [&](const ClusterMember &member) {
      return parts.isEquivalent(member.products.front(), product);
    };
    auto *member = llvm::find_if(members, same);
    if (member == members.end())
      member = &members.emplace_back();
    member->products.push_back(product);
  }
  for (Operation &op : getBody().front().without_terminator()) {
    if (isProduct(&op) || members.empty())
      continue;
    auto same = [&](const ClusterMember &member) {
      return parts.isEquivalent(member.products.front(), &op);
    };
    auto *member = llvm::find_if(members, same);
    if (member == members.end())
      member = llvm::find_if(members, [&](const ClusterMember &member) {
        return wholeRowsType(&op).getShape() ==
               tensorOf(member.products.front()->getResult(0)).getShape();
      });
    if (member == members.end())
      member = members.begin();
    member->rowOps.push_back(&op);
  }
  return members;
}

bool ClusterMember::isSum() const {
  return products.size() > 2 ||
         (products.size() == 2 && !arePair(products[0], products[1]));
}

/// (C4) of a member's products.
static bool mayShareRowOps(const ClusterMember &member) {
  if (!member.isSum())
    return true;
  ArrayRef<Operation *> products = member.products;
  SmallVector<Value> results;
  for (Operation *product : products) {
    if (!areAddable(products.front(), product))
      return false;
    results.push_back(product->getResult(0));
  }
  return bool(findSum(results));
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
  if (products.size() > kMaxClusterProducts)
    return refuse(products[kMaxClusterProducts],
                  "holds " + llvm::Twine(products.size()) +
                      " products, expected at most " +
                      llvm::Twine(kMaxClusterProducts));
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
  SmallVector<ClusterMember> members = cluster.getMembers();
  for (const ClusterMember &member : members) {
    ArrayRef<Operation *> own = member.products;
    if (own.size() > 1 && members.size() > 1)
      return refuse(own[1], "holds a second product of one member, expected "
                            "one product in each of several members");
    if (!mayShareRowOps(member))
      return refuse(own[1],
                    own.size() == 2
                        ? "holds two products that differ in more than their "
                          "weights and alpha, and are not only added up"
                        : "holds products of one member that are not only "
                          "added up, expected at most two");
    Operation *first = products.front();
    if (own[0]->getOperand(0) != first->getOperand(0) ||
        !areOfOneKind(own[0], first))
      return refuse(own[0], "holds members whose products differ in more than "
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

/// (C2) of ops that have one width: the first that names whole rows says how
/// many and how wide; elementwise ops alone take their first operand's.
static LogicalResult verifyRows(ClusterOp cluster, ArrayRef<Operation *> ops) {
  if (ops.empty())
    return success();
  Value reference;
  for (Operation *op : ops)
    if (!reference)
      reference = fullRows(op);
  if (!reference)
    reference = ops.front()->getOperand(0);
  RankedTensorType full = tensorOf(reference);
  if (failed(verifyHasColumns(cluster, "the body's first row operand", full)))
    return failure();
  for (Operation *op : ops) {
    Value rows = fullRows(op);
    RankedTensorType type = tensorOf(rows ? rows : op->getOperand(0));
    bool sameRows = type.getRank() >= 1 && rowsOf(type) == rowsOf(full) &&
                    columnsOf(type) == columnsOf(full);
    bool onePerRow = !rows && elementsOf(type.getShape()) == rowsOf(full);
    if (sameRows || onePerRow)
      continue;
    InFlightDiagnostic diagnostic = cluster.emitOpError("has rows of ")
                                    << full << " and of " << type
                                    << ", expected one number of rows and "
                                    << "one width";
    diagnostic.attachNote(op->getLoc()) << "the second is in this op";
    return diagnostic;
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

  // (C2)
  for (Operation &op : block.without_terminator()) {
    if (isa<RowOpInterface>(op) || isProduct(&op))
      continue;
    InFlightDiagnostic diagnostic =
        emitOpError("holds ")
        << op.getName() << ", which is neither a row op nor a product";
    diagnostic.attachNote(op.getLoc()) << "the op is here";
    return diagnostic;
  }
  SmallVector<ClusterMember> members = getMembers();
  for (const ClusterMember &member : members)
    if (failed(verifyRows(*this, llvm::to_vector(llvm::concat<Operation *const>(
                                     member.products, member.rowOps)))))
      return failure();
  if (members.empty() &&
      failed(verifyRows(
          *this, llvm::map_to_vector(block.without_terminator(),
                                     [](Operation &op) { return &op; }))))
    return failure();

  // (C3)
  for (Operation &op : block.without_terminator())
    for (OpOperand &operand : op.getOpOperands())
      if (isSharedByRows(operand) && failed(verifyShared(*this, operand)))
        return failure();
  return verifyProducts(*this);
}
