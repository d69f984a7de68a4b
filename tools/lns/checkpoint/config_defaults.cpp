//===- config_defaults.cpp - What keys mean that are not there ------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/checkpoint/config_defaults.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

namespace lns::tool {

static constexpr int64_t defaultWindow = 4096; // of all that have one
static constexpr int64_t defaultMaxWindowLayers = 28;
/// As many as the compiler takes: of more no list is made.
static constexpr int64_t maxLayers = 2048;

namespace {
class Filler {
public:
  Filler(nlohmann::json &config, const FamilyInfo &family)
      : config(config), family(family) {}

  void fill();

private:
  nlohmann::json get(const char *key) const {
    auto it = config.find(key);
    return it == config.end() ? nlohmann::json() : *it;
  }
  std::optional<int64_t> integer(const char *key) const {
    nlohmann::json value = get(key);
    return value.is_number_integer() ? std::optional(value.get<int64_t>())
                                     : std::nullopt;
  }
  /// Null is as good as no key.
  void set(const char *key, const nlohmann::json &value) {
    if (get(key).is_null())
      config[key] = value;
  }
  void fillHeads();
  void fillRope();
  void fillBase(const char *key, const nlohmann::json &section, double base);
  void fillWindows();
  void fillRotations();

  nlohmann::json &config;
  const FamilyInfo &family;
  std::optional<int64_t> layers; ///< that are not too many
};
} // namespace

void Filler::fillHeads() {
  // As many as heads, which are their share of the width.
  if (family.hasLearnedPositions)
    return;
  std::optional<int64_t> heads = integer(family.keys.heads),
                         hidden = integer(family.keys.hidden);
  if (!config.contains("num_key_value_heads") && family.defaults.kvHeads)
    config["num_key_value_heads"] = family.defaults.kvHeads;
  else if (heads)
    set("num_key_value_heads", *heads);
  if (!config.contains("head_dim") && family.defaults.headDim)
    config["head_dim"] = family.defaults.headDim;
  else if (heads && hidden && *heads > 0 && *hidden % *heads == 0)
    set("head_dim", *hidden / *heads);
}

/// The base stands in the newer object or, in older files, beside it.
void Filler::fillBase(const char *key, const nlohmann::json &section,
                      double base) {
  bool isInside = section.is_object() && section.contains("rope_theta") &&
                  !section["rope_theta"].is_null();
  if (!isInside)
    set(key, base);
}

void Filler::fillRope() {
  if (family.hasLearnedPositions)
    return;
  nlohmann::json parameters = get("rope_parameters");
  if (!family.defaults.localRopeBase) {
    if (!parameters.is_object())
      parameters = get("rope_scaling");
    return fillBase("rope_theta", parameters, family.defaults.ropeBase);
  }
  auto of = [&](const char *layers) {
    return parameters.is_object() && parameters.contains(layers)
               ? parameters[layers]
               : nlohmann::json();
  };
  bool isNew = parameters.is_object();
  fillBase("rope_theta", isNew ? of("full_attention") : get("rope_scaling"),
           family.defaults.ropeBase);
  fillBase("rope_local_base_freq", of("sliding_attention"),
           family.defaults.localRopeBase);
}

void Filler::fillWindows() {
  if (!config.contains("sliding_window"))
    config["sliding_window"] = family.window == WindowKind::None ||
                                       family.window == WindowKind::NoneByFlag
                                   ? nlohmann::json()
                                   : nlohmann::json(defaultWindow);
  nlohmann::json flag = get("use_sliding_window");
  bool isAsked = flag == nlohmann::json(true);
  int64_t pattern = family.windowPattern;
  if (family.readsWindowPattern)
    pattern = integer("sliding_window_pattern").value_or(pattern);
  int64_t first = integer("max_window_layers").value_or(defaultMaxWindowLayers);
  // Of classes that do not read it, whoever wrote a window expects one: it is
  // left, unless it is switched off.
  if ((family.window == WindowKind::None && flag == nlohmann::json(false)) ||
      ((family.window == WindowKind::NoneByFlag ||
        family.window == WindowKind::ByFlag) &&
       !isAsked))
    config["sliding_window"] = nullptr;
  bool hasWindow = !get("sliding_window").is_null();
  if (!layers)
    return;
  auto slides = [&](int64_t layer) {
    switch (family.window) {
    case WindowKind::None:
    case WindowKind::NoneByFlag:
      return false;
    case WindowKind::EveryLayer:
      return hasWindow;
    case WindowKind::ByFlag:
      return hasWindow && layer >= first;
    case WindowKind::ByPattern:
      return hasWindow && (pattern < 1 || (layer + 1) % pattern != 0);
    }
    return false;
  };
  bool areGiven = !get("layer_types").is_null();
  if (!areGiven) {
    std::vector<std::string> types;
    for (int64_t layer = 0; layer < *layers; ++layer)
      types.emplace_back(slides(layer) ? "sliding_attention"
                                       : "full_attention");
    config["layer_types"] = types;
  }
  // Where it decides on RoPE, it is more than the width of a window.
  nlohmann::json types = get("layer_types");
  bool readsTypes = family.window != WindowKind::None &&
                    family.window != WindowKind::NoneByFlag;
  if (types.is_array() && !family.ropeWithWindowOnly &&
      (readsTypes || areGiven) &&
      std::find(types.begin(), types.end(), "sliding_attention") == types.end())
    config["sliding_window"] = nullptr;
}

/// SmolLM3's layers without RoPE.
void Filler::fillRotations() {
  if (get("no_rope_layer_interval").is_null() || !layers)
    return;
  int64_t interval = integer("no_rope_layer_interval").value_or(0);
  std::vector<int> flags;
  for (int64_t layer = 0; layer < *layers && interval > 0; ++layer)
    flags.push_back((layer + 1) % interval != 0);
  if (interval > 0)
    set("no_rope_layers", flags);
}

void Filler::fill() {
  // The names of the family, of which `config` may have others.
  for (auto key : {&ConfigKeys::hidden, &ConfigKeys::layers, &ConfigKeys::heads,
                   &ConfigKeys::positions})
    if (const char *name = keyIn(config, family, key);
        std::string_view(name) != family.keys.*key)
      config[family.keys.*key] = config[name];
  if (std::optional<int64_t> count = integer(family.keys.layers);
      count && *count > 0 && *count <= maxLayers)
    layers = count;
  set(family.keys.eps, family.defaults.eps);
  set(family.keys.activation, family.defaults.activation);
  nlohmann::json others = nlohmann::json::parse(family.defaults.others);
  for (const auto &[key, value] : others.items()) {
    // Here a null is a value, and says that there is none.
    bool isCap = key.ends_with("_softcapping");
    if (!isCap || !config.contains(key))
      set(key.c_str(), value);
  }
  fillHeads();
  fillRope();
  fillWindows();
  fillRotations();
}

const FamilyInfo *familyOf(const nlohmann::json &config) {
  auto type = config.is_object() ? config.find("model_type") : config.end();
  if (!config.is_object() || type == config.end() || !type->is_string())
    return nullptr;
  std::string name = type->get<std::string>();
  if (name.starts_with(ownPrefix))
    name.erase(0, ownPrefix.size());
  return findFamily(name);
}

nlohmann::json withDefaults(nlohmann::json config, const FamilyInfo &family) {
  Filler(config, family).fill();
  return config;
}

} // namespace lns::tool
