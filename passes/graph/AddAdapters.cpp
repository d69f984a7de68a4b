//===- AddAdapters.cpp - Low-rank adapters of frozen linears ----*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// LoRA (arXiv 2106.09685): a linear y = alpha W n + b becomes
//
//   y = alpha W n + b + (c alpha) B (A n),
//
// with A of `rank` rows and B of `rank` columns, which alone are trained. All
// of it is ops of model form, so that norms are folded into A as into W, and
// nothing behind this pass knows of adapters but for the word `frozen`.
//
// Both products read n, the norm's output with its depth scale. So adapters are
// those of the unfolded module, whatever elimination does to it.
//
//===----------------------------------------------------------------------===//

#include "dialect/LnsDialect.h"
#include "dialect/LnsOps.h"
#include "dialect/NearestName.h"
#include "passes/Passes.h"

#include "mlir/IR/Builders.h"
#include "mlir/Pass/Pass.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/StringSet.h"
#include <cmath>

namespace lns {
#define GEN_PASS_DEF_ADDADAPTERS
#include "passes/Passes.h.inc"
} // namespace lns

using namespace mlir;
using namespace lns;

namespace {

constexpr llvm::StringLiteral kAllLinear = "all-linear", kWeight = ".weight";

/// What names of Hugging Face's GPT-2 are here.
struct OtherName {
  llvm::StringLiteral file, here;
};
constexpr OtherName kOtherNames[] = {
    {"c_attn", "q_proj, k_proj and v_proj, three parameters of their own"},
    {"c_fc", "up_proj"},
    {"c_proj", "o_proj and down_proj"},
    {"wte", "embed_tokens"}};

/// "model.layers.{layer}.self_attn.q_proj" of that and ".weight".
StringRef getModule(ParamOp param) { return param.getName().rsplit('.').first; }

/// As PEFT matches names of a list: all of a module's name, or what follows a
/// dot of it.
bool isNamedBy(StringRef module, StringRef target) {
  return module == target ||
         (module.consume_back(target) && module.ends_with("."));
}

class AdapterWriter {
public:
  AdapterWriter(ModelOp model, int64_t rank, double scale)
      : model(model), rank(rank), scale(scale), builder(model.getContext()) {
    model.walk(
        [&](ParamOp param) { params[param.getName()].push_back(param); });
    model.walk([&](LinearOp linear) {
      if (ParamOp weight = getWeight(linear))
        linears.push_back({linear, weight});
    });
  }

  /// Chooses linears. Emits an error for a target that no module has.
  LogicalResult choose(ArrayRef<std::string> targets) {
    if (targets.empty())
      return model.emitError(
          "no targets for adapters; name modules, as q_proj:v_proj, or all of "
          "the blocks with all-linear");
    llvm::StringSet<> seen;
    for (StringRef target : targets) {
      if (!seen.insert(target).second)
        return model.emitError("target '")
               << target << "' is given twice; name each module once";
      bool found = false;
      for (auto [linear, weight] : linears)
        if (isTarget(linear, weight, target)) {
          chosen.insert(linear);
          found = true;
        }
      if (!found)
        return refuseTarget(target);
    }
    return success();
  }

  /// Modules that are trained whole.
  LogicalResult save(ArrayRef<std::string> modules) {
    for (StringRef name : modules) {
      bool found = false;
      for (auto &[param, all] : params)
        if (isNamedBy(getModule(all.front()), name)) {
          if (all.front().getFrozen())
            return all.front().emitError("parameter '")
                   << param << "' is frozen, but '" << name
                   << "' was to be trained whole; take 'frozen' away, or do "
                      "not save it";
          saved.insert(param);
          found = true;
        }
      if (!found)
        return model.emitError("no module is called '")
               << name << "', which was to be trained whole"
               << suggest(name, /*linearsAlone=*/false);
      for (auto [linear, weight] : linears)
        if (chosen.contains(linear) && saved.contains(weight.getName()))
          return model.emitError("module '")
                 << getModule(weight)
                 << "' is both to get an adapter and to be trained whole; "
                    "choose one of them";
    }
    return success();
  }

