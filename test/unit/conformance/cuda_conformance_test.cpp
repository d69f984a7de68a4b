//===- cuda_conformance_test.cpp - CUDA plans do what their models mean ---===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// The runtime as it is, with the emulated driver and compiler of
// test/emulation: the plan's own text runs on this machine's processor.
//
//===----------------------------------------------------------------------===//

#include "test/unit/conformance/conformance.h"

#include <cstdlib>

using namespace lns;

// Two blocks each; the head sizes that no tile divides are in kTied and
// kOddHeads.
static const Case kCases[] = {
    {"GroupedLns", NormScheme::Lns, kGrouped, 2, 12, "cuda"},
    {"GroupedPre", NormScheme::Pre, kGrouped, 2, 12, "cuda"},
    {"GroupedLnsApart", NormScheme::Lns, kGrouped, 2, 12, "cuda", false, false},
    {"TiedLns", NormScheme::Lns, kTied, 3, 7, "cuda"},
    {"OddHeadsPre", NormScheme::Pre, kOddHeads, 1, 50, "cuda"},
    {"BiasesLns", NormScheme::Lns, kBiases, 3, 7, "cuda"},
    {"Gpt2", NormScheme::Pre, "gpt2.mlir", 3, 7, "cuda"},
    {"Gpt2Config", NormScheme::Pre, kGpt2, 3, 7, "cuda"},
    {"Gpt2ConfigLns", NormScheme::Lns, kGpt2, 2, 9, "cuda"},
    {"Gpt2ConfigLnsBf16", NormScheme::Lns, kGpt2, 2, 9, "cuda", true},
    {"Gpt2ConfigSandwich", NormScheme::Sandwich, kGpt2, 2, 9, "cuda", false,
     true, 1, false, "sandwich,qk-norm"},
    {"Gpt2ConfigValueResidual", NormScheme::Lns, kGpt2, 2, 9, "cuda", false,
     true, 1, false, "lns,value-residual"},
    {"LayerNormScaling", NormScheme::Lns, "layernorm-scaling.mlir", 3, 7,
     "cuda"},
    {"PostNorm", NormScheme::Lns, "post-norm.mlir", 2, 9, "cuda"},
    {"Shared", NormScheme::Lns, "shared.mlir", 3, 7, "cuda"},
    {"Mix", NormScheme::Mix, kDeep, 2, 9, "cuda"},
    {"DeepNorm", NormScheme::DeepNorm, kTied, 2, 9, "cuda"},
    {"PeriBiases", NormScheme::Peri, kBiases, 2, 9, "cuda"},
    {"Reordered", NormScheme::Reordered, kGrouped, 2, 9, "cuda"},
    {"Keel", NormScheme::Keel, kGrouped, 2, 9, "cuda"},
    {"SubLn", NormScheme::SubLn, kOddHeads, 2, 9, "cuda"},
    {"ResidualMultiplier", NormScheme::ResidualMultiplier, kTied, 2, 9, "cuda"},
    {"LayerScale", NormScheme::LayerScale, kGrouped, 2, 9, "cuda"},
    {"SkipInit", NormScheme::SkipInit, kTied, 2, 9, "cuda"},
    {"ReZero", NormScheme::ReZero, kGrouped, 2, 9, "cuda"},
    {"HybridStar", NormScheme::HybridStar, kOddHeads, 2, 9, "cuda"},
    {"HybridBf16", NormScheme::Hybrid, kGrouped, 2, 9, "cuda", true},
    {"PostBf16", NormScheme::Post, kGrouped, 2, 9, "cuda", true},
    {"SandwichBf16", NormScheme::Sandwich, kGrouped, 2, 9, "cuda", true},
    {"SubLnBf16", NormScheme::SubLn, kOddHeads, 2, 9, "cuda", true},
    {"NGpt", NormScheme::NGpt, kGrouped, 2, 9, "cuda"},
    {"NGptBf16", NormScheme::NGpt, kTied, 2, 9, "cuda", true},
    {"NGptBiasesParts", NormScheme::NGpt, kBiases, 4, 7, "cuda", false, true,
     2},
    {"NGptOddHeadsBf16", NormScheme::NGpt, kOddHeads, 2, 9, "cuda", true},
    {"CompleteP", NormScheme::CompleteP, kGrouped, 2, 9, "cuda", false, true, 1,
     false, "completep,alpha=0.5,base-layers=1,base-width=8"},
    {"CompletePBf16", NormScheme::CompleteP, kDeep, 2, 9, "cuda", true, true, 1,
     false, "completep,base-width=8"},
    {"TanhNorm", NormScheme::Lns, "tanh-norm.mlir", 3, 7, "cuda"},
    {"Derf", NormScheme::Derf, kGrouped, 2, 9, "cuda"},
    {"DerfBf16", NormScheme::Derf, kGrouped, 2, 9, "cuda", true},
    {"Gpas", NormScheme::Gpas, kTied, 2, 9, "cuda"},
    {"GpasBf16", NormScheme::Gpas, kGrouped, 2, 9, "cuda", true},
    {"GpasBiasesParts", NormScheme::Gpas, kBiases, 4, 7, "cuda", false, true,
     2},
    {"PostGpas", NormScheme::Post, kOddHeads, 2, 9, "cuda", false, true, 1,
     false, "post,gpas"},
    {"ValueResidual", NormScheme::Lns, kGrouped, 2, 9, "cuda", false, true, 1,
     false, "lns,value-residual"},
    {"ValueResidualBf16", NormScheme::Lns, kDeep, 2, 9, "cuda", true, true, 1,
     false, "lns,value-residual"},
    {"ProRes", NormScheme::ProRes, kTied, 2, 9, "cuda", false, true, 1, false,
     "prores,T=4"},
    {"ProResBf16Parts", NormScheme::ProRes, kDeep, 4, 9, "cuda", true, true, 2,
     false, "prores,T=3"},
    {"SandwichProRes", NormScheme::Sandwich, kGrouped, 2, 9, "cuda", false,
     true, 1, false, "sandwich,prores=4"},
    {"TanhNormApart", NormScheme::Lns, "tanh-norm.mlir", 3, 7, "cuda", false,
     false},
    {"TanhNormBf16", NormScheme::Lns, "tanh-norm.mlir", 3, 7, "cuda", true},
    {"QkNorm", NormScheme::Lns, "qk-norm.mlir", 3, 7, "cuda"},
    {"QkNormApart", NormScheme::Lns, "qk-norm.mlir", 2, 9, "cuda", false,
     false},
    {"LayerTypes", NormScheme::Lns, "layer-types.mlir", 3, 7, "cuda"},
    {"LayerTypesApart", NormScheme::Lns, "layer-types.mlir", 2, 9, "cuda",
     false, false},
    {"LayerTypesBf16", NormScheme::Lns, "layer-types.mlir", 2, 33, "cuda",
     true},
    {"GroupedLnsBf16", NormScheme::Lns, kGrouped, 2, 12, "cuda", true},
    {"GroupedPreBf16", NormScheme::Pre, kGrouped, 2, 12, "cuda", true},
    {"GroupedLnsBf16Apart", NormScheme::Lns, kGrouped, 1, 65, "cuda", true,
     false},
    {"TiedLnsBf16", NormScheme::Lns, kTied, 3, 7, "cuda", true},
    {"OddHeadsLnsBf16", NormScheme::Lns, kOddHeads, 1, 50, "cuda", true},
    {"BiasesLnsBf16", NormScheme::Lns, kBiases, 3, 7, "cuda", true},
    {"Gpt2Bf16", NormScheme::Pre, "gpt2.mlir", 3, 7, "cuda", true},
    {"QkNormBf16", NormScheme::Lns, "qk-norm.mlir", 3, 7, "cuda", true},
    {"TiedLnsIgnored", NormScheme::Lns, kTied, 3, 7, "cuda", false, true, 1,
     true},
    {"Gpt2PartsIgnored", NormScheme::Pre, "gpt2.mlir", 3, 7, "cuda", false,
     true, 3, true},
    {"GroupedLnsBf16PartsIgnored", NormScheme::Lns, kGrouped, 4, 12, "cuda",
     true, true, 4, true},
    {"GroupedLnsDocuments", NormScheme::Lns, kGrouped, 2, 37, "cuda", false,
     true, 1, false, nullptr, true},
    {"GroupedLnsDocumentsBf16Parts", NormScheme::Lns, kGrouped, 4, 37, "cuda",
     true, true, 2, true, nullptr, true},
    {"GroupedPreDocumentsBf16Apart", NormScheme::Pre, kGrouped, 1, 65, "cuda",
     true, false, 1, false, nullptr, true},
    {"OddHeadsDocuments", NormScheme::Pre, kOddHeads, 1, 50, "cuda", false,
     true, 1, false, nullptr, true},
    {"Gpt2DocumentsIgnored", NormScheme::Pre, "gpt2.mlir", 3, 16, "cuda", false,
     true, 1, true, nullptr, true},
    {"Gpt2ConfigDocumentsBf16", NormScheme::Lns, kGpt2, 2, 37, "cuda", true,
     true, 1, false, nullptr, true},
    {"QkNormDocuments", NormScheme::Lns, "qk-norm.mlir", 3, 11, "cuda", false,
     true, 1, false, nullptr, true},
    {"LayerTypesDocumentsParts", NormScheme::Lns, "layer-types.mlir", 4, 41,
     "cuda", false, true, 2, false, nullptr, true},
    {"LayerTypesDocumentsBf16", NormScheme::Lns, "layer-types.mlir", 2, 60,
     "cuda", true, true, 1, false, nullptr, true},
    {"ValueResidualDocuments", NormScheme::Lns, kOddHeads, 2, 33, "cuda", false,
     true, 1, false, "lns,value-residual", true},
};

