//===- Differentiate.cpp - Reverse-mode differentiation ---------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// Makes @grads from @eval: a copy of the forward pass, then its ops in reverse
// order, each building its own adjoint (DifferentiableOpInterface). Gradients
// of a value with several readers are summed in the order in which the reverse
// walk meets the readers, so that the sum is the same on every run. What is
// frozen is a constant: it has no gradient, and what depends on nothing else
// has none either.
//
//===----------------------------------------------------------------------===//

#include "dialect/LnsDialect.h"
#include "dialect/LnsInterfaces.h"
#include "dialect/LnsMemory.h"
#include "dialect/LnsOps.h"
#include "passes/Passes.h"
#include "passes/analysis/Loss.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Pass/Pass.h"
#include "llvm/ADT/MapVector.h"

namespace lns {
#define GEN_PASS_DEF_DIFFERENTIATE
#include "passes/Passes.h.inc"
} // namespace lns

using namespace mlir;
using namespace lns;

namespace {

/// "layers.3.mlp.up_proj" -> "layers.3.mlp.up_proj.grad".
Location getGradientLocation(Location location) {
  auto named = dyn_cast<NameLoc>(location);
  if (!named)
    return location;
  auto name =
      StringAttr::get(location.getContext(), named.getName().str() + ".grad");
  return NameLoc::get(name, named.getChildLoc());
}

/// Where gradients go.
enum class Gradients {
  Overwrite,
  Accumulate ///< they are added to those that are stored
};

class Differentiator {
public:
  Differentiator(func::FuncOp function, ModuleOp module, Gradients mode)
      : function(function), block(function.getBody().front()),
        accumulates(mode == Gradients::Accumulate) {
    for (auto parameter : module.getOps<ParameterOp>())
      if (parameter.getFrozen())
        frozen.insert(parameter.getSymNameAttr());
  }

  LogicalResult run(ModuleOp module) {
    SmallVector<Operation *> forward;
    for (Operation &op : block.without_terminator())
      forward.push_back(&op);
    // A derivative is one of a function of the parameters as they are.
    for (Operation *op : forward)
      if (StoredAccesses(op).mayWrite())
        return op->emitOpError("may write what is stored, so that the function "
                               "cannot be differentiated; remove it");
    markActive();
    prepare(forward);
    markActive();
    Operation *terminator = block.getTerminator();
    if (terminator->getNumOperands() != 1)
      return function.emitError() << "returns " << terminator->getNumOperands()
                                  << " values, but must return one, the loss";
    auto type = dyn_cast<RankedTensorType>(terminator->getOperand(0).getType());
    if (!type || type.getRank() != 0)
      return function.emitError()
             << "returns " << terminator->getOperand(0).getType()
             << ", but a loss is a scalar, tensor<f32>";
    if (!active.contains(terminator->getOperand(0)))
      return function.emitError("returns no value that depends on a parameter")
             << (frozen.empty() ? "" : " that is not frozen")
             << ", so there is nothing to differentiate";

    Value loss = terminator->getOperand(0);
    OpBuilder builder(terminator);
    if (accumulates)
      startFromStored(builder);
    addGradient(builder, loss,
                ConstantOp::create(builder, loss.getLoc(), loss.getType(),
                                   builder.getF64FloatAttr(1.0)));
    for (Operation *op : llvm::reverse(forward))
      if (failed(differentiate(builder, op)))
        return failure();
    storeGradients(builder, module);
    finish(loss.getDefiningOp(), terminator);
    // They have done what they are for.
    for (auto stop :
         llvm::make_early_inc_range(block.getOps<StopGradientOp>())) {
      stop.getResult().replaceAllUsesWith(stop.getInput());
      stop.erase();
    }
    return success();
  }

private:
  /// Erases what adjoints made for operands that need no gradient, and names
  /// the rest: what stands behind the loss is gradient, and profiles and errors
  /// say so.
  static void finish(Operation *loss, Operation *terminator) {
    for (Operation *op = terminator->getPrevNode(); op != loss;) {
      Operation *previous = op->getPrevNode();
      if (isOpTriviallyDead(op))
        op->erase();
      else
        op->setLoc(getGradientLocation(op->getLoc()));
      op = previous;
    }
  }

