//===- export_tensors.cpp - The tensors of an export ----------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/exchange/export_tensors.h"

#include "tools/lns/base/printable.h"

#include <cmath>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <set>

namespace lns::tool {

using Shape = std::vector<int64_t>;

namespace {
class TensorPlanner {
public:
  TensorPlanner(const SourceModel &source, const ExportClass &target)
      : source(source), target(target), scaled(source.identity) {}

  std::vector<ExportPart> plan();
  Status check(const std::vector<ExportPart> &parts) const;

private:
  void addBlock(int64_t layer);
  void addNorm(const std::string &name, int64_t width);
  void addGain(const std::string &name, int64_t width);
  void addLinear(const std::string &name, int64_t out, int64_t in, bool bias,
                 const Fold &fold = {});
  Fold outputFold(const char *gate) const;

  const SourceModel &source;
  const ExportClass &target;
  ScaledNorms scaled;
  std::string prefix; ///< of the block's parameters
  std::vector<ExportPart> parts;
};
} // namespace

void TensorPlanner::addGain(const std::string &name, int64_t width) {
  Fold fold;
  if (std::optional<uint64_t> block = scaled.block(name))
    fold.divisor = std::sqrt(static_cast<double>(*block));
  if (target.isGemma)
    fold.offset = -1;
  parts.push_back({name, name, {width}, /*isOfNorm=*/true, fold});
}

/// The scale of a norm is that of its gain and of its bias.
void TensorPlanner::addNorm(const std::string &name, int64_t width) {
  addGain(name + ".weight", width);
  if (source.family->hasLayerNorm)
    addGain(name + ".bias", width);
}

void TensorPlanner::addLinear(const std::string &name, int64_t out, int64_t in,
                              bool bias, const Fold &fold) {
  parts.push_back({prefix + name + ".weight", prefix + name + ".weight",
                   Shape{out, in}, false, fold});
  if (bias)
    parts.push_back({prefix + name + ".bias", prefix + name + ".bias",
                     Shape{out}, false, fold});
}

/// A branch is linear in its output projection, and so what it is multiplied by
/// can go there.
Fold TensorPlanner::outputFold(const char *gate) const {
  Fold fold;
  if (!target.foldsBranch)
    return fold;
  if (!target.family->hasBranchFactor)
    fold.factor = source.branch;
  if (gate)
    fold.gate = prefix + gate;
  return fold;
}

void TensorPlanner::addBlock(int64_t layer) {
  prefix = fmt::format("model.layers.{}.", layer);
  NormStand stand = source.scheme->stand;
  int64_t width = source.heads * source.headDim,
          kvWidth = source.kvHeads * source.headDim;
  auto norm = [&](const char *name, int64_t columns) {
    addNorm(prefix + name, columns);
  };
  if (stand != NormStand::Behind)
    norm("input_layernorm", source.hidden);
  addLinear("self_attn.q_proj", width, source.hidden, source.queryBias);
  addLinear("self_attn.k_proj", kvWidth, source.hidden, source.queryBias);
  addLinear("self_attn.v_proj", kvWidth, source.hidden, source.queryBias);
  for (auto [name, columns] : {std::pair{"self_attn.q_norm", width},
                               std::pair{"self_attn.k_norm", kvWidth}}) {
    if (source.headNorm == HeadNorm::Full)
      norm(name, columns);
    else if (source.headNorm != HeadNorm::None)
      norm(name, source.headDim);
    if (source.headNorm == HeadNorm::Free)
      parts.back().source.clear();
  }
  if (stand == NormStand::Inside)
    norm("self_attn.attn_sub_norm", width);
  addLinear("self_attn.o_proj", source.hidden, width, source.outputBias,
            outputFold(source.scheme->attentionGate));
  norm("post_attention_layernorm", source.hidden);
  if (stand == NormStand::Around)
    norm("pre_feedforward_layernorm", source.hidden);
  if (source.family->isGated)
    addLinear("mlp.gate_proj", source.intermediate, source.hidden,
              source.mlpBias);
  addLinear("mlp.up_proj", source.intermediate, source.hidden, source.mlpBias);
  if (stand == NormStand::Inside)
    norm("mlp.ffn_sub_norm", source.intermediate);
  addLinear("mlp.down_proj", source.hidden, source.intermediate, source.mlpBias,
            outputFold(source.scheme->mlpGate));
  if (stand == NormStand::Behind || stand == NormStand::Around)
    norm("post_feedforward_layernorm", source.hidden);
}

std::vector<ExportPart> TensorPlanner::plan() {
  const std::string table = "model.embed_tokens.weight";
  const Shape shape = {source.vocabulary, source.hidden};
  Fold fold;
  if (source.embeddingNorm)
    fold.rowNorm = "model.embed_norm.weight";
  if (target.isGemma)
    fold.divisor = std::sqrt(static_cast<double>(source.hidden));
  parts.push_back({table, table, shape, false, fold});
  if (source.family->hasLearnedPositions)
    parts.push_back({"model.embed_positions.weight",
                     "model.embed_positions.weight",
                     {source.positions, source.hidden},
                     false,
                     Fold()});
  for (int64_t layer = 0; layer < source.layers; ++layer)
    addBlock(layer);
  addNorm("model.norm", source.hidden);
  if (!source.isTied)
    parts.push_back({"lm_head.weight", "lm_head.weight", shape, false, Fold()});
  else if (target.changesEmbedding(source))
    parts.push_back({"lm_head.weight", table, shape, false, Fold()});
  return std::move(parts);
}

/// Compares what the tensors are made of with what the checkpoint has.
Status TensorPlanner::check(const std::vector<ExportPart> &planned) const {
  std::vector<std::string> missing, shapes, extra;
  std::set<std::string> used;
  auto use = [&](const std::string &name, const Shape &shape) {
    if (name.empty() || !used.insert(name).second)
      return;
    auto it = source.files.tensors().find(name);
    if (it == source.files.tensors().end())
      missing.push_back("'" + name + "'");
    else if (const SafetensorsEntry &entry = *it->second.entry;
             entry.shape != shape)
      shapes.push_back(fmt::format("'{}' has shape {}, its config.json asks "
                                   "for {}",
                                   name, formatShape(entry.shape),
                                   formatShape(shape)));
  };
  for (const ExportPart &part : planned) {
    use(part.source, part.shape);
    bool isVector = std::string_view(source.scheme->name) == "layerscale";
    use(part.fold.gate, {isVector ? source.hidden : 1});
    use(part.fold.rowNorm, {source.hidden});
  }
  for (const auto &[name, tensor] : source.files.tensors())
    if (!used.contains(name))
      extra.push_back("'" + printable(name, 80) + "'");
  std::vector<std::string> problems;
  auto add = [&](std::vector<std::string> &names, const char *what) {
    constexpr size_t shown = 5;
    size_t count = names.size();
    if (count == 0)
      return;
    names.resize(std::min(count, shown));
    problems.push_back(fmt::format("{} {}: {}{}", count, what,
                                   fmt::join(names, ", "),
                                   count > shown ? ", ..." : ""));
  };
  add(missing, "missing");
  add(extra, "too many");
  add(shapes, "of another shape");
  if (problems.empty())
    return Status::success();
  return Status::failure(fmt::format(
      "{}: its tensors are not those of a {} with the scheme '{}': {}; restore "
      "the checkpoint's config.json",
      source.place, source.family->modelType, source.scheme->name,
      fmt::join(problems, "; ")));
}

Expected<std::vector<ExportTensor>> planTensors(const SourceModel &source,
                                                const ExportClass &target) {
  TensorPlanner planner(source, target);
  std::vector<ExportPart> parts = planner.plan();
  LNS_RETURN_IF_ERROR(planner.check(parts));
  // What the graph scales must have become a divisor above.
  ScaledNorms scaled(source.identity);
  if (scaled.isBare())
    return Status::failure(
        fmt::format("{}: norms without gains are scaled with depth, and so "
                    "there is nothing to hold the scale",
                    source.place));
  auto isKnown = [&](const std::string &pattern) {
    for (const char *norm : {"input_layernorm", "post_attention_layernorm"})
      for (const char *kind : {"weight", "bias"})
        if (pattern == fmt::format("model.layers.{{layer}}.{}.{}", norm, kind))
          return true;
    return false;
  };
  for (const std::string &pattern : scaled.templates())
    if (!isKnown(pattern))
      return Status::failure(fmt::format(
          "{}: '{}' is scaled with depth, and no scheme that can be exported "
          "scales it",
          source.place, printable(pattern)));
  std::vector<NamedShape> shapes;
  for (const ExportPart &part : parts)
    shapes.push_back({part.name, part.shape});
  std::vector<ExportTensor> tensors;
  for (FileTensor &file : layOut(target.family->layout, shapes)) {
    ExportTensor &tensor = tensors.emplace_back();
    tensor.name = std::move(file.name);
    tensor.shape = std::move(file.shape);
    tensor.isTransposed = file.isTransposed;
    tensor.isOfNorm = parts[file.parts[0]].isOfNorm;
    for (size_t part : file.parts)
      tensor.parts.push_back(std::move(parts[part]));
  }
  return tensors;
}

} // namespace lns::tool
