//===- conformance_test.cpp - CPU plans do what their models mean ---------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "test/unit/conformance/conformance.h"

using namespace lns;

static const Case kCases[] = {
    {"GroupedLns", NormScheme::Lns, kGrouped, 2, 12, "native"},
    {"GroupedPre", NormScheme::Pre, kGrouped, 2, 12, "native"},
    {"GroupedLnsV3", NormScheme::Lns, kGrouped, 1, 65, "x86-64-v3"},
    {"TiedLns", NormScheme::Lns, kTied, 3, 7, "native"},
    {"OddHeadsLns", NormScheme::Lns, kOddHeads, 1, 50, "native"},
    {"BiasesLns", NormScheme::Lns, kBiases, 3, 7, "native"},
    {"Gpt2", NormScheme::Pre, "gpt2.mlir", 3, 7, "native"},
    {"Gpt2V3", NormScheme::Pre, "gpt2.mlir", 2, 16, "x86-64-v3"},
    {"Gpt2Config", NormScheme::Pre, kGpt2, 3, 7, "native"},
    {"Gpt2ConfigLns", NormScheme::Lns, kGpt2, 1, 37, "x86-64-v3"},
    {"Gpt2ConfigLnsBf16", NormScheme::Lns, kGpt2, 2, 9, "native", true},
    {"Gpt2ConfigSandwichParts", NormScheme::Sandwich, kGpt2, 4, 9, "native",
     false, true, 2, false, "sandwich,qk-norm"},
    {"Gpt2ConfigValueResidual", NormScheme::Lns, kGpt2, 2, 9, "native", false,
     true, 1, false, "lns,value-residual"},
    {"Gpt2ConfigDyT", NormScheme::DyT, kGpt2, 2, 9, "native"},
    {"LayerNormScaling", NormScheme::Lns, "layernorm-scaling.mlir", 3, 7,
     "native"},
    {"PostNorm", NormScheme::Lns, "post-norm.mlir", 2, 9, "native"},
    {"Shared", NormScheme::Lns, "shared.mlir", 3, 7, "native"},
    {"Post", NormScheme::Post, kGrouped, 2, 9, "native"},
    {"DeepNorm", NormScheme::DeepNorm, kTied, 2, 9, "native"},
    {"Mix", NormScheme::Mix, kDeep, 2, 9, "native"},
    {"Sandwich", NormScheme::Sandwich, kGrouped, 2, 9, "native"},
    {"PeriBiases", NormScheme::Peri, kBiases, 2, 9, "native"},
    {"Reordered", NormScheme::Reordered, kGrouped, 2, 9, "native"},
    {"Keel", NormScheme::Keel, kGrouped, 2, 9, "native"},
    {"SubLn", NormScheme::SubLn, kOddHeads, 2, 9, "native"},
    {"ResidualMultiplier", NormScheme::ResidualMultiplier, kTied, 2, 9,
     "native"},
    {"LayerScale", NormScheme::LayerScale, kGrouped, 2, 9, "native"},
    {"SkipInit", NormScheme::SkipInit, kTied, 2, 9, "native"},
    {"ReZero", NormScheme::ReZero, kGrouped, 2, 9, "native"},
    {"DyT", NormScheme::DyT, kGrouped, 2, 9, "native"},
    {"Derf", NormScheme::Derf, kGrouped, 2, 9, "native"},
    {"DerfBf16", NormScheme::Derf, kGrouped, 2, 9, "native", true},
    {"Gpas", NormScheme::Gpas, kTied, 2, 9, "native"},
    {"GpasBf16", NormScheme::Gpas, kGrouped, 2, 9, "native", true},
    {"GpasBiasesParts", NormScheme::Gpas, kBiases, 4, 7, "native", false, true,
     2},
    {"PostGpas", NormScheme::Post, kOddHeads, 2, 9, "native", false, true, 1,
     false, "post,gpas"},
    {"MixGpas", NormScheme::Mix, kDeep, 2, 9, "native", false, true, 1, false,
     "mix,gpas"},
    {"ValueResidual", NormScheme::Lns, kGrouped, 2, 9, "native", false, true, 1,
     false, "lns,value-residual"},
    {"ValueResidualBf16", NormScheme::Lns, kDeep, 2, 9, "native", true, true, 1,
     false, "lns,value-residual"},
    {"HybridValueResidual", NormScheme::Hybrid, kOddHeads, 2, 9, "native",
     false, true, 1, false, "hybrid-star,value-residual"},
    {"ProRes", NormScheme::ProRes, kTied, 2, 9, "native", false, true, 1, false,
     "prores,T=4"},
    {"ProResBf16Parts", NormScheme::ProRes, kDeep, 4, 9, "native", true, true,
     2, false, "prores,T=3"},
    {"SandwichProRes", NormScheme::Sandwich, kGrouped, 2, 9, "native", false,
     true, 1, false, "sandwich,prores=4"},
    {"HybridStar", NormScheme::HybridStar, kOddHeads, 2, 9, "native"},
    {"HybridBf16", NormScheme::Hybrid, kGrouped, 2, 9, "native", true},
    {"LayerScaleBf16", NormScheme::LayerScale, kGrouped, 2, 9, "native", true},
    {"PostBf16", NormScheme::Post, kGrouped, 2, 9, "native", true},
    {"SandwichBf16", NormScheme::Sandwich, kGrouped, 2, 9, "native", true},
    {"SubLnBf16", NormScheme::SubLn, kOddHeads, 2, 9, "native", true},
    {"ReorderedBf16", NormScheme::Reordered, kGrouped, 2, 9, "native", true},
    {"NGpt", NormScheme::NGpt, kGrouped, 2, 9, "native"},
    {"NGptBf16", NormScheme::NGpt, kTied, 2, 9, "native", true},
    {"NGptBiasesParts", NormScheme::NGpt, kBiases, 4, 7, "native", false, true,
     2},
    {"NGptOddHeadsBf16", NormScheme::NGpt, kOddHeads, 2, 9, "native", true},
    {"CompleteP", NormScheme::CompleteP, kGrouped, 2, 9, "native", false, true,
     1, false, "completep,alpha=0.5,base-layers=1,base-width=8"},
    {"CompletePBf16", NormScheme::CompleteP, kDeep, 2, 9, "native", true, true,
     1, false, "completep,base-width=8"},
    {"TanhNorm", NormScheme::Lns, "tanh-norm.mlir", 3, 7, "native"},
    {"TanhNormV3", NormScheme::Lns, "tanh-norm.mlir", 1, 33, "x86-64-v3"},
    {"TanhNormBf16", NormScheme::Lns, "tanh-norm.mlir", 3, 7, "native", true},
    {"TanhNormPartsIgnored", NormScheme::Lns, "tanh-norm.mlir", 4, 7, "native",
     false, true, 2, true},
    {"QkNorm", NormScheme::Lns, "qk-norm.mlir", 3, 7, "native"},
    {"LayerTypes", NormScheme::Lns, "layer-types.mlir", 3, 7, "native"},
    {"LayerTypesV3", NormScheme::Lns, "layer-types.mlir", 1, 65, "x86-64-v3"},
    {"LayerTypesParts", NormScheme::Lns, "layer-types.mlir", 4, 7, "native",
     false, true, 2},
    {"LayerTypesBf16", NormScheme::Lns, "layer-types.mlir", 3, 7, "native",
     true},
    {"GroupedLnsBf16", NormScheme::Lns, kGrouped, 2, 12, "native", true},
    {"GroupedLnsBf16V3", NormScheme::Lns, kGrouped, 1, 65, "x86-64-v3", true},
    {"TiedLnsBf16", NormScheme::Lns, kTied, 3, 7, "native", true},
    {"OddHeadsLnsBf16V2", NormScheme::Lns, kOddHeads, 1, 50, "x86-64-v2", true},
    {"BiasesLnsBf16", NormScheme::Lns, kBiases, 3, 7, "native", true},
    {"Gpt2Bf16", NormScheme::Pre, "gpt2.mlir", 3, 7, "native", true},
    {"SharedBf16", NormScheme::Lns, "shared.mlir", 3, 7, "native", true},
    {"QkNormBf16V3", NormScheme::Lns, "qk-norm.mlir", 2, 12, "x86-64-v3", true},
    {"TiedLnsIgnored", NormScheme::Lns, kTied, 3, 7, "native", false, true, 1,
     true},
    {"Gpt2PartsIgnored", NormScheme::Pre, "gpt2.mlir", 3, 7, "native", false,
     true, 3, true},
    {"QkNormParts", NormScheme::Lns, "qk-norm.mlir", 4, 7, "native", false,
     true, 2},
    {"GroupedLnsParts", NormScheme::Lns, kGrouped, 4, 12, "native", false, true,
     2},
    {"BiasesLnsBf16Ignored", NormScheme::Lns, kBiases, 3, 7, "native", true,
     true, 1, true},
    {"GroupedLnsBf16PartsIgnored", NormScheme::Lns, kGrouped, 4, 12, "native",
     true, true, 4, true},
    {"GroupedLnsDocuments", NormScheme::Lns, kGrouped, 2, 65, "native", false,
     true, 1, false, nullptr, true},
    {"Gpt2DocumentsIgnored", NormScheme::Pre, "gpt2.mlir", 3, 16, "x86-64-v3",
     false, true, 1, true, nullptr, true},
    {"Gpt2ConfigDocumentsBf16Parts", NormScheme::Lns, kGpt2, 4, 37, "native",
     true, true, 2, false, nullptr, true},
    {"QkNormDocuments", NormScheme::Lns, "qk-norm.mlir", 3, 11, "native", false,
     true, 1, false, nullptr, true},
    {"LayerTypesDocumentsParts", NormScheme::Lns, "layer-types.mlir", 4, 41,
     "x86-64-v3", false, true, 2, false, nullptr, true},
    {"LayerTypesDocumentsBf16", NormScheme::Lns, "layer-types.mlir", 2, 60,
     "native", true, true, 1, false, nullptr, true},
    {"ValueResidualDocuments", NormScheme::Lns, kOddHeads, 2, 50, "native",
     false, true, 1, false, "lns,value-residual", true},
};

