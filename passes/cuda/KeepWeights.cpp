//===- KeepWeights.cpp - Compute weights from step to step ------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// W' = cast(scale_columns(W, g)), where g may be a parameter and a number,
// changes when W or g does, once a step.
// Computed where it is read, it costs a launch and a pass over W in f32; kept,
// it costs its own bytes of memory and is written by AdamW, which has the new W
// at hand.
//
// What keeps it from being stale: the updates of a function are one run of
// lns.adamw and lns.project, and each run that updates W or g writes W', in
// AdamW's own kernel or behind the run: there if W is projected, for AdamW has
// not seen what becomes of W. Parameters that are written from outside are for
// @refresh. Updates are independent but for that, so gains may be updated
// first.
//
//===----------------------------------------------------------------------===//

#include "dialect/LnsDialect.h"
#include "dialect/LnsMemory.h"
#include "dialect/LnsOps.h"
#include "dialect/LnsShapes.h"
#include "passes/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/Remarks.h"
#include "mlir/Pass/Pass.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/DenseSet.h"
#include "llvm/ADT/MapVector.h"

namespace lns {
#define GEN_PASS_DEF_KEEPWEIGHTS
#include "passes/Passes.h.inc"
} // namespace lns

using namespace mlir;
using namespace lns;

namespace {

/// What a compute weight is made of; `gain` may be null.
struct Recipe {
  GetOp weight, gain;
  RankedTensorType type;
  FloatAttr gainOffset; ///< what is added to the gain; null for nothing

  using Key = std::tuple<StringAttr, StringAttr, Type, Attribute>;
  Key getKey() {
    return {weight.getSymbolAttr().getAttr(),
            gain ? gain.getSymbolAttr().getAttr() : StringAttr(), type,
            gainOffset};
  }
};

GetOp getParameterRead(Value value) {
  auto get = value.getDefiningOp<GetOp>();
  return get && get.getStorage() == Storage::parameter ? get : GetOp();
}

std::optional<Recipe> findRecipe(Operation *op) {
  if (!isa<CastOp, ScaleColumnsOp>(op))
    return std::nullopt;
  Recipe recipe;
  Value from = op->getResult(0);
  recipe.type = cast<RankedTensorType>(from.getType());
  if (auto round = dyn_cast<CastOp>(op))
    from = round.getInput();
  if (auto columns = from.getDefiningOp<ScaleColumnsOp>()) {
    // The depth scale is a product's alpha, so that nobody needs another.
    if (!columns.getScale().isExactlyValue(1) || !columns.getGain())
      return std::nullopt;
    Value gain = columns.getGain();
    if (auto offset = gain.getDefiningOp<OffsetOp>()) {
      recipe.gainOffset = offset.getByAttr();
      gain = offset.getInput();
    }
    recipe.gain = getParameterRead(gain);
    if (!recipe.gain)
      return std::nullopt;
    from = columns.getInput();
  }
  recipe.weight = getParameterRead(from);
  if (!recipe.weight || recipe.type.getRank() != 2)
    return std::nullopt;
  Type element = recipe.type.getElementType();
  if (!element.isBF16() &&
      element != recipe.weight.getValue().getType().getElementType())
    return std::nullopt;
  return recipe;
}

/// A value that functions read, in all places where it is computed.
struct Kept {
  Recipe recipe;
  SmallVector<Operation *> ops; ///< each makes it, in one function or another
  StringRef refusal;            ///< why it is not kept after all
  ComputeWeightOp weight;
};

/// The updates of a function, by lns.adamw and lns.project.
struct Updates {
  SmallVector<Operation *> run;
  llvm::DenseSet<StringAttr> parameters, projected;
};

/// The parameter that an update is of; null for other ops.
StringAttr getUpdated(Operation *op) {
  if (auto adamw = dyn_cast<AdamWOp>(op))
    return adamw.getSymbolAttr().getAttr();
  auto project = dyn_cast<ProjectOp>(op);
  return project ? project.getSymbolAttr().getAttr() : StringAttr();
}

struct KeepWeightsPass : lns::impl::KeepWeightsBase<KeepWeightsPass> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    kept.clear();
    updates.clear();
    foreignWrites.clear();
    if (!module.getOps<ComputeWeightOp>().empty())
      return;
    findWrites(module);
    for (auto function : module.getOps<func::FuncOp>())
      if (function.getBody().hasOneBlock())
        findValues(function.getBody().front());
    for (auto &[key, value] : kept)
      value.refusal = getRefusal(value);
    report();
    kept.remove_if([](auto &entry) { return !entry.second.refusal.empty(); });
    if (kept.empty())
      return;
    if (Operation *other = module.lookupSymbol("refresh")) {
      other->emitError("'refresh' exists already; it is made of the compute "
                       "weights");
      return signalPassFailure();
    }
    SymbolTable symbols(module);
    declare(symbols);
    for (auto &[key, value] : kept)
      read(value);
    for (auto function : module.getOps<func::FuncOp>())
      if (function.getBody().hasOneBlock())
        eraseUnread(function.getBody().front());
    for (auto &[function, mine] : updates)
      write(mine, symbols);
    makeRefresh(module, symbols);
  }

