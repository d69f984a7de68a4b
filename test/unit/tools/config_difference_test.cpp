//===- config_difference_test.cpp - Two config.json of one model? ---------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/checkpoint/config_difference.h"

#include <gtest/gtest.h>

using namespace lns::tool;

using Differences = std::vector<std::string>;

// Every key that both have, and that no shape tells of.
TEST(ConfigDifference, NamesKeys) {
  EXPECT_EQ(
      describeConfigDifferences(
          R"({"sliding_window": 8, "attn_logit_softcapping": null,)"
          R"("query_pre_attn_scalar": 9, "hidden_act": "silu",)"
          R"("logits_scaling": 1})",
          R"({"sliding_window": null, "attn_logit_softcapping": 50.0,)"
          R"("query_pre_attn_scalar": 16, "logits_scaling": 4,)"
          R"("hidden_act": "gelu_pytorch_tanh"})"),
      (Differences{"sliding_window: 8 here, null in the checkpoint",
                   "attn_logit_softcapping: null here, 50.0 in the checkpoint",
                   "query_pre_attn_scalar: 9 here, 16 in the checkpoint",
                   "activation: \"silu\" here, \"gelu_pytorch_tanh\" in the "
                   "checkpoint",
                   "logits_scaling: 1 here, 4 in the checkpoint"}));
}

// A window that no layer has, names of one activation, a number as an integer,
// keys of one side, keys that change nothing, texts that are no configs.
TEST(ConfigDifference, TakesTheSame) {
  for (auto [here, there] :
       {std::pair{R"({"sliding_window": 8, "use_sliding_window": false})",
                  R"({"sliding_window": null})"},
        {R"({"sliding_window": 8, "layer_types": ["full_attention"]})",
         R"({"sliding_window": 4096, "layer_types": ["full_attention"]})"},
        {R"({"hidden_act": "lns_silu"})", R"({"hidden_act": "swish"})"},
        {R"({"model_type": "gemma2", "hidden_act": "gelu",)"
         R"("hidden_activation": "gelu_new"})",
         R"({"model_type": "gemma2",)"
         R"("hidden_activation": "gelu_pytorch_tanh"})"},
        {R"({"query_pre_attn_scalar": 9})",
         R"({"query_pre_attn_scalar": 9.0})"},
        {R"({"sliding_window": 8})", R"({"dtype": "bfloat16"})"},
        {R"({"dtype": "float32"})", R"({"dtype": "bfloat16"})"},
        {"", R"({"sliding_window": 8})"},
        {"[]", "{"}})
    EXPECT_EQ(describeConfigDifferences(here, there), Differences())
        << here << there;
}

/// `keys` of a config of the family, with some sizes.
static std::string configOf(const std::string &family,
                            const std::string &keys) {
  return R"({"model_type": ")" + family + R"(", "num_hidden_layers": 2)" +
         (keys.empty() ? "" : ", " + keys) + "}";
}