static const Case kDocumentCases[] = {
    {"Rope", NormScheme::Lns, kGrouped, 2, 112, "native", false, true, 1, false,
     nullptr, true},
    {"RopeV3", NormScheme::Pre, kOddHeads, 2, 70, "x86-64-v3", false, true, 1,
     false, nullptr, true},
    {"LearnedPositions", NormScheme::Pre, kGpt2, 2, 37, "native", false, true,
     1, false, nullptr, true},
    // Windows, no positions at all, rotations of heads.
    {"LayerTypes", NormScheme::Lns, "layer-types.mlir", 2, 112, "native", false,
     true, 1, false, nullptr, true},
    {"Bf16", NormScheme::Lns, kGrouped, 2, 112, "native", true, true, 1, false,
     nullptr, true},
    {"Parts", NormScheme::Lns, kTied, 4, 37, "native", false, true, 2, false,
     nullptr, true},
};

// Windows, soft-caps, groups of heads, learned positions, norms of heads, more
// than one lns.layers, and caches of bf16.
const Case kDecoders[] = {
    {"GroupedLns", NormScheme::Lns, kGrouped, 2, 12, "native"},
    {"TiedPre", NormScheme::Pre, kTied, 3, 7, "native"},
    {"GroupedLnsBf16", NormScheme::Lns, kGrouped, 2, 12, "native", true},
    {"Gpt2Config", NormScheme::Pre, kGpt2, 2, 9, "native"},
    {"BiasesLnsPartsDocuments", NormScheme::Lns, kBiases, 4, 7, "native", false,
     true, 2, false, nullptr, true},
    {"SandwichBf16", NormScheme::Sandwich, kGrouped, 2, 9, "native", true},
    {"NGpt", NormScheme::NGpt, kGrouped, 2, 9, "native"},
    {"LayerTypesBf16", NormScheme::Lns, "layer-types.mlir", 3, 7, "native",
     true},
    {"LayerTypesV3", NormScheme::Lns, "layer-types.mlir", 1, 65, "x86-64-v3"},
    {"QkNorm", NormScheme::Lns, "qk-norm.mlir", 3, 7, "native"},
    {"Shared", NormScheme::Lns, "shared.mlir", 3, 7, "native"},
    {"TiedPreLong", NormScheme::Pre, kTied, 9, 33, "native"},
};