  LogicalResult run() {
    for (auto [linear, weight] : linears)
      if (chosen.contains(linear) && failed(check(linear, weight)))
        return failure();
    for (auto &[name, all] : params)
      if (!saved.contains(name))
        for (ParamOp param : all)
          if (failed(freeze(param)))
            return failure();
    for (auto [linear, weight] : linears)
      if (chosen.contains(linear))
        add(linear, weight);
    return success();
  }

private:
  static ParamOp getWeight(LinearOp linear) {
    return linear.getWeight().getDefiningOp<ParamOp>();
  }

  /// All linears are those of blocks: the head is none of them.
  static bool isTarget(LinearOp linear, ParamOp weight, StringRef target) {
    if (target == kAllLinear)
      return isa<LayersOp>(linear->getParentOp()) &&
             weight.getName().ends_with(kWeight);
    return isNamedBy(getModule(weight), target);
  }

  std::string suggest(StringRef name, bool linearsAlone) {
    llvm::StringSet<> names;
    auto add = [&](ParamOp param) {
      // What people write: the last part, or as many as `name` has.
      StringRef module = getModule(param), rest = module;
      size_t parts = name.count('.') + 1, start = rest.size();
      while (parts-- && start != StringRef::npos)
        start = rest.substr(0, start).rfind('.');
      names.insert(start == StringRef::npos ? module
                                            : module.drop_front(start + 1));
    };
    if (linearsAlone)
      for (auto [linear, weight] : linears)
        add(weight);
    else
      for (auto &[key, all] : params)
        add(all.front());
    std::vector<StringRef> sorted(names.keys().begin(), names.keys().end());
    llvm::sort(sorted);
    return suggestName(name, sorted, [](StringRef entry) { return entry; });
  }

  LogicalResult refuseTarget(StringRef target) {
    if (target == kAllLinear)
      return model.emitError("no linear is in a block, of which all-linear is "
                             "all; name modules instead");
    for (const OtherName &other : kOtherNames)
      if (target == other.file || target.ends_with(("." + other.file).str()))
        return model.emitError("no linear is called '")
               << target << "': what files of GPT-2 call '" << other.file
               << "' is " << other.here << " here; name these";
    for (auto &[name, all] : params)
      if (isNamedBy(getModule(all.front()), target))
        return model.emitError("module '")
               << target
               << "' is no linear, and adapters are for these alone; train it "
                  "whole (save)";
    return model.emitError("no linear is called '")
           << target << "'" << suggest(target, /*linearsAlone=*/true);
  }

  LogicalResult check(LinearOp linear, ParamOp weight) {
    StringRef name = weight.getName();
    if (!name.ends_with(kWeight))
      return linear.emitError("an adapter is called after a module's weight, "
                              "NAME.weight, but this one is '")
             << name << "'; rename it";
    if (linear.getGain())
      return linear.emitError("has a gain already, but an adapter is that of a "
                              "linear without; write it as a norm before");
    if (weight.getFrozen())
      return linear.emitError("has the weight '")
             << name
             << "', which is frozen already; add adapters to a model "
                "that has none";
    for (ParamOp param : params[name])
      for (Operation *user : param.getValue().getUsers())
        if (user != linear)
          return linear.emitError("has the weight '")
                 << name << "', which '" << user->getName()
                 << "' reads, too: an adapter would be of one of them, and "
                    "could not be merged; untie them, or leave out this module";
    for (StringRef end : {".lora_A.weight", ".lora_B.weight"})
      if (params.contains((getModule(weight) + end).str()))
        return linear.emitError("has an adapter already, '")
               << getModule(weight) << end << "'";
    return success();
  }

  /// What says how a parameter is updated says nothing any more.
  LogicalResult freeze(ParamOp param) {
    if (param.getProjection())
      return param.emitError("parameter '")
             << param.getName() << "' is kept at length 1, project("
             << stringifyEnum(*param.getProjection())
             << "), which a weight with an adapter is not; adapters are not "
                "for such models";
    param.setFrozen(true);
    param.removeDecayAttr();
    for (StringAttr factor :
         {param.getLrFactorAttrName(), param.getEpsFactorAttrName(),
          param.getDecayFactorAttrName()})
      param->setAttr(factor, builder.getF64FloatAttr(1.0));
    return success();
  }

