//===- conformance_test.cpp - A plan does what its model means ------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// Compiles small models, runs the plan on the CPU and the training form in the
// float64 interpreter, from the same parameters and tokens: loss, logits, every
// gradient, and every parameter and moment after three optimizer steps.
//
// With bf16 activations, results differ by what rounding does to the model, not
// by what kernels do wrong. How much that is, the interpreter says when it
// rounds, too: `rounded` below. A plan rounds a little less (values that stay
// inside a kernel are f32), but at other places, so its distance from the exact
// result must be about that of the rounded one, or less. Were kernels to
// truncate, their error would be twice that, and systematic.
//
// How much may it be at all? One rounding is a relative error of at most
// u = 2^-8. To first order, R of them change a result by the sum of their
// errors, each times how much the result depends on that number, its condition.
// The errors are independent with mean zero, so they add up like a random walk,
// to sqrt(R) u times the condition (Higham and Mary, SIAM J. Sci. Comput. 41,
// 2019), not to R u. R is at most the number of bf16 tensors in @grads;
// conditions of these models are about one, as gains and norms keep every
// tensor near one, and at most two is allowed for products of two rounded
// factors.
//
//===----------------------------------------------------------------------===//

#include "codegen/plan/Plan.h"
#include "dialect/Register.h"
#include "frontend/HuggingFaceConfig.h"
#include "passes/Pipelines.h"
#include "runtime/lnsrt.hpp"
#include "tools/interpret/EntryPoint.h"
#include "tools/interpret/Interpreter.h"

#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"
#include "mlir/IR/TypeUtilities.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include <algorithm>
#include <cmath>
#include <gtest/gtest.h>

using namespace mlir;
using namespace lns;

namespace {

struct Case {
  const char *name;
  NormScheme norm;
  const char *model; ///< a config.json's text, or a file of test/Models
  int64_t batch, sequence;
  const char *level;
  bool bf16 = false;
};

// Odd sizes on purpose: head sizes 8, 10 and 26, widths that no vector divides,
// times that no tile divides.
constexpr const char *kGrouped = R"({"model_type": "llama", "vocab_size": 96,
  "hidden_size": 48, "intermediate_size": 84, "num_hidden_layers": 3,
  "num_attention_heads": 6, "num_key_value_heads": 2,
  "tie_word_embeddings": false, "rms_norm_eps": 1e-5})";
constexpr const char *kTied = R"({"model_type": "llama", "vocab_size": 300,
  "hidden_size": 30, "intermediate_size": 61, "num_hidden_layers": 2,
  "num_attention_heads": 3, "tie_word_embeddings": true})";
constexpr const char *kOddHeads = R"({"model_type": "llama", "vocab_size": 50,
  "hidden_size": 52, "intermediate_size": 17, "num_hidden_layers": 2,
  "num_attention_heads": 2, "tie_word_embeddings": false})";

// Biases everywhere, and a gate that is zero half of the time.
constexpr const char *kBiases = R"({"model_type": "llama", "vocab_size": 61,
  "hidden_size": 36, "intermediate_size": 50, "num_hidden_layers": 2,
  "num_attention_heads": 3, "num_key_value_heads": 1, "attention_bias": true,
  "mlp_bias": true, "hidden_act": "relu", "tie_word_embeddings": true})";

const Case kCases[] = {
    {"GroupedLns", NormScheme::Lns, kGrouped, 2, 12, "native"},
    {"GroupedPre", NormScheme::Pre, kGrouped, 2, 12, "native"},
    {"GroupedLnsV3", NormScheme::Lns, kGrouped, 1, 65, "x86-64-v3"},
    {"TiedLns", NormScheme::Lns, kTied, 3, 7, "native"},
    {"OddHeadsLns", NormScheme::Lns, kOddHeads, 1, 50, "native"},
    {"BiasesLns", NormScheme::Lns, kBiases, 3, 7, "native"},
    {"Gpt2", NormScheme::Pre, "gpt2.mlir", 3, 7, "native"},
    {"Gpt2V3", NormScheme::Pre, "gpt2.mlir", 2, 16, "x86-64-v3"},
    {"LayerNormScaling", NormScheme::Lns, "layernorm-scaling.mlir", 3, 7,
     "native"},
    {"PostNorm", NormScheme::Lns, "post-norm.mlir", 2, 9, "native"},
    {"Shared", NormScheme::Lns, "shared.mlir", 3, 7, "native"},
    {"GroupedLnsBf16", NormScheme::Lns, kGrouped, 2, 12, "native", true},
    {"GroupedLnsBf16V3", NormScheme::Lns, kGrouped, 1, 65, "x86-64-v3", true},
    {"TiedLnsBf16", NormScheme::Lns, kTied, 3, 7, "native", true},
    {"OddHeadsLnsBf16V2", NormScheme::Lns, kOddHeads, 1, 50, "x86-64-v2", true},
    {"BiasesLnsBf16", NormScheme::Lns, kBiases, 3, 7, "native", true},
    {"Gpt2Bf16", NormScheme::Pre, "gpt2.mlir", 3, 7, "native", true},
    {"SharedBf16", NormScheme::Lns, "shared.mlir", 3, 7, "native", true},
};

