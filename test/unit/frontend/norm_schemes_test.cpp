//===- norm_schemes_test.cpp - Names, options and starts of schemes -------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "frontend/BlockSpec.h"
#include "frontend/NormSchemes.h"

#include "llvm/Support/raw_ostream.h"
#include <cmath>
#include <gtest/gtest.h>

using namespace lns;

static NormChoice choose(const char *text) {
  std::string error;
  std::optional<NormChoice> choice = parseNormChoice(text, error);
  EXPECT_TRUE(choice) << error;
  return choice.value_or(NormChoice());
}

static std::string getError(const char *text) {
  std::string error;
  EXPECT_FALSE(parseNormChoice(text, error)) << text;
  return error;
}

// What is written is read as the same, and is as short as can be.
TEST(NormSchemes, TextIsReadBack) {
  for (const char *text : {"pre",
                           "lns",
                           "lns,init=scaled",
                           "pre,init=plain",
                           "mix,fraction=0.5",
                           "deepnorm,final-norm=on",
                           "peri,embed-norm=off",
                           "keel,skip=3",
                           "residual-multiplier,branch=0.22",
                           "reordered,qk-norm=full",
                           "sandwich,init=depth-scaled-up,final-norm=off",
                           "lns,qk-norm=free,head-gate=on",
                           "layerscale,start=1e-05",
                           "dyt,alpha=0.8",
                           "hybrid-star",
                           "pre,qk-norm=off",
                           "derf,alpha=0.4",
                           "gpas",
                           "post,gpas=on",
                           "prores",
                           "prores,T=200",
                           "sandwich,prores=500",
                           "lns,value-residual=on",
                           "ngpt",
                           "completep",
                           "completep,alpha=0.5,base-layers=4,base-width=256",
                           "completep,qk-norm=head,value-residual=on"})
    EXPECT_EQ(formatNormChoice(choose(text)), text);
  EXPECT_EQ(formatNormChoice(choose("completep,alpha=1")), "completep");
  EXPECT_EQ(formatNormChoice(choose("mix,fraction=0.25")), "mix");
  EXPECT_EQ(formatNormChoice(choose("lns,qk-norm")), "lns,qk-norm=head");
  EXPECT_EQ(formatNormChoice(choose("post,prores")), "post,prores=1000");
}

TEST(NormSchemes, Errors) {
  EXPECT_NE(
      getError("sandwhich")
          .find("'sandwhich' is no norm scheme; did you mean 'sandwich'?; "
                "there are: pre, lns, "),
      std::string::npos);
  EXPECT_NE(getError("").find("'' is no norm scheme; there are: pre, lns, "),
            std::string::npos);
  EXPECT_EQ(getError("lns,sandwich"),
            "'lns' and 'sandwich' are two schemes, and a model has one; give "
            "one of them");
  EXPECT_EQ(getError("mix,fractio=1"),
            "'fractio' is no option of 'mix', which has: init, fraction, "
            "gpas, final-norm, qk-norm, value-residual, head-gate; did you "
            "mean 'fraction'?");
  EXPECT_EQ(getError("lns,skip=2"),
            "'skip' is an option of keel, not of 'lns', which has: init, "
            "final-norm, qk-norm, value-residual, head-gate");
  // Where the stream is scaled by a scheme that scales norms before sublayers,
  // nobody has said what that means.
  EXPECT_EQ(getError("lns,gpas"),
            "'gpas' is an option of post, deepnorm, mix, sandwich, not of "
            "'lns', which has: init, final-norm, qk-norm, value-residual, "
            "head-gate");
  EXPECT_EQ(getError("lns,prores=10"),
            "'prores' is an option of post, deepnorm, sandwich, not of 'lns', "
            "which has: init, final-norm, qk-norm, value-residual, head-gate");
  EXPECT_EQ(getError("sandwich,gpas,prores"),
            "'gpas' and 'prores' have no published meaning together; give one "
            "of them");
  // Where every length is 1, no other norm and no gate has a place.
  EXPECT_EQ(getError("ngpt,qk-norm=head"),
            "'qk-norm' is an option of all other schemes, not of 'ngpt', which "
            "has: none");
  EXPECT_EQ(getError("ngpt,final-norm=on"),
            "'final-norm' is an option of all other schemes, not of 'ngpt', "
            "which has: none");
  EXPECT_EQ(getError("ngpt,head-gate"),
            "'head-gate' is an option of all other schemes, not of 'ngpt', "
            "which has: none");
  EXPECT_EQ(getError("ngpt,value-residual"),
            "'value-residual' is an option of all other schemes, not of "
            "'ngpt', which has: none");
  EXPECT_EQ(getError("lns,ngpt"),
            "'lns' and 'ngpt' are two schemes, and a model has one; give one "
            "of them");
  for (const char *text : {"ngpt,init=scaled", "completep,init=scaled"})
    EXPECT_NE(getError(text).find("'init' is an option of pre, lns, "),
              std::string::npos)
        << text;
  // One name, two options.
  EXPECT_EQ(getError("pre,alpha=1"),
            "'alpha' is an option of dyt, derf, completep, not of 'pre', which "
            "has: init, final-norm, qk-norm, value-residual, head-gate");
  EXPECT_EQ(getError("completep,alpha=2"),
            "'alpha' of 'completep' is '2', but must be a number from 0.5 to "
            "1");
  EXPECT_EQ(getError("mix,fraction=1.5"),
            "'fraction' of 'mix' is '1.5', but must be a number from 0 to 1");
  for (const char *text : {"keel,skip=0",
                           "keel,skip=nan",
                           "keel,skip=-2",
                           "keel,skip=1e9",
                           "keel,skip=2x",
                           "keel,skip",
                           "post,final-norm=yes",
                           "pre,init=xavier",
                           "pre,qk-norm=heads",
                           "dyt,alpha=0",
                           "skipinit,start=inf",
                           "prores,T=0.5",
                           "prores,T",
                           "post,prores=0",
                           "post,prores=inf",
                           "sandwich,gpas=1",
                           "pre,value-residual=yes",
                           "completep,alpha=0.4",
                           "completep,base-layers=0",
                           "completep,base-layers=2.5",
                           "completep,base-layers=3000",
                           "completep,base-width=-1",
                           "completep,base-width"})
    EXPECT_NE(getError(text).find("but must be"), std::string::npos) << text;
}

