//===- peft_config.cpp - adapter_config.json ------------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/exchange/peft_config.h"

#include "tools/lns/base/json_text.h"
#include "tools/lns/base/printable.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <set>

namespace lns::tool {

static constexpr int64_t maxRank = 1 << 20;

/// Keys that say nothing of what is computed, given the tensors.
static bool isHarmless(const std::string &key) {
  static const std::set<std::string> keys = {"auto_mapping",
                                             "base_model_name_or_path",
                                             "exclude_modules",
                                             "fan_in_fan_out",
                                             "inference_mode",
                                             "layers_pattern",
                                             "layers_to_transform",
                                             "megatron_core",
                                             "peft_version",
                                             "qalora_group_size",
                                             "revision",
                                             "target_modules",
                                             "runtime_config"};
  return keys.contains(key);
}

/// What a key that is known says why it is refused; empty for others.
static std::string refusalOf(const std::string &key) {
  if (key == "use_dora")
    return "DoRA scales the merged weights by magnitudes of their own, which "
           "is not done here";
  if (key == "lora_bias")
    return "biases of adapters are not done here";
  if (key == "target_parameters")
    return "adapters of parameters that are no linear's weight are not done "
           "here";
  return "";
}

static bool isSet(const nlohmann::json &value) {
  return !value.is_null() && value != false &&
         !((value.is_object() || value.is_array()) && value.empty());
}

namespace {
class Reader {
public:
  Reader(const nlohmann::json &json, const std::string &place)
      : json(json), place(place) {}

  Status run(PeftConfig &config);

private:
  Status failure(const std::string &text) const {
    return Status::failure(place + ": " + text);
  }
  Status readFixed() const;
  Status readOthers() const;
  template <typename Number>
  Status readPattern(const char *key, std::map<std::string, Number> &to) const;
  Status readSaved(std::vector<std::string> &to) const;

  const nlohmann::json &json;
  const std::string &place;
};
} // namespace

template <typename Number>
static bool readPositive(const nlohmann::json &value, Number &to) {
  if (std::is_integral_v<Number> ? !value.is_number_integer()
                                 : !value.is_number())
    return false;
  double number = value.get<double>();
  if (!std::isfinite(number) || number <= 0 ||
      (std::is_integral_v<Number> && number > maxRank))
    return false;
  to = value.get<Number>();
  return true;
}

/// Keys whose value must be one.
Status Reader::readFixed() const {
  struct Fixed {
    const char *key;
    nlohmann::json value, otherwise;
    const char *why;
  };
  for (const Fixed &fixed :
       {Fixed{"peft_type", "LORA", "LORA",
              "other adapters than LoRA are not done here"},
        {"task_type", "CAUSAL_LM", nullptr,
         "adapters of other tasks are not of a language model"},
        {"bias", "none", "none",
         "biases that were trained are not in such an adapter"},
        {"lora_dropout", 0.0, 0.0,
         "dropout is not done here; set it to 0 to take the adapter as it "
         "is"}}) {
    nlohmann::json value = json.value(fixed.key, fixed.otherwise);
    if (!value.is_null() && value != fixed.value && value != fixed.otherwise)
      return failure(fmt::format("'{}' is {}, expected {}: {}", fixed.key,
                                 printable(value.dump(), 80),
                                 fixed.value.dump(), fixed.why));
  }
  // Others start from weights that they take out of the base's.
  nlohmann::json init = json.value("init_lora_weights", nlohmann::json(true));
  if (!init.is_null() && !init.is_boolean() && init != "gaussian" &&
      init != "orthogonal")
    return failure(fmt::format("'init_lora_weights' is {}, with which PEFT may "
                               "change the base as well; convert the adapter "
                               "to a plain LoRA",
                               printable(init.dump(), 80)));
  return Status::success();
}

Status Reader::readOthers() const {
  static const std::set<std::string> read = {"peft_type",
                                             "task_type",
                                             "bias",
                                             "lora_dropout",
                                             "r",
                                             "lora_alpha",
                                             "use_rslora",
                                             "rank_pattern",
                                             "alpha_pattern",
                                             "modules_to_save",
                                             "init_lora_weights"};
  for (const auto &[key, value] : json.items()) {
    if (read.contains(key) || isHarmless(key) || !isSet(value))
      continue;
    std::string why = refusalOf(key);
    return failure(fmt::format(
        "'{}' is {}: {}", printable(key, 80), printable(value.dump(), 80),
        why.empty() ? "nothing is known here of what it changes; use an "
                      "adapter without it"
                    : why));
  }
  return Status::success();
}

/// Names of modules; to PEFT they are regular expressions.
template <typename Number>
Status Reader::readPattern(const char *key,
                           std::map<std::string, Number> &to) const {
  nlohmann::json pattern = json.value(key, nlohmann::json());
  if (pattern.is_null())
    return Status::success();
  if (!pattern.is_object())
    return failure(fmt::format("'{}' is no object; restore it", key));
  for (const auto &[name, value] : pattern.items()) {
    bool isName =
        !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
          return std::isalnum(static_cast<unsigned char>(c)) || c == '_' ||
                 c == '.';
        });
    Number number = 0;
    if (!isName || !readPositive(value, number))
      return failure(fmt::format(
          "'{}' of '{}' is {}, expected names of modules, no expressions, and "
          "positive numbers",
          printable(name, 80), key, printable(value.dump(), 80)));
    to[name] = number;
  }
  return Status::success();
}

