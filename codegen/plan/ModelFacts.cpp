//===- ModelFacts.cpp - What people say of a model --------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "codegen/plan/ModelFacts.h"
#include "dialect/BlockTypes.h"
#include "passes/analysis/NormPlacement.h"

#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/StringExtras.h"
#include <charconv>
#include <cmath>
#include <numeric>

using namespace mlir;
using namespace lns;

std::string lns::formatNumber(double value) {
  char text[32];
  auto [end, code] = std::to_chars(text, std::end(text), value);
  return std::string(text, end);
}

std::string lns::formatFrequency(double value) {
  char text[32];
  auto [end, code] = std::to_chars(text, std::end(text), value,
                                   std::chars_format::general, 12);
  return std::string(text, end);
}

bool lns::hasPlainFrequencies(RopeOp op) {
  std::optional<ArrayRef<double>> given = op.getFrequencies();
  if (!given)
    return true;
  double base = op.getBase().convertToDouble();
  for (auto [index, frequency] : llvm::enumerate(*given)) {
    double plain =
        std::pow(base, -2.0 * static_cast<double>(index) / op.getHeadDim());
    if (std::abs(frequency - plain) > 1e-12 * plain)
      return false;
  }
  return true;
}

namespace {

class Facts {
public:
  Facts(ModelOp model, const llvm::SetVector<Operation *> &live)
      : model(model), live(live) {}

  std::vector<std::string> collect();

private:
  void add(StringRef key, const llvm::Twine &value) {
    SmallVector<std::string> &known = values[key];
    std::string text = value.str();
    if (!llvm::is_contained(known, text))
      known.push_back(std::move(text));
  }
  void addOp(Operation *op);
  void addNorm(NormOp norm);
  void addAttention(AttentionOp attention);
  void addRope(RopeOp rope);
  void addHead();

