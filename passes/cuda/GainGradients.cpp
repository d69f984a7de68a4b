//===- GainGradients.cpp - Gains' gradients from weights' -------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// The adjoint of y = linear(x, W, gain g) goes through p = u W, the gradient of
// what g scales:
//
//   dx = alpha p diag(g),   dW = alpha (u^T x) diag(g),
//   dg[k] = alpha sum_i p[i, k] x[i, k].
//
// So p is written for dg's sake, and read again with x; and the backward
// product reads another weight than the forward one, W without g. But
//
//   sum_i p[i, k] x[i, k] = sum_j W[j, k] (u^T x)[j, k],
//
// and u^T x is at hand where dW is computed. With dg from there (weight_grad),
// dx = alpha u (W diag(g)) is a product with the folded weight of the forward
// pass, and no pass over tokens is about gains.
//
// A frozen gain has no gradient, and so no column_dot: then p has one reader,
// scale_columns(p, g), and g goes into the products all the same.
//
// Behind `lns-factor-sums` and `lns-accumulate-products`, the readers of a norm
// share one column_dot and one scale_columns of p = p_1 + p_2 + ..., a sum or
// products with addends. g goes into each product, and dg from one weight_grad
// to the next.
//
//===----------------------------------------------------------------------===//

#include "dialect/LnsDialect.h"
#include "dialect/LnsOps.h"
#include "dialect/LnsShapes.h"
#include "passes/Passes.h"
#include "passes/analysis/Overwritten.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/Remarks.h"
#include "mlir/IR/TypeUtilities.h"
#include "mlir/Pass/Pass.h"

namespace lns {
#define GEN_PASS_DEF_GAINGRADIENTS
#include "passes/Passes.h.inc"
} // namespace lns

using namespace mlir;
using namespace lns;

namespace {

/// What one linear adds: to the gradient of its input, and to its weight's.
struct Term {
  MatmulOp rows, weights;
};

/// The gradient of one gain, as the adjoints left it.
class GainGradient {
public:
  explicit GainGradient(ColumnDotOp dot) : dot(dot) {}

  /// Fills the rest. Why the gradient cannot come from weights; empty if it
  /// can.
  std::string match() {
    if (dot.getA() == dot.getB())
      return "its rows are the input, too, which must stay without the gain";
    for (Operation *user : dot.getA().getUsers()) {
      auto scale = dyn_cast<ScaleColumnsOp>(user);
      if (user == dot)
        continue;
      if (!scale || !scale.getGain() || scaled)
        return ("'" + user->getName().getStringRef() +
                "' reads its rows, too, and needs them without the gain")
            .str();
      scaled = scale;
    }
    if (!scaled)
      return "nothing reads its rows times the gain";
    if (std::string reason = collect(dot.getA()); !reason.empty())
      return reason;
    for (Term &term : terms)
      if (std::string reason = findWeights(term); !reason.empty())
        return reason;
    llvm::sort(terms, [](Term a, Term b) {
      return a.weights->isBeforeInBlock(b.weights);
    });
    Operation *last = terms.back().weights;
    for (Operation *user : dot.getResult().getUsers())
      if (user->getBlock() != last->getBlock() || !last->isBeforeInBlock(user))
        return "it is read before the gradient of a weight is computed";
    return "";
  }

  /// Bytes that p and x cost, and a weight without the gain: that of the
  /// forward pass is another one, where products want it written.
  int64_t getTokenBytes() {
    int64_t bytes =
        saturatingAdd(saturatingMul(2, bytesOf(dot.getA().getType())),
                      bytesOf(dot.getB().getType()));
    for (Term &term : terms) {
      Value weight = term.rows.getB();
      auto type = cast<RankedTensorType>(weight.getType());
      Type compute = getElementTypeOrSelf(term.rows.getA());
      bool isFolded = llvm::any_of(weight.getUsers(), [&](Operation *user) {
        auto linear = dyn_cast<LinearOp>(user);
        return linear && linear.getGain() == scaled.getGain();
      });
      if (isFolded && compute.isBF16() && compute != type.getElementType())
        bytes = saturatingAdd(
            bytes, saturatingAdd(bytesOf(type), bytesOf(type.clone(compute))));
    }
    return bytes;
  }

