//===- model_identity_test.cpp - Whose parameters a checkpoint holds ------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/checkpoint/lora_fact.h"
#include "tools/lns/checkpoint/model_identity.h"

#include <gtest/gtest.h>

using namespace lns::tool;

static std::string makeIdentity(const std::string &facts,
                                const std::string &ops) {
  return "lnsc model 1\n" + facts + "graph:\n" + ops;
}

static const std::string branch =
    "residual_scale: 1 of the stream, 1 of the branch\n";

static std::string refusal(const std::string &plan,
                           const std::string &checkpoint) {
  Expected<std::string> result =
      checkIdentity(plan, checkpoint, "run/step-1", /*force=*/false);
  EXPECT_FALSE(result);
  return result ? "" : result.status().message();
}

static std::string note(const std::string &plan, const std::string &checkpoint,
                        bool force = false) {
  Expected<std::string> result =
      checkIdentity(plan, checkpoint, "run/step-1", force);
  EXPECT_TRUE(result) << result.status().message();
  return result ? *result : "";
}

TEST(ModelIdentity, TakesTheSameModelWithoutAWord) {
  std::string text = makeIdentity("norm: lns\n", "%0 = norm(tokens)\n");
  EXPECT_EQ(note(text, text), "");
}

TEST(ModelIdentity, SaysWhenACheckpointDoesNotSay) {
  std::string text = makeIdentity("norm: lns\n", "%0 = norm(tokens)\n");
  for (const std::string &plan : {text, std::string()})
    EXPECT_EQ(note(plan, ""), "run/step-1: does not say what model it is of; "
                              "taken by names and shapes");
}

TEST(ModelIdentity, NamesEveryFactThatDiffers) {
  EXPECT_EQ(refusal(makeIdentity("norm: lns\nhead_dim: 16\nrope: base 1e+04\n"
                                 "layers: 2\n",
                                 "a\n"),
                    makeIdentity("norm: pre\nhead_dim: 32\nlayers: 2\n"
                                 "norm_scale: 0.5\n",
                                 "b\n")),
            "run/step-1: is of another model than the plan: norm: lns here, "
            "pre in the checkpoint; head_dim: 16 here, 32 in the checkpoint; "
            "rope: base 1e+04 here, none in the checkpoint; norm_scale: none "
            "here, 0.5 in the checkpoint; compile the plan for this model, or "
            "give --force to take the parameters as they are");
}

// Facts that agree, but ops that do not: the first ops that differ are named,
// where they differ.
TEST(ModelIdentity, NamesTheFirstOpsThatDiffer) {
  std::string same(200, 'x');
  std::string message = refusal(
      makeIdentity("norm: lns\n", "same\n" + same + "1 a\n%2\n%3\n%4\n"),
      makeIdentity("norm: lns\n", "same\n" + same + "2 a\n%5\n"));
  EXPECT_NE(message.find("op 2: ..." + std::string(40, 'x') + "1 a here, ..." +
                         std::string(40, 'x') + "2 a in the checkpoint"),
            std::string::npos)
      << message;
  EXPECT_NE(message.find("op 3: %2 here, %5 in the checkpoint; op 4: %3 here, "
                         "nothing in the checkpoint;"),
            std::string::npos)
      << message;
  EXPECT_EQ(message.find("op 5"), std::string::npos);
}

TEST(ModelIdentity, ForceTakesAnotherModelAndSaysSo) {
  EXPECT_EQ(note(makeIdentity("norm: lns\n", "a\n"),
                 makeIdentity("norm: pre\n", "b\n"), /*force=*/true),
            "run/step-1: is of another model than the plan: norm: lns here, "
            "pre in the checkpoint; taken because of --force");
}

TEST(ModelIdentity, SaysThatThereWasNothingToCompareWith) {
  EXPECT_EQ(note("", makeIdentity("norm: pre\n", "b\n")),
            "run/step-1: not compared with the plan, which does not say what "
            "its model computes; compile it again");
  EXPECT_EQ(note(makeIdentity("norm: pre\n", "b\n"), "lnsc model 2\nx\n"),
            "run/step-1: not compared with the plan: its identity is in the "
            "form 'lnsc model 2', the plan's in 'lnsc model 1'");
}

// Whatever bytes a checkpoint has there, the message is short and printable.
TEST(ModelIdentity, BoundsWhatItQuotes) {
  std::string facts;
  for (int i = 0; i < 1000; ++i)
    facts += "key" + std::to_string(i) + "\x1b[31m: " + std::string(5000, 'v') +
             "\n";
  std::string message =
      refusal(makeIdentity("norm: lns\n", ""), makeIdentity(facts, ""));
  EXPECT_LT(message.size(), 2500u);
  EXPECT_EQ(message.find('\x1b'), std::string::npos);
  EXPECT_NE(message.find("and 993 more"), std::string::npos) << message;
}

