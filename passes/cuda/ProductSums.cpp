//===- ProductSums.cpp - Products that a cluster adds up --------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// The gradient of what several linears read is a sum of products, as additions
// in a cluster or, in f32, as a chain of products with addends
// (`lns-accumulate-products`). Both become additions of the products alone, in
// front of all others. Sums that are not rounded are the same in any order, but
// for the last bits of f32.
//
//===----------------------------------------------------------------------===//

#include "passes/cuda/ProductSums.h"
#include "passes/analysis/Overwritten.h"

#include "mlir/IR/Builders.h"

using namespace mlir;
using namespace lns;

/// The product that a block argument of the cluster stands for, if there is
/// one.
static Operation *getProduct(ClusterOp cluster, Value value) {
  auto argument = dyn_cast<BlockArgument>(value);
  if (!argument)
    return nullptr;
  Operation *op = cluster.getInputs()[argument.getArgNumber()].getDefiningOp();
  return op && isProduct(op) ? op : nullptr;
}

/// Makes the addend of `matmul`, which the cluster alone reads, the cluster's
/// own. Returns the product without it.
static MatmulOp unfoldAddend(ClusterOp cluster, MatmulOp matmul) {
  Value addend = matmul.getAddend();
  OpBuilder builder(matmul);
  auto product = MatmulOp::create(
      builder, matmul.getLoc(), matmul.getType(), matmul.getA(), matmul.getB(),
      matmul.getTransposeA(), matmul.getTransposeB(), /*gain=*/Value(),
      matmul.getAlpha().convertToDouble());
  Block &body = cluster.getBody().front();
  unsigned place =
      llvm::find(cluster.getInputs(), matmul.getResult()).getIndex();
  BlockArgument argument = body.getArgument(place);
  cluster.getInputsMutable().append(addend);
  BlockArgument added = body.addArgument(addend.getType(), addend.getLoc());
  OpBuilder inner = OpBuilder::atBlockBegin(&body);
  auto sum = AddOp::create(inner, matmul.getLoc(), added, argument);
  argument.replaceAllUsesExcept(sum.getResult(), sum);
  matmul.getResult().replaceAllUsesWith(product.getResult());
  matmul.erase();
  return product;
}

/// Whether the product's addend is a product that the cluster may take with it.
static bool addsProduct(ClusterOp cluster, MatmulOp matmul) {
  auto addend = matmul.getAddend().getDefiningOp<MatmulOp>();
  return addend && addend->hasOneUse() &&
         addend->getBlock() == cluster->getBlock() && !matmul.getGain() &&
         !addend.getGain() && areAddable(matmul, addend) &&
         getElementTypeOrSelf(addend.getA()) ==
             getElementTypeOrSelf(addend.getB()) &&
         findOverwritten(addend, cluster).empty();
}

/// What an addition adds up, through those that only it reads.
static void collectLeaves(AddOp add, SmallVectorImpl<Value> &leaves,
                          SmallVectorImpl<AddOp> &additions) {
  additions.push_back(add);
  for (Value operand : add->getOperands()) {
    auto inner = operand.getDefiningOp<AddOp>();
    if (inner && operand.hasOneUse())
      collectLeaves(inner, leaves, additions);
    else
      leaves.push_back(operand);
  }
}

static bool isRoot(AddOp add) {
  return !add->hasOneUse() || !isa<AddOp>(*add->getUsers().begin());
}

/// Why a product that is added is no term of a sum with `first`; empty if it
/// is.
static std::string getRefusal(Value leaf, Operation *product,
                              Operation *first) {
  if (!leaf.hasOneUse() || !product->hasOneUse())
    return "it is added to a product, and one of them is read elsewhere, too";
  auto linear = dyn_cast<LinearOp>(product);
  auto matmul = dyn_cast<MatmulOp>(product);
  if ((linear && linear.getBias()) || (matmul && matmul.getGain()))
    return "it is added to a product, and one of them has a bias or a gain";
  if (!areAddable(first, product))
    return "it is added to a product of another kind, type or alpha";
  return "";
}

namespace {

/// What one root adds up.
struct Addends {
  SmallVector<AddOp> additions;      ///< the root first
  SmallVector<Value> terms;          ///< products that become one sum
  SmallVector<Operation *> products; ///< those of `terms`
  SmallVector<Value> others;
  llvm::MapVector<Operation *, std::string> refused;
};

} // namespace

static Addends sortLeaves(ClusterOp cluster, AddOp root,
                          ArrayRef<Operation *> candidates) {
  Addends addends;
  SmallVector<Value> leaves;
  collectLeaves(root, leaves, addends.additions);
  for (Value leaf : leaves) {
    Operation *product = getProduct(cluster, leaf);
    if (!product || !llvm::is_contained(candidates, product)) {
      addends.others.push_back(leaf);
      continue;
    }
    std::string reason = getRefusal(
        leaf, product,
        addends.products.empty() ? product : addends.products.front());
    if (reason.empty() && addends.terms.size() == kMaxClusterProducts)
      reason = "it is added to " + std::to_string(kMaxClusterProducts) +
               " others, which is what a kernel has at most";
    if (reason.empty()) {
      addends.terms.push_back(leaf);
      addends.products.push_back(product);
    } else {
      addends.others.push_back(leaf);
      addends.refused[product] = reason;
    }
  }
  return addends;
}

/// Writes the sum down anew: terms first, then what else is added.
static void rebuild(const Addends &addends) {
  AddOp root = addends.additions.front();
  OpBuilder builder(root);
  Value sum = addends.terms.front();
  for (Value value : llvm::concat<const Value>(
           ArrayRef(addends.terms).drop_front(), addends.others))
    sum = AddOp::create(builder, root.getLoc(), sum, value);
  root.getResult().replaceAllUsesWith(sum);
  for (AddOp add : addends.additions)
    add.erase();
}

ProductSums lns::gatherProductSums(ClusterOp cluster,
                                   SmallVectorImpl<Operation *> &candidates) {
  for (size_t i = 0; i < candidates.size(); ++i) {
    auto matmul = dyn_cast<MatmulOp>(candidates[i]);
    if (!matmul || !matmul.getAddend() || !matmul->hasOneUse() ||
        !addsProduct(cluster, matmul))
      continue;
    candidates.push_back(matmul.getAddend().getDefiningOp());
    candidates[i] = unfoldAddend(cluster, matmul);
  }

  SmallVector<AddOp> roots;
  for (auto add : cluster.getBody().front().getOps<AddOp>())
    if (isRoot(add))
      roots.push_back(add);
  ProductSums found;
  for (AddOp root : roots) {
    Addends addends = sortLeaves(cluster, root, candidates);
    if (addends.terms.size() + addends.refused.size() < 2)
      continue;
    for (auto &[product, reason] : addends.refused)
      found.refused[product] = reason;
    if (addends.terms.size() < 2) {
      // Whichever the kernel takes, the other has a reason.
      if (addends.terms.size() == 1)
        found.refused.insert(
            {addends.products.front(), addends.refused.front().second});
      continue;
    }
    for (Operation *product : addends.products)
      if (auto matmul = dyn_cast<MatmulOp>(product);
          matmul && matmul.getAddend())
        *llvm::find(candidates, product) = unfoldAddend(cluster, matmul);
    addends = sortLeaves(cluster, root, candidates);
    if (!findSum(addends.terms))
      rebuild(addends);
    llvm::sort(addends.products, [](Operation *a, Operation *b) {
      return a->isBeforeInBlock(b);
    });
    found.sums.push_back(addends.products);
  }
  return found;
}