  /// Bytes of the weights that are read for the gain's gradient.
  int64_t getWeightBytes() {
    int64_t bytes = 0;
    for (Term &term : terms)
      bytes = saturatingAdd(bytes, bytesOf(term.rows.getB().getType()));
    return bytes;
  }

  int64_t getWeights() const { return terms.size(); }

  void rewrite() {
    Value gain = scaled.getGain();
    AddOp addition = getAddition();
    Value sum;
    if (addition)
      sum = addition.getA() == dot.getResult() ? addition.getB()
                                               : addition.getA();
    for (Term &term : terms) {
      OpBuilder builder(term.weights);
      auto grad = WeightGradOp::create(
          builder, term.weights.getLoc(), term.weights.getResult().getType(),
          gain.getType(), term.weights.getA(), term.weights.getB(),
          term.rows.getB(), gain, term.weights.getAddend(), sum,
          term.weights.getAlphaAttr());
      sum = grad.getGainGrad();
      term.weights.getResult().replaceAllUsesWith(grad.getWeightGrad());
      term.weights.erase();
      term.rows.getGainMutable().assign(gain);
      term.rows.setAlpha(APFloat(getAlpha(term.rows, scaled.getScale())));
    }
    scaled.getResult().replaceAllUsesWith(dot.getA());
    scaled.erase();
    dot.getResult().replaceAllUsesWith(sum);
    if (addition) {
      addition.getResult().replaceAllUsesWith(sum);
      addition.erase();
    }
    dot.erase();
  }

private:
  static double getAlpha(MatmulOp product, const APFloat &scale) {
    return product.getAlpha().convertToDouble() * scale.convertToDouble();
  }

  /// The products that add up to `value`.
  std::string collect(Value value) {
    if (value != dot.getA() && !value.hasOneUse())
      return "a part of its rows has another reader";
    Operation *op = value.getDefiningOp();
    if (auto add = dyn_cast_if_present<AddOp>(op)) {
      std::string reason = collect(add.getA());
      return reason.empty() ? collect(add.getB()) : reason;
    }
    auto product = dyn_cast_if_present<MatmulOp>(op);
    if (!product || op->getBlock() != dot->getBlock() ||
        product.getTransposeA() || product.getTransposeB() || product.getGain())
      return op ? ("a part of its rows, of '" + op->getName().getStringRef() +
                   "', is no product with a weight")
                      .str()
                : "a part of its rows is an argument, no product with a weight";
    Operation *gain = scaled.getGain().getDefiningOp();
    if (gain && gain->getBlock() == op->getBlock() &&
        !gain->isBeforeInBlock(op))
      return "the gain is computed after its rows";
    terms.push_back({product, {}});
    return product.getAddend() ? collect(product.getAddend()) : "";
  }

  /// The product that gives the gradient of the term's weight.
  std::string findWeights(Term &term) {
    Value rows = term.rows.getA(), weight = term.rows.getB();
    for (Operation *user : rows.getUsers()) {
      auto product = dyn_cast<MatmulOp>(user);
      if (product && product->getBlock() == dot->getBlock() &&
          product.getA() == rows && product.getB() == dot.getB() &&
          product.getTransposeA() && !product.getTransposeB() &&
          product.getGain() == scaled.getGain() &&
          product.getResult().getType() == weight.getType() &&
          product.getAlpha().convertToDouble() ==
              getAlpha(term.rows, dot.getScale()) &&
          llvm::none_of(
              terms, [&](Term &other) { return other.weights == product; })) {
        term.weights = product;
        break;
      }
    }
    if (!term.weights)
      return "no product gives the gradient of a weight, with the gain, from "
             "the same rows and with the same factor";
    Operation *producer = weight.getDefiningOp();
    if (producer && producer->getBlock() == dot->getBlock() &&
        !producer->isBeforeInBlock(term.weights))
      return "a weight is computed after its gradient";
    if (term.rows->isBeforeInBlock(term.weights))
      if (StringRef symbol = findOverwritten(term.rows, term.weights);
          !symbol.empty())
        return ("'" + symbol +
                "' is overwritten before the gradient of a weight is computed")
            .str();
    return "";
  }