INSTANTIATE_TEST_SUITE_P(Models, DecodeConformance,
                         testing::ValuesIn(kDecoders), [](const auto &info) {
                           return std::string(info.param.name);
                         });

// Norms that go and norms that stay, streams that go on past their norms,
// scales of branches, parts, and blocks of one lns.layers behind those of
// another.
const Case kTraces[] = {
    {"GroupedLns", NormScheme::Lns, kGrouped, 2, 12, "native"},
    {"TiedPreV3", NormScheme::Pre, kTied, 3, 7, "x86-64-v3"},
    {"GroupedLnsBf16", NormScheme::Lns, kGrouped, 2, 12, "native", true},
    {"BiasesLnsParts", NormScheme::Lns, kBiases, 4, 7, "native", false, true,
     2},
    {"Gpt2ConfigLnsBf16", NormScheme::Lns, kGpt2, 2, 9, "native", true},
    {"Post", NormScheme::Post, kGrouped, 2, 9, "native"},
    {"PostBf16", NormScheme::Post, kGrouped, 2, 9, "native", true},
    {"Mix", NormScheme::Mix, kDeep, 2, 9, "native"},
    {"DeepNorm", NormScheme::DeepNorm, kTied, 2, 9, "native"},
    {"SandwichBf16", NormScheme::Sandwich, kGrouped, 2, 9, "native", true},
    {"ResidualMultiplier", NormScheme::ResidualMultiplier, kTied, 2, 9,
     "native"},
    {"Hybrid", NormScheme::Hybrid, kGrouped, 2, 9, "native"},
    {"GpasBiasesParts", NormScheme::Gpas, kBiases, 4, 7, "native", false, true,
     2},
    {"NGpt", NormScheme::NGpt, kGrouped, 2, 9, "native"},
    {"ProResBf16Parts", NormScheme::ProRes, kDeep, 4, 9, "native", true, true,
     2, false, "prores,T=3"},
    {"LayerTypes", NormScheme::Lns, "layer-types.mlir", 3, 7, "native"},
    {"Shared", NormScheme::Lns, "shared.mlir", 3, 7, "native"},
};

