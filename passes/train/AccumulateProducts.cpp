//===- AccumulateProducts.cpp - Sums inside products ------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// matmul(a, b) + c = matmul(a, b) addend(c), computed over c: a sum of products
// needs no pass of its own and no more memory than one of them. So it is with
// embedding_grad, which adds up rows anyway.
//
//===----------------------------------------------------------------------===//

#include "dialect/LnsDialect.h"
#include "dialect/LnsOps.h"
#include "passes/Passes.h"
#include "passes/analysis/Overwritten.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/Remarks.h"
#include "mlir/Pass/Pass.h"
#include "llvm/ADT/DenseMap.h"

namespace lns {
#define GEN_PASS_DEF_ACCUMULATEPRODUCTS
#include "passes/Passes.h.inc"
} // namespace lns

using namespace mlir;
using namespace lns;

namespace {

struct AccumulateProductsPass
    : lns::impl::AccumulateProductsBase<AccumulateProductsPass> {
  void runOnOperation() override {
    SmallVector<AddOp> additions;
    // Asked of the block instead, each move would number all of its ops anew.
    llvm::DenseMap<Operation *, unsigned> positions;
    getOperation()->walk([&](Operation *op) {
      positions[op] = positions.size();
      if (auto add = dyn_cast<AddOp>(op))
        additions.push_back(add);
    });
    // From the front, so that a sum of sums becomes one chain of products.
    for (AddOp add : additions) {
      auto options =
          remark::RemarkOpts::name("accumulate-products").category("lns-norm");
      // The later of two products takes the other one.
      Operation *left = getProduct(add.getA()), *right = getProduct(add.getB());
      Operation *product = right;
      if (!right || (left && positions[right] < positions[left]))
        product = left;
      if (!product)
        continue;
      Value other = product == left ? add.getB() : add.getA();
      if (other == product->getResult(0)) {
        remark::missed(add.getLoc(), options) << "a product is added to itself";
        continue;
      }
      // Where the sum stands, both are there.
      if (product->getBlock() != add->getBlock())
        continue;
      if (StringRef symbol = findOverwritten(product, add); !symbol.empty()) {
        std::string reason = ("'" + symbol +
                              "', which a product reads, is overwritten before "
                              "its sum")
                                 .str();
        remark::missed(add.getLoc(), options) << reason;
        continue;
      }
      product->moveBefore(add);
      positions[product] = positions[add];
      if (auto matmul = dyn_cast<MatmulOp>(product))
        matmul.getAddendMutable().assign(other);
      else
        cast<EmbeddingGradOp>(product).getAddendMutable().assign(other);
      add.getResult().replaceAllUsesWith(product->getResult(0));
      remark::passed(add.getLoc(), options) << "sum computed by a product";
      add.erase();
    }
  }

private:
  /// The product that `value` is, if it has no addend yet and nobody else reads
  /// it.
  static Operation *getProduct(Value value) {
    auto matmul = value.getDefiningOp<MatmulOp>();
    auto embedding = value.getDefiningOp<EmbeddingGradOp>();
    // A sum is accumulated in c; one that is rounded more often than the terms
    // would not be the same sum.
    if ((!matmul && !embedding) || (matmul && matmul.getAddend()) ||
        (embedding && embedding.getAddend()) || !value.hasOneUse() ||
        getElementTypeOrSelf(value.getType()).getIntOrFloatBitWidth() < 32)
      return nullptr;
    return value.getDefiningOp();
  }
};

} // namespace
