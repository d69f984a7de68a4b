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
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
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
};

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
    lnsrt::SessionOptions options;
    options.threads = 2;
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
  }

  interpret::TensorRef
  interpretEntry(llvm::StringRef name,
                 llvm::ArrayRef<interpret::TensorRef> arguments) {
    auto function = training->lookupSymbol<func::FuncOp>(name);
    interpret::Interpreter interpreter(environment);
    llvm::SmallVector<interpret::TensorRef> results;
    if (!function || failed(interpreter.run(function, arguments, results)))
      return nullptr;
    return results.front();
  }

  /// ||ours - reference|| / ||reference||; infinite when a value is not finite.
  static double distance(const std::vector<float> &ours,
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

  void expectTensors(lnsrt_tensor_kind kind,
                     interpret::TensorRef interpret::ParameterState::*member,
                     double tolerance) {
    for (size_t i = 0; i < plan->tensorCount(); ++i) {
      lnsrt::TensorInfo info = *plan->tensorInfo(i);
      std::vector<float> ours(info.elements);
      ASSERT_TRUE(session->read(kind, i, ours.data(), ours.size()));
      const interpret::TensorRef &reference = environment[info.name].*member;
      ASSERT_EQ(ours.size(), reference->values.size());
      EXPECT_LE(distance(ours, reference->values), tolerance) << info.name;
      // Zeros on both sides would agree and show nothing.
      EXPECT_GT(
          distance(std::vector<float>(ours.size(), 0.0f), reference->values),
          0.5)
          << info.name;
    }
  }

  MLIRContext context;
  OwningOpRef<ModuleOp> training;
  std::optional<lnsrt::Plan> plan;
  std::optional<lnsrt::Session> session;
  interpret::Environment environment;
  interpret::TensorRef tokenTensor, targetTensor;
  std::vector<int32_t> tokens, targets;
};

TEST_P(Conformance, LogitsAndLoss) {
  interpret::TensorRef reference = interpretEntry("logits", {tokenTensor});
  ASSERT_TRUE(reference);
  std::vector<float> logits(reference->values.size());
  ASSERT_TRUE(session->logits(tokens.data(), logits.data()));
  EXPECT_LE(distance(logits, reference->values), 1e-5);

  reference = interpretEntry("eval", {tokenTensor, targetTensor});
  ASSERT_TRUE(reference);
  auto loss = session->eval(tokens.data(), targets.data());
  ASSERT_TRUE(loss);
  EXPECT_NEAR(*loss / reference->values[0], 1.0, 1e-5);
}

TEST_P(Conformance, Gradients) {
  interpret::TensorRef reference =
      interpretEntry("grads", {tokenTensor, targetTensor});
  ASSERT_TRUE(reference);
  auto loss = session->grads(tokens.data(), targets.data());
  ASSERT_TRUE(loss);
  EXPECT_NEAR(*loss / reference->values[0], 1.0, 1e-5);
  expectTensors(LNSRT_GRADIENT, &interpret::ParameterState::gradient, 1e-4);
}

TEST_P(Conformance, ThreeSteps) {
  interpret::OptimizerValues values;
  lnsrt::OptimizerOptions options;
  options.lr = float(values.lr);
  options.weight_decay = float(values.weightDecay);
  options.clip = float(values.clip);
  for (int step = 1; step <= 3; ++step) {
    interpret::TensorRef reference =
        interpretEntry("train_step", {tokenTensor, targetTensor,
                                      interpret::makeOptimizer(values, step)});
    ASSERT_TRUE(reference);
    options.step = step;
    auto result = session->trainStep(tokens.data(), targets.data(), options);
    ASSERT_TRUE(result) << result.status().message();
    EXPECT_NEAR(result->loss / reference->values[0], 1.0, 1e-5);
  }
  expectTensors(LNSRT_PARAMETER, &interpret::ParameterState::value, 1e-4);
  expectTensors(LNSRT_EXP_AVG, &interpret::ParameterState::expAvg, 1e-3);
  expectTensors(LNSRT_EXP_AVG_SQ, &interpret::ParameterState::expAvgSq, 1e-3);
}

INSTANTIATE_TEST_SUITE_P(Models, Conformance, testing::ValuesIn(kCases),
                         [](const auto &info) {
                           return std::string(info.param.name);
                         });

} // namespace
