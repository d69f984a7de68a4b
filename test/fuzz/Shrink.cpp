//===- Shrink.cpp - A failing case in a few lines -------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// Greedy: the first reduction after which the case still fails is taken, and
// the list starts where it was, until no reduction is left. A reduction is made
// on the parsed module, so that what is asked for is legal by construction or
// refused by the verifier here.
//
//===----------------------------------------------------------------------===//

#include "test/fuzz/Shrink.h"

#include "dialect/LnsOps.h"
#include "dialect/Register.h"

#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Parser/Parser.h"
#include "llvm/ADT/SetVector.h"
#include <set>

using namespace mlir;
using namespace lns;
using namespace lns::fuzz;

namespace {

/// Changes one thing of a module; false where there is nothing to change.
using Change = std::function<bool(ModuleOp)>;

SmallVector<Operation *> opsOf(ModuleOp module) {
  SmallVector<Operation *> ops;
  module.walk<WalkOrder::PreOrder>([&](Operation *op) {
    if (!isa<ModuleOp, ModelOp>(op) &&
        !op->hasTrait<mlir::OpTrait::IsTerminator>())
      ops.push_back(op);
  });
  return ops;
}

void eraseDead(ModuleOp module) {
  bool changed = true;
  while (changed) {
    changed = false;
    SmallVector<Operation *> ops = opsOf(module);
    for (Operation *op : llvm::reverse(ops))
      if (op->use_empty() && (isa<LayersOp>(op) || isOpTriviallyDead(op))) {
        op->erase();
        changed = true;
        break;
      }
  }
}

/// Makes the carried values of an lns.layers one fewer: what is at `index`
/// is the value that it begins with, in every block.
bool dropCarried(LayersOp layers, unsigned index) {
  if (layers.getInits().size() < 2)
    return false;
  Value init = layers.getInits()[index];
  layers.getBody().getArgument(index).replaceAllUsesWith(init);
  layers.getResult(index).replaceAllUsesWith(init);
  layers.getBody().front().getTerminator()->eraseOperand(index);
  layers.getBody().eraseArgument(index);
  SmallVector<Value> inits(layers.getInits());
  inits.erase(inits.begin() + index);
  OpBuilder builder(layers);
  OperationState state(layers.getLoc(), LayersOp::getOperationName());
  state.addOperands(inits);
  SmallVector<Type> types(layers.getResultTypes());
  types.erase(types.begin() + index);
  state.addTypes(types);
  state.addRegion()->takeBody(layers.getBody());
  // Depth and types.
  state.addAttributes(layers->getAttrs());
  Operation *fewer = builder.create(state);
  unsigned next = 0;
  for (unsigned i = 0; i < layers.getNumResults(); ++i)
    if (i != index)
      layers.getResult(i).replaceAllUsesWith(fewer->getResult(next++));
  layers.erase();
  return true;
}

bool dropOptional(Operation *op, unsigned which) {
  auto clear = [](auto range) {
    if (range.empty())
      return false;
    range.clear();
    return true;
  };
  if (auto norm = dyn_cast<NormOp>(op))
    switch (which) {
    case 0:
      return clear(norm.getBiasMutable());
    case 1:
      return clear(norm.getGainMutable());
    case 2:
      if (norm.getDepthScale() == DepthScale::none)
        return false;
      norm.setDepthScale(DepthScale::none);
      return true;
    case 3:
      if (norm.getScale().convertToDouble() == 1.0)
        return false;
      norm.setScale(APFloat(1.0));
      return true;
    }
  if (auto linear = dyn_cast<LinearOp>(op))
    switch (which) {
    case 0:
      return clear(linear.getBiasMutable());
    case 1:
      return clear(linear.getGainMutable());
    case 2:
      if (linear.getAlpha().convertToDouble() == 1.0)
        return false;
      linear.setAlpha(APFloat(1.0));
      return true;
    }
  if (auto attention = dyn_cast<AttentionOp>(op))
    switch (which) {
    case 0:
      return bool(attention.removeSoftmaxScaleAttr());
    case 1:
      // A window goes first.
      if (!attention.getCausal() || attention.getWindow() ||
          attention.getByType())
        return false;
      attention.setCausal(false);
      return true;
    case 2:
      return bool(attention.removeWindowAttr()) ||
             bool(attention.removeSoftcapAttr()) ||
             bool(attention.removeByTypeAttr());
    }
  if (auto rope = dyn_cast<RopeOp>(op); rope && which == 0)
    return bool(rope.removeByTypeAttr());
  if (auto residual = dyn_cast<ResidualOp>(op))
    switch (which) {
    case 0:
      if (residual.getSkipScale().convertToDouble() == 1.0)
        return false;
      residual.setSkipScale(APFloat(1.0));
      return true;
    case 1:
      if (residual.getBranchScale().convertToDouble() == 1.0)
        return false;
      residual.setBranchScale(APFloat(1.0));
      return true;
    }
  if (auto layers = dyn_cast<LayersOp>(op))
    return dropCarried(layers, which);
  return false;
}

/// What can be tried, the greatest first.
std::vector<Change> listChanges(ModuleOp module) {
  std::vector<Change> changes;
  changes.push_back([](ModuleOp module) {
    eraseDead(module);
    return true;
  });
  // Other logits: all values of the model's own block.
  size_t count = opsOf(module).size();
  for (size_t i = 0; i < count; ++i)
    changes.push_back([=](ModuleOp module) {
      Operation *op = opsOf(module)[i];
      if (!isa<ModelOp>(op->getParentOp()) || op->getNumResults() == 0)
        return false;
      auto type = dyn_cast<RankedTensorType>(op->getResult(0).getType());
      Operation *output = op->getBlock()->getTerminator();
      if (!type || type.getRank() != 3 ||
          output->getOperand(0) == op->getResult(0))
        return false;
      output->setOperand(0, op->getResult(0));
      eraseDead(module);
      return true;
    });
  // Without an op: what read it reads its operand.
  for (size_t i = count; i-- > 0;)
    for (unsigned operand = 0; operand < 3; ++operand)
      changes.push_back([=](ModuleOp module) {
        Operation *op = opsOf(module)[i];
        if (operand >= op->getNumOperands() || op->getNumResults() == 0)
          return false;
        if (auto layers = dyn_cast<LayersOp>(op)) {
          if (operand > 0 || layers.getNumResults() != layers.getInits().size())
            return false;
          layers.replaceAllUsesWith(SmallVector<Value>(layers.getInits()));
        } else {
          if (op->getOperand(operand).getType() != op->getResult(0).getType())
            return false;
          op->getResult(0).replaceAllUsesWith(op->getOperand(operand));
        }
        eraseDead(module);
        return true;
      });
  for (size_t i = 0; i < count; ++i)
    for (int64_t depth : {1, 2})
      changes.push_back([=](ModuleOp module) {
        auto layers = dyn_cast<LayersOp>(opsOf(module)[i]);
        if (!layers || int64_t(layers.getDepth()) <= depth)
          return false;
        layers.setDepth(depth);
        return true;
      });
  for (size_t i = 0; i < count; ++i)
    for (unsigned which = 0; which < 4; ++which)
      changes.push_back([=](ModuleOp module) {
        Operation *op = opsOf(module)[i];
        if (isa<LayersOp>(op) && which >= op->getNumOperands())
          return false;
        if (!dropOptional(op, which))
          return false;
        eraseDead(module);
        return true;
      });
  // One value in place of another, which may leave ops that nobody reads.
  for (size_t i = 0; i < count; ++i)
    for (size_t j = 0; j < i; ++j)
      changes.push_back([=](ModuleOp module) {
        SmallVector<Operation *> ops = opsOf(module);
        Operation *op = ops[i], *other = ops[j];
        if (op->getNumResults() != 1 || other->getNumResults() != 1 ||
            isa<LayersOp>(op) || other->isAncestor(op) ||
            (other->getBlock() != op->getBlock() &&
             !isa<ModelOp>(other->getParentOp())) ||
            op->getResult(0).getType() != other->getResult(0).getType())
          return false;
        op->getResult(0).replaceAllUsesWith(other->getResult(0));
        eraseDead(module);
        return true;
      });
  return changes;
}

/// Every static extent of the text's types that is `from` becomes `to`.
std::string replaceExtent(StringRef text, const std::string &from,
                          const std::string &to) {
  std::string result;
  for (size_t i = 0; i < text.size();) {
    if ((text[i] == '<' || text[i] == 'x') &&
        text.substr(i + 1).starts_with(from) &&
        i + 1 + from.size() < text.size() && text[i + 1 + from.size()] == 'x') {
      result += text[i] + to;
      i += 1 + from.size();
      continue;
    }
    result += text[i++];
  }
  return result;
}

std::set<int64_t> extentsOf(StringRef text) {
  std::set<int64_t> extents;
  for (size_t i = 0; i + 1 < text.size(); ++i) {
    uint64_t extent = 0;
    StringRef rest = text.substr(i + 1);
    if ((text[i] == '<' || text[i] == 'x') &&
        !rest.consumeInteger(10, extent) && rest.starts_with("x") && extent > 1)
      extents.insert(int64_t(extent));
  }
  return extents;
}

class Shrinker {
public:
  Shrinker(const Case &test, llvm::function_ref<bool(const Case &)> fails,
           unsigned trials)
      : context(MLIRContext::Threading::DISABLED), best(test), fails(fails),
        trials(trials) {
    DialectRegistry registry;
    registerDialects(registry);
    context.appendDialectRegistry(registry);
  }