  /// Every parameter's sum of gradients starts with what is stored, so that
  /// products can be added up where it stands.
  void startFromStored(OpBuilder &builder) {
    llvm::DenseSet<Attribute> seen;
    for (auto get : llvm::make_early_inc_range(block.getOps<GetOp>()))
      if (isTrained(get) && seen.insert(get.getSymbolAttr()).second)
        stored[get.getValue()] = gradients[get.getValue()] =
            GetOp::create(builder, get.getLoc(), get.getType(),
                          Storage::gradient, get.getSymbol());
  }

  bool isTrained(GetOp get) {
    return get.getStorage() == Storage::parameter &&
           !frozen.contains(get.getSymbolAttr().getAttr());
  }

  /// Active: depends on a parameter that is trained. What does not needs no
  /// gradient, and neither does anything that it alone depends on.
  void markActive() {
    active.clear();
    for (Operation &op : block.without_terminator()) {
      auto get = dyn_cast<GetOp>(op);
      bool isActive = get ? isTrained(get)
                          : llvm::any_of(op.getOperands(), [&](Value value) {
                              return active.contains(value);
                            });
      if (!isActive)
        continue;
      for (Value result : op.getResults())
        if (isa<FloatType>(getElementTypeOrSelf(result.getType())))
          active.insert(result);
    }
  }

  bool isActive(Operation *op) {
    return llvm::any_of(op->getResults(),
                        [&](Value value) { return active.contains(value); });
  }

  void prepare(SmallVectorImpl<Operation *> &forward) {
    for (Operation *&op : forward) {
      auto differentiable = dyn_cast<DifferentiableOpInterface>(op);
      if (!differentiable || !isActive(op))
        continue;
      OpBuilder builder(op);
      op = differentiable.prepareForward(builder);
    }
  }

  void addGradient(OpBuilder &builder, Value value, Value gradient) {
    Value &sum = gradients[value];
    sum = sum ? AddOp::create(builder, gradient.getLoc(), value.getType(), sum,
                              gradient)
                    .getResult()
              : gradient;
  }

  LogicalResult differentiate(OpBuilder &builder, Operation *op) {
    SmallVector<Value> resultGradients;
    bool reached = false;
    for (Value result : op->getResults()) {
      resultGradients.push_back(gradients.lookup(result));
      reached |= bool(resultGradients.back());
    }
    if (!reached || !isActive(op))
      return success();
    if (isa<GetOp>(op))
      return success();
    auto differentiable = dyn_cast<DifferentiableOpInterface>(op);
    if (!differentiable)
      return op->emitOpError("lies between a parameter and the loss, but has "
                             "no adjoint");
    SmallVector<Value> operandGradients;
    if (failed(differentiable.buildAdjoint(builder, resultGradients,
                                           operandGradients)))
      return failure();
    if (failed(checkGradients(op, operandGradients)))
      return failure();
    for (auto [operand, gradient] :
         llvm::zip(op->getOperands(), operandGradients))
      if (gradient && active.contains(operand))
        addGradient(builder, operand, gradient);
    return success();
  }

  /// What the interface promises: a gradient for each operand, of its type.
  static LogicalResult checkGradients(Operation *op,
                                      ArrayRef<Value> operandGradients) {
    if (operandGradients.size() != op->getNumOperands())
      return op->emitOpError("has ")
             << op->getNumOperands() << " operands, but its adjoint gives "
             << operandGradients.size() << " gradients";
    for (auto [index, operand, gradient] :
         llvm::enumerate(op->getOperands(), operandGradients))
      if (gradient && gradient.getType() != operand.getType())
        return op->emitOpError("has operand ")
               << index << " of type " << operand.getType()
               << ", but its adjoint gives a gradient of type "
               << gradient.getType();
    return success();
  }

