//===- decode_logits_test.cpp - Token by token is all at once -------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// Compiles small models as lnsc --decode does, and compares what a session
// decodes with what it gives for whole rows: without the interpreter.
//
//===----------------------------------------------------------------------===//

#include "dialect/Register.h"
#include "driver/Compiler.h"
#include "frontend/HuggingFaceConfig.h"
#include "runtime/lnsrt.hpp"

#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"
#include <algorithm>
#include <cmath>
#include <gtest/gtest.h>
#include <optional>
#include <vector>

using namespace mlir;
using namespace lns;

namespace {

struct Case {
  const char *name;
  const char *model;
  NormScheme norm;
  bool documents = false;
  int64_t microBatches = 1;
};
void PrintTo(const Case &one, std::ostream *out) { *out << one.name; }

constexpr int64_t kBatch = 3, kSequence = 13;

// Groups of heads and rotations; learned positions and biases.
constexpr const char *kLlama =
    R"({"model_type": "llama", "vocab_size": 96,
  "hidden_size": 48, "intermediate_size": 84, "num_hidden_layers": 3,
  "num_attention_heads": 6, "num_key_value_heads": 2,
  "tie_word_embeddings": false, "rms_norm_eps": 1e-5})";
constexpr const char *kGpt2 =
    R"({"model_type": "gpt2", "vocab_size": 61, "n_embd": 30, "n_layer": 3,
  "n_head": 5, "n_positions": 37, "n_inner": 52})";

class DecodeLogits : public testing::TestWithParam<Case> {
protected:
  void SetUp() override {
    DialectRegistry registry;
    registerDialects(registry);
    context.appendDialectRegistry(registry);
    plan = compile();
    ASSERT_TRUE(plan);
    ASSERT_EQ(plan->info().decode, 1u);
    EXPECT_EQ(plan->info().documents, GetParam().documents);
    vocabulary = plan->info().vocabulary;
    auto created = lnsrt::Session::create(*plan);
    ASSERT_TRUE(created) << created.status().message();
    session.emplace(std::move(*created));
    ASSERT_TRUE(session->init(5));
    // Attention of initial parameters hardly tells its keys apart.
    for (size_t i = 0; i < plan->tensorCount(); ++i) {
      lnsrt::TensorInfo info = *plan->tensorInfo(i);
      if (info.rank != 2)
        continue;
      std::vector<float> data(info.elements);
      ASSERT_TRUE(session->read(LNSRT_PARAMETER, i, data.data(), data.size()));
      for (float &x : data)
        x *= 8;
      ASSERT_TRUE(session->write(LNSRT_PARAMETER, i, data.data(), data.size()));
    }
  }

  std::optional<lnsrt::Plan> compile() {
    HuggingFaceOptions import;
    import.norm.emplace().scheme = GetParam().norm;
    OwningOpRef<ModuleOp> module = importHuggingFaceConfig(
        GetParam().model, "test.json", import, &context);
    if (!module)
      return std::nullopt;
    CompileOptions options;
    options.batch = kBatch;
    options.sequence = kSequence;
    options.microBatches = GetParam().microBatches;
    options.documents = GetParam().documents;
    options.decode = true;
    std::string error;
    if (!cpu::parseCodeLevel("native", options.levels.emplace_back(), error)) {
      ADD_FAILURE() << error;
      return std::nullopt;
    }
    TimingScope untimed;
    ::lns::Plan compiled;
    if (failed(buildGraph(*module, options, untimed)) ||
        failed(buildTraining(*module, options, untimed)) ||
        failed(createCpuCompiler(options, untimed)
                   ->run(*module, Form::Train, Form::Plan, compiled)))
      return std::nullopt;
    std::vector<char> bytes;
    if (!writePlan(compiled, bytes, error)) {
      ADD_FAILURE() << error;
      return std::nullopt;
    }
    auto opened = lnsrt::Plan::openMemory(bytes.data(), bytes.size());
    EXPECT_TRUE(opened) << opened.status().message();
    if (!opened)
      return std::nullopt;
    return std::move(*opened);
  }

  /// Random tokens for all rows.
  std::vector<int32_t> draw(unsigned seed) const {
    std::vector<int32_t> tokens(kBatch * kSequence);
    for (int32_t &token : tokens) {
      seed = seed * 1664525 + 1013904223;
      token = int32_t((seed >> 8) % vocabulary);
    }
    return tokens;
  }

  std::vector<float> computeAll(const std::vector<int32_t> &tokens) {
    std::vector<float> logits(tokens.size() * vocabulary);
    lnsrt::Status status = session->logits(tokens.data(), logits.data());
    EXPECT_TRUE(status) << status.message();
    return logits;
  }

  MLIRContext context;
  std::optional<lnsrt::Plan> plan;
  std::optional<lnsrt::Session> session;
  size_t vocabulary = 0;
};