TEST(ModelIdentity, ReadsAConfig) {
  EXPECT_EQ(identityOfConfig(
                R"({"model_type": "llama", "num_attention_heads": 4,)"
                R"("hidden_size": 64, "num_hidden_layers": 2,)"
                R"("rms_norm_eps": 1e-05, "tie_word_embeddings": false})"),
            "lnsc model 1\nnorm: pre\ninner_norms: none\neps: 1e-05\nlayers: "
            "2\nheads: 4\nkv_heads: "
            "4\nhead_dim: 16\nattention_scale: 0.25\n" +
                branch + "rope: base 10000\ntied_head: no\n");
  // With a scaling the base says too little; 'lns_' is what our own configs
  // begin with.
  EXPECT_EQ(identityOfConfig(R"({"model_type": "lns_mistral", "head_dim": 8,)"
                             R"("rope_theta": 5e5, "rope_scaling":)"
                             R"({"rope_type": "llama3"}})"),
            "lnsc model 1\nnorm: lns\neps: 1e-06\nkv_heads: 8\nhead_dim: "
            "8\nattention_scale: 0.35355339059327373\n" +
                branch);
  EXPECT_EQ(identityOfConfig(R"({"model_type": "llama", "rope_parameters":)"
                             R"({"rope_type": "default",)"
                             R"("rope_theta": 500000}})"),
            "lnsc model 1\nnorm: pre\ninner_norms: none\neps: 1e-06\n" +
                branch + "rope: base 5e+05\n");
  for (const char *other : {"", "{", "[]", "{}", R"({"model_type": 3})",
                            R"({"model_type": "bert"})"})
    EXPECT_EQ(identityOfConfig(other), "") << other;
  // Values of other types are no numbers, and no defaults either.
  EXPECT_EQ(
      identityOfConfig(R"({"model_type": "llama", "rope_scaling": 7,)"
                       R"("num_attention_heads": "4", "rope_theta": []})"),
      "lnsc model 1\nnorm: pre\ninner_norms: none\neps: 1e-06\n" + branch);
}

// A key that is not there means what the family's class takes; scales are
// named where a plan does not name them, since there they are 1.
TEST(ModelIdentity, ReadsConfigsOfOtherFamilies) {
  EXPECT_EQ(identityOfConfig(R"({"model_type": "olmo2"})"),
            "lnsc model 1\nnorm: reordered\ninner_norms: 2\neps: 1e-05\n" +
                branch + "rope: base 10000\n");
  EXPECT_EQ(identityOfConfig(R"({"model_type": "granite",)"
                             R"("residual_multiplier": 0.22,)"
                             R"("attention_multiplier": 0.5})"),
            "lnsc model 1\nnorm: pre\ninner_norms: none\neps: 1e-06\n"
            "attention_scale: 0.5\n"
            "residual_scale: 1 of the stream, 0.22 of the branch\nrope: base "
            "10000\n");
  EXPECT_EQ(identityOfConfig(R"({"model_type": "gpt2", "hidden_size": 64,)"
                             R"("n_head": 4, "n_layer": 3,)"
                             R"("scale_attn_by_inverse_layer_idx": true})"),
            "lnsc model 1\nnorm: pre\ninner_norms: none\nnorm_kind: layer\n"
            "eps: 1e-05\nlayers: 3\nheads: 4\nkv_heads: 4\nhead_dim: 16\n"
            "attention_scale: 0.125, 0.08333333333333333\n" +
                branch + "positions: learned\n");
  EXPECT_NE(identityOfConfig(R"({"model_type": "gemma2"})")
                .find("\nattention_scale: 0.0625\n"),
            std::string::npos);
  std::string plan = makeIdentity(
      "norm: pre\nresidual_scale: 1 of the stream, 0.5 of the branch\n", "");
  EXPECT_NE(
      refusal(plan, identityOfConfig(R"({"model_type": "llama"})"))
          .find("residual_scale: 1 of the stream, 0.5 of the branch here, "
                "1 of the stream, 1 of the branch in the checkpoint"),
      std::string::npos);
}

// What a plan does not name, because it is usual, is compared as well.
TEST(ModelIdentity, ComparesWhatIsUsualInAPlan) {
  std::string plan = makeIdentity("norm: pre\nhead_dim: 4\n", "");
  auto granite = [](const char *keys) {
    return identityOfConfig(std::string(R"({"model_type": "granite", )") +
                            keys + "}");
  };
  EXPECT_EQ(note(plan, granite(R"("attention_multiplier": 0.5)")), "");
  EXPECT_NE(refusal(plan, granite(R"("attention_multiplier": 0.2)"))
                .find("attention_scale: 0.5 here, 0.2 in the checkpoint"),
            std::string::npos);
  EXPECT_NE(refusal(plan, granite(R"("residual_multiplier": 0.3,)"
                                  R"("attention_multiplier": 0.5)"))
                .find("residual_scale: 1 of the stream, 1 of the branch here, "
                      "1 of the stream, 0.3 of the branch in the checkpoint"),
            std::string::npos);
  EXPECT_NE(refusal(plan, identityOfConfig(R"({"model_type": "qwen3"})"))
                .find("inner_norms: none here, 2 in the checkpoint"),
            std::string::npos);
  // A norm of queries without a gain has no tensor that would be missed.
  std::string free = makeIdentity("norm: pre\ninner_norms: 2\n", "");
  EXPECT_NE(refusal(free, identityOfConfig(R"({"model_type": "llama"})"))
                .find("inner_norms: 2 here, none in the checkpoint"),
            std::string::npos);
}