private:
  //===--- Analysis -------------------------------------------------------===//

  void findWrites(ModuleOp module) {
    llvm::MapVector<StoredTensor, StringAttr> parameters;
    for (auto parameter : module.getOps<ParameterOp>())
      parameters[{parameter.getSymNameAttr(), Storage::parameter}] =
          parameter.getSymNameAttr();
    for (auto function : module.getOps<func::FuncOp>())
      for (Block &block : function.getBody())
        for (Operation &op : block)
          // A repeated function is visited itself.
          if (!isa<AdamWOp, ProjectOp, RepeatOp>(op))
            StoredAccesses(&op).forEachWritten(parameters, [&](auto &entry) {
              foreignWrites.insert(entry.second);
            });
    module.walk([&](Operation *op) {
      StringAttr symbol = getUpdated(op);
      if (!symbol)
        return;
      auto function = dyn_cast<func::FuncOp>(op->getParentOp());
      if (function && function.getBody().hasOneBlock())
        updates[function].run.push_back(op);
      else
        foreignWrites.insert(symbol);
    });
    for (auto &[function, mine] : updates) {
      bool isRun = !isRepeated(function);
      for (auto [i, op] : llvm::enumerate(mine.run)) {
        isRun &= i == 0 || op->getPrevNode() == mine.run[i - 1];
        StringAttr symbol = getUpdated(op);
        bool isFirst = mine.parameters.insert(symbol).second;
        if (isa<ProjectOp>(op))
          mine.projected.insert(symbol);
        else
          isRun &= isFirst;
      }
      if (!isRun)
        foreignWrites.insert(mine.parameters.begin(), mine.parameters.end());
    }
  }

  bool isRepeated(func::FuncOp function) {
    bool repeated = false;
    getOperation().walk([&](RepeatOp repeat) {
      repeated |= repeat.getCallee() == function.getSymName();
    });
    return repeated;
  }

  void findValues(Block &block) {
    // What row ops make of parameters alone.
    llvm::DenseSet<Operation *> ofParameters;
    for (Operation &op : block) {
      if (!isa<RowOpInterface>(op))
        continue;
      if (llvm::all_of(op.getOperands(), [&](Value operand) {
            return getParameterRead(operand) ||
                   ofParameters.contains(operand.getDefiningOp());
          }))
        ofParameters.insert(&op);
      std::optional<Recipe> recipe = findRecipe(&op);
      if (!recipe) {
        if (ofParameters.contains(&op) &&
            llvm::any_of(op.getUsers(), isProduct))
          remark::missed(op.getLoc(), remarkOptions())
              << "computed in every step: it is more than a weight's gain and "
                 "its rounding";
        continue;
      }
      // What is only rounded is not read itself.
      if (op.use_empty() ||
          (isa<ScaleColumnsOp>(op) &&
           llvm::all_of(op.getUsers(), llvm::IsaPred<CastOp>)))
        continue;
      Kept &value = kept[recipe->getKey()];
      if (value.ops.empty())
        value.recipe = *recipe;
      value.ops.push_back(&op);
    }
  }

  StringRef getRefusal(Kept &value) {
    auto [weight, gain, type, offset] = value.recipe.getKey();
    if (foreignWrites.contains(weight) ||
        (gain && foreignWrites.contains(gain)))
      return "a parameter of it is written by other than one run of updates";
    for (Operation *op : value.ops) {
      auto function = cast<func::FuncOp>(op->getParentOp());
      auto found = updates.find(function);
      if (found == updates.end() ||
          (!found->second.parameters.contains(weight) &&
           !found->second.parameters.contains(gain)))
        continue;
      // From the parameter's read to the value's last reader.
      Recipe recipe = *findRecipe(op);
      Operation *first = recipe.weight, *last = op;
      if (recipe.gain && recipe.gain->isBeforeInBlock(first))
        first = recipe.gain;
      for (OpOperand *read : getReads(op->getResult(0))) {
        Operation *reader =
            op->getBlock()->findAncestorOpInBlock(*read->getOwner());
        last = last->isBeforeInBlock(reader) ? reader : last;
      }
      if (first->isBeforeInBlock(found->second.run.back()) &&
          found->second.run.front()->isBeforeInBlock(last))
        return "it is read across an update";
    }
    return "";
  }

  void report() {
    int64_t bytes = 0, reads = 0, count = 0;
    for (auto &[key, value] : kept) {
      if (!value.refusal.empty()) {
        remark::missed(value.ops.front()->getLoc(), remarkOptions())
            << "computed in every step: " << value.refusal;
        continue;
      }
      ++count;
      bytes = saturatingAdd(bytes, bytesOf(value.recipe.type));
      reads += value.ops.size();
    }
    if (count == 0)
      return;
    remark::passed(getOperation().getLoc(), remarkOptions())
        << "compute weights are kept" << remark::metric("weights", count)
        << remark::metric("bytes", bytes) << remark::metric("values", reads);
  }

  static remark::RemarkOpts remarkOptions() {
    return remark::RemarkOpts::name("keep-weights").category("lns-weights");
  }

  //===--- Rewriting ------------------------------------------------------===//

  /// All of them, behind the parameters.
  void declare(SymbolTable &symbols) {
    Block &body = symbols.getOp()->getRegion(0).front();
    Block::iterator place = body.begin();
    for (Operation &op : body)
      if (isa<ParameterOp, ComputeWeightOp>(op))
        place = std::next(op.getIterator());
    for (auto &[key, value] : kept)
      declare(value, symbols, place);
  }

  /// "w.scaled.bf16" of w, a gain and bf16.
  static void declare(Kept &value, SymbolTable &symbols,
                      Block::iterator place) {
    auto [weight, gain, type, offset] = value.recipe.getKey();
    std::string name = weight.str();
    llvm::raw_string_ostream stream(name);
    if (gain)
      stream << ".scaled";
    if (type != value.recipe.weight.getType())
      stream << "." << cast<RankedTensorType>(type).getElementType();
    OpBuilder builder(weight.getContext());
    value.weight = ComputeWeightOp::create(
        builder, symbols.lookup(weight)->getLoc(), builder.getStringAttr(name),
        FlatSymbolRefAttr::get(weight),
        gain ? FlatSymbolRefAttr::get(gain) : FlatSymbolRefAttr(),
        TypeAttr::get(type),
        offset ? value.recipe.gainOffset : builder.getF64FloatAttr(0));
    // Renames it where the name is taken.
    symbols.insert(value.weight, place);
  }

  static void read(Kept &value) {
    for (Operation *op : value.ops) {
      OpBuilder builder(op);
      Value result = op->getResult(0);
      result.replaceAllUsesWith(
          GetOp::create(builder, op->getLoc(), result.getType(),
                        Storage::compute, value.weight.getSymName()));
    }
  }

  /// What only made values that are read from memory now.
  static void eraseUnread(Block &block) {
    for (Operation &op : llvm::make_early_inc_range(llvm::reverse(block)))
      if (isa<CastOp, ScaleColumnsOp, OffsetOp, GetOp>(op) && op.use_empty())
        op.erase();
  }

  /// Every update of W or g writes W'.
  void write(const Updates &mine, const SymbolTable &symbols) {
    llvm::DenseSet<StringAttr> gains;
    for (auto &[key, value] : kept)
      gains.insert(std::get<1>(key));
    llvm::DenseMap<StringAttr, AdamWOp> bySymbol;
    OpBuilder behind(mine.run.back()->getContext());
    behind.setInsertionPointAfter(mine.run.back());
    Operation *firstOther = nullptr;
    for (Operation *op : mine.run) {
      StringAttr symbol = getUpdated(op);
      if (auto adamw = dyn_cast<AdamWOp>(op))
        bySymbol[symbol] = adamw;
      if (!gains.contains(symbol))
        firstOther = firstOther ? firstOther : op;
      else if (firstOther)
        op->moveBefore(firstOther);
    }
    for (auto &[key, value] : kept) {
      auto [weight, gain, type, offset] = key;
      AdamWOp own = bySymbol.lookup(weight);
      if (own && !own.getComputeAttr() && !mine.projected.contains(weight))
        own.setComputeAttr(FlatSymbolRefAttr::get(value.weight));
      else if (mine.parameters.contains(weight) ||
               mine.parameters.contains(gain))
        compute(behind, value.weight, symbols);
    }
  }

  /// W' as ops, and where it is stored.
  static void compute(OpBuilder &builder, ComputeWeightOp weight,
                      const SymbolTable &symbols) {
    Location location = weight.getLoc();
    auto get = [&](FlatSymbolRefAttr name) -> Value {
      auto parameter = symbols.lookup<ParameterOp>(name.getAttr());
      return GetOp::create(builder, location, parameter.getStoredType(),
                           Storage::parameter, name.getValue());
    };
    Value value = get(weight.getWeightAttr());
    if (weight.getGainAttr()) {
      Value gain = get(weight.getGainAttr());
      if (!weight.getGainOffset().isZero())
        gain = OffsetOp::create(builder, location, gain.getType(), gain,
                                weight.getGainOffsetAttr());
      value = ScaleColumnsOp::create(builder, location, value.getType(), value,
                                     gain, builder.getF64FloatAttr(1));
    }
    if (value.getType() != weight.getType())
      value = CastOp::create(builder, location, weight.getType(), value);
    SetOp::create(builder, location, value, Storage::compute,
                  weight.getSymName());
  }

  void makeRefresh(ModuleOp module, const SymbolTable &symbols) {
    auto builder = OpBuilder::atBlockEnd(module.getBody());
    auto refresh = func::FuncOp::create(builder, module.getLoc(), "refresh",
                                        builder.getFunctionType({}, {}));
    builder.setInsertionPointToStart(refresh.addEntryBlock());
    for (auto &[key, value] : kept)
      compute(builder, value.weight, symbols);
    func::ReturnOp::create(builder, module.getLoc());
  }

  llvm::MapVector<Recipe::Key, Kept> kept;
  llvm::DenseMap<func::FuncOp, Updates> updates;
  /// Parameters with a write that is no update of a run.
  llvm::DenseSet<StringAttr> foreignWrites;
};

} // namespace
