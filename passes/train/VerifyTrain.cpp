//===- VerifyTrain.cpp - What training form must be -------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "dialect/LnsDialect.h"
#include "dialect/LnsOps.h"
#include "passes/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/Pass.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringSet.h"

namespace lns {
#define GEN_PASS_DEF_VERIFYTRAIN
#include "passes/Passes.h.inc"
} // namespace lns

using namespace mlir;
using namespace lns;

namespace {

struct VerifyTrainPass : lns::impl::VerifyTrainBase<VerifyTrainPass> {
  using VerifyTrainBase::VerifyTrainBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    failed = false;
    for (StringRef entry : {"logits", "eval", "grads", "apply", "train_step"})
      if (!module.lookupSymbol<func::FuncOp>(entry) &&
          (logits || entry != "logits")) {
        module.emitError() << "training form lacks the function '" << entry
                           << "'";
        failed = true;
      }
    module.walk([&](NormOp norm) {
      norm.emitOpError("is left, but training form has no norms; run "
                       "'lns-decompose-norms'");
      failed = true;
    });
    module.walk([&](LinearOp linear) {
      if (!linear.getBias())
        return;
      linear.emitOpError("has a bias, but in training form biases are row ops; "
                         "run 'lns-split-bias'");
      failed = true;
    });
    for (StringRef entry : {"grads", "micro_grads", "apply", "train_step"})
      if (auto function = module.lookupSymbol<func::FuncOp>(entry))
        checkParameters(function);
    checkProject(module);
    if (failed)
      signalPassFailure();
  }

private:
  /// Parameters that the function reads, be it through a compute weight.
  llvm::StringSet<> findRead(func::FuncOp function) {
    llvm::StringSet<> read;
    function.walk([&](GetOp get) {
      if (get.getStorage() == Storage::parameter)
        read.insert(get.getSymbol());
      if (get.getStorage() != Storage::compute)
        return;
      auto weight =
          getOperation().lookupSymbol<ComputeWeightOp>(get.getSymbol());
      read.insert(weight.getWeight());
      if (weight.getGain())
        read.insert(*weight.getGain());
    });
    return read;
  }

  /// That each has its gradient stored, and is updated, where it must be.
  void checkParameters(func::FuncOp function) {
    StringRef name = function.getSymName();
    bool isPart = name == "micro_grads";
    bool updates = name == "apply" || name == "train_step";
    llvm::StringMap<unsigned> stored, updated;
    function.walk([&](SetOp set) {
      if (set.getStorage() == Storage::gradient)
        ++stored[set.getSymbol()];
    });
    function.walk([&](AdamWOp update) { ++updated[update.getSymbol()]; });
    if (updates)
      checkProjections(function);
    size_t parameters =
        llvm::count_if(getOperation().getOps<ParameterOp>(),
                       [](ParameterOp op) { return !op.getFrozen(); });
    function.walk([&](ClipFactorOp clip) {
      if (clip.getGradients().size() == parameters)
        return;
      clip.emitOpError() << "takes the norm of " << clip.getGradients().size()
                         << " gradients in '" << name << "', but there are "
                         << parameters
                         << " parameters to train; give it all gradients";
      failed = true;
    });
    // Of what it does not read, a part has no gradient to add.
    llvm::StringSet<> read = isPart ? findRead(function) : llvm::StringSet<>();
    for (auto parameter : getOperation().getOps<ParameterOp>()) {
      StringRef symbol = parameter.getSymName();
      unsigned count = stored.lookup(symbol);
      if (parameter.getFrozen()) {
        checkFrozen(function, parameter, count + updated.lookup(symbol));
        continue;
      }
      bool isStoring = name != "apply" && (!isPart || read.contains(symbol));
      if (isStoring && count != 1) {
        parameter.emitOpError()
            << "has its gradient stored " << count << " times in '" << name
            << "', but must have it stored once";
        failed = true;
      }
      if (unsigned count = updated.lookup(symbol); updates && count != 1) {
        parameter.emitOpError()
            << "is updated " << count << " times in '" << name
            << "', but must be updated once, by lns.adamw";
        failed = true;
      }
    }
  }

  /// That what is frozen stays so.
  void checkFrozen(func::FuncOp function, ParameterOp parameter,
                   unsigned writes) {
    if (writes == 0)
      return;
    parameter.emitOpError()
        << "is frozen, but '" << function.getSymName()
        << "' stores a gradient for it or updates it; do not freeze it, or "
           "make the function anew with 'lns-differentiate'";
    failed = true;
  }

  /// @project, which modules have with parameters that have projections.
  void checkProject(ModuleOp module) {
    if (auto function = module.lookupSymbol<func::FuncOp>("project")) {
      checkProjections(function);
      return;
    }
    for (auto parameter : module.getOps<ParameterOp>()) {
      if (!parameter.getProjection())
        continue;
      parameter.emitOpError()
          << "has project(" << stringifyEnum(*parameter.getProjection())
          << "), but training form lacks the function 'project'";
      failed = true;
      return;
    }
  }

  /// That each which has a projection is projected once, behind its update.
  void checkProjections(func::FuncOp function) {
    bool isStep = function.getSymName() != "project";
    llvm::StringSet<> updated;
    llvm::StringMap<unsigned> projected;
    function.walk([&](Operation *op) {
      if (auto update = dyn_cast<AdamWOp>(op))
        updated.insert(update.getSymbol());
      auto project = dyn_cast<ProjectOp>(op);
      if (project && (!isStep || updated.contains(project.getSymbol())))
        ++projected[project.getSymbol()];
    });
    for (auto parameter : getOperation().getOps<ParameterOp>()) {
      unsigned count = projected.lookup(parameter.getSymName());
      if (!parameter.getProjection() || count == 1)
        continue;
      parameter.emitOpError()
          << "is projected " << count << " times in '" << function.getSymName()
          << "'" << (isStep ? " behind its update" : "")
          << ", but must be projected once, by lns.project";
      failed = true;
    }
  }

  bool failed = false;
};

} // namespace