TEST(NormSchemes, Listing) {
  std::string text;
  llvm::raw_string_ostream os(text);
  printNormSchemes(os);
  for (const char *name : {"lns ", "residual-multiplier ", "qk-norm "})
    EXPECT_NE(text.find(name), std::string::npos) << name;
}

TEST(ModelSpec, MixIsByWholeBlocks) {
  auto depths = [](const char *text, int64_t layers) {
    std::vector<int64_t> result;
    for (const BlockRun &run : getModelSpec(choose(text), layers).runs)
      result.push_back(run.depth);
    return result;
  };
  EXPECT_EQ(depths("mix", 12), (std::vector<int64_t>{3, 9}));
  EXPECT_EQ(depths("mix,fraction=0.29", 100), (std::vector<int64_t>{29, 71}));
  EXPECT_EQ(depths("mix,fraction=0.999", 100), (std::vector<int64_t>{99, 1}));
  EXPECT_EQ(depths("mix", 3), std::vector<int64_t>{3});
  EXPECT_EQ(depths("mix,fraction=1", 5), std::vector<int64_t>{5});
  ModelSpec all = getModelSpec(choose("mix,fraction=1"), 5);
  EXPECT_FALSE(all.runs[0].block.attention.stream.empty());
  EXPECT_TRUE(all.finalNorm);
  EXPECT_FALSE(getModelSpec(choose("mix,fraction=0"), 5)
                   .runs[0]
                   .block.attention.before.empty());
}