static const Case kDocumentCases[] = {
    {"Rope", NormScheme::Lns, kGrouped, 2, 70, "cuda", false, true, 1, false,
     nullptr, true},
    {"RopeApart", NormScheme::Pre, kOddHeads, 2, 50, "cuda", false, false, 1,
     false, nullptr, true},
    {"LearnedPositions", NormScheme::Pre, kGpt2, 2, 37, "cuda", false, true, 1,
     false, nullptr, true},
    // Windows, no positions at all, rotations of heads.
    {"LayerTypes", NormScheme::Lns, "layer-types.mlir", 2, 41, "cuda", false,
     true, 1, false, nullptr, true},
    {"LayerTypesBf16", NormScheme::Lns, "layer-types.mlir", 2, 70, "cuda", true,
     true, 1, false, nullptr, true},
    {"Bf16", NormScheme::Lns, kGrouped, 2, 70, "cuda", true, true, 1, false,
     nullptr, true},
    {"Parts", NormScheme::Lns, kTied, 4, 37, "cuda", false, true, 2, false,
     nullptr, true},
};

namespace {

/// Sets what the libraries' tables and the emulation read.
class Emulated : public testing::Environment {
  void SetUp() override {
    setenv("LNSRT_CUDA_DRIVER", LNS_EMULATION_DIR "/libcuda-emu.so", 1);
    setenv("LNSRT_NVRTC", LNS_EMULATION_DIR "/libnvrtc-emu.so", 1);
    setenv("LNSRT_CUBLASLT", "none", 1);
    setenv("LNSRT_CACHE_DIR", LNS_EMULATION_CACHE, 1);
  }
};

} // namespace

