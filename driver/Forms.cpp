//===- Forms.cpp - What a module is, and what it computes -------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "driver/Forms.h"
#include "codegen/plan/CheckModule.h"
#include "codegen/plan/ModelIdentity.h"
#include "dialect/LnsMemory.h"
#include "dialect/LnsOps.h"
#include "dialect/LnsShapes.h"
#include "runtime/plan/plan_format.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace lns;

static constexpr StringLiteral kFacts = "lns.model", kIdentity = "identity",
                               kDigest = "digest";

StringRef lns::getName(Form form) {
  switch (form) {
  case Form::Model:
    return "model";
  case Form::Graph:
    return "graph";
  case Form::Train:
    return "training";
  case Form::Fused:
    return "fused";
  case Form::Planned:
    return "planned";
  case Form::Plan:
    return "plan";
  }
  llvm_unreachable("unknown form");
}

Form lns::getForm(ModuleOp module) {
  if (!module.getOps<ModelOp>().empty() || !module->hasAttr(kFacts))
    return Form::Model;
  Form form = Form::Graph;
  auto reach = [&](Form other) { form = std::max(form, other); };
  for (auto function : module.getOps<func::FuncOp>()) {
    if (function->hasAttr(kArenaBytesAttr))
      reach(Form::Planned);
    if (function.getSymName() == "train_step")
      reach(Form::Train);
    for (Block &block : function.getBody())
      if (!block.getOps<ClusterOp>().empty())
        reach(Form::Fused);
  }
  return form;
}

/// As instantiation has it.
static constexpr int64_t kMaxElements = int64_t(1) << 40;

LogicalResult lns::checkForm(ModuleOp module) {
  for (Operation &op : *module.getBody()) {
    if (isa<ParameterOp, ComputeWeightOp, CacheOp>(op))
      continue;
    auto function = dyn_cast<func::FuncOp>(op);
    if (!function)
      return op.emitError()
             << "op '" << op.getName()
             << "' beside functions and parameters, of which forms behind "
                "model form are made; remove it";
    if (function.isExternal() || !function.getBody().hasOneBlock())
      return function.emitError()
             << "function '" << function.getSymName() << "' has "
             << function.getBody().getBlocks().size()
             << " blocks, but must have one";
  }
  auto check = [](Operation *op, Type type) -> LogicalResult {
    auto tensor = dyn_cast<RankedTensorType>(type);
    if (!tensor || !tensor.hasStaticShape())
      return success(); // the form's verifier sees to it
    int64_t count = countOf(tensor);
    if (count > 0 && count <= kMaxElements)
      return success();
    return op->emitError() << "op '" << op->getName() << "' has type " << type
                           << ", but tensors have 1 to 2^40 elements";
  };
  WalkResult result = module.walk([&](Operation *op) -> WalkResult {
    for (Type type : op->getResultTypes())
      if (failed(check(op, type)))
        return failure();
    for (Region &region : op->getRegions())
      for (Block &block : region)
        for (Type type : block.getArgumentTypes())
          if (failed(check(op, type)))
            return failure();
    if (auto parameter = dyn_cast<ParameterOp>(op))
      if (failed(check(op, parameter.getStoredType())))
        return failure();
    return success();
  });
  return result.wasInterrupted() ? failure() : checkModule(module);
}

static std::string getFact(ModuleOp module, StringRef key) {
  auto facts = module->getAttrOfType<DictionaryAttr>(kFacts);
  auto text = facts ? facts.getAs<StringAttr>(key) : StringAttr();
  return text ? text.str() : std::string();
}

/// Without a text, removes it.
static void setFact(ModuleOp module, StringRef key, StringRef text) {
  NamedAttrList facts(module->getAttrOfType<DictionaryAttr>(kFacts));
  facts.erase(key);
  if (!text.empty())
    facts.set(key, StringAttr::get(module.getContext(), text));
  module->setAttr(kFacts, facts.getDictionary(module.getContext()));
}

/// Of the module as it is printed without a digest.
static std::string computeDigest(ModuleOp module) {
  setFact(module, kDigest, "");
  std::string text;
  llvm::raw_string_ostream os(text);
  // Not its locations, and in one form, whatever the command line says of
  // printing.
  module->print(os, OpPrintingFlags()
                        .enableDebugInfo(false)
                        .printGenericOpForm()
                        .useLocalScope(false)
                        .printValueUsers(false)
                        .printUniqueSSAIDs(false)
                        .printNameLocAsPrefix(false));
  return "0x" + llvm::utohexstr(planChecksum(text.data(), text.size()),
                                /*LowerCase=*/true, /*Width=*/16);
}

void lns::setIdentity(ModuleOp module, StringRef identity) {
  setFact(module, kIdentity, identity);
}

std::string lns::getIdentity(ModuleOp module) {
  for (auto model : module.getOps<ModelOp>())
    return getModelIdentity(model);
  return getFact(module, kIdentity);
}

std::string lns::addFact(std::string identity, StringRef key, StringRef value) {
  if (identity.empty())
    return identity;
  if (!StringRef(identity).ends_with("\n"))
    identity += "\n";
  // Before the ops.
  size_t place = identity.find("\ngraph:\n");
  identity.insert(place == std::string::npos ? identity.size() : place + 1,
                  (key + ": " + value + "\n").str());
  return identity;
}

void lns::addIdentityFact(ModuleOp module, StringRef key, StringRef value) {
  setIdentity(module, addFact(getFact(module, kIdentity), key, value));
}

void lns::sealForm(ModuleOp module) {
  setFact(module, kDigest, computeDigest(module));
}

bool lns::openForm(ModuleOp module) {
  std::string known = getFact(module, kDigest);
  std::string digest = computeDigest(module);
  if (digest == known)
    return false;
  if (getIdentity(module).empty())
    setIdentity(module, "lnsc model 1\ngraph:\n");
  addIdentityFact(module, "changed_in",
                  (getName(getForm(module)) + " form, to " + digest).str());
  return true;
}