INSTANTIATE_TEST_SUITE_P(Models, TraceConformance, testing::ValuesIn(kTraces),
                         [](const auto &info) {
                           return std::string(info.param.name);
                         });

// The number of threads does not change a bit.
void Conformance::checkThreads() {
  auto loss = session->grads(getBatch());
  ASSERT_TRUE(loss);
  std::vector<std::vector<float>> first = readGradients();
  for (unsigned threads : {1, 3}) {
    ASSERT_NO_FATAL_FAILURE(makeSession(threads));
    ASSERT_NO_FATAL_FAILURE(restoreParameters());
    auto again = session->grads(getBatch());
    ASSERT_TRUE(again);
    EXPECT_EQ(*loss, *again) << threads << " threads";
    EXPECT_EQ(first, readGradients()) << threads << " threads";
  }
}

llvm::ArrayRef<Conformance::Check> Conformance::getDeviceChecks() {
  static const Check checks[] = {{"threads", &Conformance::checkThreads}};
  return checks;
}

INSTANTIATE_TEST_SUITE_P(Models, DocumentConformance,
                         testing::ValuesIn(kDocumentCases),
                         [](const auto &info) {
                           return std::string(info.param.name);
                         });

INSTANTIATE_TEST_SUITE_P(Models, Conformance,
                         testing::ValuesIn(withAllSchemes(kCases, "native")),
                         [](const auto &info) {
                           return std::string(info.param.name);
                         });
