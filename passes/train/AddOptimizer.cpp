//===- AddOptimizer.cpp - AdamW with clipping -------------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// Makes @apply (gradients to parameters) and @train_step, which is @grads
// followed by @apply: the same ops in the same order, so the same bits. A
// parameter whose rows or columns have length 1 is projected right behind its
// update, and all of these by @project, for who writes parameters from outside.
//
//===----------------------------------------------------------------------===//

#include "dialect/LnsDialect.h"
#include "dialect/LnsOps.h"
#include "passes/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Pass/Pass.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/MathExtras.h"

namespace lns {
#define GEN_PASS_DEF_ADDOPTIMIZER
#include "passes/Passes.h.inc"
} // namespace lns

using namespace mlir;
using namespace lns;

namespace {

constexpr int64_t kOptimizerSlots = 8; // runtime/plan/kernel_abi.h
constexpr int64_t kChunk = 65536;      // lns.clip_factor's fixed order

struct AddOptimizerPass : lns::impl::AddOptimizerBase<AddOptimizerPass> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    auto grads = module.lookupSymbol<func::FuncOp>("grads");
    if (!grads) {
      module.emitError("there is no function 'grads' to optimize with; run "
                       "'lns-differentiate' first");
      return signalPassFailure();
    }
    SmallVector<ParameterOp> parameters;
    for (auto parameter : module.getOps<ParameterOp>())
      if (!parameter.getFrozen())
        parameters.push_back(parameter);
    bool projects = llvm::any_of(parameters, [](ParameterOp parameter) {
      return parameter.getProjection().has_value();
    });
    for (StringRef entry : {"apply", "train_step", "project"}) {
      Operation *other = module.lookupSymbol(entry);
      if (!other || (entry == "project" && !projects))
        continue;
      other->emitError() << "'" << entry << "' exists already; it is made from "
                         << (entry == "project" ? "the parameters' projections"
                                                : "'grads'");
      return signalPassFailure();
    }
    if (parameters.empty()) {
      grads.emitError("there is no lns.parameter to optimize")
          << (module.getOps<ParameterOp>().empty() ? "" : ": all are frozen");
      return signalPassFailure();
    }
    if (!grads.getBody().hasOneBlock()) {
      grads.emitError("must have a body of one block; make it with "
                      "'lns-differentiate'");
      return signalPassFailure();
    }
    SmallVector<Value> stored;
    if (failed(findStoredGradients(grads, parameters, stored)))
      return signalPassFailure();

    OpBuilder builder(module.getContext());
    Type element =
        cast<RankedTensorType>(parameters.front().getType()).getElementType();
    auto scalar = RankedTensorType::get({}, element);
    auto slots = RankedTensorType::get({kOptimizerSlots}, builder.getF32Type());

    builder.setInsertionPointAfter(grads);
    auto apply =
        func::FuncOp::create(builder, module.getLoc(), "apply",
                             builder.getFunctionType({slots}, {scalar}));
    IRMapping mapping;
    auto step = cast<func::FuncOp>(builder.clone(*grads, mapping));
    step.setSymName("train_step");

    builder.setInsertionPointToStart(apply.addEntryBlock());
    SmallVector<Value> gradients;
    for (ParameterOp parameter : parameters)
      gradients.push_back(
          GetOp::create(builder, parameter.getLoc(), parameter.getStoredType(),
                        Storage::gradient, parameter.getSymName()));
    Value norm =
        addUpdates(builder, parameters, gradients, apply.getArgument(0),
                   /*loss=*/Value());
    func::ReturnOp::create(builder, module.getLoc(), norm);

