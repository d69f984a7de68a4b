//===- families_test.cpp - Two tables of families say the same ------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// The compiler and the trainer share no code, and each has a table of what it
// has to know of a model_type. What both know must be the same.
//
//===----------------------------------------------------------------------===//

#include "frontend/DecoderConfig.h"
#include "frontend/Families.h"
#include "tools/lns/checkpoint/config_defaults.h"
#include "tools/lns/checkpoint/config_difference.h"
#include "tools/lns/checkpoint/families.h"
#include "tools/lns/checkpoint/model_identity.h"

#include "mlir/IR/MLIRContext.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

using namespace lns;

namespace {

/// How the trainer says it.
tool::NormStand getStand(NormScheme scheme) {
  switch (scheme) {
  case NormScheme::Reordered:
    return tool::NormStand::Behind;
  case NormScheme::Sandwich:
    return tool::NormStand::Around;
  default:
    EXPECT_EQ(scheme, NormScheme::Pre);
    return tool::NormStand::Before;
  }
}

tool::HeadNorm getHeadNorm(QkNorm norm) {
  switch (norm) {
  case QkNorm::Off:
    return tool::HeadNorm::None;
  case QkNorm::Head:
    return tool::HeadNorm::Head;
  case QkNorm::Full:
    return tool::HeadNorm::Full;
  case QkNorm::Free:
    return tool::HeadNorm::Free;
  }
  llvm_unreachable("unknown norm");
}

tool::BiasKind getBiases(BiasRule rule) {
  switch (rule) {
  case BiasRule::ByKeys:
    return tool::BiasKind::AttentionMlp;
  case BiasRule::ByAttentionKey:
    return tool::BiasKind::Attention;
  case BiasRule::QueryKeyValue:
    return tool::BiasKind::QueryKeyValue;
  case BiasRule::Always:
    return tool::BiasKind::All;
  case BiasRule::Never:
    return tool::BiasKind::None;
  }
  llvm_unreachable("unknown rule");
}

tool::WindowKind getWindow(WindowRule rule) {
  switch (rule) {
  case WindowRule::None:
    return tool::WindowKind::None;
  case WindowRule::NoneByFlag:
    return tool::WindowKind::NoneByFlag;
  case WindowRule::EveryLayer:
    return tool::WindowKind::EveryLayer;
  case WindowRule::ByFlag:
    return tool::WindowKind::ByFlag;
  case WindowRule::ByPattern:
    return tool::WindowKind::ByPattern;
  }
  llvm_unreachable("unknown rule");
}

TEST(FamilyTables, SayTheSame) {
  for (const Family *family : getFamilies()) {
    SCOPED_TRACE(family->modelType.str());
    const tool::FamilyInfo *info = tool::findFamily(family->modelType.str());
    ASSERT_TRUE(info);
    EXPECT_EQ(family->architecture, info->architecture);
    EXPECT_EQ(family->keys.hidden, info->keys.hidden);
    EXPECT_EQ(family->keys.intermediate, info->keys.intermediate);
    EXPECT_EQ(family->keys.layers, info->keys.layers);
    EXPECT_EQ(family->keys.heads, info->keys.heads);
    EXPECT_EQ(family->keys.positions, info->keys.positions);
    EXPECT_EQ(family->keys.normEps, info->keys.eps);
    EXPECT_EQ(family->activationKey, info->keys.activation);
    EXPECT_EQ(getStand(family->norm.scheme), info->stand);
    EXPECT_EQ(getHeadNorm(family->qkNorm), info->headNorm);
    EXPECT_EQ(getBiases(family->biases), info->biases);
    EXPECT_EQ(family->gainOffset, info->hasGainOffset ? 1 : 0);
    EXPECT_EQ(family->normKind == NormKind::layer, info->hasLayerNorm);
    EXPECT_EQ(family->learnedPositions, info->hasLearnedPositions);
    EXPECT_EQ(family->isGated, info->isGated);
    EXPECT_EQ(family->defaults.innerFactor.value_or(0), info->innerFactor);
    tool::ConfigKeys usual;
    EXPECT_EQ(family->aliases.size(), info->hasUsualNames ? 4u : 0u);
    for (const KeyAlias &alias : family->aliases)
      EXPECT_EQ(alias.of, alias.name == usual.hidden      ? info->keys.hidden
                          : alias.name == usual.layers    ? info->keys.layers
                          : alias.name == usual.heads     ? info->keys.heads
                          : alias.name == usual.positions ? info->keys.positions
                                                          : "")
          << alias.name.str();
    const FamilyDefaults &defaults = family->defaults;
    EXPECT_EQ(defaults.normEps, info->defaults.eps);
    EXPECT_EQ(defaults.ropeBase, info->defaults.ropeBase);
    EXPECT_EQ(family->localRopeBase.value_or(0), info->defaults.localRopeBase);
    // Where the compiler wants the key, it has no default.
    if (llvm::none_of(family->required, [](const RequiredKey &required) {
          return required.key == "num_key_value_heads";
        }))
      EXPECT_EQ(defaults.kvHeads.value_or(0), info->defaults.kvHeads);
    EXPECT_EQ(defaults.headDim.value_or(0), info->defaults.headDim);
    EXPECT_EQ(getWindow(family->window), info->window);
    EXPECT_EQ(family->windowPattern, info->windowPattern);
    EXPECT_EQ(family->readsWindowPattern, info->readsWindowPattern);
    EXPECT_EQ(family->ropeWithWindowOnly, info->ropeWithWindowOnly);
  }
}

// What the trainer writes and the compiler does not read, by name.
TEST(FamilyTables, HaveTheSameFamilies) {
  for (const tool::FamilyInfo &info : tool::allFamilies())
    EXPECT_EQ(findFamily(info.modelType) == nullptr,
              llvm::StringRef(info.modelType) == "bitnet")
        << info.modelType;
}

/// What the compiler reads, as far as the trainer compares it.
std::string read(const nlohmann::json &json) {
  mlir::MLIRContext context;
  std::string said;
  context.getDiagEngine().registerHandler(
      [&](mlir::Diagnostic &diagnostic) { said += diagnostic.str() + "\n"; });
  JsonConfig config("config.json", &context);
  EXPECT_TRUE(succeeded(config.parse(json.dump())));
  JsonSection root = config.getRoot();
  llvm::FailureOr<DecoderConfig> read = readDecoderConfig(root, config, {});
  EXPECT_TRUE(succeeded(read)) << json.dump() << "\n" << said;
  if (failed(read))
    return said;
  std::string text;
  llvm::raw_string_ostream os(text);
  auto number = [&](const char *name, std::optional<double> value) {
    os << name << " ";
    if (value)
      os << llvm::format("%.17g", *value);
    os << "\n";
  };
  auto list = [&](const char *name, const auto &values) {
    os << name;
    for (auto value : values)
      os << " " << llvm::format("%.17g", static_cast<double>(value));
    os << "\n";
  };
  auto rope = [&](const RopeConfig &rope) {
    number("base", rope.base);
    if (rope.frequencies)
      list("frequencies", *rope.frequencies);
  };
  os << "activation " << stringifyEnum(read->activation) << "\n";
  number("eps", read->normEps);
  number("kv heads", static_cast<double>(read->kvHeads));
  number("head dim", static_cast<double>(read->headDim));
  number("score cap", read->scoreCap);
  number("logit cap", read->logitCap);
  number("embedding", read->embeddingScale);
  number("residual", read->residualScale);
  number("logits", read->logitScale);
  number("attention", read->attentionScale);
  list("attention", read->layerAttentionScales);
  if (read->window)
    number("window", static_cast<double>(*read->window));
  list("slides", read->slides);
  list("rotates", read->rotates);
  rope(read->rope);
  if (read->localRope)
    rope(*read->localRope);
  return text;
}

nlohmann::json makeConfig(const Family &family) {
  nlohmann::json json = {{"model_type", family.modelType.str()},
                         {"vocab_size", 40}};
  json[family.keys.hidden.str()] = 64;
  json[family.keys.intermediate.str()] = 24;
  json[family.keys.layers.str()] = 6;
  json[family.keys.heads.str()] = 32;
  if (family.learnedPositions)
    json[family.keys.positions.str()] = 16;
  for (const RequiredKey &required : family.required)
    json[required.key.str()] = 8;
  return json;
}

/// The config as it is, and with all that the trainer takes for keys that are
/// not there, are one model for the compiler.
void expectSame(const Family &family, const nlohmann::json &changes) {
  nlohmann::json json = makeConfig(family);
  json.update(changes);
  SCOPED_TRACE(json.dump());
  const tool::FamilyInfo *info = tool::familyOf(json);
  ASSERT_TRUE(info);
  nlohmann::json filled = tool::withDefaults(json, *info);
  EXPECT_EQ(read(json), read(filled)) << filled.dump();
  EXPECT_EQ(tool::identityOfConfig(json.dump()),
            tool::identityOfConfig(filled.dump()));
  EXPECT_EQ(tool::describeConfigDifferences(json.dump(), filled.dump()),
            std::vector<std::string>());
}

TEST(FamilyTables, TakeTheSameForKeysThatAreNotThere) {
  for (const Family *family : getFamilies())
    expectSame(*family, nlohmann::json::object());
  auto change = [](const Family &family, const char *text) {
    expectSame(family, nlohmann::json::parse(text));
  };
  change(kQwen2, R"({"use_sliding_window": true, "max_window_layers": 2})");
  change(kQwen3, R"({"use_sliding_window": true, "sliding_window": 3})");
  change(kQwen3, R"({"num_key_value_heads": null, "head_dim": null})");
  change(kMistral, R"({"sliding_window": null})");
  change(kExaone4, R"({"sliding_window": null})");
  change(kExaone4, R"({"sliding_window_pattern": 2})");
  change(kExaone4, R"({"layer_types": ["full_attention", "full_attention",
      "full_attention", "full_attention", "full_attention",
      "full_attention"]})");
  change(kGemma2, R"({"attn_logit_softcapping": null})");
  change(kGemma3Text, R"({"sliding_window_pattern": 2})");
  change(kGemma3Text, R"({"rope_parameters": {"full_attention":
      {"rope_type": "default", "rope_theta": 50.0}}})");
  change(kSmolLm3, R"({"no_rope_layer_interval": 2})");
  change(kGpt2, R"({"scale_attn_by_inverse_layer_idx": true})");
  change(kLlama, R"({"rope_scaling": {"type": "linear", "factor": 2.0}})");
}

