//===- Passes.cpp - Passes that do what no pass should --------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "dialect/LnsOps.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Tools/Plugins/PassPlugin.h"
#include "llvm/Config/llvm-config.h"

using namespace mlir;
using namespace lns;

namespace {

/// Without `identity` the module says nothing of what it computes.
struct DropIdentity : PassWrapper<DropIdentity, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(DropIdentity)
  StringRef getArgument() const override { return "test-drop-identity"; }
  void runOnOperation() override {
    NamedAttrList facts(
        getOperation()->getAttrOfType<DictionaryAttr>("lns.model"));
    facts.erase("identity");
    getOperation()->setAttr("lns.model", facts.getDictionary(&getContext()));
  }
};

struct ReplaceIdentity : PassWrapper<ReplaceIdentity, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(ReplaceIdentity)
  StringRef getArgument() const override { return "test-replace-identity"; }
  void runOnOperation() override {
    NamedAttrList facts(
        getOperation()->getAttrOfType<DictionaryAttr>("lns.model"));
    facts.set("identity", StringAttr::get(&getContext(), "another model"));
    getOperation()->setAttr("lns.model", facts.getDictionary(&getContext()));
  }
};

struct DropFacts : PassWrapper<DropFacts, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(DropFacts)
  StringRef getArgument() const override { return "test-drop-facts"; }
  void runOnOperation() override { getOperation()->removeAttr("lns.model"); }
};

struct EraseFunctions : PassWrapper<EraseFunctions, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(EraseFunctions)
  StringRef getArgument() const override { return "test-erase-functions"; }
  void runOnOperation() override {
    for (auto function :
         llvm::make_early_inc_range(getOperation().getOps<func::FuncOp>()))
      function.erase();
  }
};

struct FailSilently : PassWrapper<FailSilently, OperationPass<func::FuncOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(FailSilently)
  StringRef getArgument() const override { return "test-fail-silently"; }
  void runOnOperation() override { signalPassFailure(); }
};

/// A parameter is then trained by decay alone.
struct LoseGradient : PassWrapper<LoseGradient, OperationPass<func::FuncOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(LoseGradient)
  StringRef getArgument() const override { return "test-lose-gradient"; }
  void runOnOperation() override {
    for (auto set :
         llvm::make_early_inc_range(getOperation().getBody().getOps<SetOp>())) {
      set.erase();
      return;
    }
  }
};

/// Its ops are then in no kernel.
struct OpenCluster : PassWrapper<OpenCluster, OperationPass<func::FuncOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(OpenCluster)
  StringRef getArgument() const override { return "test-open-cluster"; }
  void runOnOperation() override {
    auto clusters = getOperation().getBody().getOps<ClusterOp>();
    if (clusters.empty())
      return;
    ClusterOp cluster = *clusters.begin();
    Block &body = cluster.getBody().front();
    Operation *yield = body.getTerminator();
    for (auto [argument, operand] :
         llvm::zip(body.getArguments(), cluster->getOperands()))
      argument.replaceAllUsesWith(operand);
    for (auto [result, value] :
         llvm::zip(cluster->getResults(), yield->getOperands()))
      result.replaceAllUsesWith(value);
    yield->erase();
    cluster->getBlock()->getOperations().splice(cluster->getIterator(),
                                                body.getOperations());
    cluster->erase();
  }
};

/// All values stand in one place.
struct ShareMemory : PassWrapper<ShareMemory, OperationPass<func::FuncOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(ShareMemory)
  StringRef getArgument() const override { return "test-share-memory"; }
  void runOnOperation() override {
    for (Operation &op : getOperation().getBody().getOps())
      if (auto offsets = op.getAttrOfType<DenseI64ArrayAttr>("lns.offsets")) {
        SmallVector<int64_t> places(offsets.asArrayRef());
        for (int64_t &place : places)
          place = std::min<int64_t>(place, 0);
        op.setAttr("lns.offsets",
                   DenseI64ArrayAttr::get(&getContext(), places));
      }
  }
};

} // namespace

extern "C" LLVM_ATTRIBUTE_WEAK PassPluginLibraryInfo mlirGetPassPluginInfo() {
  return {MLIR_PLUGIN_API_VERSION, "Passes", LLVM_VERSION_STRING, [] {
            PassRegistration<DropIdentity>();
            PassRegistration<ReplaceIdentity>();
            PassRegistration<DropFacts>();
            PassRegistration<EraseFunctions>();
            PassRegistration<FailSilently>();
            PassRegistration<LoseGradient>();
            PassRegistration<OpenCluster>();
            PassRegistration<ShareMemory>();
          }};
}
