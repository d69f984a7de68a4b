//===- FuseProducts.cpp - Row ops into the kernels of products --*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// A product whose result a cluster reads moves into it: the row ops become its
// epilogue, computed while the result is still in registers. The result is
// written only where others read it, too, and read by none of these row ops.
//
// The cluster stays where it is, and the product moves down to it. What an
// lns.get gave it must not be overwritten on the way, and who else reads the
// result must come later, or move behind the cluster.
//
//===----------------------------------------------------------------------===//

#include "dialect/LnsDialect.h"
#include "dialect/LnsOps.h"
#include "dialect/LnsShapes.h"
#include "passes/Passes.h"
#include "passes/analysis/Overwritten.h"
#include "passes/cuda/Epilogue.h"
#include "passes/cuda/ProductSums.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Remarks.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Pass/Pass.h"
#include <deque>

namespace lns {
#define GEN_PASS_DEF_FUSEPRODUCTS
#include "passes/Passes.h.inc"
} // namespace lns

using namespace mlir;
using namespace lns;

namespace {

using Products = SmallVector<Operation *>;

/// The op of the cluster's block that is the user, or in whose regions that is,
/// if it stands before the cluster; null for others.
Operation *getEarlyReader(Operation *user, ClusterOp cluster) {
  Operation *reader = cluster->getBlock()->findAncestorOpInBlock(*user);
  return reader && reader->isBeforeInBlock(cluster) ? reader : nullptr;
}

/// Readers of a product's result that stand before the cluster.
SmallVector<Operation *> getEarlyReaders(Operation *product,
                                         ClusterOp cluster) {
  SmallVector<Operation *> readers;
  for (Operation *user : product->getUsers())
    if (Operation *reader = getEarlyReader(user, cluster);
        reader && !llvm::is_contained(readers, reader))
      readers.push_back(reader);
  return readers;
}

bool canMoveBehind(Operation *reader, ClusterOp cluster) {
  return isPure(reader) &&
         llvm::all_of(reader->getUsers(),
                      [&](Operation *user) {
                        return user != cluster &&
                               !getEarlyReader(user, cluster);
                      }) &&
         findOverwritten(reader, cluster).empty();
}

/// Whether the cluster reads the value as whole rows and in no other way.
bool isReadAsRows(Value value, ClusterOp cluster) {
  Block &body = cluster.getBody().front();
  RankedTensorType rows;
  for (Operation &op : body.without_terminator())
    if (RankedTensorType type = wholeRowsType(&op);
        !rows || type.getRank() > rows.getRank())
      rows = type;
  if (!rows ||
      rows.getShape() != cast<RankedTensorType>(value.getType()).getShape())
    return false;
  for (BlockArgument argument : body.getArguments())
    if (cluster.getInputs()[argument.getArgNumber()] == value)
      for (OpOperand &use : argument.getUses())
        if (isSharedByRows(use))
          return false;
  return true;
}

/// Why the product cannot be the cluster's; empty if it can.
std::string getRefusal(Operation *product, ClusterOp cluster) {
  if (!isReadAsRows(product->getResult(0), cluster))
    return "its result is a gain, a bias or numbers of rows to its reader";
  auto matmul = dyn_cast<MatmulOp>(product);
  if (matmul && matmul.getTransposeA())
    return "it sums over rows, which several kernels may share";
  auto elementOf = [&](unsigned index) {
    return cast<RankedTensorType>(product->getOperand(index).getType())
        .getElementType();
  };
  bool hasInnerGain = matmul ? matmul.getTransposeB() && matmul.getGain()
                             : bool(cast<LinearOp>(product).getGain());
  if (hasInnerGain || elementOf(0) != elementOf(1))
    return "its operands are scaled or rounded on their way in; run "
           "'lns-materialize-weights'";
  if (StringRef symbol = findOverwritten(product, cluster); !symbol.empty())
    return ("'" + symbol +
            "', which it reads, is overwritten before its reader")
        .str();
  for (Operation *reader : getEarlyReaders(product, cluster))
    if (!canMoveBehind(reader, cluster))
      return ("'" + reader->getName().getStringRef() +
              "' reads its result, too, and must do so earlier")
          .str();
  return "";
}

/// What may become one kernel, best first: products that are added up, two
/// products of one input, else the one that was made last, which frees the
/// others' memory soonest.
SmallVector<Products> getChoices(ArrayRef<Operation *> candidates,
                                 const ProductSums &sums) {
  SmallVector<Products> choices = sums.sums;
  for (size_t i = 0; i < candidates.size(); ++i)
    for (size_t j = i + 1; j < candidates.size(); ++j)
      if (arePair(candidates[i], candidates[j]))
        choices.push_back({candidates[i], candidates[j]});
  for (Operation *product : llvm::reverse(candidates))
    choices.push_back({product});
  return choices;
}

/// Writes a cut cluster down as up to three, before the old one.
class Rewriter {
public:
  Rewriter(ClusterOp cluster, ArrayRef<Operation *> products,
           const Epilogue &epilogue)
      : cluster(cluster), products(products), epilogue(epilogue),
        builder(cluster) {}

