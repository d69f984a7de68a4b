//===- model_identity.cpp - Whose parameters a checkpoint holds -----------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/checkpoint/model_identity.h"

#include "tools/lns/base/printable.h"

#include <algorithm>
#include <charconv>
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

static void addDifference(std::vector<std::string> &differences,
                          std::string_view what, std::string_view here,
                          std::string_view there) {
  size_t from = static_cast<size_t>(
      std::mismatch(here.begin(), here.end(), there.begin(), there.end())
          .first -
      here.begin());
  differences.push_back(fmt::format("{}: {} here, {} in the checkpoint",
                                    quote(what), quote(here, from),
                                    quote(there, from)));
}

static std::vector<std::string> compare(const Identity &plan,
                                        const Identity &checkpoint) {
  bool isWhole = plan.hasGraph && checkpoint.hasGraph;
  std::vector<std::string> differences;
  for (const Fact &fact : plan.facts) {
    std::optional<std::string_view> other = checkpoint.find(fact.key);
    if (other ? *other != fact.value : isWhole)
      addDifference(differences, fact.key, fact.value, other.value_or("none"));
  }
  if (!isWhole)
    return differences;
  for (const Fact &fact : checkpoint.facts)
    if (!plan.find(fact.key))
      addDifference(differences, fact.key, "none", fact.value);
  if (!differences.empty())
    return differences;
  // Only the ops show it.
  size_t count = std::max(plan.ops.size(), checkpoint.ops.size());
  for (size_t i = 0; i < count && differences.size() < maxOps; ++i) {
    std::string_view here = i < plan.ops.size() ? plan.ops[i] : "nothing";
    std::string_view there =
        i < checkpoint.ops.size() ? checkpoint.ops[i] : "nothing";
    if (here != there)
      addDifference(differences, fmt::format("op {}", i + 1), here, there);
  }
  return differences;
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

/// As lnsc writes numbers.
static std::string formatNumber(double value) {
  char text[32];
  auto [end, code] = std::to_chars(text, std::end(text), value);
  return std::string(text, end);
}

/// The object that `key` stands for, empty if it is none.
static nlohmann::json getObject(const nlohmann::json &json, const char *key) {
  auto it = json.find(key);
  return it != json.end() && it->is_object() ? *it : nlohmann::json::object();
}

std::string identityOfConfig(std::string_view config) {
  nlohmann::json json = nlohmann::json::parse(config, nullptr, false);
  if (!json.is_object() || !json.contains("model_type") ||
      !json["model_type"].is_string())
    return "";
  std::string type = json["model_type"].get<std::string>();
  bool isLns = type.starts_with("lns_");
  if (isLns)
    type.erase(0, 4);
  if (type != "llama" && type != "mistral")
    return "";
  std::string text = fmt::format("{}\n", versionLine);
  // Without a name, a config of ours is of the first scheme that there was. Of
  // other schemes the name does not say where norms stand, and is not compared.
  std::string norm = isLns ? "lns" : "pre";
  if (nlohmann::json own = getObject(json, "lnsc"); own.contains("norm"))
    norm = own["norm"].is_string() ? own["norm"].get<std::string>() : "";
  norm.resize(std::min(norm.find(','), norm.size()));
  if (norm == "lns" || norm == "pre")
    text += fmt::format("norm: {}\n", norm);
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
  std::optional<double> heads = number(json, "num_attention_heads"),
                        kvHeads = number(json, "num_key_value_heads"),
                        headDim = number(json, "head_dim"),
                        hidden = number(json, "hidden_size");
  if (!kvHeads && type == "llama")
    kvHeads = heads;
  if (!headDim && heads && hidden && *heads > 0)
    headDim = *hidden / *heads;
  add("eps", number(json, "rms_norm_eps").value_or(1e-6));
  add("layers", number(json, "num_hidden_layers"));
  add("heads", heads);
  add("kv_heads", kvHeads);
  add("head_dim", headDim);
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
  if (isPlain)
    text += fmt::format("rope: base {}\n", formatNumber(base.value_or(1e4)));
  if (auto it = json.find("tie_word_embeddings");
      it != json.end() && it->is_boolean())
    text += fmt::format("tied_head: {}\n", it->get<bool>() ? "yes" : "no");
  return text;
}

} // namespace lns::tool