/// A bf16 result may be as far from the exact one as the rounded one, times
/// this: small tensors, such as biases, are sums over few rounding errors, and
/// two such sums may well differ so.
constexpr double kSlack = 3;
/// The same of parameters that AdamW changed: its first steps are as long for a
/// gradient near zero, whose sign rounding changes, as for any other, so that a
/// few elements make all of the distance.
constexpr double kStepSlack = 8;
/// The same of the median over all tensors, which chance moves little: it is at
/// most about one, and up to 1.9 where kernels truncate.
constexpr double kMedianSlack = 1.2;
/// The greatest relative error of a rounding to bf16.
constexpr double kUnit = 1.0 / 256;

class Conformance : public testing::TestWithParam<Case> {
protected:
  void SetUp() override {
    if (std::string(GetParam().level) == "x86-64-v3" &&
        !__builtin_cpu_supports("avx2"))
      GTEST_SKIP() << "this processor has no AVX2";
    DialectRegistry registry;
    registerDialects(registry);
    context.appendDialectRegistry(registry);
    training = readModel();
    ASSERT_TRUE(training);
    PassManager manager(&context);
    buildGraphPipeline(manager, GetParam().batch, GetParam().sequence);
    buildEliminationPipeline(manager);
    if (GetParam().bf16)
      buildMixedPrecisionPipeline(manager);
    buildTrainPipeline(manager);
    ASSERT_TRUE(succeeded(manager.run(*training)));
    ASSERT_NO_FATAL_FAILURE(openSession());
    ASSERT_NO_FATAL_FAILURE(setParameters());
  }

  OwningOpRef<ModuleOp> readModel() {
    llvm::StringRef model = GetParam().model;
    if (model.ends_with(".mlir"))
      return parseSourceFile<ModuleOp>((LNS_TEST_MODELS "/" + model).str(),
                                       &context);
    HuggingFaceOptions options;
    options.norm = GetParam().norm;
    return importHuggingFaceConfig(model, "test.json", options, &context);
  }

  /// Compiles a copy of `training` to a plan in memory.
  void openSession() {
    OwningOpRef<ModuleOp> fused = training->clone();
    PassManager manager(&context);
    buildFusePipeline(manager);
    buildMemoryPipeline(manager);
    ASSERT_TRUE(succeeded(manager.run(*fused)));
    cpu::KernelLowering kernels(&context);
    Plan compiled;
    ASSERT_TRUE(succeeded(buildPlan(*fused, kernels, compiled)));
    cpu::CodeLevel level;
    std::string error;
    ASSERT_TRUE(cpu::parseCodeLevel(GetParam().level, level, error)) << error;
    std::vector<std::vector<char>> objects;
    ASSERT_TRUE(
        succeeded(cpu::compileKernels(kernels.getModule(), level, objects)));
    compiled.code.push_back({level, std::move(objects[0])});
    std::vector<char> bytes;
    ASSERT_TRUE(serializePlan(compiled, bytes, error)) << error;

    auto opened = lnsrt::Plan::openMemory(bytes.data(), bytes.size());
    ASSERT_TRUE(opened) << opened.status().message();
    plan.emplace(std::move(*opened));
    ASSERT_NO_FATAL_FAILURE(makeSession(2));
  }

  void makeSession(unsigned threads) {
    lnsrt::SessionOptions options;
    options.threads = threads;
    auto created = lnsrt::Session::create(*plan, options);
    ASSERT_TRUE(created) << created.status().message();
    session.emplace(std::move(*created));
  }