  /// The clusters without products.
  SmallVector<ClusterOp> run() {
    SmallVector<ClusterOp> rest;
    for (Part part : kParts)
      if (part == Part::epilogue || !epilogue.getOps(part).empty())
        if (ClusterOp made = build(part); part != Part::epilogue)
          rest.push_back(made);
    auto yield = cast<YieldOp>(cluster.getBody().front().getTerminator());
    for (auto [result, yielded] :
         llvm::zip(cluster.getResults(), yield.getOperands()))
      result.replaceAllUsesWith(resolve(yielded));
    SmallVector<Operation *> late;
    for (Operation *product : products)
      for (Operation *reader : getEarlyReaders(product, cluster))
        if (!llvm::is_contained(late, reader))
          late.push_back(reader);
    llvm::sort(
        late, [](Operation *a, Operation *b) { return a->isBeforeInBlock(b); });
    for (Operation *reader : late)
      reader->moveBefore(cluster);
    for (Operation *product : products)
      if (Value value = values.lookupOrNull(product->getResult(0)))
        product->getResult(0).replaceUsesWithIf(
            value, [&](OpOperand &use) { return use.getOwner() != cluster; });
    cluster.erase();
    for (Operation *product : products)
      product->erase();
    return rest;
  }

private:
  /// The value in the function for one of the old body, or for a product's.
  Value resolve(Value value) {
    if (auto argument = dyn_cast<BlockArgument>(value);
        argument && argument.getOwner()->getParentOp() == cluster)
      value = cluster.getInputs()[argument.getArgNumber()];
    return values.lookupOrDefault(value);
  }

  ClusterOp build(Part part) {
    llvm::SetVector<Value> operands;
    if (part == Part::epilogue)
      for (Operation *product : products)
        operands.insert(product->operand_begin(), product->operand_end());
    for (Value input : epilogue.getInputs(part))
      operands.insert(resolve(input));
    SmallVector<Value> outputs = epilogue.getOutputs(part);
    auto result = ClusterOp::create(builder, getLocation(part),
                                    ValueRange(outputs).getTypes(),
                                    operands.getArrayRef());
    Block *body = result.getBody().empty() ? &result.getBody().emplaceBlock()
                                           : &result.getBody().front();
    IRMapping inner;
    for (Value operand : operands)
      inner.map(operand,
                body->addArgument(operand.getType(), operand.getLoc()));
    OpBuilder ops = OpBuilder::atBlockEnd(body);
    if (part == Part::epilogue)
      buildProducts(ops, inner);
    for (Operation *op : epilogue.getOps(part)) {
      for (Value operand : op->getOperands())
        if (!inner.contains(operand))
          inner.map(operand, inner.lookup(resolve(operand)));
      ops.clone(*op, inner);
    }
    SmallVector<Value> yielded;
    for (Value output : outputs)
      yielded.push_back(inner.lookup(output));
    YieldOp::create(ops, result.getLoc(), yielded);
    values.map(outputs, result.getResults());
    return result;
  }

  /// Products stand before all row ops. What they do beside multiplying, row
  /// ops do in a cluster.
  void buildProducts(OpBuilder &ops, IRMapping &inner) {
    SmallVector<Value> results;
    for (Operation *product : products) {
      Value a = inner.lookup(product->getOperand(0));
      Value b = inner.lookup(product->getOperand(1));
      Type type = product->getResult(0).getType();
      if (auto linear = dyn_cast<LinearOp>(product))
        results.push_back(
            LinearOp::create(ops, linear.getLoc(), type, a, b, /*gain=*/Value(),
                             /*bias=*/Value(), linear.getAlphaAttr()));
      else if (auto matmul = cast<MatmulOp>(product))
        results.push_back(MatmulOp::create(
            ops, matmul.getLoc(), type, a, b, matmul.getTransposeA(),
            matmul.getTransposeB(), /*gain=*/Value(),
            matmul.getAlpha().convertToDouble()));
    }
    FloatAttr one = ops.getF64FloatAttr(1);
    for (auto [product, value] : llvm::zip(products, results)) {
      Location location = product->getLoc();
      auto linear = dyn_cast<LinearOp>(product);
      auto matmul = dyn_cast<MatmulOp>(product);
      if (linear && linear.getBias())
        value = AddBiasOp::create(ops, location, value,
                                  inner.lookup(linear.getBias()), one);
      if (matmul && matmul.getGain())
        value = ScaleColumnsOp::create(ops, location, value.getType(), value,
                                       inner.lookup(matmul.getGain()), one);
      if (matmul && matmul.getAddend())
        value = AddOp::create(ops, location, value,
                              inner.lookup(matmul.getAddend()));
    }
    for (auto [product, value] : llvm::zip(products, results))
      inner.map(product->getResult(0), value);
  }

