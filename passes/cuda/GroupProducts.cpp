//===- GroupProducts.cpp - Products of one input side by side ---*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// Clusters with a product each, of one left operand, become the members of one
// cluster. It stands where the last of them stood; the others move down to it.
// So what an lns.get gave them must not be overwritten on the way, and nobody
// may read their results before.
//
//===----------------------------------------------------------------------===//

#include "dialect/LnsDialect.h"
#include "dialect/LnsOps.h"
#include "dialect/LnsShapes.h"
#include "passes/Passes.h"
#include "passes/analysis/Overwritten.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Remarks.h"
#include "mlir/Pass/Pass.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/SetVector.h"

namespace lns {
#define GEN_PASS_DEF_GROUPPRODUCTS
#include "passes/Passes.h.inc"
} // namespace lns

using namespace mlir;
using namespace lns;

namespace {

/// Clusters with products, and products that stand alone.
using Group = SmallVector<Operation *>;

Operation *getProduct(Operation *op) {
  auto cluster = dyn_cast<ClusterOp>(op);
  return cluster ? cluster.getProducts().front() : op;
}

/// The left operand of what may be a group's member; null for other ops. A
/// product that stands alone must do no more than multiply.
Value getInput(Operation *op) {
  Operation *product = op;
  if (auto cluster = dyn_cast<ClusterOp>(op)) {
    SmallVector<Operation *> products = cluster.getProducts();
    if (products.empty())
      return {};
    product = products.front();
  } else if (!isProduct(op) || op->getNumOperands() != 2 ||
             getElementTypeOrSelf(op->getOperand(0).getType()) !=
                 getElementTypeOrSelf(op->getOperand(1).getType())) {
    return {};
  }
  // One that sums over rows is cut into slices.
  if (auto matmul = dyn_cast<MatmulOp>(product);
      matmul && matmul.getTransposeA())
    return {};
  Value input = product->getOperand(0);
  auto argument = dyn_cast<BlockArgument>(input);
  return product == op || !argument
             ? input
             : cast<ClusterOp>(op).getInputs()[argument.getArgNumber()];
}

/// Why `member` cannot be computed where `last` stands; empty if it can.
std::string getObstacle(Operation *member, Operation *last) {
  if (StringRef symbol = findOverwritten(member, last); !symbol.empty())
    return ("'" + symbol +
            "', which another product of its input reads, is overwritten "
            "before it")
        .str();
  for (Operation *user : member->getUsers()) {
    Operation *reader = last->getBlock()->findAncestorOpInBlock(*user);
    if (reader == last)
      return "it reads what another product of its input becomes";
    if (reader && reader->isBeforeInBlock(last))
      return ("'" + reader->getName().getStringRef() +
              "' reads before it what another product of its input becomes")
          .str();
  }
  return "";
}

struct GroupProductsPass : lns::impl::GroupProductsBase<GroupProductsPass> {
  void runOnOperation() override {
    for (Block &block : getOperation().getBody()) {
      llvm::MapVector<Value, Group> readers;
      for (Operation &op : block)
        if (Value input = getInput(&op))
          readers[input].push_back(&op);
      for (auto &[input, ops] : readers)
        if (llvm::any_of(ops, llvm::IsaPred<ClusterOp>))
          visit(ops);
    }
  }

private:
  static remark::RemarkOpts getOptions() {
    return remark::RemarkOpts::name("group-products").category("lns-products");
  }

  /// All readers of one input, in order.
  static void visit(ArrayRef<Operation *> readers) {
    Group group;
    for (Operation *op : readers) {
      std::string reason = group.empty() ? "" : getRefusal(group, op);
      if (auto cluster = dyn_cast<ClusterOp>(op);
          cluster && cluster.getProducts().size() > 1) {
        refuse(op, "its kernel has several products");
        continue;
      }
      if (!reason.empty()) {
        refuse(op, reason);
        build(group);
        group.clear();
      }
      group.push_back(op);
    }
    build(group);
  }

  /// Why the op does not become a member; empty if it does.
  static std::string getRefusal(const Group &group, Operation *op) {
    if (group.size() == kMaxClusterProducts)
      return "a kernel has at most " + std::to_string(kMaxClusterProducts) +
             " products";
    if (!areOfOneKind(getProduct(group.front()), getProduct(op)))
      return "its operands are stored in another way than those of the product "
             "before";
    for (Operation *member : group)
      if (std::string reason = getObstacle(member, op); !reason.empty())
        return reason;
    return "";
  }

  static void refuse(Operation *op, const std::string &reason) {
    std::string text = "the product keeps a kernel of its own: " + reason;
    remark::missed(getProduct(op)->getLoc(), getOptions()) << text;
  }

  static void build(const Group &group) {
    if (group.size() < 2)
      return;
    Operation *last = group.back();
    llvm::SetVector<Value> inputs;
    SmallVector<Type> types;
    SmallVector<Location> locations;
    for (Operation *member : group) {
      inputs.insert(member->operand_begin(), member->operand_end());
      llvm::append_range(types, member->getResultTypes());
      locations.push_back(member->getLoc());
    }
    OpBuilder builder(last);
    auto result = ClusterOp::create(
        builder, FusedLoc::get(builder.getContext(), locations), types,
        inputs.getArrayRef());
    Block *body = result.getBody().empty() ? &result.getBody().emplaceBlock()
                                           : &result.getBody().front();
    IRMapping outer;
    for (Value input : inputs)
      outer.map(input, body->addArgument(input.getType(), input.getLoc()));
    OpBuilder ops = OpBuilder::atBlockEnd(body);
    SmallVector<IRMapping> maps;
    for (Operation *member : group) {
      IRMapping &map = maps.emplace_back(outer);
      if (auto cluster = dyn_cast<ClusterOp>(member))
        for (BlockArgument argument : cluster.getBody().getArguments())
          map.map(argument,
                  outer.lookup(cluster.getInputs()[argument.getArgNumber()]));
      ops.clone(*getProduct(member), map);
    }
    SmallVector<Value> yielded;
    for (auto [member, map] : llvm::zip(group, maps)) {
      auto cluster = dyn_cast<ClusterOp>(member);
      if (!cluster) {
        yielded.push_back(map.lookup(member->getResult(0)));
        continue;
      }
      Block &old = cluster.getBody().front();
      for (Operation &op : old.without_terminator())
        if (!isProduct(&op))
          ops.clone(op, map);
      for (Value value : old.getTerminator()->getOperands())
        yielded.push_back(map.lookup(value));
    }
    YieldOp::create(ops, result.getLoc(), yielded);
    int64_t inputBytes = bytesOf(getInput(group.front()).getType());
    remark::passed(result.getLoc(), getOptions())
        << "products of one input share a kernel"
        << remark::metric("products", int64_t(group.size()))
        << remark::metric("bytes_saved",
                          int64_t(group.size() - 1) * inputBytes);
    unsigned next = 0;
    for (Operation *member : group) {
      for (Value old : member->getResults())
        old.replaceAllUsesWith(result.getResult(next++));
      member->erase();
    }
  }
};

} // namespace