// A mark that gains are folded makes a plain file one of LNS; other schemes do
// not come out again, and the file is what its model_type says.
TEST(ModelIdentity, ReadsMarks) {
  for (auto [mark, norm] :
       {std::pair{"lns", "lns"}, std::pair{"layerscale,start=0.1", "pre"}})
    EXPECT_EQ(identityOfConfig(nlohmann::json{{"model_type", "qwen2"},
                                              {"lnsc", toJson(FoldMark{mark})}}
                                   .dump()),
              "lnsc model 1\nnorm: " + std::string(norm) +
                  "\ninner_norms: none\neps: 1e-06\nkv_heads: 32\n" + branch +
                  "rope: base 10000\n");
  EXPECT_EQ(identityOfMark({"lns"}), "lnsc model 1\nnorm: lns\n");
  EXPECT_EQ(identityOfMark({"layerscale"}), "");
}

// Facts of a config are compared as far as it has them.
TEST(ModelIdentity, ComparesWithAConfig) {
  std::string plan = makeIdentity(
      "norm: lns\nnorm_kind: rms\neps: 1e-06\nlayers: 2\n", "%0 = norm()\n");
  EXPECT_EQ(note(plan, identityOfConfig(R"({"model_type": "lns_llama",)"
                                        R"("num_hidden_layers": 2})")),
            "");
  EXPECT_EQ(refusal(plan, identityOfConfig(R"({"model_type": "llama",)"
                                           R"("num_hidden_layers": 2})")),
            "run/step-1: is of another model than the plan: norm: lns here, "
            "pre in the checkpoint; compile the plan for this model, or give "
            "--force to take the parameters as they are");
}

static const std::string loraIdentity =
    "lnsc model 1\nnorm: lns\nlora: "
    "rank=8,alpha=16.5,targets=q_proj:v_proj,save=lm_head,rslora\n"
    "passes_after_graph: cse\ngraph:\n%0 = adapted\nbase:\n%0 = plain\n";

TEST(ModelIdentity, KnowsTheModelThatAdaptersAreOn) {
  std::string base =
      "lnsc model 1\nnorm: lns\npasses_after_graph: cse\ngraph:\n%0 = plain\n";
  EXPECT_EQ(identityOfBase(loraIdentity), base);
  EXPECT_EQ(identityOfBase(base), std::nullopt);
  EXPECT_EQ(identityOfBase(""), std::nullopt);
  EXPECT_EQ(identityOfBase("lora: x\nbase:\ngraph:\n"), std::nullopt);
  EXPECT_EQ(refusal(base, loraIdentity),
            "run/step-1: has adapters "
            "(rank=8,alpha=16.5,targets=q_proj:v_proj,save=lm_head,rslora), "
            "the plan has none; compile it with --lora, or make one model of "
            "them with 'lns ckpt merge'");
}

TEST(ModelIdentity, SaysHowAdaptersAreScaled) {
  std::optional<LoraFact> fact = findLora(loraIdentity);
  ASSERT_TRUE(fact);
  EXPECT_EQ(fact->rank, 8);
  EXPECT_EQ(fact->alpha, 16.5);
  EXPECT_EQ(fact->targets, (std::vector<std::string>{"q_proj", "v_proj"}));
  EXPECT_EQ(fact->save, (std::vector<std::string>{"lm_head"}));
  EXPECT_TRUE(fact->rslora);
  for (const char *line :
       {"rank=0,alpha=1,targets=q", "rank=8,alpha=x,targets=q",
        "rank=8,alpha=1", "rank=8,alpha=nan,targets=q", ""})
    EXPECT_FALSE(
        findLora("lnsc model 1\nlora: " + std::string(line) + "\ngraph:\n"))
        << line;
  EXPECT_EQ(getLoraScale(16, 8, false), 2);
  EXPECT_EQ(getLoraScale(16, 4, true), 8);
}

TEST(ModelIdentity, MatchesModulesAsPeftDoes) {
  EXPECT_TRUE(isModuleNamed("model.layers.0.self_attn.q_proj", "q_proj"));
  EXPECT_TRUE(
      isModuleNamed("model.layers.0.self_attn.q_proj", "self_attn.q_proj"));
  EXPECT_TRUE(isModuleNamed("lm_head", "lm_head"));
  EXPECT_FALSE(isModuleNamed("model.layers.0.self_attn.q_proj", "proj"));
  EXPECT_FALSE(isModuleNamed("proj", "q_proj"));
}