  /// Stores the gradient of every parameter, in the parameters' order.
  void storeGradients(OpBuilder &builder, ModuleOp module) {
    llvm::MapVector<StringAttr, Value> byParameter;
    for (Operation &op : block.without_terminator()) {
      auto get = dyn_cast<GetOp>(op);
      if (!get || !isTrained(get))
        continue;
      Value gradient = gradients.lookup(get.getValue());
      if (!gradient || gradient == stored.lookup(get.getValue()))
        continue;
      Value &sum = byParameter[get.getSymbolAttr().getAttr()];
      sum = sum ? AddOp::create(builder, gradient.getLoc(), gradient.getType(),
                                sum, gradient)
                      .getResult()
                : gradient;
    }
    for (auto parameter : module.getOps<ParameterOp>()) {
      if (parameter.getFrozen())
        continue;
      Value gradient = byParameter.lookup(parameter.getSymNameAttr());
      // A parameter that the loss does not depend on.
      if (!gradient && accumulates)
        continue;
      if (!gradient)
        gradient = ConstantOp::create(builder, parameter.getLoc(),
                                      parameter.getStoredType(),
                                      builder.getF64FloatAttr(0.0));
      SetOp::create(builder, parameter.getLoc(), gradient, Storage::gradient,
                    parameter.getSymName());
    }
  }

  func::FuncOp function;
  Block &block;
  llvm::DenseSet<Attribute> frozen; // parameters' names
  llvm::DenseSet<Value> active;
  llvm::DenseMap<Value, Value> gradients;
  llvm::DenseMap<Value, Value> stored; // what they start with
  bool accumulates;
};

struct DifferentiatePass : lns::impl::DifferentiateBase<DifferentiatePass> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    auto eval = module.lookupSymbol<func::FuncOp>("eval");
    if (!eval) {
      module.emitError("there is no function 'eval' to differentiate; run "
                       "'lns-instantiate' first");
      return signalPassFailure();
    }
    if (Operation *other = module.lookupSymbol("grads")) {
      other->emitError("'grads' exists already; it is made from 'eval'");
      return signalPassFailure();
    }
    if (!eval.getBody().hasOneBlock()) {
      eval.emitError("must have a body of one block to be differentiated");
      return signalPassFailure();
    }
    OpBuilder builder(eval);
    builder.setInsertionPointAfter(eval);
    auto grads = cast<func::FuncOp>(builder.clone(*eval));
    grads.setSymName("grads");
    Operation *loss = findLoss(grads.getBody().front());
    if (auto repeat = dyn_cast_if_present<RepeatOp>(loss)) {
      if (failed(differentiateRepeat(repeat, module)))
        return signalPassFailure();
      return;
    }
    if (failed(Differentiator(grads, module, Gradients::Overwrite).run(module)))
      return signalPassFailure();
  }

private:
  /// The gradient of a sum over calls: each call of the callee's derivative
  /// adds its own to what is stored, which starts as zero.
  static LogicalResult differentiateRepeat(RepeatOp repeat, ModuleOp module) {
    if (Operation *other = module.lookupSymbol("micro_grads"))
      return other->emitError("'micro_grads' exists already; it is made from '")
             << repeat.getCallee() << "'";
    auto callee = module.lookupSymbol<func::FuncOp>(repeat.getCallee());
    OpBuilder builder(callee);
    builder.setInsertionPointAfter(callee);
    auto micro = cast<func::FuncOp>(builder.clone(*callee));
    micro.setSymName("micro_grads");
    if (failed(
            Differentiator(micro, module, Gradients::Accumulate).run(module)))
      return failure();
    repeat.setCallee("micro_grads");
    builder.setInsertionPoint(repeat);
    for (auto parameter : module.getOps<ParameterOp>()) {
      if (parameter.getFrozen())
        continue;
      Value zero = ConstantOp::create(builder, parameter.getLoc(),
                                      parameter.getStoredType(),
                                      builder.getF64FloatAttr(0.0));
      SetOp::create(builder, parameter.getLoc(), zero, Storage::gradient,
                    parameter.getSymName());
    }
    return success();
  }
};

} // namespace
