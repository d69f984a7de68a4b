//===- MaterializeWeights.cpp - Compute weights as values -------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// linear(x, W, gain g) = linear(x, W'), W' = cast(scale_columns(W, g)).
//
// A product on the CPU packs its operands into blocks anyway and scales and
// rounds them there. Tensor cores take their operands from memory as they are,
// in one type, and sum over k: a gain on k cannot wait for the result. So there
// W' is written, which is 6 bytes of traffic for each of a bf16 product's
// weights, once a step and not once a token.
//
// W' is a value of the function like any other, computed from W and g in every
// call. It can never be stale, whatever the optimizer, a checkpoint or the
// caller wrote: there is nobody who would have to remember to write it.
//
// Forward and backward read the same W' (`lns-gain-gradients` has given the
// backward product the gain, as one of its result's columns), which costs its
// bytes from the one to the other; under a memory budget `lns-recompute` finds
// it to be the cheapest thing to compute again. So it is with the cast of a W
// without a gain.
//
//===----------------------------------------------------------------------===//

#include "dialect/LnsDialect.h"
#include "dialect/LnsOps.h"
#include "dialect/LnsShapes.h"
#include "passes/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/Remarks.h"
#include "mlir/Pass/Pass.h"
#include "llvm/ADT/DenseMap.h"
#include <tuple>

namespace lns {
#define GEN_PASS_DEF_MATERIALIZEWEIGHTS
#include "passes/Passes.h.inc"
} // namespace lns

using namespace mlir;
using namespace lns;

namespace {

Type elementOf(Value value) {
  return cast<RankedTensorType>(value.getType()).getElementType();
}

/// What a product multiplies in: bf16 as soon as one operand is.
Type getComputeType(Operation *product) {
  Type a = elementOf(product->getOperand(0));
  return a.isBF16() ? a : elementOf(product->getOperand(1));
}

/// The gain, if it scales along what the product sums over. Otherwise it scales
/// the result's columns, and stays.
Value getInnerGain(Operation *product) {
  if (auto linear = dyn_cast<LinearOp>(product))
    return linear.getGain();
  auto matmul = dyn_cast<MatmulOp>(product);
  return matmul && matmul.getTransposeB() ? matmul.getGain() : Value();
}

/// A gain of the result's columns that may just as well be the weight's:
/// matmul(u, W) gain(g) = matmul(u, W diag(g)).
Value getOuterGain(Operation *product) {
  auto matmul = dyn_cast<MatmulOp>(product);
  bool isOuter = matmul && !matmul.getTransposeA() && !matmul.getTransposeB();
  return isOuter ? matmul.getGain() : Value();
}

void dropGain(Operation *product) {
  if (auto linear = dyn_cast<LinearOp>(product))
    linear.getGainMutable().clear();
  else
    cast<MatmulOp>(product).getGainMutable().clear();
}

/// "layers.3.self_attn.q_proj" -> "layers.3.self_attn.q_proj.weight".
Location getWeightLocation(Location location) {
  auto named = dyn_cast<NameLoc>(location);
  if (!named)
    return location;
  auto name =
      StringAttr::get(location.getContext(), named.getName().str() + ".weight");
  return NameLoc::get(name, named.getChildLoc());
}

/// Makes the operands of a block's products. A value is made before its first
/// reader, which precedes the others, so all of them see it.
class BlockRewriter {
public:
  void run(Block &block) {
    for (Operation &op : block)
      if (isa<LinearOp, MatmulOp, WeightGradOp>(op))
        rewrite(&op);
  }

  int64_t values = 0; ///< that were made
  int64_t bytes = 0;  ///< of them
  int64_t reads = 0;  ///< of products that read them

private:
  void rewrite(Operation *product) {
    Type compute = getComputeType(product);
    Value gain = getInnerGain(product);
    if (Value outer = getOuterGain(product);
        outer && isWorthFolding(product->getOperand(1), outer, compute))
      gain = outer;
    for (unsigned index : {0u, 1u}) {
      OpOperand &operand = product->getOpOperand(index);
      Value innerGain = index == 1 ? gain : Value();
      if (!innerGain && elementOf(operand.get()) == compute)
        continue;
      operand.set(getOrMake(product, operand.get(), innerGain, compute));
      ++reads;
    }
    if (gain)
      dropGain(product);
  }

  /// Whether W diag(gain) is there, or else W is not there in the type either.
  bool isWorthFolding(Value weight, Value gain, Type compute) {
    return known.contains({weight, gain, compute}) ||
           (elementOf(weight) != compute &&
            !known.contains({weight, Value(), compute}));
  }

  Value getOrMake(Operation *reader, Value from, Value gain, Type compute) {
    Value &made = known[std::make_tuple(from, gain, compute)];
    if (made)
      return made;
    OpBuilder builder(reader);
    Location location = getWeightLocation(reader->getLoc());
    made = from;
    // In the type that it has, so that W' is rounded once.
    if (gain)
      made = ScaleColumnsOp::create(builder, location, made.getType(), made,
                                    gain, builder.getF64FloatAttr(1));
    auto type = cast<RankedTensorType>(made.getType());
    if (type.getElementType() != compute)
      made = CastOp::create(builder, location, type.clone(compute), made);
    ++values;
    bytes = saturatingAdd(bytes, bytesOf(made.getType()));
    return made;
  }

  llvm::DenseMap<std::tuple<Value, Value, Type>, Value> known;
};

struct MaterializeWeightsPass
    : lns::impl::MaterializeWeightsBase<MaterializeWeightsPass> {
  void runOnOperation() override {
    func::FuncOp function = getOperation();
    int64_t values = 0, bytes = 0, reads = 0;
    for (Block &block : function.getBody()) {
      BlockRewriter rewriter;
      rewriter.run(block);
      values += rewriter.values;
      bytes = saturatingAdd(bytes, rewriter.bytes);
      reads += rewriter.reads;
    }
    auto options =
        remark::RemarkOpts::name("materialize-weights").category("lns-weights");
    if (values == 0) {
      remark::missed(function.getLoc(), options)
          << "no product needs another type or a gain along its sum";
      return;
    }
    remark::passed(function.getLoc(), options)
        << "compute weights are values" << remark::metric("values", values)
        << remark::metric("bytes", bytes) << remark::metric("reads", reads);
  }
};

} // namespace
