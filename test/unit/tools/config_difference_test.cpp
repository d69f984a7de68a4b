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
          R"("query_pre_attn_scalar": 9, "hidden_activation": "silu",)"
          R"("logits_scaling": 1})",
          R"({"sliding_window": null, "attn_logit_softcapping": 50.0,)"
          R"("query_pre_attn_scalar": 16, "logits_scaling": 4,)"
          R"("hidden_activation": "gelu_pytorch_tanh"})"),
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
        {R"({"hidden_act": "gelu", "hidden_activation": "gelu_new"})",
         R"({"hidden_activation": "gelu_pytorch_tanh"})"},
        {R"({"query_pre_attn_scalar": 9})",
         R"({"query_pre_attn_scalar": 9.0})"},
        {R"({"sliding_window": 8})", R"({"dtype": "bfloat16"})"},
        {R"({"dtype": "float32"})", R"({"dtype": "bfloat16"})"},
        {"", R"({"sliding_window": 8})"},
        {"[]", "{"}})
    EXPECT_EQ(describeConfigDifferences(here, there), Differences())
        << here << there;
}
