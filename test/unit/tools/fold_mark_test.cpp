//===- fold_mark_test.cpp - Files whose gains hold a depth scale ----------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/checkpoint/fold_mark.h"

#include "test_files.h"

#include <cmath>
#include <random>

using namespace lns::tool;
using nlohmann::json;

namespace {

Expected<std::optional<FoldMark>> read(const json &mark,
                                       const char *type = "llama") {
  return readMark({{"model_type", type}, {"lnsc", mark}}, "config.json");
}

TEST(FoldMark, IsReadAsItIsWritten) {
  FoldMark mark{"layerscale,qk-norm=head"};
  Expected<std::optional<FoldMark>> back = read(toJson(mark));
  ASSERT_TRUE(static_cast<bool>(back));
  EXPECT_EQ(*back, mark);
  back = readMetadataMark(toJson(mark).dump(), "file");
  ASSERT_TRUE(static_cast<bool>(back));
  EXPECT_EQ(*back, mark);
  EXPECT_TRUE(FoldMark{"lns"}.unfolds());
  EXPECT_FALSE(mark.unfolds());
  for (const json &config : {json(), json::object(), json{{"lnsx", 1}}}) {
    back = readMark(config, "config.json");
    ASSERT_TRUE(static_cast<bool>(back));
    EXPECT_FALSE(*back);
  }
  back = readMetadataMark(std::nullopt, "file");
  ASSERT_TRUE(static_cast<bool>(back));
  EXPECT_FALSE(*back);
}

// In a file that is not folded the key is the scheme.
TEST(FoldMark, IsNotTheSchemeOfAFileOfOurs) {
  Expected<std::optional<FoldMark>> back =
      read({{"norm", "sandwich"}}, "lns_llama");
  ASSERT_TRUE(static_cast<bool>(back));
  EXPECT_FALSE(*back);
  EXPECT_TRUE(failsWith(
      read(toJson({"lns"}), "lns_llama").status(),
      "config.json: model_type \"lns_llama\" is that of a model that is not "
      "folded, and lnsc says that it is; restore the file as it was written"));
}

TEST(FoldMark, MustBeWhole) {
  json good = toJson({"lns"});
  auto with = [&](const char *key, const json &value) {
    json mark = good;
    mark[key] = value;
    return mark;
  };
  auto without = [&](const char *key) {
    json mark = good;
    mark.erase(key);
    return mark;
  };
  const std::pair<json, const char *> cases[] = {
      {json::array(), "lnsc is [], but must be an object"},
      {"lns", "lnsc is \"lns\", but must be an object"},
      {nullptr, "lnsc is null, but must be an object"},
      {without("version"), "lnsc.version is absent, but must be a number"},
      {with("version", 1.5), "lnsc.version is 1.5, but must be a number"},
      {with("version", 2),
       "lnsc.version is 2, this lns reads 1; use a newer one"},
      {without("folded"), "lnsc.folded is absent, but must be true"},
      {with("folded", false), "lnsc.folded is false, but must be true"},
      {with("folded", 1), "lnsc.folded is 1, but must be true"},
      {without("norm"),
       "lnsc.norm is absent, but must be a scheme that this lns knows"},
      {with("norm", ""), "lnsc.norm is \"\", but must be"},
      {with("norm", 7), "lnsc.norm is 7, but must be"},
      {with("scale", 2), "lnsc.scale is unknown"},
  };
  for (const auto &[mark, message] : cases) {
    EXPECT_TRUE(failsWith(read(mark).status(), message));
    EXPECT_TRUE(
        failsWith(readMetadataMark(mark.dump(), "x.safetensors").status(),
                  std::string("x.safetensors, in its metadata: ") + message));
  }
  EXPECT_TRUE(failsWith(readMetadataMark("{", "x").status(),
                        "x, in its metadata: lnsc is <discarded>"));
}

TEST(ScaledNorms, AreThoseOfTheGraph) {
  ScaledNorms norms(
      "lnsc model 1\nnorm: lns\n%9 = norm(h0, \"a.{layer}\", -) "
      "depth_scale=inv_sqrt_depth\ngraph:\n"
      "%1 = layers(%0) blocks=0..3 {\n"
      "  %0 = norm(h0, \"l.{layer}.one\", \"l.{layer}.bias\") "
      "depth_scale=inv_sqrt_depth eps=1e-06\n"
      "  %1 = norm(h0, \"l.{layer}.two\", -) depth_scale=none\n"
      "  %2 = linear(%0, \"l.{layer}.w\") depth_scale=inv_sqrt_depth\n}\n");
  EXPECT_EQ(norms.templates(),
            (std::vector<std::string>{"l.{layer}.one", "l.{layer}.bias"}));
  EXPECT_FALSE(norms.isBare());
  EXPECT_EQ(norms.block("l.0.one"), 1u);
  EXPECT_EQ(norms.block("l.41.bias"), 42u);
  for (const char *other :
       {"l.0.two", "l..one", "l.one", "l.x.one", "l.-1.one", "l.1.one.weight",
        "xl.1.one", "l.1 .one", "l.99999999999999999999.one", "a.0", ""})
    EXPECT_FALSE(norms.block(other)) << other;
  EXPECT_TRUE(ScaledNorms("x\ngraph:\n%0 = norm(h0, -, -) "
                          "depth_scale=inv_sqrt_depth\n")
                  .isBare());
  EXPECT_TRUE(ScaledNorms("norm: lns\n").templates().empty());
  // No line of these is closed.
  EXPECT_TRUE(ScaledNorms("x\ngraph:\n%0 = norm(h0, \"a depth_scale="
                          "inv_sqrt_depth")
                  .templates()
                  .empty());
}

// What was unfolded folds to the same bits, at every depth.
TEST(Gains, FoldToTheSameBitsAgain) {
  std::mt19937 random(7);
  std::normal_distribution<float> gains(1.0f, 0.5f);
  for (uint64_t block = 1; block <= 300; ++block)
    for (int i = 0; i < 2000; ++i) {
      float gain = gains(random);
      double root = std::sqrt(static_cast<double>(block));
      auto folded = static_cast<float>(static_cast<double>(gain) / root);
      float own = unfoldGain(folded, block);
      ASSERT_EQ(static_cast<float>(static_cast<double>(own) / root), folded)
          << gain << " in block " << block;
      ASSERT_LE(std::abs(own - gain), 1.3e-7f * std::abs(gain));
    }
}

} // namespace