// What one side leaves out is what its class takes, on either side.
TEST(ConfigDifference, FillsInWhatIsLeftOut) {
  struct Case {
    const char *family, *keys, *key, *value, *usual;
  };
  for (const Case &c : std::initializer_list<Case>{
           {"gpt2", R"("scale_attn_by_inverse_layer_idx": true)",
            "scale_attn_by_inverse_layer_idx", "true", "false"},
           {"gpt2", R"("scale_attn_weights": false)", "scale_attn_weights",
            "false", "true"},
           {"gpt2", R"("activation_function": "relu")", "activation",
            R"("relu")", R"("gelu_pytorch_tanh")"},
           {"llama", R"("hidden_act": "gelu")", "activation", R"("gelu")",
            R"("silu")"},
           {"llama", R"("rope_scaling": {"type": "linear", "factor": 2})",
            "rope", R"({"factor":2,"rope_theta":10000.0,"rope_type":"linear"})",
            R"({"rope_theta":10000.0,"rope_type":"default"})"},
           {"gemma2", R"("attn_logit_softcapping": null)",
            "attn_logit_softcapping", "null", "50"},
           {"gemma2", R"("final_logit_softcapping": 20)",
            "final_logit_softcapping", "20", "30"},
           {"gemma2", R"("query_pre_attn_scalar": 8)", "query_pre_attn_scalar",
            "8", "256"},
           {"gemma2", R"("sliding_window": 8)", "sliding_window", "8", "4096"},
           {"gemma3_text", R"("final_logit_softcapping": 20)",
            "final_logit_softcapping", "20", "null"},
           {"gemma3_text", R"("rope_theta": 10000)", "rope",
            R"({"rope_theta":10000,"rope_type":"default"})",
            R"({"rope_theta":1000000.0,"rope_type":"default"})"},
           {"gemma3_text",
            R"("rope_parameters": {"sliding_attention": {"rope_theta": 5}})",
            "local rope", R"({"rope_theta":5,"rope_type":"default"})",
            R"({"rope_theta":10000.0,"rope_type":"default"})"},
           {"granite", R"("embedding_multiplier": 12)", "embedding_multiplier",
            "12", "1"},
           {"granite", R"("logits_scaling": 4)", "logits_scaling", "4", "1"},
           {"granite", R"("attention_multiplier": 0.5)", "attention_multiplier",
            "0.5", "1"},
           {"smollm3", R"("no_rope_layer_interval": 2)", "no_rope_layers",
            "[1,0]", "[1,1]"},
           {"mistral", R"("sliding_window": 8)", "sliding_window", "8",
            "4096"}}) {
    std::string with = configOf(c.family, c.keys),
                without = configOf(c.family, "");
    std::string key = c.key, value = c.value, usual = c.usual;
    EXPECT_EQ(describeConfigDifferences(with, without),
              (Differences{key + ": " + value + " here, " + usual +
                           " in the checkpoint"}));
    EXPECT_EQ(describeConfigDifferences(without, with),
              (Differences{key + ": " + usual + " here, " + value +
                           " in the checkpoint"}));
  }
  EXPECT_EQ(describeConfigDifferences(configOf("qwen2",
                                               R"("use_sliding_window": true,)"
                                               R"("max_window_layers": 1)"),
                                      configOf("qwen2", "")),
            (Differences{"sliding_window: 4096 here, null in the checkpoint",
                         R"(layer_types: ["full_attention",)"
                         R"("sliding_attention"] here, ["full_attention",)"
                         R"("full_attention"] in the checkpoint)"}));
}

// Where what stands there is what is taken without it, whoever spells it how.
TEST(ConfigDifference, TakesWhatIsUsual) {
  for (auto [family, keys] :
       {std::pair{"gpt2",
                  R"("activation_function": "gelu_new",)"
                  R"("scale_attn_weights": true, "hidden_act": "relu")"},
        {"llama", R"("hidden_act": "silu", "rope_theta": 1e4,)"
                  R"("rope_scaling": null, "attention_multiplier": null)"},
        {"llama", R"("rope_parameters": {"rope_type": "default",)"
                  R"("rope_theta": 10000})"},
        {"llama", R"("rope_scaling": {"type": "default"})"},
        {"mistral", R"("sliding_window": 4096)"},
        {"qwen3", R"("sliding_window": 8, "max_window_layers": 0)"},
        {"gemma2", R"("hidden_act": "silu", "final_logit_softcapping": 30.0,)"
                   R"("layer_types": ["sliding_attention", "full_attention"])"},
        {"smollm3", R"("no_rope_layers": [1, 1])"},
        {"granite", R"("logits_scaling": 1.0)"}})
    EXPECT_EQ(
        describeConfigDifferences(configOf(family, keys), configOf(family, "")),
        Differences())
        << family << keys;
  // What a class does not have: no window and no cap, and else nothing is said.
  EXPECT_EQ(describeConfigDifferences(
                configOf("gemma2", R"("final_logit_softcapping": null,)"
                                   R"("sliding_window": null,)"
                                   R"("hidden_activation": "silu")"),
                configOf("llama", "")),
            (Differences{"attn_logit_softcapping: 50 here, null in the "
                         "checkpoint"}));
}

// Values of wrong types are only compared.
TEST(ConfigDifference, TakesAnyValues) {
  for (const char *value : {"7", "-1", "[]", "{}", R"("x")", "null", "true",
                            "1e300", "[[]]", R"({"type": 3})"})
    for (const char *family : {"gpt2", "gemma3_text", "smollm3", "qwen2"})
      for (const char *key :
           {"num_hidden_layers", "n_layer", "layer_types", "rope_parameters",
            "rope_scaling", "sliding_window", "max_window_layers", "head_dim",
            "no_rope_layer_interval", "hidden_act", "activation_function",
            "sliding_window_pattern", "num_attention_heads"}) {
        std::string text = std::string(R"({"model_type": ")") + family +
                           R"(", ")" + key + R"(": )" + value + "}";
        EXPECT_EQ(describeConfigDifferences(text, text), Differences()) << text;
      }
}
