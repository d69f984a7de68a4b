//===- hf_class.cpp - Which class computes a model ------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/exchange/hf_class.h"

#include "tools/lns/base/printable.h"
#include "tools/lns/checkpoint/model_identity.h"

#include <algorithm>
#include <charconv>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <set>

namespace lns::tool {

//===----------------------------------------------------------------------===//
// Choosing
//===----------------------------------------------------------------------===//

static const char *describe(NormStand stand) {
  switch (stand) {
  case NormStand::Before:
    return "before sublayers";
  case NormStand::Behind:
    return "behind sublayers";
  case NormStand::Around:
    return "before and behind sublayers";
  case NormStand::Inside:
    return "before sublayers and inside of them";
  }
  return "";
}

static const char *describe(HeadNorm norm) {
  switch (norm) {
  case HeadNorm::None:
    return "no norms of query and key";
  case HeadNorm::Head:
  case HeadNorm::Free:
    return "norms of each head of query and key (qk-norm=head)";
  case HeadNorm::Full:
    return "norms of the whole query and key (qk-norm=full)";
  }
  return "";
}

/// A norm without a gain is one with a gain of ones.
static bool computes(HeadNorm of, HeadNorm wanted) {
  return of == wanted || (of == HeadNorm::Head && wanted == HeadNorm::Free);
}

/// What a class lacks for the model; empty if nothing.
static std::string lackOf(const FamilyInfo &family, const SourceModel &source) {
  if (!computes(family.headNorm, source.headNorm))
    return std::string("has ") + describe(family.headNorm);
  bool query = source.queryBias, output = source.outputBias;
  switch (family.biases) {
  case BiasKind::None:
    if (query || output || source.mlpBias)
      return "has no biases";
    break;
  case BiasKind::Attention:
    if (source.mlpBias)
      return "has no biases of gate, up and down";
    [[fallthrough]];
  case BiasKind::AttentionMlp:
    if (query != output)
      return "has biases at query, key, value and output or at none of them";
    break;
  case BiasKind::QueryKeyValue:
    if (!query || output || source.mlpBias)
      return "has biases at query, key and value, and nowhere else";
    break;
  case BiasKind::All:
    if (!query || !output || !source.mlpBias)
      return "has biases everywhere";
    break;
  }
  if (family.headsDivideWidth && source.hidden % source.heads != 0)
    return fmt::format("wants num_attention_heads, {}, to divide hidden_size, "
                       "{}",
                       source.heads, source.hidden);
  if (family.stand == NormStand::Inside &&
      source.heads * source.headDim != source.hidden)
    return fmt::format("wants its heads to be as wide as hidden_size, {}, not "
                       "{}",
                       source.hidden, source.heads * source.headDim);
  return "";
}

/// What only the family's own class computes, and so nobody else; empty if
/// nothing. Facts that are not known here may be anything.
static std::string peculiarity(const SourceModel &source) {
  static const std::set<std::string> known = {
      "norm",      "inner_norms", "norm_kind",      "eps",
      "layers",    "heads",       "kv_heads",       "head_dim",
      "attention", "positions",   "rope",           "rope_dim",
      "biases",    "tied_head",   "residual_scale", "activation"};
  if (source.family->isSpecial)
    return fmt::format("its model_type is '{}', of which only {} computes all",
                       source.family->modelType, source.family->architecture);
  for (const std::string &key : factKeys(source.identity))
    if (!known.contains(key))
      return fmt::format(
          "'{}' is {}", printable(key, 80),
          printable(findFact(source.identity, key).value_or(""), 80));
  return "";
}

Expected<ExportClass> chooseClass(const SourceModel &source) {
  auto refuse = [&](const std::string &why) {
    return Status::failure(
        fmt::format("{}: the scheme '{}' cannot be exported: {}", source.place,
                    source.schemeText.empty() ? source.scheme->name
                                              : printable(source.schemeText),
                    why));
  };
  if (source.choice.option("final-norm") == "off")
    return refuse("it has no norm before the head, and every class has one");
  ExportClass target;
  NormStand stand = source.scheme->stand;
  target.foldsBranch = source.scheme->attentionGate != nullptr;
  const FamilyInfo &own = *source.family;
  std::string ownLack = lackOf(own, source);
  if (stand != own.stand)
    ownLack = fmt::format("has norms {}", describe(own.stand));
  else if (source.embeddingNorm)
    ownLack = "has no norm of the embedding";
  if (ownLack.empty()) {
    target.family = &own;
    target.isOwn = true;
    target.foldsBranch |= source.branch != 1 && !own.hasBranchFactor;
    return target;
  }
  if (std::string why = peculiarity(source); !why.empty())
    return refuse(fmt::format("{}, and {} {}", why, own.architecture, ownLack));
  std::vector<std::string> lacks;
  for (const FamilyInfo &family : allFamilies()) {
    if (family.stand != stand || !family.isTarget)
      continue;
    std::string lack = lackOf(family, source);
    if (lack.empty()) {
      target.family = &family;
      target.foldsBranch |= source.branch != 1;
      target.isGemma = family.hasGainOffset;
      return target;
    }
    lacks.push_back(fmt::format("{} {}", family.architecture, lack));
  }
  return refuse(fmt::format("it has norms {} and {}; of the classes with such "
                            "norms {}",
                            describe(stand), describe(source.headNorm),
                            fmt::join(lacks, ", ")));
}

std::optional<FoldMark> makeMark(const SourceModel &source,
                                 const ExportClass &target) {
  if (std::string_view(source.scheme->name) == "lns")
    return FoldMark{"lns"};
  if (target.foldsBranch || target.isGemma || source.embeddingNorm)
    return FoldMark{source.schemeText};
  return std::nullopt;
}

//===----------------------------------------------------------------------===//
// Configs
//===----------------------------------------------------------------------===//

static constexpr const char *tokenKeys[] = {"bos_token_id", "eos_token_id",
                                            "pad_token_id"};

/// Says RoPE's base, which classes do not take to be the same where it is not
/// said.
static void writeRope(const SourceModel &source, nlohmann::json &config) {
  auto hasBase = [](const nlohmann::json &object) {
    auto it = object.find("rope_theta");
    return it != object.end() && it->is_number();
  };
  nlohmann::json nested;
  for (const char *key : {"rope_parameters", "rope_scaling"})
    if (auto it = source.config.find(key);
        it != source.config.end() && it->is_object()) {
      nested = *it;
      config[key] = *it;
    }
  if (hasBase(source.config))
    config["rope_theta"] = source.config["rope_theta"];
  if (hasBase(config) || (nested.is_object() && hasBase(nested)))
    return;
  std::string text = findFact(source.identity, "rope").value_or("");
  constexpr std::string_view begin = "base ";
  double base = 1e4; // of all families that are not special
  if (text.starts_with(begin))
    std::from_chars(text.data() + begin.size(), text.data() + text.size(),
                    base);
  if (config.contains("rope_parameters"))
    config["rope_parameters"]["rope_theta"] = base;
  else
    config["rope_theta"] = base;
}

/// Every layer sees all earlier tokens.
static std::vector<std::string> fullLayers(const SourceModel &source) {
  return std::vector<std::string>(static_cast<size_t>(source.layers),
                                  "full_attention");
}

/// As the class `target` spells what `source` is.
static nlohmann::json translate(const SourceModel &source,
                                const ExportClass &target) {
  const FamilyInfo &family = *target.family;
  nlohmann::json config = {
      {"model_type", family.modelType},
      {"architectures", {family.architecture}},
      {"hidden_size", source.hidden},
      {"intermediate_size", source.intermediate},
      {"num_hidden_layers", source.layers},
      {"vocab_size", source.vocabulary},
      {"num_attention_heads", source.heads},
      {"num_key_value_heads", source.kvHeads},
      {"head_dim", source.headDim},
      {"rms_norm_eps", source.eps},
      {"tie_word_embeddings", source.isTied},
  };
  for (const char *key : {"bos_token_id", "eos_token_id", "pad_token_id",
                          "initializer_range", "max_position_embeddings"})
    if (auto it = source.config.find(key); it != source.config.end())
      config[key] = *it;
  auto act = source.config.find("hidden_act");
  config["hidden_act"] =
      act == source.config.end() ? nlohmann::json("silu") : *act;
  if (family.biases == BiasKind::Attention ||
      family.biases == BiasKind::AttentionMlp)
    config["attention_bias"] = source.queryBias;
  if (family.biases == BiasKind::AttentionMlp)
    config["mlp_bias"] = source.mlpBias;
  writeRope(source, config);
  std::string_view type = family.modelType;
  bool knowsWindows = type == "mistral" || type == "qwen2" || type == "qwen3" ||
                      type == "exaone4" || target.isGemma;
  if (knowsWindows && type != "mistral")
    config["layer_types"] = fullLayers(source);
  if (knowsWindows)
    config["sliding_window"] = nullptr;
  if (target.isGemma) {
    config["hidden_activation"] = config["hidden_act"];
    config.erase("hidden_act");
    config["query_pre_attn_scalar"] = source.headDim;
    config["attn_logit_softcapping"] = nullptr;
    config["final_logit_softcapping"] = nullptr;
  }
  return config;
}

nlohmann::json makeConfig(const SourceModel &source, const ExportClass &target,
                          const std::string &dtype) {
  nlohmann::json config = source.config;
  if (!target.isOwn)
    config = translate(source, target);
  else if (source.family->hasBranchFactor &&
           std::string_view(source.scheme->name) == "residual-multiplier")
    config["residual_multiplier"] = source.branch;
  // No layer has it, but the class makes a mask of it all the same.
  if (target.family->hasGainOffset && config.contains("sliding_window") &&
      config["sliding_window"].is_null())
    config["sliding_window"] = 4096;
  // Transformers 5.24 divides by the period of the layers with a window, which
  // is zero without one.
  if (std::string_view(target.family->modelType) == "exaone4" &&
      config.value("sliding_window", nlohmann::json()).is_null() &&
      !config.contains("layer_types"))
    config["layer_types"] = fullLayers(source);
  if (target.changesEmbedding(source))
    config["tie_word_embeddings"] = false;
  // A class takes tokens of its own for those that are not there, which may be
  // beyond the vocabulary.
  for (const char *key : tokenKeys)
    if (!config.contains(key))
      config[key] = nullptr;
  // The name since transformers 4.56, and the one before.
  config["dtype"] = config["torch_dtype"] = dtype;
  if (std::optional<FoldMark> mark = makeMark(source, target))
    config[markKey] = toJson(*mark);
  return config;
}

nlohmann::json makeGenerationConfig(const nlohmann::json &config) {
  nlohmann::json generation = {{"_from_model_config", true}};
  for (const char *key : tokenKeys)
    if (auto it = config.find(key); it != config.end() && !it->is_null())
      generation[key] = *it;
  return generation;
}

} // namespace lns::tool
