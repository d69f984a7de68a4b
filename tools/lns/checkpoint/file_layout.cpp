//===- file_layout.cpp - How files of a class hold parameters -------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/checkpoint/file_layout.h"

#include <algorithm>
#include <map>

namespace lns::tool {

static constexpr LayoutRule gpt2Outer[] = {
    {"model.embed_tokens", "transformer.wte"},
    {"model.embed_positions", "transformer.wpe"},
    {"model.norm", "transformer.ln_f"}};
static constexpr LayoutRule gpt2Block[] = {
    {"input_layernorm", "ln_1"},
    {"self_attn.q_proj", "attn.c_attn", true},
    {"self_attn.k_proj", "attn.c_attn", true},
    {"self_attn.v_proj", "attn.c_attn", true},
    {"self_attn.o_proj", "attn.c_proj", true},
    {"post_attention_layernorm", "ln_2"},
    {"mlp.up_proj", "mlp.c_fc", true},
    {"mlp.down_proj", "mlp.c_proj", true}};
const FileLayout gpt2Layout = {.blocks = "transformer.h.",
                               .outer = gpt2Outer,
                               .block = gpt2Block,
                               .sign = ".attn.c_attn.weight"};

namespace {
/// Where one parameter goes.
struct Place {
  std::string name;
  const LayoutRule *rule = nullptr; ///< null: as it is
};
} // namespace

static Place placeOf(const FileLayout &layout, const std::string &name) {
  static constexpr std::string_view blocks = "model.layers.";
  size_t dot = name.rfind('.');
  if (dot == name.npos)
    return {name};
  std::string_view module = std::string_view(name).substr(0, dot);
  std::string_view suffix = std::string_view(name).substr(dot);
  if (suffix != ".weight" && suffix != ".bias")
    return {name};
  std::span<const LayoutRule> rules = layout.outer;
  std::string prefix;
  if (module.starts_with(blocks)) {
    module.remove_prefix(blocks.size());
    size_t digits =
        std::min(module.find_first_not_of("0123456789"), module.size());
    if (digits == 0 || digits == module.size() || module[digits] != '.')
      return {name};
    prefix = layout.blocks + std::string(module.substr(0, digits + 1));
    module.remove_prefix(digits + 1);
    rules = layout.block;
  }
  for (const LayoutRule &rule : rules)
    if (module == rule.model)
      return {prefix + rule.file + std::string(suffix), &rule};
  return {name};
}

/// Vectors always, matrices of one width.
static bool canStandSideBySide(const NamedShape &a, const NamedShape &b) {
  return a.shape.size() == b.shape.size() &&
         (a.shape.size() == 1 || a.shape[1] == b.shape[1]);
}

std::vector<FileTensor> layOut(const FileLayout *layout,
                               const std::vector<NamedShape> &parameters) {
  std::vector<FileTensor> tensors;
  std::vector<Place> places;
  std::map<std::string, size_t> joined;
  for (size_t i = 0; i < parameters.size(); ++i) {
    const NamedShape &parameter = parameters[i];
    size_t rank = parameter.shape.size();
    places.push_back(layout && (rank == 1 || rank == 2)
                         ? placeOf(*layout, parameter.name)
                         : Place{parameter.name});
    const Place &place = places.back();
    bool isTransposed = place.rule && place.rule->isTransposed;
    if (isTransposed) {
      auto [it, isNew] = joined.insert({place.name, tensors.size()});
      if (!isNew) {
        FileTensor &tensor = tensors[it->second];
        if (canStandSideBySide(parameters[tensor.parts[0]], parameter)) {
          tensor.parts.push_back(i);
          continue;
        }
      }
    }
    tensors.push_back({place.name, parameter.shape, isTransposed, {i}});
  }
  for (FileTensor &tensor : tensors) {
    if (!tensor.isTransposed)
      continue;
    std::sort(
        tensor.parts.begin(), tensor.parts.end(),
        [&](size_t a, size_t b) { return places[a].rule < places[b].rule; });
    int64_t rows = 0;
    for (size_t part : tensor.parts)
      rows += parameters[part].shape[0];
    if (tensor.shape.size() == 1)
      tensor.shape = {rows};
    else
      tensor.shape = {tensor.shape[1], rows};
  }
  return tensors;
}

} // namespace lns::tool
