//===- model_identity.cpp - Whose parameters a checkpoint holds -----------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/checkpoint/model_identity.h"

#include "tools/lns/base/json_text.h"
#include "tools/lns/base/printable.h"
#include "tools/lns/checkpoint/config_defaults.h"
#include "tools/lns/checkpoint/families.h"
#include "tools/lns/checkpoint/fold_mark.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

namespace lns::tool {

static constexpr size_t maxDifferences = 8;
static constexpr size_t maxOps = 3;
static constexpr size_t maxQuoted = 80;
static constexpr std::string_view versionLine = "lnsc model 1";

namespace {
struct Fact {
  std::string_view key, value;
};

struct Identity {
  std::string_view version;
  std::vector<Fact> facts;
  std::vector<std::string_view> ops;
  bool hasGraph = false;

  explicit Identity(std::string_view text) {
    for (size_t number = 0; !text.empty(); ++number) {
      size_t end = std::min(text.find('\n'), text.size());
      std::string_view line = text.substr(0, end);
      text.remove_prefix(std::min(end + 1, text.size()));
      size_t colon = line.find(": ");
      if (number == 0)
        version = line;
      else if (hasGraph)
        ops.push_back(line);
      else if (line == "graph:")
        hasGraph = true;
      else if (colon != line.npos)
        facts.push_back({line.substr(0, colon), line.substr(colon + 2)});
    }
  }