  Case run() {
    bool changed = true;
    while (changed && trials > 0) {
      changed = false;
      for (auto part : {&Shrinker::shrinkOptions, &Shrinker::shrinkOps,
                        &Shrinker::shrinkSizes})
        changed |= (this->*part)();
    }
    return best;
  }

private:
  bool take(const Case &candidate) {
    if (trials == 0)
      return false;
    --trials;
    if (!fails(candidate))
      return false;
    best = candidate;
    return true;
  }

  OwningOpRef<ModuleOp> parse(StringRef text) {
    ScopedDiagnosticHandler quiet(&context,
                                  [](Diagnostic &) { return success(); });
    return parseSourceString<ModuleOp>(text, &context);
  }

  bool takeModel(std::string text) {
    if (text == best.model || !parse(text))
      return false;
    Case candidate = best;
    candidate.model = std::move(text);
    return take(candidate);
  }

  bool shrinkOptions() {
    bool changed = false;
    auto set = [&](auto member, auto value) {
      if (best.*member == value)
        return;
      Case candidate = best;
      candidate.*member = value;
      changed |= take(candidate);
    };
    set(&Case::cuda, false);
    set(&Case::norms, false);
    set(&Case::ignored, int64_t(0));
    set(&Case::budget, int64_t(0));
    set(&Case::microBatch, int64_t(0));
    set(&Case::decode, false);
    set(&Case::padding, true);
    set(&Case::productFusion, true);
    set(&Case::keptWeights, true);
    set(&Case::native, false);
    set(&Case::initialized, false);
    if (best.microBatch == 0)
      for (int64_t batch : {1, 2})
        if (batch < best.batch)
          set(&Case::batch, batch);
    for (int64_t sequence : {1, 2, 3, 4, 8})
      if (sequence < best.sequence)
        set(&Case::sequence, sequence);
    return changed;
  }

