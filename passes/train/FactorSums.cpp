//===- FactorSums.cpp - Common factors out of sums --------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// The adjoint of a norm that feeds several linears is a sum with a term for
// each of them. By the distributive law,
//   scale_columns(a, g) + scale_columns(b, g) = scale_columns(a + b, g)
//   column_dot(a, x) + column_dot(b, x) = column_dot(a + b, x)
// and the two a + b are one value: one pass over x for the gain's gradient,
// however many linears the norm feeds.
//
//===----------------------------------------------------------------------===//

#include "dialect/LnsDialect.h"
#include "dialect/LnsOps.h"
#include "passes/Passes.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/Remarks.h"
#include "mlir/Pass/Pass.h"

namespace lns {
#define GEN_PASS_DEF_FACTORSUMS
#include "passes/Passes.h.inc"
} // namespace lns

using namespace mlir;
using namespace lns;

namespace {

/// The terms of a sum, in order, and its additions, the last one first.
struct Sum {
  SmallVector<Value> terms;
  SmallVector<AddOp> additions;
};

void collect(Value value, Sum &sum, bool isRoot) {
  auto add = value.getDefiningOp<AddOp>();
  if (!add || (!isRoot && !value.hasOneUse())) {
    sum.terms.push_back(value);
    return;
  }
  sum.additions.push_back(add);
  collect(add.getA(), sum, false);
  collect(add.getB(), sum, false);
}

/// A part of a larger sum: that one is rewritten as a whole.
bool isPartOfSum(AddOp add) {
  return add.getResult().hasOneUse() &&
         isa<AddOp>(*add.getResult().getUsers().begin());
}

/// f of a term that is f(a), where f(a) + f(b) = f(a + b); null for others. Two
/// results of one op are two terms, so that only ops with one are asked.
Operation *getFactor(Value term) {
  Operation *op = term.getDefiningOp();
  return op && term.hasOneUse() && isa<ScaleColumnsOp, ColumnDotOp>(op)
             ? op
             : nullptr;
}

/// Whether f is the same in both.
bool haveCommonFactor(Operation *left, Operation *right) {
  if (left->getName() != right->getName() ||
      left->getResult(0).getType() != right->getResult(0).getType() ||
      left->getOperand(0).getType() != right->getOperand(0).getType())
    return false;
  if (auto a = dyn_cast<ScaleColumnsOp>(left)) {
    auto b = cast<ScaleColumnsOp>(right);
    return a.getGain() == b.getGain() && a.getScale() == b.getScale();
  }
  auto a = cast<ColumnDotOp>(left), b = cast<ColumnDotOp>(right);
  return a.getB() == b.getB() && a.getScale() == b.getScale();
}

Value addUp(OpBuilder &builder, ArrayRef<Value> terms) {
  Value sum = terms.front();
  for (Value term : terms.drop_front())
    sum = AddOp::create(builder, term.getLoc(), term.getType(), sum, term);
  return sum;
}

struct FactorSumsPass : lns::impl::FactorSumsBase<FactorSumsPass> {
  void runOnOperation() override {
    SmallVector<AddOp> roots;
    getOperation()->walk([&](AddOp add) {
      if (!isPartOfSum(add))
        roots.push_back(add);
    });
    for (AddOp root : roots)
      rewrite(root);
  }

private:
  static void rewrite(AddOp root) {
    Sum sum;
    collect(root.getResult(), sum, /*isRoot=*/true);
    OpBuilder builder(root);
    unsigned factored = 0;
    SmallVector<Value> terms;
    SmallVector<Operation *> dead;
    for (auto [index, term] : llvm::enumerate(sum.terms)) {
      Operation *op = getFactor(term);
      if (op && llvm::is_contained(dead, op))
        continue;
      SmallVector<Operation *> group;
      if (op)
        for (Value other : ArrayRef(sum.terms).drop_front(index))
          if (Operation *candidate = getFactor(other);
              candidate && haveCommonFactor(op, candidate))
            group.push_back(candidate);
      if (group.size() < 2) {
        terms.push_back(term);
        continue;
      }
      SmallVector<Value> arguments;
      for (Operation *member : group)
        arguments.push_back(member->getOperand(0));
      Operation *common = builder.clone(*op);
      builder.setInsertionPoint(common);
      common->setOperand(0, addUp(builder, arguments));
      builder.setInsertionPointAfter(common);
      terms.push_back(common->getResult(0));
      dead.append(group);
      factored += group.size();
    }
    if (dead.empty())
      return;
    Location location = root.getLoc();
    root.getResult().replaceAllUsesWith(addUp(builder, terms));
    for (AddOp add : sum.additions)
      add.erase();
    for (Operation *op : dead)
      op->erase();
    remark::passed(location,
                   remark::RemarkOpts::name("factor-sums").category("lns-norm"))
        << "common factors taken out of a sum"
        << remark::metric("terms", factored);
  }
};

} // namespace