  ParamOp addParam(ParamOp weight, StringRef end, ArrayRef<int64_t> shape,
                   InitKind init, FloatAttr value) {
    auto type = cast<RankedTensorType>(weight.getValue().getType());
    return ParamOp::create(
        builder, weight.getLoc(),
        RankedTensorType::get(shape, type.getElementType()),
        (getModule(weight) + end).str(), Role::matrix, init, value,
        DepthScale::none, /*decay=*/BoolAttr(), /*projection=*/ProjectionAttr(),
        /*frozen=*/false, APFloat(1.0), APFloat(1.0), APFloat(1.0));
  }

  void add(LinearOp linear, ParamOp weight) {
    builder.setInsertionPointAfter(linear);
    auto shape = cast<RankedTensorType>(weight.getValue().getType()).getShape();
    int64_t out = shape[0], in = shape[1];
    // That of PEFT's uniform numbers in +-1/sqrt(in).
    double deviation = 1.0 / std::sqrt(3.0 * static_cast<double>(in));
    auto a = addParam(weight, ".lora_A.weight", {rank, in}, InitKind::normal,
                      builder.getF64FloatAttr(deviation));
    auto b = addParam(weight, ".lora_B.weight", {out, rank}, InitKind::zeros,
                      FloatAttr());
    auto type = cast<RankedTensorType>(linear.getResult().getType());
    SmallVector<int64_t> inner(type.getShape());
    inner.back() = rank;
    Location location = linear.getLoc();
    Value down =
        LinearOp::create(builder, location, type.clone(inner),
                         linear.getInput(), a.getValue(), Value(), 1.0);
    Value up =
        LinearOp::create(builder, location, type, down, b.getValue(), Value(),
                         scale * linear.getAlpha().convertToDouble());
    auto sum = AddOp::create(builder, location, type, linear.getResult(), up);
    linear.getResult().replaceAllUsesExcept(sum.getResult(), sum);
  }

  ModelOp model;
  int64_t rank;
  double scale;
  OpBuilder builder;
  /// By their names; one may be declared twice.
  llvm::MapVector<StringRef, SmallVector<ParamOp, 1>> params;
  std::vector<std::pair<LinearOp, ParamOp>> linears; ///< with a parameter
  llvm::SmallPtrSet<Operation *, 16> chosen;
  llvm::StringSet<> saved;
};

struct AddAdaptersPass : lns::impl::AddAdaptersBase<AddAdaptersPass> {
  using Base::Base;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    auto models = llvm::to_vector(module.getOps<ModelOp>());
    if (models.size() != 1) {
      module.emitError() << "a module has one lns.model to add adapters to, "
                            "but this one has "
                         << models.size();
      return signalPassFailure();
    }
    // Wider than any model is.
    constexpr int64_t kMaxRank = 1 << 16;
    if (rank < 1 || rank > kMaxRank) {
      module.emitError() << "the rank of adapters is " << int64_t(rank)
                         << ", expected 1 to " << kMaxRank;
      return signalPassFailure();
    }
    if (!std::isfinite(alpha) || alpha <= 0) {
      module.emitError() << "the alpha of adapters is " << double(alpha)
                         << ", expected a finite number above 0";
      return signalPassFailure();
    }
    auto width = static_cast<double>(rank);
    double scale = alpha / (rslora ? std::sqrt(width) : width);
    if (!std::isnormal(static_cast<float>(scale))) {
      module.emitError() << "adapters of rank " << int64_t(rank)
                         << " are multiplied by " << scale << " for alpha "
                         << double(alpha)
                         << ", which f32 does not hold; give an alpha near "
                            "the rank";
      return signalPassFailure();
    }
    AdapterWriter writer(models.front(), rank, scale);
    if (failed(writer.choose(targets)) || failed(writer.save(save)) ||
        failed(writer.run()))
      signalPassFailure();
  }
};

} // namespace