  bool shrinkOps() {
    bool changed = false;
    for (size_t next = 0; trials > 0;) {
      OwningOpRef<ModuleOp> module = parse(best.model);
      if (!module)
        return changed;
      std::vector<Change> changes = listChanges(*module);
      bool taken = false;
      for (; next < changes.size() && !taken; ++next) {
        OwningOpRef<ModuleOp> copy = module->clone();
        ScopedDiagnosticHandler quiet(&context,
                                      [](Diagnostic &) { return success(); });
        if (!changes[next](*copy) || failed(verify(*copy)))
          continue;
        std::string text;
        llvm::raw_string_ostream stream(text);
        for (Operation &op : *copy->getBody())
          stream << op << "\n";
        taken = takeModel(text);
      }
      changed |= taken;
      if (!taken)
        return changed;
      // What was refused before may pass now; it has its turn in the next
      // round.
      --next;
    }
    return changed;
  }

  bool shrinkSizes() {
    bool changed = false;
    for (int64_t extent : extentsOf(best.model))
      for (int64_t smaller : {int64_t(1), int64_t(2), int64_t(4), extent / 2})
        if (smaller < extent &&
            takeModel(replaceExtent(best.model, std::to_string(extent),
                                    std::to_string(smaller)))) {
          changed = true;
          break;
        }
    return changed;
  }

  MLIRContext context;
  Case best;
  llvm::function_ref<bool(const Case &)> fails;
  unsigned trials;
};

} // namespace

Case lns::fuzz::shrink(const Case &test,
                       llvm::function_ref<bool(const Case &)> fails,
                       unsigned trials) {
  return Shrinker(test, fails, trials).run();
}