static testing::Environment *const emulated =
    testing::AddGlobalTestEnvironment(new Emulated);

// The order of blocks and threads does not change a bit.
void Conformance::checkOrders() {
  auto loss = session->grads(getBatch());
  ASSERT_TRUE(loss) << loss.status().message();
  std::vector<std::vector<float>> first = readGradients();
  for (const char *seed : {"1", "2"}) {
    setenv("LNS_EMU_SEED", seed, 1);
    auto again = session->grads(getBatch());
    unsetenv("LNS_EMU_SEED");
    ASSERT_TRUE(again) << again.status().message();
    EXPECT_EQ(*loss, *again) << "seed " << seed;
    EXPECT_EQ(first, readGradients()) << "seed " << seed;
  }
}

// What is kept beside the parameters is that of the parameters as they are:
// steps that begin with them, whether a caller wrote them or a step, give the
// same bits.
void Conformance::checkWritesAreSeen() {
  auto readParameter = [&](size_t index) {
    std::vector<float> data(plan->tensorInfo(index)->elements);
    lnsrt::Status status =
        session->read(LNSRT_PARAMETER, index, data.data(), data.size());
    EXPECT_TRUE(status) << status.message();
    return data;
  };
  auto expectAsFresh = [&](const char *when) {
    std::vector<std::vector<float>> parameters;
    for (size_t i = 0; i < plan->tensorCount(); ++i)
      parameters.push_back(readParameter(i));
    ASSERT_TRUE(session->setStepsDone(getStepsDone()));
    auto loss = session->grads(getBatch());
    ASSERT_TRUE(loss) << loss.status().message();
    std::vector<std::vector<float>> gradients = readGradients();
    lnsrt::Session used = std::move(*session);
    ASSERT_NO_FATAL_FAILURE(makeSession(2));
    for (size_t i = 0; i < plan->tensorCount(); ++i)
      ASSERT_TRUE(session->write(LNSRT_PARAMETER, i, parameters[i].data(),
                                 parameters[i].size()));
    auto fresh = session->grads(getBatch());
    ASSERT_TRUE(fresh) << fresh.status().message();
    EXPECT_EQ(*loss, *fresh) << when;
    EXPECT_EQ(gradients, readGradients()) << when;
    session.emplace(std::move(used));
  };
  lnsrt::OptimizerOptions options;
  options.lr = 0.05f;
  ASSERT_TRUE(session->trainStep(getBatch(), options));
  ASSERT_NO_FATAL_FAILURE(expectAsFresh("after a step"));
  for (const char *role : {"gain", "matrix", "embedding"}) {
    for (size_t i = 0; i < plan->tensorCount(); ++i) {
      if (std::string(plan->tensorInfo(i)->role) != role)
        continue;
      std::vector<float> data = readParameter(i);
      for (float &x : data)
        x *= 1.25f;
      ASSERT_TRUE(session->write(LNSRT_PARAMETER, i, data.data(), data.size()));
    }
    ASSERT_NO_FATAL_FAILURE(expectAsFresh(role));
  }
}