// Table 1 of CompleteP's paper, for a model of 16 blocks, 64 wide.
TEST(SizeFactors, CompleteP) {
  SizeFactors one = getSizeFactors(choose("lns"), 16, 64);
  for (const UpdateFactors &factors :
       {one.blockVectors, one.blockMatrices, one.outer})
    for (double factor : {factors.lr, factors.eps, factors.decay})
      EXPECT_EQ(factor, 1);
  EXPECT_EQ(one.matrixStd, 1);
  EXPECT_EQ(one.logits, 1);

  NormChoice choice = choose("completep,alpha=0.5,base-layers=4,base-width=16");
  // m = 4 in depth and in width.
  SizeFactors half = getSizeFactors(choice, 16, 64);
  EXPECT_DOUBLE_EQ(half.blockVectors.lr, 0.5);
  EXPECT_DOUBLE_EQ(half.blockVectors.eps, 0.125);
  EXPECT_EQ(half.blockVectors.decay, 1);
  EXPECT_DOUBLE_EQ(half.blockMatrices.lr, 0.125);
  EXPECT_DOUBLE_EQ(half.blockMatrices.eps, 0.125);
  EXPECT_DOUBLE_EQ(half.blockMatrices.decay, 4);
  EXPECT_EQ(half.outer.lr, 1);
  EXPECT_DOUBLE_EQ(half.outer.eps, 0.25);
  EXPECT_EQ(half.outer.decay, 1);
  EXPECT_DOUBLE_EQ(half.matrixStd, 0.5);
  EXPECT_DOUBLE_EQ(half.logits, 0.25);
  EXPECT_DOUBLE_EQ(getModelSpec(choice, 16).runs[0].block.branch, 0.5);

  // The paper's own: depth changes no learning rate, and 2 blocks are 1.
  SizeFactors own = getSizeFactors(choose("completep"), 16, 64);
  EXPECT_EQ(own.blockMatrices.lr, 1);
  EXPECT_DOUBLE_EQ(own.blockMatrices.eps, 0.125);
  EXPECT_EQ(own.outer.eps, 1);
  EXPECT_DOUBLE_EQ(getModelSpec(choose("completep"), 16).runs[0].block.branch,
                   0.125);
}

// The numbers are those of the papers and codes that docs/schemes.md names, for
// a model of 8 blocks, 64 wide, 160 in the feed-forward.
// A family's rule is that of schemes which say nothing of starts, but for LNS.
TEST(MatrixInit, OfAFamily) {
  auto rule = [](const char *text) {
    return getInitRule(choose(text), InitRule::Scaled);
  };
  for (const char *text : {"pre", "sandwich", "layerscale", "scaled-init"})
    EXPECT_EQ(rule(text), InitRule::Scaled) << text;
  for (const char *text : {"lns", "lns-folded-init", "pre,init=plain"})
    EXPECT_EQ(rule(text), InitRule::Plain) << text;
  EXPECT_EQ(rule("depth-scaled-init"), InitRule::DepthScaled);
  EXPECT_EQ(rule("post,init=mitchell"), InitRule::Mitchell);
}

TEST(MatrixInit, StandardDeviations) {
  auto init = [](const char *text, MatrixKind kind) {
    bool isDown = kind == MatrixKind::Down;
    return getMatrixInit(choose(text), InitRule::Plain, kind, 8,
                         isDown ? 64 : 160, isDown ? 160 : 64, 0.02);
  };
  EXPECT_EQ(init("pre", MatrixKind::Down).std, 0.02);
  EXPECT_EQ(init("scaled-init", MatrixKind::Down).std, 0.02 / 4);
  EXPECT_EQ(init("scaled-init", MatrixKind::Up).std, 0.02);
  NormalInit down = init("depth-scaled-init", MatrixKind::Down);
  EXPECT_DOUBLE_EQ(down.std, 0.02 / std::sqrt(2));
  EXPECT_EQ(down.depthScale, DepthScale::inv_sqrt_depth);
  EXPECT_EQ(init("depth-scaled-init", MatrixKind::Up).depthScale,
            DepthScale::none);
  EXPECT_EQ(init("lns,init=depth-scaled-up", MatrixKind::Up).depthScale,
            DepthScale::inv_sqrt_depth);
  EXPECT_DOUBLE_EQ(init("deepnorm", MatrixKind::Up).std,
                   std::sqrt(2.0 / 224) / std::pow(64, 0.25));
  EXPECT_DOUBLE_EQ(init("deepnorm", MatrixKind::QueryKey).std,
                   std::sqrt(2.0 / 224));
  EXPECT_EQ(init("deepnorm", MatrixKind::Embedding).std, 0.02);
  EXPECT_DOUBLE_EQ(init("sub-ln", MatrixKind::Value).std,
                   0.02 * std::sqrt(std::log(16)));
  EXPECT_EQ(init("sub-ln", MatrixKind::QueryKey).std, 0.02);
  EXPECT_EQ(init("mitchell", MatrixKind::Up).std, 1 / 8.0);
  EXPECT_EQ(init("mitchell", MatrixKind::Up).kind, InitKind::truncated_normal);
  EXPECT_DOUBLE_EQ(init("mitchell", MatrixKind::Down).std,
                   1 / std::sqrt(2 * 160.0));
  EXPECT_EQ(init("mitchell", MatrixKind::Down).depthScale,
            DepthScale::inv_sqrt_depth);
  EXPECT_EQ(init("mitchell", MatrixKind::Embedding).std, 1 / 8.0);
}