  /// The same random parameters on both sides: gains around one, matrices of a
  /// size that keeps activations near one.
  void setParameters() {
    ASSERT_TRUE(
        succeeded(interpret::declareParameters(*training, environment)));
    ASSERT_EQ(plan->tensorCount(), environment.size());
    for (size_t i = 0; i < plan->tensorCount(); ++i) {
      lnsrt::TensorInfo info = *plan->tensorInfo(i);
      auto normal = interpret::makeNormal(llvm::ArrayRef(info.shape, info.rank),
                                          /*seed=*/3, /*stream=*/i);
      bool isGain = std::string(info.role) == "gain";
      double deviation =
          isGain ? 0.2 : 0.7 / std::sqrt(double(info.shape[info.rank - 1]));
      std::vector<float> data;
      auto value = std::make_shared<interpret::Tensor>(*normal);
      for (double &x : value->values) {
        data.push_back(float((isGain ? 1.0 : 0.0) + deviation * x));
        x = data.back();
      }
      ASSERT_TRUE(session->write(LNSRT_PARAMETER, i, data.data(), data.size()));
      environment[info.name].value = value;
    }
    int64_t count = GetParam().batch * GetParam().sequence;
    auto text =
        interpret::makeRandomTokens({count + 1}, plan->info().vocabulary, 5, 0);
    auto slice = [&](int64_t from, std::vector<int32_t> &out) {
      auto tensor =
          interpret::makeTokens({GetParam().batch, GetParam().sequence});
      for (int64_t i = 0; i < count; ++i) {
        tensor->tokens[i] = text->tokens[from + i];
        out.push_back(static_cast<int32_t>(tensor->tokens[i]));
      }
      return tensor;
    };
    tokenTensor = slice(0, tokens);
    targetTensor = slice(1, targets);
    rounded = environment;
  }

  /// The exact result, and the one that is rounded as bf16 is.
  struct Reference {
    interpret::TensorRef exact, rounded;
  };

  Reference interpretEntry(llvm::StringRef name,
                           llvm::ArrayRef<interpret::TensorRef> arguments) {
    auto function = training->lookupSymbol<func::FuncOp>(name);
    auto run = [&](interpret::Environment &state,
                   interpret::Rounding rounding) {
      llvm::SmallVector<interpret::TensorRef> results;
      if (!function || failed(interpret::Interpreter(state, rounding)
                                  .run(function, arguments, results)))
        return interpret::TensorRef();
      return results.front();
    };
    Reference result;
    result.exact = run(environment, interpret::Rounding::None);
    result.rounded = result.exact;
    if (GetParam().bf16)
      result.rounded = run(rounded, interpret::Rounding::Bf16);
    if (!result.rounded)
      result.exact = nullptr;
    return result;
  }

  /// ||ours - reference|| / ||reference||; infinite when a value is not finite.
  template <typename Number>
  static double distance(const std::vector<Number> &ours,
                         const std::vector<double> &reference) {
    double error = 0, norm = 0;
    for (size_t i = 0; i < ours.size(); ++i) {
      if (!std::isfinite(ours[i]) || !std::isfinite(reference[i]))
        return INFINITY;
      error += (ours[i] - reference[i]) * (ours[i] - reference[i]);
      norm += reference[i] * reference[i];
    }
    return norm > 0 ? std::sqrt(error / norm) : std::sqrt(error);
  }

  /// Expects `ours` within `tolerance` of the reference, relative to its norm;
  /// in bf16, about as near as the rounded reference.
  void expectNear(const std::vector<float> &ours, const Reference &reference,
                  double tolerance, llvm::StringRef what,
                  double slack = kSlack) {
    const std::vector<double> &exact = reference.exact->values;
    ASSERT_EQ(ours.size(), exact.size());
    double rounding = distance(reference.rounded->values, exact);
    EXPECT_LE(distance(ours, exact), slack * rounding + tolerance)
        << what.str() << ", rounding alone gives " << rounding;
    if (GetParam().bf16)
      EXPECT_LE(distance(ours, exact), 2 * std::sqrt(countRoundings()) * kUnit)
          << what.str();
  }

  /// R: the bf16 tensors of @grads.
  double countRoundings() {
    unsigned count = 0;
    training->lookupSymbol<func::FuncOp>("grads").walk([&](Operation *op) {
      for (Type type : op->getResultTypes())
        count += getElementTypeOrSelf(type).isBF16();
    });
    return count;
  }

  void expectLoss(double loss, const Reference &reference) {
    // One number: rounding may move it by chance by much less than it could.
    double exact = reference.exact->values[0];
    EXPECT_NEAR(loss / exact, 1.0, GetParam().bf16 ? kUnit : 1e-5);
  }

  void expectTensors(lnsrt_tensor_kind kind,
                     interpret::TensorRef interpret::ParameterState::*member,
                     double tolerance, double slack = kSlack) {
    std::vector<double> ratios;
    for (size_t i = 0; i < plan->tensorCount(); ++i) {
      lnsrt::TensorInfo info = *plan->tensorInfo(i);
      std::vector<float> ours(info.elements);
      ASSERT_TRUE(session->read(kind, i, ours.data(), ours.size()));
      Reference reference{environment[info.name].*member,
                          rounded[info.name].*member};
      expectNear(ours, reference, tolerance, info.name, slack);
      // Zeros on both sides would agree and show nothing.
      EXPECT_GT(distance(std::vector<float>(ours.size(), 0.0f),
                         reference.exact->values),
                0.5)
          << info.name;
      if (!GetParam().bf16)
        continue;
      const std::vector<double> &exact = reference.exact->values;
      ratios.push_back(distance(ours, exact) /
                       distance(reference.rounded->values, exact));
    }
    if (!GetParam().bf16)
      return;
    auto median = ratios.begin() + int64_t(ratios.size() / 2);
    std::nth_element(ratios.begin(), median, ratios.end());
    EXPECT_LE(*median, kMedianSlack);
  }