llvm::ArrayRef<Conformance::Check> Conformance::getDeviceChecks() {
  static const Check checks[] = {
      {"orders", &Conformance::checkOrders},
      {"writes are seen", &Conformance::checkWritesAreSeen}};
  return checks;
}

INSTANTIATE_TEST_SUITE_P(Models, DocumentConformance,
                         testing::ValuesIn(kDocumentCases),
                         [](const auto &info) {
                           return std::string(info.param.name);
                         });

// Windows, soft-caps, groups of heads, learned positions, norms of heads, more
// than one lns.layers, and caches of bf16.
const Case kDecoders[] = {
    {"GroupedLns", NormScheme::Lns, kGrouped, 2, 12, "cuda"},
    {"TiedPre", NormScheme::Pre, kTied, 3, 7, "cuda"},
    {"GroupedLnsBf16", NormScheme::Lns, kGrouped, 2, 12, "cuda", true},
    {"Gpt2Config", NormScheme::Pre, kGpt2, 2, 9, "cuda"},
    {"BiasesLnsPartsDocuments", NormScheme::Lns, kBiases, 4, 7, "cuda", false,
     true, 2, false, nullptr, true},
    {"SandwichBf16", NormScheme::Sandwich, kGrouped, 2, 9, "cuda", true},
    {"NGpt", NormScheme::NGpt, kGrouped, 2, 9, "cuda"},
    {"LayerTypesBf16", NormScheme::Lns, "layer-types.mlir", 3, 7, "cuda", true},
    {"LayerTypes", NormScheme::Lns, "layer-types.mlir", 1, 65, "cuda"},
    {"OddHeads", NormScheme::Lns, kOddHeads, 2, 7, "cuda"},
};

INSTANTIATE_TEST_SUITE_P(Models, DecodeConformance,
                         testing::ValuesIn(kDecoders), [](const auto &info) {
                           return std::string(info.param.name);
                         });

// What products' kernels would keep in registers is written.
const Case kTraces[] = {
    {"GroupedLns", NormScheme::Lns, kGrouped, 2, 12, "cuda"},
    {"GroupedLnsApart", NormScheme::Lns, kGrouped, 2, 12, "cuda", false, false},
    {"GroupedLnsBf16", NormScheme::Lns, kGrouped, 2, 12, "cuda", true},
    {"TiedPreBf16Parts", NormScheme::Pre, kTied, 4, 7, "cuda", true, true, 2},
    {"PostBf16", NormScheme::Post, kGrouped, 2, 9, "cuda", true},
    {"DeepNorm", NormScheme::DeepNorm, kTied, 2, 9, "cuda"},
    {"GpasBiasesParts", NormScheme::Gpas, kBiases, 4, 7, "cuda", false, true,
     2},
    {"NGpt", NormScheme::NGpt, kGrouped, 2, 9, "cuda"},
};

INSTANTIATE_TEST_SUITE_P(Models, TraceConformance, testing::ValuesIn(kTraces),
                         [](const auto &info) {
                           return std::string(info.param.name);
                         });

INSTANTIATE_TEST_SUITE_P(Models, Conformance,
                         testing::ValuesIn(withAllSchemes(kCases, "cuda")),
                         [](const auto &info) {
                           return std::string(info.param.name);
                         });