/// A row's text, and its next position in it.
struct Row {
  const std::vector<int32_t> *tokens;
  const std::vector<float> *logits;
  int64_t position = 0;
};

} // namespace

// Rows start one after the other, the second starts again with another text,
// and the third goes back by two tokens; a row that waits decodes its last
// token again.
TEST_P(DecodeLogits, AreThoseOfWholeRows) {
  const std::vector<int32_t> texts[] = {draw(1), draw(2)};
  const std::vector<float> wanted[] = {computeAll(texts[0]),
                                       computeAll(texts[1])};
  float largest = 0;
  for (const std::vector<float> &logits : wanted)
    for (float x : logits)
      largest = std::max(largest, std::abs(x));
  ASSERT_GT(largest, 0);

  std::vector<Row> rows(kBatch, {&texts[0], &wanted[0]});
  std::vector<float> logits(kBatch * vocabulary);
  constexpr int64_t kRestart = 7, kBack = 9;
  for (int64_t step = 0; step < kSequence + 2 * kBatch + kRestart; ++step) {
    if (step == kRestart)
      rows[1] = {&texts[1], &wanted[1]};
    if (step == kBack)
      rows[2].position -= 2;
    std::vector<int32_t> tokens, positions;
    for (int64_t row = 0; row < kBatch; ++row) {
      positions.push_back(int32_t(rows[row].position));
      tokens.push_back(
          (*rows[row].tokens)[row * kSequence + rows[row].position]);
    }
    lnsrt::Status status =
        session->decode(tokens.data(), positions.data(), logits.data());
    ASSERT_TRUE(status) << status.message();
    for (int64_t row = 0; row < kBatch; ++row) {
      int64_t position = rows[row].position;
      const float *want = rows[row].logits->data() +
                          (row * kSequence + position) * int64_t(vocabulary);
      for (size_t v = 0; v < vocabulary; ++v)
        ASSERT_NEAR(logits[size_t(row) * vocabulary + v], want[v],
                    1e-5 * largest)
            << "row " << row << " at " << position << " in step " << step
            << ", token " << v;
      // Row r starts r steps late.
      if (step >= row && position < kSequence - 1)
        ++rows[row].position;
    }
    // What runs in between leaves the caches alone.
    if (step % 4 == 3) {
      ASSERT_TRUE(session->eval(texts[0].data(), texts[1].data()));
      ASSERT_TRUE(session->grads(texts[0].data(), texts[1].data()));
    }
  }
  for (const Row &row : rows)
    EXPECT_EQ(row.position, kSequence - 1);
}

// After a step, logits are of other parameters, and so are keys and values.
TEST_P(DecodeLogits, FollowTheParameters) {
  const std::vector<int32_t> text = draw(3);
  std::vector<float> logits(kBatch * vocabulary);
  auto decode = [&](int64_t position) {
    std::vector<int32_t> tokens, positions(kBatch, int32_t(position));
    for (int64_t row = 0; row < kBatch; ++row)
      tokens.push_back(text[row * kSequence + position]);
    return session->decode(tokens.data(), positions.data(), logits.data());
  };
  for (int round = 0; round < 2; ++round) {
    const std::vector<float> want = computeAll(text);
    float largest = 0;
    for (float x : want)
      largest = std::max(largest, std::abs(x));
    for (int64_t position = 0; position < 4; ++position) {
      lnsrt::Status status = decode(position);
      ASSERT_TRUE(status) << status.message();
      for (int64_t row = 0; row < kBatch; ++row)
        for (size_t v = 0; v < vocabulary; ++v)
          ASSERT_NEAR(logits[size_t(row) * vocabulary + v],
                      want[size_t(row * kSequence + position) * vocabulary + v],
                      1e-5 * largest)
              << "round " << round << ", row " << row << " at " << position;
    }
    lnsrt::OptimizerOptions options;
    options.lr = 0.05f;
    ASSERT_TRUE(session->trainStep(text.data(), text.data(), options));
    EXPECT_EQ(decode(4).code(), LNSRT_INVALID_ARGUMENT);
  }
}

static const Case kCases[] = {
    {"Llama", kLlama, NormScheme::Lns},
    {"LlamaPre", kLlama, NormScheme::Pre},
    {"LlamaDocuments", kLlama, NormScheme::Lns, true},
    {"LlamaParts", kLlama, NormScheme::Lns, false, 3},
    {"NGpt", kLlama, NormScheme::NGpt},
    {"Gpt2", kGpt2, NormScheme::Pre},
};

INSTANTIATE_TEST_SUITE_P(Models, DecodeLogits, testing::ValuesIn(kCases),
                         [](const testing::TestParamInfo<Case> &info) {
                           return std::string(info.param.name);
                         });