  std::optional<std::string_view> find(std::string_view key) const {
    for (const Fact &fact : facts)
      if (fact.key == key)
        return fact.value;
    return std::nullopt;
  }
};
} // namespace

/// What is around the place `from`, for a message.
static std::string quote(std::string_view text, size_t from = 0) {
  size_t begin = from + maxQuoted / 2 < maxQuoted ? 0 : from - maxQuoted / 2;
  begin = std::min(begin, text.size());
  return (begin ? "..." : "") + printable(text.substr(begin), maxQuoted);
}

/// What the two are called that are compared.
struct Sides {
  std::string_view here = "here", there = "in the checkpoint";
};

static void addDifference(std::vector<std::string> &differences, Sides sides,
                          std::string_view what, std::string_view here,
                          std::string_view there) {
  size_t from = static_cast<size_t>(
      std::mismatch(here.begin(), here.end(), there.begin(), there.end())
          .first -
      here.begin());
  differences.push_back(fmt::format("{}: {} {}, {} {}", quote(what),
                                    quote(here, from), sides.here,
                                    quote(there, from), sides.there));
}

/// As lnsc writes numbers.
static std::string formatNumber(double value) {
  char text[32];
  auto [end, code] = std::to_chars(text, std::end(text), value);
  return std::string(text, end);
}

/// What a whole identity does not say because it is what is usual, and the
/// other one, of a config.json, says.
static void compareDefaults(std::vector<std::string> &differences, Sides sides,
                            const Identity &plan, const Identity &checkpoint) {
  if (!plan.hasGraph)
    return;
  std::string attention;
  double headDim = 0;
  if (std::optional<std::string_view> text = plan.find("head_dim");
      text &&
      std::from_chars(text->data(), text->data() + text->size(), headDim).ec ==
          std::errc())
    attention = formatNumber(1.0 / std::sqrt(headDim));
  for (auto [key, usual] :
       {std::pair<std::string_view, std::string>{"attention_scale", attention},
        {"residual_scale", "1 of the stream, 1 of the branch"},
        {"inner_norms", "none"}}) {
    std::optional<std::string_view> there = checkpoint.find(key);
    if (there && !plan.find(key) && !usual.empty() && *there != usual)
      addDifference(differences, sides, key, usual, *there);
  }
}

static std::vector<std::string>
compare(const Identity &plan, const Identity &checkpoint, Sides sides = {}) {
  bool isWhole = plan.hasGraph && checkpoint.hasGraph;
  std::vector<std::string> differences;
  for (const Fact &fact : plan.facts) {
    std::optional<std::string_view> other = checkpoint.find(fact.key);
    if (other ? *other != fact.value : isWhole)
      addDifference(differences, sides, fact.key, fact.value,
                    other.value_or("none"));
  }
  if (!isWhole) {
    compareDefaults(differences, sides, plan, checkpoint);
    return differences;
  }
  for (const Fact &fact : checkpoint.facts)
    if (!plan.find(fact.key))
      addDifference(differences, sides, fact.key, "none", fact.value);
  if (!differences.empty())
    return differences;
  // Only the ops show it.
  size_t count = std::max(plan.ops.size(), checkpoint.ops.size());
  for (size_t i = 0; i < count && differences.size() < maxOps; ++i) {
    std::string_view here = i < plan.ops.size() ? plan.ops[i] : "nothing";
    std::string_view there =
        i < checkpoint.ops.size() ? checkpoint.ops[i] : "nothing";
    if (here != there)
      addDifference(differences, sides, fmt::format("op {}", i + 1), here,
                    there);
  }
  return differences;
}

std::optional<std::string> findFact(std::string_view identity,
                                    std::string_view key) {
  std::optional<std::string_view> fact = Identity(identity).find(key);
  return fact ? std::optional<std::string>(*fact) : std::nullopt;
}

std::optional<std::string> identityOfBase(std::string_view identity) {
  constexpr std::string_view graph = "\ngraph:\n", base = "\nbase:\n",
                             lora = "\nlora: ";
  size_t facts = identity.find(graph), own = identity.find(base);
  size_t adapters = identity.find(lora);
  if (facts == identity.npos || own == identity.npos || own < facts ||
      adapters >= facts)
    return std::nullopt;
  size_t end = identity.find('\n', adapters + 1);
  return std::string(identity.substr(0, adapters)) +
         std::string(identity.substr(end, facts - end)) + std::string(graph) +
         std::string(identity.substr(own + base.size()));
}

std::vector<std::string> factKeys(std::string_view identity) {
  std::vector<std::string> keys;
  for (const Fact &fact : Identity(identity).facts)
    keys.emplace_back(fact.key);
  return keys;
}

std::vector<std::string> describeDifferences(std::string_view a,
                                             std::string_view b,
                                             std::string_view inA,
                                             std::string_view inB) {
  return compare(Identity(a), Identity(b), {inA, inB});
}

Expected<std::string> checkIdentity(std::string_view plan,
                                    std::string_view checkpoint,
                                    const std::string &place, bool force) {
  if (checkpoint.empty())
    return fmt::format("{}: does not say what model it is of; taken by names "
                       "and shapes",
                       place);
  if (plan == checkpoint)
    return std::string();
  if (plan.empty())
    return fmt::format(
        "{}: not compared with the plan, which does not say what "
        "its model computes; compile it again",
        place);
  Identity here(plan), there(checkpoint);
  if (here.version != there.version)
    return fmt::format(
        "{}: not compared with the plan: its identity is in the form '{}', the "
        "plan's in '{}'",
        place, quote(there.version), quote(here.version));
  std::vector<std::string> differences = compare(here, there);
  if (differences.empty())
    return std::string();
  // The same model but for adapters.
  if (std::optional<std::string> base = identityOfBase(checkpoint);
      base && *base == plan && !force)
    return Status::failure(fmt::format(
        "{}: has adapters ({}), the plan has none; compile it with --lora, or "
        "make one model of them with 'lns ckpt merge'",
        place, printable(*there.find("lora"), 200)));
  size_t count = differences.size();
  differences.resize(std::min(count, maxDifferences));
  std::string text =
      fmt::format("{}: is of another model than the plan: {}{}", place,
                  fmt::join(differences, "; "),
                  count > maxDifferences
                      ? fmt::format("; and {} more", count - maxDifferences)
                      : "");
  if (force)
    return text + "; taken because of --force";
  return Status::failure(text + "; compile the plan for this model, or give "
                                "--force to take the parameters as they are");
}

//===----------------------------------------------------------------------===//
// Configs
//===----------------------------------------------------------------------===//

/// The object that `key` stands for, empty if it is none.
static nlohmann::json getObject(const nlohmann::json &json, const char *key) {
  auto it = json.find(key);
  return it != json.end() && it->is_object() ? *it : nlohmann::json::object();
}

/// What a plan calls a scheme whose norms stand so; empty where nothing is
/// said.
static std::string normFact(NormStand stand) {
  switch (stand) {
  case NormStand::Before:
  case NormStand::Inside:
    return "pre";
  case NormStand::Behind:
    return "reordered";
  case NormStand::Around:
    return "sandwich";
  }
  return "";
}

/// As a plan has them, of all layers; empty where config.json is not enough.
static std::string attentionScales(const nlohmann::json &json,
                                   const FamilyInfo &family,
                                   std::optional<double> headDim,
                                   std::optional<double> layers) {
  auto number = [&](const char *key) {
    auto it = json.find(key);
    return it != json.end() && it->is_number()
               ? std::optional(it->get<double>())
               : std::nullopt;
  };
  auto isTrue = [&](const char *key) {
    return json.value(key, nlohmann::json()) == nlohmann::json(true);
  };
  if (json.contains("attention_multiplier") && family.hasBranchFactor) {
    std::optional<double> scale = number("attention_multiplier");
    return scale ? formatNumber(*scale) : "";
  }
  if (family.hasGainOffset) {
    std::optional<double> scalar = number("query_pre_attn_scalar");
    return scalar && *scalar > 0 ? formatNumber(1 / std::sqrt(*scalar)) : "";
  }
  if (!headDim || *headDim <= 0)
    return "";
  double usual = 1 / std::sqrt(*headDim), scale = usual;
  if (family.hasLearnedPositions && !isTrue("scale_attn_weights"))
    scale = 1;
  if (!isTrue("scale_attn_by_inverse_layer_idx"))
    return formatNumber(scale);
  // What is usual is not named beside others.
  constexpr double mostLayers = 2048;
  if (!layers || *layers > mostLayers)
    return "";
  std::vector<std::string> scales;
  for (int layer = 1; layer <= *layers; ++layer)
    if (double own = scale / layer; own != usual)
      if (std::string text = formatNumber(own);
          std::find(scales.begin(), scales.end(), text) == scales.end())
        scales.push_back(text);
  return scales.empty() ? formatNumber(usual)
                        : fmt::format("{}", fmt::join(scales, ", "));
}

std::string identityOfConfig(std::string_view config) {
  nlohmann::json json = parseJson(std::string(config));
  const FamilyInfo *family = familyOf(json);
  if (!family)
    return "";
  json = withDefaults(std::move(json), *family);
  std::string_view type = family->modelType;
  bool isOurs = json["model_type"] != type;
  std::string text = fmt::format("{}\n", versionLine);
  // Without a name, a config of ours is of the first scheme that there was. Of
  // other schemes the name does not say where norms stand, and is not compared.
  // In a plain file it is a mark, and only LNS can come out of gains again.
  std::string norm = isOurs ? "lns" : normFact(family->stand);
  if (nlohmann::json own = getObject(json, markKey); own.contains("norm")) {
    std::string name =
        own["norm"].is_string() ? own["norm"].get<std::string>() : "";
    name.resize(std::min(name.find(','), name.size()));
    if (isOurs || name == "lns")
      norm = name == "lns" || name == "pre" ? name : "";
  }
  if (!norm.empty())
    text += fmt::format("norm: {}\n", norm);
  // What query and key go through; a norm without a gain has no tensor.
  if (!isOurs && family->stand != NormStand::Inside)
    text += fmt::format("inner_norms: {}\n",
                        family->headNorm == HeadNorm::None ? "none" : "2");
  auto number = [&](const nlohmann::json &object, const char *key) {
    auto it = object.find(key);
    return it != object.end() && it->is_number()
               ? std::optional(it->get<double>())
               : std::nullopt;
  };
  auto add = [&](const char *fact, std::optional<double> value) {
    if (value)
      text += fmt::format("{}: {}\n", fact, formatNumber(*value));
  };
  std::optional<double> heads = number(json, family->keys.heads),
                        kvHeads = number(json, "num_key_value_heads"),
                        headDim = number(json, "head_dim"),
                        hidden = number(json, family->keys.hidden),
                        layers = number(json, family->keys.layers);
  bool isPlaced = family->hasLearnedPositions; // so that heads are alike
  if (isPlaced) {
    kvHeads = heads;
    headDim.reset();
    if (heads && hidden && *heads > 0)
      headDim = *hidden / *heads;
  }
  if (family->hasLayerNorm && !isOurs)
    text += "norm_kind: layer\n";
  add("eps", number(json, family->keys.eps));
  auto addSize = [&](const char *fact, std::optional<double> value) {
    if (value && *value == std::floor(*value))
      text += fmt::format("{}: {:.0f}\n", fact, *value);
    else
      add(fact, value);
  };
  addSize("layers", layers);
  addSize("heads", heads);
  addSize("kv_heads", kvHeads);
  addSize("head_dim", headDim);
  // A plan names scales where they are not 1, and these where they are.
  if (!norm.empty()) {
    std::string attention = attentionScales(json, *family, headDim, layers);
    if (!attention.empty())
      text += fmt::format("attention_scale: {}\n", attention);
    double branch = family->hasBranchFactor
                        ? number(json, "residual_multiplier").value_or(1)
                        : 1;
    text += fmt::format("residual_scale: 1 of the stream, {} of the branch\n",
                        formatNumber(branch));
  }
  if (isPlaced)
    text += "positions: learned\n";
  // With a scaling, the base alone does not say which frequencies there are.
  nlohmann::json rope = getObject(json, "rope_parameters");
  if (rope.empty())
    rope = getObject(json, "rope_scaling");
  bool isPlain = true;
  for (const char *key : {"rope_type", "type"})
    if (auto it = rope.find(key); it != rope.end())
      isPlain &= *it == nlohmann::json("default");
  std::optional<double> base = number(json, "rope_theta");
  if (number(rope, "rope_theta"))
    base = number(rope, "rope_theta");
  // Gemma 3 has two bases, of layers with a window and without.
  if (isPlain && base && !family->defaults.localRopeBase)
    text += fmt::format("rope: base {}\n", formatNumber(*base));
  // What is not said here shows in the tensors that there are.
  if (auto it = json.find("tie_word_embeddings");
      it != json.end() && it->is_boolean())
    text += fmt::format("tied_head: {}\n", it->get<bool>() ? "yes" : "no");
  return text;
}

std::string identityOfMark(const FoldMark &mark) {
  return mark.unfolds() ? fmt::format("{}\nnorm: lns\n", versionLine) : "";
}

} // namespace lns::tool
