//===- config_difference.cpp - Two config.json of one model? --------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/checkpoint/config_difference.h"

#include "tools/lns/base/json_text.h"
#include "tools/lns/base/printable.h"
#include "tools/lns/checkpoint/families.h"

#include <algorithm>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace lns::tool {

static constexpr const char *comparedKeys[] = {
    "sliding_window",         "layer_types",
    "attn_logit_softcapping", "final_logit_softcapping",
    "query_pre_attn_scalar",  "activation",
    "embedding_multiplier",   "logits_scaling",
    "attention_multiplier",   "rope_local_base_freq",
    "no_rope_layers",         "partial_rotary_factor",
    "scale_attn_weights",     "scale_attn_by_inverse_layer_idx"};

/// One name for an activation that has several.
static std::string activationName(std::string name) {
  if (name.starts_with(ownPrefix))
    name.erase(0, ownPrefix.size());
  if (name == "swish")
    return "silu";
  if (name == "gelu_new")
    return "gelu_pytorch_tanh";
  return name;
}

/// What the keys amount to: a window that no layer has is none, and
/// "activation" is the key that the family reads.
static nlohmann::json normalize(nlohmann::json config) {
  bool slides = true;
  if (auto flag = config.find("use_sliding_window");
      flag != config.end() && flag->is_boolean())
    slides = flag->get<bool>();
  if (auto types = config.find("layer_types");
      types != config.end() && types->is_array())
    slides &= std::find(types->begin(), types->end(), "sliding_attention") !=
              types->end();
  if (!slides)
    config["sliding_window"] = nullptr;
  for (const char *key : activationKeys)
    if (auto it = config.find(key); it != config.end() && it->is_string())
      config["activation"] = activationName(it->get<std::string>());
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