  /// The products' names come first: they are the kernel's.
  Location getLocation(Part part) {
    if (part != Part::epilogue)
      return cluster.getLoc();
    SmallVector<Location> locations;
    for (Operation *product : products)
      locations.push_back(product->getLoc());
    locations.push_back(cluster.getLoc());
    return FusedLoc::get(cluster.getContext(), locations);
  }

  ClusterOp cluster;
  ArrayRef<Operation *> products;
  const Epilogue &epilogue;
  OpBuilder builder;
  IRMapping values; ///< of the old body, and the products', to the new ones
};

struct FuseProductsPass : lns::impl::FuseProductsBase<FuseProductsPass> {
  void runOnOperation() override {
    for (Block &block : getOperation().getBody()) {
      std::deque<ClusterOp> waiting;
      for (auto cluster : block.getOps<ClusterOp>())
        waiting.push_back(cluster);
      while (!waiting.empty()) {
        ClusterOp cluster = waiting.front();
        waiting.pop_front();
        // What a cut leaves may read other products.
        SmallVector<ClusterOp> rest = visit(cluster);
        waiting.insert(waiting.begin(), rest.begin(), rest.end());
      }
    }
  }

private:
  static remark::RemarkOpts getOptions() {
    return remark::RemarkOpts::name("fuse-products").category("lns-products");
  }
  static void refuse(Operation *product, const std::string &reason) {
    std::string text = "the product stays apart: " + reason;
    remark::missed(product->getLoc(), getOptions()) << text;
  }

  static SmallVector<ClusterOp> visit(ClusterOp cluster) {
    if (!cluster.getProducts().empty())
      return {};
    SmallVector<Operation *> candidates;
    for (Value input : llvm::SetVector<Value>(cluster.getInputs().begin(),
                                              cluster.getInputs().end())) {
      Operation *product = input.getDefiningOp();
      if (!product || !isProduct(product) ||
          product->getBlock() != cluster->getBlock())
        continue;
      if (std::string reason = getRefusal(product, cluster); !reason.empty())
        refuse(product, reason);
      else
        candidates.push_back(product);
    }
    ProductSums sums = gatherProductSums(cluster, candidates);
    llvm::sort(candidates, [](Operation *a, Operation *b) {
      return a->isBeforeInBlock(b);
    });
    for (const Products &choice : getChoices(candidates, sums)) {
      Epilogue epilogue(cluster, choice);
      std::string obstacle =
          epilogue.getObstacle() ? epilogue.describeObstacle() : "";
      int64_t saved = epilogue.getSavedBytes();
      if (!epilogue.isEmpty() && saved > 0)
        return fuse(cluster, choice, epilogue, candidates, sums);
      if (choice.size() > 1)
        continue;
      refuse(
          choice.front(),
          epilogue.isEmpty()
              ? obstacle
              : "cut into kernels, its readers would read and write no less");
    }
    return {};
  }

  static SmallVector<ClusterOp> fuse(ClusterOp cluster, const Products &choice,
                                     const Epilogue &epilogue,
                                     ArrayRef<Operation *> candidates,
                                     const ProductSums &sums) {
    llvm::SetVector<Value> inputs = epilogue.getInputs(Part::epilogue);
    for (Operation *product : candidates) {
      if (llvm::is_contained(choice, product) ||
          !inputs.contains(product->getResult(0)))
        continue;
      std::string reason = sums.refused.lookup(product);
      refuse(product, reason.empty()
                          ? "its reader is the epilogue of another product"
                          : reason);
    }
    remark::passed(choice.front()->getLoc(), getOptions())
        << "row ops are the product's epilogue"
        << remark::metric("products", int64_t(choice.size()))
        << remark::metric("row_ops",
                          int64_t(epilogue.getOps(Part::epilogue).size()))
        << remark::metric("row_ops_apart",
                          int64_t(epilogue.getOps(Part::before).size() +
                                  epilogue.getOps(Part::after).size()))
        << remark::metric("bytes_saved", epilogue.getSavedBytes());
    return Rewriter(cluster, choice, epilogue).run();
  }
};

} // namespace