  MLIRContext context;
  OwningOpRef<ModuleOp> training;
  std::optional<lnsrt::Plan> plan;
  std::optional<lnsrt::Session> session;
  interpret::Environment environment, rounded;
  interpret::TensorRef tokenTensor, targetTensor;
  std::vector<int32_t> tokens, targets;
};

TEST_P(Conformance, LogitsAndLoss) {
  Reference reference = interpretEntry("logits", {tokenTensor});
  ASSERT_TRUE(reference.exact);
  std::vector<float> logits(reference.exact->values.size());
  ASSERT_TRUE(session->logits(tokens.data(), logits.data()));
  expectNear(logits, reference, 1e-5, "logits");

  reference = interpretEntry("eval", {tokenTensor, targetTensor});
  ASSERT_TRUE(reference.exact);
  auto loss = session->eval(tokens.data(), targets.data());
  ASSERT_TRUE(loss);
  expectLoss(*loss, reference);
}

TEST_P(Conformance, Gradients) {
  Reference reference = interpretEntry("grads", {tokenTensor, targetTensor});
  ASSERT_TRUE(reference.exact);
  auto loss = session->grads(tokens.data(), targets.data());
  ASSERT_TRUE(loss);
  expectLoss(*loss, reference);
  expectTensors(LNSRT_GRADIENT, &interpret::ParameterState::gradient, 1e-4);
}

TEST_P(Conformance, ThreeSteps) {
  interpret::OptimizerValues values;
  lnsrt::OptimizerOptions options;
  options.lr = float(values.lr);
  options.weight_decay = float(values.weightDecay);
  options.clip = float(values.clip);
  for (int step = 1; step <= 3; ++step) {
    Reference reference =
        interpretEntry("train_step", {tokenTensor, targetTensor,
                                      interpret::makeOptimizer(values, step)});
    ASSERT_TRUE(reference.exact);
    options.step = step;
    auto result = session->trainStep(tokens.data(), targets.data(), options);
    ASSERT_TRUE(result) << result.status().message();
    expectLoss(result->loss, reference);
  }
  expectTensors(LNSRT_PARAMETER, &interpret::ParameterState::value, 1e-4,
                kStepSlack);
  expectTensors(LNSRT_EXP_AVG, &interpret::ParameterState::expAvg, 1e-3);
  expectTensors(LNSRT_EXP_AVG_SQ, &interpret::ParameterState::expAvgSq, 1e-3);
}

/// Every gradient's bits.
static std::vector<std::vector<float>> readGradients(const lnsrt::Plan &plan,
                                                     lnsrt::Session &session) {
  std::vector<std::vector<float>> all(plan.tensorCount());
  for (size_t i = 0; i < all.size(); ++i) {
    all[i].resize(plan.tensorInfo(i)->elements);
    EXPECT_TRUE(session.read(LNSRT_GRADIENT, i, all[i].data(), all[i].size()));
  }
  return all;
}

// The number of threads does not change a bit.
TEST_P(Conformance, Threads) {
  auto loss = session->grads(tokens.data(), targets.data());
  ASSERT_TRUE(loss);
  std::vector<std::vector<float>> first = readGradients(*plan, *session);
  for (unsigned threads : {1, 3}) {
    ASSERT_NO_FATAL_FAILURE(makeSession(threads));
    for (size_t i = 0; i < plan->tensorCount(); ++i) {
      const interpret::Tensor &value =
          *environment[plan->tensorInfo(i)->name].value;
      std::vector<float> data(value.values.begin(), value.values.end());
      ASSERT_TRUE(session->write(LNSRT_PARAMETER, i, data.data(), data.size()));
    }
    auto again = session->grads(tokens.data(), targets.data());
    ASSERT_TRUE(again);
    EXPECT_EQ(*loss, *again) << threads << " threads";
    EXPECT_EQ(first, readGradients(*plan, *session)) << threads << " threads";
  }
}

INSTANTIATE_TEST_SUITE_P(Models, Conformance, testing::ValuesIn(kCases),
                         [](const auto &info) {
                           return std::string(info.param.name);
                         });

} // namespace