  ModelOp model;
  const llvm::SetVector<Operation *> &live;
  llvm::MapVector<StringRef, SmallVector<std::string>> values;
  SmallVector<NormOp> norms;
  unsigned innerNorms = 0, linears = 0, biases = 0;
  int64_t depth = 0;
};

void Facts::addNorm(NormOp norm) {
  norms.push_back(norm);
  add("norm_kind", stringifyEnum(norm.getKind()));
  if (norm.isOfRows())
    add("eps", formatNumber(norm.getEps().convertToDouble()));
  if (double scale = norm.getScale().convertToDouble(); scale != 1)
    add("norm_scale", formatNumber(scale));
  if (getNormPlace(norm) == NormPlace::Inner)
    ++innerNorms;
}

void Facts::addAttention(AttentionOp attention) {
  add("heads", llvm::Twine(attention.getHeads()));
  add("kv_heads", llvm::Twine(attention.getKvHeads()));
  add("head_dim", llvm::Twine(attention.getHeadDim()));
  add("attention", attention.getCausal() ? "causal" : "full");
  add("window", attention.getWindow()
                    ? llvm::Twine(*attention.getWindow()).str()
                    : "none");
  if (attention.getSoftcap())
    add("score_cap", formatNumber(attention.getSoftcap()->convertToDouble()));
  double scale = attention.getEffectiveScale();
  if (scale != 1.0 / std::sqrt(static_cast<double>(attention.getHeadDim())))
    add("attention_scale", formatNumber(scale));
}

void Facts::addRope(RopeOp rope) {
  add("positions", "rope");
  std::string text;
  if (hasPlainFrequencies(rope)) {
    text = "base " + formatNumber(rope.getBase().convertToDouble());
  } else {
    // All of them are in the graph; here it is enough to tell two apart.
    ArrayRef<double> all = *rope.getFrequencies();
    text = llvm::utostr(all.size()) + " frequencies that add up to " +
           formatFrequency(std::accumulate(all.begin(), all.end(), 0.0));
  }
  add("rope", text);
  add("rope_dim", llvm::Twine(rope.getHeadDim()));
}

void Facts::addHead() {
  auto output = cast<OutputOp>(model.getBody().front().getTerminator());
  Value logits = output.getLogits();
  if (auto cap = logits.getDefiningOp<SoftcapOp>())
    logits = cap.getInput();
  if (auto scaled = logits.getDefiningOp<ScaleColumnsOp>())
    logits = scaled.getInput();
  auto head = logits.getDefiningOp<LinearOp>();
  auto weight = head ? head.getWeight().getDefiningOp<ParamOp>() : ParamOp();
  if (!weight)
    return;
  bool tied = llvm::any_of(live, [&](Operation *op) {
    auto embedding = dyn_cast<EmbeddingOp>(op);
    auto table =
        embedding ? embedding.getTable().getDefiningOp<ParamOp>() : ParamOp();
    return table && table.getName() == weight.getName();
  });
  add("tied_head", tied ? "yes" : "no");
}

std::vector<std::string> Facts::collect() {
  // The order of the lines.
  for (StringRef key :
       {"norm",       "inner_norms",    "norm_kind", "eps",
        "norm_scale", "layers",         "heads",     "kv_heads",
        "head_dim",   "attention",      "window",    "attention_scale",
        "score_cap",  "positions",      "rope",      "rope_dim",
        "activation", "residual_scale", "offset",    "cap",
        "biases",     "tied_head"})
    values[key];
  for (Operation *op : live) {
    if (!op->hasAttr(kByType)) {
      addOp(op);
      continue;
    }
    auto layers = cast<LayersOp>(op->getParentOp());
    for (StringRef type : layers.getTypes()->getAsValueRange<StringAttr>()) {
      if (isLeftOut(op, type))
        continue;
      Operation *special = op->clone();
      specialize(special, type);
      addOp(special);
      special->destroy();
    }
  }
  // In order, however types are written; said only where there is a window.
  SmallVector<std::string> &windows = values["window"];
  llvm::sort(windows);
  if (windows.size() == 1 && windows[0] == "none")
    windows.clear();
  add("norm", getNormPlacement(norms));
  if (innerNorms != 0)
    add("inner_norms", llvm::Twine(innerNorms));
  add("layers", llvm::Twine(depth));
  if (values["positions"].empty())
    add("positions", "none");
  add("biases", biases == 0 ? "none" : biases == linears ? "all" : "some");
  addHead();
  std::vector<std::string> lines;
  for (const auto &[key, set] : values)
    if (!set.empty())
      lines.push_back((key + ": " + llvm::join(set, ", ")).str());
  return lines;
}

void Facts::addOp(Operation *op) {
  if (auto norm = dyn_cast<NormOp>(op)) {
    addNorm(norm);
  } else if (auto layers = dyn_cast<LayersOp>(op)) {
    depth += layers.getDepth();
  } else if (auto cap = dyn_cast<SoftcapOp>(op)) {
    add("cap", formatNumber(cap.getCap().convertToDouble()));
  } else if (auto offset = dyn_cast<OffsetOp>(op)) {
    // Of gains, as files store them.
    for (Operation *user : offset.getResult().getUsers())
      if (auto norm = dyn_cast<NormOp>(user);
          norm && norm.getGain() == offset.getResult())
        add("offset", formatNumber(offset.getBy().convertToDouble()));
  } else if (auto attention = dyn_cast<AttentionOp>(op)) {
    addAttention(attention);
  } else if (auto rope = dyn_cast<RopeOp>(op)) {
    addRope(rope);
  } else if (isa<AddPositionsOp>(op)) {
    add("positions", "learned");
  } else if (auto activation = dyn_cast<ActivationOp>(op)) {
    add("activation", stringifyEnum(activation.getActivation()));
  } else if (auto gated = dyn_cast<GatedActivationOp>(op)) {
    add("activation", stringifyEnum(gated.getActivation()) + " gated");
  } else if (auto residual = dyn_cast<ResidualOp>(op)) {
    double skip = residual.getSkipScale().convertToDouble();
    double branch = residual.getBranchScale().convertToDouble();
    if (skip != 1 || branch != 1)
      add("residual_scale", formatNumber(skip) + " of the stream, " +
                                formatNumber(branch) + " of the branch");
  } else if (auto linear = dyn_cast<LinearOp>(op)) {
    ++linears;
    biases += linear.getBias() != nullptr;
  }
}

} // namespace

std::vector<std::string>
lns::collectFacts(ModelOp model, const llvm::SetVector<Operation *> &live) {
  return Facts(model, live).collect();
}