Status Reader::readSaved(std::vector<std::string> &to) const {
  nlohmann::json saved = json.value("modules_to_save", nlohmann::json());
  if (saved.is_null())
    return Status::success();
  if (!saved.is_array())
    return failure("'modules_to_save' is no list; restore it");
  for (const nlohmann::json &name : saved) {
    if (!name.is_string())
      return failure("'modules_to_save' is no list of names; restore it");
    to.push_back(name.get<std::string>());
  }
  return Status::success();
}

Status Reader::run(PeftConfig &config) {
  LNS_RETURN_IF_ERROR(readFixed());
  LNS_RETURN_IF_ERROR(readOthers());
  if (!readPositive(json.value("r", nlohmann::json()), config.rank))
    return failure(fmt::format(
        "'r' is {}, expected a number from 1 to {}",
        printable(json.value("r", nlohmann::json()).dump(), 80), maxRank));
  if (!readPositive(json.value("lora_alpha", nlohmann::json()), config.alpha))
    return failure(fmt::format(
        "'lora_alpha' is {}, expected a number above 0",
        printable(json.value("lora_alpha", nlohmann::json()).dump(), 80)));
  nlohmann::json rslora = json.value("use_rslora", nlohmann::json(false));
  if (!rslora.is_boolean() && !rslora.is_null())
    return failure("'use_rslora' is neither true nor false; restore it");
  config.rslora = rslora == true;
  LNS_RETURN_IF_ERROR(readPattern("rank_pattern", config.ranks));
  LNS_RETURN_IF_ERROR(readPattern("alpha_pattern", config.alphas));
  return readSaved(config.saved);
}

Expected<PeftConfig> readPeftConfig(const std::string &text,
                                    const std::string &place) {
  Expected<nlohmann::json> json = parseStrictJson(text);
  if (!json)
    return Status::failure(place + ": " + json.status().message());
  if (!json->is_object())
    return Status::failure(place +
                           ": not a JSON object; restore it as PEFT wrote it");
  PeftConfig config;
  LNS_RETURN_IF_ERROR(Reader(*json, place).run(config));
  return config;
}

/// Of the first name, in their order, that is one of the module; else `usual`.
template <typename Number>
static Number find(const std::map<std::string, Number> &pattern,
                   std::string_view module, Number usual) {
  for (const auto &[name, value] : pattern)
    if (isModuleNamed(module, name))
      return value;
  return usual;
}

int64_t PeftConfig::rankOf(std::string_view module) const {
  return find(ranks, module, rank);
}

double PeftConfig::scaleOf(std::string_view module) const {
  return getLoraScale(find(alphas, module, alpha), rankOf(module), rslora);
}

nlohmann::json makePeftConfig(const LoraFact &lora,
                              const std::vector<std::string> &targets,
                              const std::string &baseName) {
  nlohmann::json null;
  nlohmann::json alpha = lora.alpha;
  // PEFT's own is a whole number where it can be.
  if (lora.alpha == std::floor(lora.alpha) && lora.alpha < 1e9)
    alpha = static_cast<int64_t>(lora.alpha);
  return {
      {"alpha_pattern", nlohmann::json::object()},
      {"auto_mapping", null},
      {"base_model_name_or_path",
       baseName.empty() ? null : nlohmann::json(baseName)},
      {"bias", "none"},
      {"fan_in_fan_out", false},
      {"inference_mode", true},
      {"init_lora_weights", true},
      {"layers_pattern", null},
      {"layers_to_transform", null},
      {"lora_alpha", alpha},
      {"lora_bias", false},
      {"lora_dropout", 0.0},
      {"modules_to_save", lora.save.empty() ? null : nlohmann::json(lora.save)},
      {"peft_type", "LORA"},
      {"r", lora.rank},
      {"rank_pattern", nlohmann::json::object()},
      {"revision", null},
      {"target_modules", targets},
      {"task_type", "CAUSAL_LM"},
      {"use_dora", false},
      {"use_rslora", lora.rslora}};
}

} // namespace lns::tool