TEST(FamilyTables, KnowTheNamesOfActivations) {
  std::vector<std::string> names = {"silu",
                                    "swish",
                                    "gelu",
                                    "gelu_python",
                                    "gelu_pytorch_tanh",
                                    "gelu_new",
                                    "gelu_python_tanh",
                                    "gelu_accurate",
                                    "relu"};
  for (const std::string &one : names)
    for (const std::string &other : names) {
      nlohmann::json here = makeConfig(kLlama), there = here;
      here["hidden_act"] = one;
      there["hidden_act"] = other;
      EXPECT_EQ(
          read(here) == read(there),
          tool::describeConfigDifferences(here.dump(), there.dump()).empty())
          << one << other;
    }
}

// Every key that the compiler reads in code of its own, by changing it.
TEST(FamilyTables, CompareWhatTheCompilerReads) {
  auto differs = [](const Family &family, const char *text) {
    nlohmann::json json = makeConfig(family), other = json;
    other.update(nlohmann::json::parse(text));
    SCOPED_TRACE(other.dump());
    EXPECT_NE(read(json), read(other));
    std::string here = json.dump(), there = other.dump();
    bool isNamed =
        !tool::describeConfigDifferences(here, there).empty() ||
        tool::identityOfConfig(here) != tool::identityOfConfig(there);
    EXPECT_TRUE(isNamed);
  };
  for (const Family *family : getFamilies()) {
    nlohmann::json eps, activation;
    eps[family->keys.normEps.str()] = 1e-3;
    activation[family->activationKey.str()] = "relu";
    differs(*family, eps.dump().c_str());
    differs(*family, activation.dump().c_str());
    if (!family->learnedPositions)
      differs(*family, R"({"rope_theta": 77.0})");
  }
  for (const char *key : {"embedding_multiplier", "attention_multiplier",
                          "residual_multiplier", "logits_scaling"})
    differs(kGranite, (R"({")" + std::string(key) + R"(": 0.5})").c_str());
  for (const Family *family : {&kGemma2, &kGemma3Text})
    for (const char *key : {"attn_logit_softcapping", "sliding_window",
                            "final_logit_softcapping", "query_pre_attn_scalar"})
      differs(*family, (R"({")" + std::string(key) + R"(": 5})").c_str());
  differs(kGemma3Text, R"({"rope_local_base_freq": 77.0})");
  differs(kSmolLm3, R"({"no_rope_layer_interval": 2})");
  differs(kSmolLm3, R"({"no_rope_layers": [1, 1, 1, 1, 1, 1]})");
  differs(kGpt2, R"({"scale_attn_weights": false})");
  differs(kGpt2, R"({"scale_attn_by_inverse_layer_idx": true})");
}

} // namespace