    // train_step updates with the values that it stores, or with what repeated
    // calls have left there.
    Block &body = step.getBody().front();
    Value optimizer = body.addArgument(slots, module.getLoc());
    Operation *terminator = body.getTerminator();
    builder.setInsertionPoint(terminator);
    gradients.clear();
    bool readBack = !body.getOps<RepeatOp>().empty();
    for (auto [parameter, gradient] : llvm::zip_equal(parameters, stored))
      gradients.push_back(readBack ? GetOp::create(builder, parameter.getLoc(),
                                                   parameter.getStoredType(),
                                                   Storage::gradient,
                                                   parameter.getSymName())
                                         .getValue()
                                   : mapping.lookup(gradient));
    norm = addUpdates(builder, parameters, gradients, optimizer,
                      findLoss(terminator, scalar));
    terminator->insertOperands(terminator->getNumOperands(), norm);
    step.setFunctionType(builder.getFunctionType(
        body.getArgumentTypes(), terminator->getOperandTypes()));
    if (!projects)
      return;
    builder.setInsertionPointAfter(step);
    auto project = func::FuncOp::create(builder, module.getLoc(), "project",
                                        builder.getFunctionType({}, {}));
    builder.setInsertionPointToStart(project.addEntryBlock());
    for (ParameterOp parameter : parameters)
      addProjection(builder, parameter, /*factor=*/Value());
    func::ReturnOp::create(builder, module.getLoc());
  }

private:
  /// The value that `grads` stores as the gradient of each parameter.
  static LogicalResult findStoredGradients(func::FuncOp grads,
                                           ArrayRef<ParameterOp> parameters,
                                           SmallVectorImpl<Value> &stored) {
    llvm::StringMap<Value> bySymbol;
    for (auto set : grads.getBody().getOps<SetOp>())
      if (set.getStorage() == Storage::gradient)
        bySymbol[set.getSymbol()] = set.getValue();
    ParameterOp first = parameters.front();
    Type element = getElementTypeOrSelf(first.getType());
    for (ParameterOp parameter : parameters) {
      if (Type other = getElementTypeOrSelf(parameter.getType());
          other != element)
        return parameter.emitOpError()
               << "has element type " << other << ", but '@"
               << first.getSymName() << "' has " << element
               << "; all parameters must have one";
      stored.push_back(bySymbol.lookup(parameter.getSymName()));
      if (!stored.back())
        return parameter.emitOpError(
            "has no gradient stored in 'grads', so it cannot be optimized; "
            "make 'grads' with 'lns-differentiate'");
    }
    return success();
  }

  /// The scalar that a step returns first; null where that is none of the
  /// parameters' type.
  static Value findLoss(Operation *terminator, RankedTensorType scalar) {
    if (terminator->getNumOperands() == 0)
      return {};
    Value first = terminator->getOperand(0);
    return first.getType() == scalar ? first : Value();
  }

  /// Nothing where the parameter has none.
  static void addProjection(OpBuilder &builder, ParameterOp parameter,
                            Value factor) {
    if (std::optional<Projection> lines = parameter.getProjection())
      ProjectOp::create(builder,
                        NameLoc::get(builder.getStringAttr(
                            "project." + parameter.getSymName().str())),
                        parameter.getSymName(), *lines,
                        cast<RankedTensorType>(parameter.getStoredType()),
                        factor);
  }

  /// Clip factor over all gradients, then one AdamW per parameter. With a loss,
  /// one that is not finite changes nothing either: logits of minus infinity
  /// have finite gradients.
  static Value addUpdates(OpBuilder &builder, ArrayRef<ParameterOp> parameters,
                          ArrayRef<Value> gradients, Value optimizer,
                          Value loss) {
    int64_t chunks = 0;
    for (Value gradient : gradients)
      chunks += llvm::divideCeil(
          cast<RankedTensorType>(gradient.getType()).getNumElements(), kChunk);
    Type element = getElementTypeOrSelf(gradients.front().getType());
    auto scalar = RankedTensorType::get({}, element);
    Location location = NameLoc::get(builder.getStringAttr("optimizer.clip"));
    auto clip = ClipFactorOp::create(
        builder, location,
        TypeRange{scalar, scalar,
                  RankedTensorType::get({chunks}, builder.getF64Type())},
        optimizer, gradients, loss);
    for (auto [constParameter, gradient] : llvm::zip(parameters, gradients)) {
      ParameterOp parameter = constParameter;
      Location updateLocation = NameLoc::get(
          builder.getStringAttr("optimizer." + parameter.getSymName().str()));
      AdamWOp::create(builder, updateLocation, parameter.getSymName(), gradient,
                      clip.getFactor(), optimizer, parameter.getDecay(),
                      /*compute=*/FlatSymbolRefAttr(), parameter.getLrFactor(),
                      parameter.getEpsFactor(), parameter.getDecayFactor());
      addProjection(builder, parameter, clip.getFactor());
    }
    return clip.getNorm();
  }
};

} // namespace