  /// The sum that the gradient is a term of, if the others are there in time.
  AddOp getAddition() {
    if (!dot.getResult().hasOneUse())
      return nullptr;
    auto add = dyn_cast<AddOp>(*dot.getResult().getUsers().begin());
    if (!add || add->getBlock() != dot->getBlock())
      return nullptr;
    Value other = add.getA() == dot.getResult() ? add.getB() : add.getA();
    Operation *producer = other.getDefiningOp();
    if (producer && producer->getBlock() == dot->getBlock() &&
        !producer->isBeforeInBlock(terms.front().weights))
      return nullptr;
    return add;
  }

  ColumnDotOp dot;
  ScaleColumnsOp scaled;
  SmallVector<Term> terms;
};

/// dx = scale_columns(p, g) of a gain without a gradient, p a sum of products.
class FrozenGain {
public:
  explicit FrozenGain(ScaleColumnsOp scaled) : scaled(scaled) {}

  /// Whether nothing else reads p or a part of it, and a linear of the forward
  /// pass reads each of the weights with the gain.
  bool match() { return scaled.getGain() && collect(scaled.getInput()); }

  int64_t getWeights() const { return products.size(); }

  void rewrite() {
    for (MatmulOp product : products) {
      product.getGainMutable().assign(scaled.getGain());
      product.setAlpha(APFloat(product.getAlpha().convertToDouble() *
                               scaled.getScale().convertToDouble()));
    }
    scaled.getResult().replaceAllUsesWith(scaled.getInput());
    scaled.erase();
  }

private:
  bool collect(Value value) {
    if (!value.hasOneUse())
      return false;
    Operation *op = value.getDefiningOp();
    if (auto add = dyn_cast_if_present<AddOp>(op))
      return collect(add.getA()) && collect(add.getB());
    auto product = dyn_cast_if_present<MatmulOp>(op);
    if (!product || op->getBlock() != scaled->getBlock() ||
        product.getTransposeA() || product.getTransposeB() || product.getGain())
      return false;
    Operation *gain = scaled.getGain().getDefiningOp();
    if (gain && gain->getBlock() == op->getBlock() &&
        !gain->isBeforeInBlock(op))
      return false;
    bool isFolded =
        llvm::any_of(product.getB().getUsers(), [&](Operation *user) {
          auto linear = dyn_cast<LinearOp>(user);
          return linear && linear.getGain() == scaled.getGain();
        });
    if (!isFolded)
      return false;
    products.push_back(product);
    return !product.getAddend() || collect(product.getAddend());
  }

  ScaleColumnsOp scaled;
  SmallVector<MatmulOp> products;
};

struct GainGradientsPass : lns::impl::GainGradientsBase<GainGradientsPass> {
  using Base::Base;

  void runOnOperation() override {
    SmallVector<ColumnDotOp> dots;
    // A column_dot of one operand is a bias's gradient.
    getOperation().walk([&](ColumnDotOp dot) {
      if (dot.getB())
        dots.push_back(dot);
    });
    auto options =
        remark::RemarkOpts::name("gain-gradients").category("lns-norm");
    for (ColumnDotOp dot : dots) {
      Location location = dot.getLoc();
      GainGradient gradient(dot);
      std::string reason = gradient.match();
      if (!reason.empty()) {
        remark::missed(location, options)
            << "the gradient of a gain stays a sum over rows: " + reason;
        continue;
      }
      int64_t tokens = gradient.getTokenBytes();
      int64_t weights = gradient.getWeightBytes();
      if (weights > tokens && !always) {
        remark::missed(location, options)
            << "the gradient of a gain stays a sum over rows: weights are "
               "larger"
            << remark::metric("bytes", tokens)
            << remark::metric("weight_bytes", weights);
        continue;
      }
      gradient.rewrite();
      remark::passed(location, options)
          << "the gradient of a gain is taken from those of weights"
          << remark::metric("weights", gradient.getWeights())
          << remark::metric("bytes", tokens)
          << remark::metric("weight_bytes", weights);
    }
    // What is left with one reader never had a gradient of its gain.
    SmallVector<ScaleColumnsOp> scales;
    getOperation().walk([&](ScaleColumnsOp op) { scales.push_back(op); });
    for (ScaleColumnsOp op : scales) {
      FrozenGain gain(op);
      if (!gain.match())
        continue;
      Location location = op.getLoc();
      gain.rewrite();
      remark::passed(location, options)
          << "a gain without a gradient is folded into its products"
          << remark::metric("weights", gain.getWeights());
    }
  }
};

} // namespace
