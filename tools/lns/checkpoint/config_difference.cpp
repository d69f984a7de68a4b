//===- config_difference.cpp - Two config.json of one model? --------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/checkpoint/config_difference.h"

#include "tools/lns/base/json_text.h"
#include "tools/lns/base/printable.h"
#include "tools/lns/checkpoint/config_defaults.h"

#include <algorithm>
#include <fmt/format.h>
#include <iterator>
#include <nlohmann/json.hpp>

namespace lns::tool {

static constexpr const char *comparedKeys[] = {
    "sliding_window",
    "layer_types",
    "attn_logit_softcapping",
    "final_logit_softcapping",
    "query_pre_attn_scalar",
    "activation",
    "embedding_multiplier",
    "logits_scaling",
    "attention_multiplier",
    "rope",
    "local rope",
    "no_rope_layers",
    "partial_rotary_factor",
    "scale_attn_weights",
    "scale_attn_by_inverse_layer_idx"};

/// One name for an activation that has several.
static std::string activationName(std::string name) {
  if (name.starts_with(ownPrefix))
    name.erase(0, ownPrefix.size());
  if (name == "swish")
    return "silu";
  if (name == "gelu_python")
    return "gelu";
  if (name == "gelu_new" || name == "gelu_python_tanh" ||
      name == "gelu_accurate")
    return "gelu_pytorch_tanh";
  return name;
}

static nlohmann::json getObject(const nlohmann::json &json, const char *key) {
  auto it = json.find(key);
  return it != json.end() && it->is_object() ? *it : nlohmann::json::object();
}

/// RoPE in one object, whichever way a file spells it: as the newest ones do.
static nlohmann::json ropeOf(const nlohmann::json &config,
                             nlohmann::json section, const char *outerKey) {
  if (auto it = section.find("type"); it != section.end()) {
    if (!section.contains("rope_type"))
      section["rope_type"] = *it;
    section.erase("type");
  }
  if (section.value("rope_type", nlohmann::json()).is_null())
    section["rope_type"] = "default";
  if (section.value("rope_theta", nlohmann::json()).is_null() &&
      config.contains(outerKey))
    section["rope_theta"] = config[outerKey];
  if (section.value("partial_rotary_factor", nlohmann::json(1)) == 1)
    section.erase("partial_rotary_factor");
  for (auto it = section.begin(); it != section.end();)
    it = it->is_null() ? section.erase(it) : std::next(it);
  return section;
}

/// What the keys amount to in the family's class; of a text that names no
/// family known here, as far as that can be said.
static nlohmann::json normalize(nlohmann::json config) {
  const FamilyInfo *family = familyOf(config);
  if (family)
    config = withDefaults(std::move(config), *family);
  const char *key = family ? family->keys.activation : ConfigKeys().activation;
  config.erase("activation");
  if (auto it = config.find(key); it != config.end())
    config["activation"] =
        it->is_string() ? nlohmann::json(activationName(it->get<std::string>()))
                        : *it;
  if (!family) {
    bool slides = config.value("use_sliding_window", nlohmann::json()) != false;
    if (auto types = config.find("layer_types");
        types != config.end() && types->is_array())
      slides &= std::find(types->begin(), types->end(), "sliding_attention") !=
                types->end();
    if (!slides)
      config["sliding_window"] = nullptr;
    return config;
  }
  // What the other classes have for them: nothing.
  for (const char *cap : {"attn_logit_softcapping", "final_logit_softcapping"})
    if (!config.contains(cap))
      config[cap] = nullptr;
  if (family->hasLearnedPositions)
    return config;
  nlohmann::json parameters = getObject(config, "rope_parameters"),
                 scaling = getObject(config, "rope_scaling");
  bool hasTwo = family->defaults.localRopeBase != 0;
  if (parameters.empty())
    config["rope"] = ropeOf(config, scaling, "rope_theta");
  else
    config["rope"] = ropeOf(
        config, hasTwo ? getObject(parameters, "full_attention") : parameters,
        "rope_theta");
  if (hasTwo)
    config["local rope"] =
        ropeOf(config, getObject(parameters, "sliding_attention"),
               "rope_local_base_freq");
  if (config.value("partial_rotary_factor", nlohmann::json()).is_null())
    config["partial_rotary_factor"] = 1;
  return config;
}

static std::string quote(const nlohmann::json &value) {
  return printable(
      value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace), 80);
}

std::vector<std::string> describeConfigDifferences(std::string_view here,
                                                   std::string_view there) {
  nlohmann::json ours = parseJson(std::string(here)),
                 others = parseJson(std::string(there));
  std::vector<std::string> differences;
  if (!ours.is_object() || !others.is_object())
    return differences;
  ours = normalize(std::move(ours));
  others = normalize(std::move(others));
  for (const char *key : comparedKeys)
    if (ours.contains(key) && others.contains(key) && ours[key] != others[key])
      differences.push_back(fmt::format("{}: {} here, {} in the checkpoint",
                                        key, quote(ours[key]),
                                        quote(others[key])));
  return differences;
}

} // namespace lns::tool
