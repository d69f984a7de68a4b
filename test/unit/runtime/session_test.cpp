//===- session_test.cpp - Training a plan made by hand --------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "running.h"

#include <cmath>
#include <cstddef>
#include <cstring>
#include <gtest/gtest.h>
#include <string>
#include <vector>

using namespace lns;
using namespace lns::test;

static Running start(unsigned threads = 2, const char *matmul = nullptr,
                     const TestPlan &source = TestPlan()) {
  auto plan = open(source.serialize());
  EXPECT_TRUE(plan) << plan.status().message();
  lnsrt::SessionOptions options;
  options.threads = threads;
  options.matmul = matmul;
  auto session = lnsrt::Session::create(*plan, options);
  EXPECT_TRUE(session) << session.status().message();
  return {std::move(*plan), std::move(*session)};
}

static lnsrt::OptimizerOptions optimizer(float lr) {
  lnsrt::OptimizerOptions options;
  options.lr = lr;
  return options;
}

/// The model in double: loss and gradients.
struct Reference {
  std::vector<double> logits = std::vector<double>(kRows * kVocabulary);
  std::vector<double> table = std::vector<double>(kElements);
  std::vector<double> head = std::vector<double>(kElements);
  double loss = 0;

  Reference(const std::vector<float> &e, const std::vector<float> &w) {
    double count = kRows * kVocabulary;
    for (uint32_t i = 0; i < kRows; ++i)
      for (uint32_t v = 0; v < kVocabulary; ++v) {
        const float *h = &e[uint32_t(kTokens[i]) * kWidth];
        double sum = 0;
        for (uint32_t d = 0; d < kWidth; ++d)
          sum += double(h[d]) * w[v * kWidth + d];
        logits[i * kVocabulary + v] = sum;
        double miss = sum - (int32_t(v) == kTargets[i]);
        loss += miss * miss / count;
        for (uint32_t d = 0; d < kWidth; ++d) {
          head[v * kWidth + d] += 2 * miss / count * h[d];
          table[uint32_t(kTokens[i]) * kWidth + d] +=
              2 * miss / count * w[v * kWidth + d];
        }
      }
  }
};

static void expectNear(const std::vector<float> &got,
                       const std::vector<double> &want) {
  ASSERT_EQ(got.size(), want.size());
  for (size_t i = 0; i < got.size(); ++i) {
    ASSERT_TRUE(std::isfinite(got[i]));
    EXPECT_NEAR(got[i], want[i], 1e-6) << i;
  }
}

TEST(Session, GradientsAndLogitsAreRight) {
  for (const char *matmul : {"builtin", "onednn"}) {
    Running run = start(2, matmul);
    ASSERT_TRUE(run.session.init(3));
    Reference reference(run.read(LNSRT_PARAMETER, 0),
                        run.read(LNSRT_PARAMETER, 1));
    auto loss = run.session.grads(kTokens, kTargets);
    ASSERT_TRUE(loss) << loss.status().message();
    EXPECT_NEAR(*loss, reference.loss, 1e-6);
    expectNear(run.read(LNSRT_GRADIENT, 0), reference.table);
    expectNear(run.read(LNSRT_GRADIENT, 1), reference.head);
    auto eval = run.session.eval(kTokens, kTargets);
    ASSERT_TRUE(eval);
    EXPECT_EQ(*eval, *loss);
    std::vector<float> logits(kRows * kVocabulary);
    ASSERT_TRUE(run.session.logits(kTokens, logits.data()));
    expectNear(logits, reference.logits);
  }
}

// logits = 2 h (head diag(g))^T, added to what is there: two runs give twice as
// much. The gain is the first row of the table.
TEST(Session, ProductsScaleAndAccumulate) {
  for (const char *matmul : {"builtin", "onednn"}) {
    TestPlan source;
    plan::MatmulT &head = *source.entry("logits").commands[1]->body.AsMatmul();
    head.alpha = 2;
    head.beta = 1;
    head.gain = std::make_unique<plan::BufferRef>(kTableOffset, kWidth * 4,
                                                  plan::Segment::parameters);
    Running run = start(2, matmul, source);
    ASSERT_TRUE(run.session.init(3));
    std::vector<float> table = run.read(LNSRT_PARAMETER, 0);
    std::vector<float> weight = run.read(LNSRT_PARAMETER, 1);
    for (uint32_t i = 0; i < kElements; ++i)
      weight[i] *= table[i % kWidth];
    Reference reference(table, weight);
    for (int round = 1; round <= 2; ++round) {
      std::vector<float> logits(kRows * kVocabulary);
      ASSERT_TRUE(run.session.logits(kTokens, logits.data()));
      std::vector<double> want = reference.logits;
      for (double &value : want)
        value *= 2 * round;
      expectNear(logits, want);
    }
  }
}

// hidden' = hidden I in bf16; logits = hidden' head^T, f32 from both types.
TEST(Session, MixedProducts) {
  for (const char *matmul : {"builtin", "builtin-f32", "onednn"}) {
    TestPlan source;
    for (uint32_t i = 0; i < kWidth; ++i)
      for (uint32_t j = 0; j < kWidth; ++j) {
        uint16_t one = i == j ? 0x3f80 : 0;
        std::memcpy(&source.constants[2 * (i * kWidth + j)], &one, 2);
      }
    auto &commands = source.entry("logits").commands;
    plan::MatmulT &head = *commands[1]->body.AsMatmul();
    plan::BufferRef rounded(256, kRows * kWidth * 2, plan::Segment::arena);
    plan::MatmulT round = head;
    round.n = kWidth;
    round.trans_b = false;
    *round.b =
        plan::BufferRef(0, kWidth * kWidth * 2, plan::Segment::constants);
    *round.c = rounded;
    round.dtype_b = round.dtype_c = plan::DType::bf16;
    *head.a = rounded;
    head.dtype_a = plan::DType::bf16;
    auto command = std::make_unique<plan::CommandT>();
    command->name = "round";
    command->body.Set(std::move(round));
    commands.insert(commands.begin() + 1, std::move(command));

    Running run = start(2, matmul, source);
    ASSERT_TRUE(run.session.init(3));
    std::vector<float> table = run.read(LNSRT_PARAMETER, 0);
    std::vector<float> weight = run.read(LNSRT_PARAMETER, 1);
    for (auto *values : {&table, &weight})
      for (float &value : *values) {
        // The nearest number of eight bits: none of these is a tie.
        int exponent = 0;
        double mantissa = std::frexp(double(value), &exponent);
        value = float(std::ldexp(std::nearbyint(mantissa * 256), exponent - 8));
      }
    std::vector<float> logits(kRows * kVocabulary);
    ASSERT_TRUE(run.session.logits(kTokens, logits.data()));
    expectNear(logits, Reference(table, weight).logits);
  }
}

TEST(Session, TrainStepIsGradsThenApply) {
  Running one = start(), two = start();
  ASSERT_TRUE(one.session.init(3));
  ASSERT_TRUE(two.session.init(3));
  for (int step = 0; step < 5; ++step) {
    auto result = one.session.trainStep(kTokens, kTargets, optimizer(0.5f));
    ASSERT_TRUE(result) << result.status().message();
    auto loss = two.session.grads(kTokens, kTargets);
    auto norm = two.session.apply(optimizer(0.5f));
    ASSERT_TRUE(loss);
    ASSERT_TRUE(norm);
    EXPECT_EQ(result->loss, *loss);
    EXPECT_EQ(result->gradient_norm, *norm);
    EXPECT_GT(result->gradient_norm, 0);
  }
  EXPECT_EQ(one.read(LNSRT_PARAMETER, 0), two.read(LNSRT_PARAMETER, 0));
  EXPECT_EQ(one.read(LNSRT_EXP_AVG, 1), std::vector<float>(kElements, 5.0f));
}

TEST(Session, LossFalls) {
  Running run = start();
  ASSERT_TRUE(run.session.init(1));
  auto first = run.session.trainStep(kTokens, kTargets, optimizer(1.0f));
  ASSERT_TRUE(first);
  for (int step = 0; step < 200; ++step)
    ASSERT_TRUE(run.session.trainStep(kTokens, kTargets, optimizer(1.0f)));
  auto last = run.session.trainStep(kTokens, kTargets, optimizer(1.0f));
  ASSERT_TRUE(last);
  EXPECT_LT(last->loss, 0.2f * first->loss);
}

TEST(Session, SameBitsForEveryThreadCount) {
  auto train = [](unsigned threads) {
    Running run = start(threads);
    EXPECT_EQ(run.session.threads(), threads);
    EXPECT_TRUE(run.session.init(5));
    for (int step = 0; step < 20; ++step)
      EXPECT_TRUE(run.session.trainStep(kTokens, kTargets, optimizer(0.3f)));
    auto all = run.read(LNSRT_PARAMETER, 0);
    auto head = run.read(LNSRT_PARAMETER, 1);
    all.insert(all.end(), head.begin(), head.end());
    return all;
  };
  std::vector<float> one = train(1);
  for (unsigned threads : {2, 3, 5})
    EXPECT_EQ(train(threads), one) << threads;
}

TEST(Session, InitIsKeyedBySeedAndClearsTheOptimizer) {
  Running run = start();
  EXPECT_EQ(run.read(LNSRT_PARAMETER, 0), std::vector<float>(kElements, 0.0f));
  ASSERT_TRUE(run.session.init(9));
  auto first = run.read(LNSRT_PARAMETER, 0);
  EXPECT_NE(first, run.read(LNSRT_PARAMETER, 1));
  ASSERT_TRUE(run.session.trainStep(kTokens, kTargets, optimizer(1.0f)));
  EXPECT_NE(run.read(LNSRT_PARAMETER, 0), first);
  ASSERT_TRUE(run.session.init(9));
  EXPECT_EQ(run.read(LNSRT_PARAMETER, 0), first);
  EXPECT_EQ(run.read(LNSRT_EXP_AVG, 0), std::vector<float>(kElements, 0.0f));
  ASSERT_TRUE(run.session.init(10));
  EXPECT_NE(run.read(LNSRT_PARAMETER, 0), first);
}

TEST(Session, WhatIsFrozenHasNeitherGradientNorMoments) {
  TestPlan source;
  source.table.trainable_bytes = kHeadOffset;
  source.table.parameters[1]->frozen = true;
  source.features |= kPlanFrozen;
  auto &entries = source.table.entry_points;
  std::erase_if(entries, [](const auto &entry) {
    return entry->name != "eval" && entry->name != "logits";
  });
  Running run = start(2, nullptr, source);
  EXPECT_EQ(run.plan.info().parameters, kElements);
  EXPECT_EQ(run.plan.info().frozen_parameters, kElements);
  EXPECT_EQ(run.plan.tensorInfo(0)->frozen, 0u);
  EXPECT_EQ(run.plan.tensorInfo(1)->frozen, 1u);
  lnsrt::Memory memory = run.session.memory();
  EXPECT_EQ(memory.parameters, kParameterBytes);
  EXPECT_EQ(memory.gradients, kHeadOffset);
  EXPECT_EQ(memory.optimizer, 2 * kHeadOffset);
  EXPECT_EQ(memory.total, run.plan.memory(memory.threads)->total);
  ASSERT_TRUE(run.session.init(3));
  std::vector<float> drawn = run.read(LNSRT_PARAMETER, 1), data(kElements, 1);
  EXPECT_NE(drawn, std::vector<float>(kElements));
  ASSERT_TRUE(run.session.write(LNSRT_PARAMETER, 1, data.data(), kElements));
  EXPECT_EQ(run.read(LNSRT_PARAMETER, 1), data);
  for (int kind = LNSRT_GRADIENT; kind <= LNSRT_EXP_AVG_SQ; ++kind) {
    ASSERT_TRUE(
        run.session.write(lnsrt_tensor_kind(kind), 0, data.data(), kElements));
    std::string what = kind == LNSRT_GRADIENT ? "gradient" : "moments";
    std::string expected =
        "the parameter is frozen: the plan has no " + what +
        " for it; ask for its value alone, or compile the model without "
        "freezing it";
    lnsrt::Status read =
        run.session.read(lnsrt_tensor_kind(kind), 1, data.data(), kElements);
    EXPECT_EQ(read.message(), expected);
    EXPECT_STREQ(read.place(), "lm_head.weight");
    lnsrt::Status part =
        run.session.readPart(lnsrt_tensor_kind(kind), 1, 0, data.data(), 1);
    EXPECT_EQ(part.message(), expected);
    lnsrt::Status write =
        run.session.write(lnsrt_tensor_kind(kind), 1, data.data(), kElements);
    EXPECT_EQ(write.message(), expected);
  }
}

TEST(Session, TensorsAreReadAndWritten) {
  Running run = start();
  std::vector<float> data(kElements);
  for (int kind = LNSRT_PARAMETER; kind <= LNSRT_EXP_AVG_SQ; ++kind)
    for (size_t index = 0; index < 2; ++index) {
      for (size_t i = 0; i < data.size(); ++i)
        data[i] = float(100 * kind + 10 * int(index)) + float(i);
      ASSERT_TRUE(run.session.write(lnsrt_tensor_kind(kind), index, data.data(),
                                    kElements));
    }
  for (int kind = LNSRT_PARAMETER; kind <= LNSRT_EXP_AVG_SQ; ++kind)
    for (size_t index = 0; index < 2; ++index)
      EXPECT_EQ(run.read(lnsrt_tensor_kind(kind), index)[3],
                float(100 * kind + 10 * int(index) + 3));
  lnsrt::Status kind =
      run.session.read(lnsrt_tensor_kind(4), 0, data.data(), kElements);
  EXPECT_STREQ(kind.message(), "unknown tensor kind 4");
  lnsrt::Status index =
      run.session.read(LNSRT_PARAMETER, 2, data.data(), kElements);
  EXPECT_STREQ(index.message(), "tensor 2, the plan has 2");
  std::vector<float> part(3);
  ASSERT_TRUE(run.session.readPart(LNSRT_EXP_AVG, 1, 17, part.data(), 3));
  EXPECT_EQ(part, (std::vector<float>{227, 228, 229}));
  lnsrt::Status beyond =
      run.session.readPart(LNSRT_EXP_AVG, 1, 18, part.data(), 3);
  EXPECT_STREQ(beyond.message(), "3 elements from 18 on, the tensor has 20");
  EXPECT_STREQ(beyond.place(), "lm_head.weight");
  lnsrt::Status wraps =
      run.session.readPart(LNSRT_EXP_AVG, 1, UINT64_MAX, part.data(), 3);
  EXPECT_EQ(wraps.code(), LNSRT_INVALID_ARGUMENT);
  lnsrt::Status noTensor =
      run.session.readPart(LNSRT_EXP_AVG, 2, 0, part.data(), 3);
  EXPECT_STREQ(noTensor.message(), "tensor 2, the plan has 2");
  lnsrt::Status size = run.session.write(LNSRT_PARAMETER, 1, data.data(), 19);
  EXPECT_STREQ(size.message(), "19 elements given, the tensor has 20");
  EXPECT_STREQ(size.place(), "lm_head.weight");
}

// The parts' losses are the bits of small integers, whose sums are exact.
TEST(Session, PartsOfABatch) {
  TestPlan source;
  source.splitBatch();
  Running run = start(2, "builtin", source);
  EXPECT_EQ(run.plan.info().micro_batch, 1u);
  const int32_t tokens[kRows] = {1, 2, 3, 3, 4, 0};
  const int32_t targets[kRows] = {2, 1, 1, 4, 1, 1};
  auto loss = run.session.grads(tokens, targets);
  ASSERT_TRUE(loss) << loss.status().message();
  int32_t bits = 0;
  std::memcpy(&bits, &*loss, sizeof(bits));
  EXPECT_EQ(bits, 1 + 3);
  // In order: the last part's gradient is what stays.
  float gradient = run.read(LNSRT_GRADIENT, 0)[0];
  std::memcpy(&bits, &gradient, sizeof(bits));
  EXPECT_EQ(bits, 4);
}

// Starts come to where entry points read them, and without any all are zero,
// whatever came before.
TEST(Session, StartsOfDocuments) {
  TestPlan source;
  source.takeDocuments();
  Running run = start(2, "builtin", source);
  ASSERT_TRUE(run.session.init(1));
  const int32_t starts[kRows] = {0, 1, 1, 0, 0, 2};
  auto read = [&](const int32_t *given) {
    std::vector<float> logits(kRows * kVocabulary);
    lnsrt::Status status = run.session.logits(
        lnsrt::Batch(kTokens, nullptr, given), logits.data());
    EXPECT_TRUE(status) << status.message();
    std::vector<int32_t> bits(kRows);
    std::memcpy(bits.data(), logits.data(), kRows * sizeof(int32_t));
    return bits;
  };
  EXPECT_EQ(read(starts), std::vector<int32_t>(starts, starts + kRows));
  EXPECT_EQ(read(nullptr), std::vector<int32_t>(kRows, 0));
  EXPECT_EQ(read(starts), std::vector<int32_t>(starts, starts + kRows));
  float logits[kRows * kVocabulary];
  ASSERT_TRUE(run.session.logits(kTokens, logits));
  int32_t last = -1;
  std::memcpy(&last, &logits[5], sizeof(last));
  EXPECT_EQ(last, 0);

  lnsrt::Batch batch(kTokens, kTargets, starts);
  auto loss = run.session.grads(batch);
  ASSERT_TRUE(loss) << loss.status().message();
  auto evaluated = run.session.eval(batch);
  ASSERT_TRUE(evaluated);
  EXPECT_EQ(*evaluated, *loss);
  auto step = run.session.trainStep(batch, optimizer(0.1f));
  ASSERT_TRUE(step) << step.status().message();
  EXPECT_EQ(step->loss, *loss);
  const lnsrt::ProfileRow *rows = nullptr;
  size_t count = 0;
  EXPECT_TRUE(run.session.profileStep(1, rows, count));
}

TEST(Session, StartsOfParts) {
  TestPlan source;
  source.splitBatch();
  source.takeDocuments();
  Running run = start(2, "builtin", source);
  const int32_t starts[kRows] = {0, 1, 2, 0, 0, 2};
  auto loss = run.session.grads(lnsrt::Batch(kTokens, kTargets, starts));
  ASSERT_TRUE(loss) << loss.status().message();
  // Those of the last part.
  std::vector<float> gradient = run.read(LNSRT_GRADIENT, 0);
  int32_t bits[kSequence];
  std::memcpy(bits, &gradient[16], sizeof(bits));
  for (uint32_t t = 0; t < kSequence; ++t)
    EXPECT_EQ(bits[t], starts[kSequence + t]);
}

// Kernels take starts for granted: what would lead them out of their row is
// refused by every call, and nothing is changed.
TEST(Session, StartsThatMakeNoSense) {
  TestPlan source;
  source.takeDocuments();
  Running run = start(2, "builtin", source);
  ASSERT_TRUE(run.session.init(1));
  auto before = run.read(LNSRT_PARAMETER, 0);
  struct Wrong {
    int32_t starts[kRows];
    const char *message;
  };
  const Wrong wrongs[] = {
      {{0, 0, 0, 1, 1, 1},
       "starts[1][0] is 1, but a document starts at its own time, 0, or goes "
       "on from 0, where a row's first one starts; count starts from the first "
       "token of the row"},
      {{0, 1, 0, 0, 0, 0},
       "starts[0][2] is 0, but a document starts at its own time, 2, or goes "
       "on from 1, where the token before has its start; count starts from the "
       "first token of the row"},
      {{0, 0, 0, 0, 2, 2}, "starts[1][1] is 2, but"},
      {{0, 0, 1, 0, 0, 0}, "starts[0][2] is 1, but"},
      {{0, 0, 0, 0, 0, 5}, "starts[1][2] is 5, but"},
      {{0, 0, 0, 0, 0, -1}, "starts[1][2] is -1, but"},
      {{INT32_MIN, 0, 0, 0, 0, 0}, "starts[0][0] is -2147483648, but"},
      {{0, 0, 0, 0, 0, INT32_MAX}, "starts[1][2] is 2147483647, but"},
  };
  for (const Wrong &wrong : wrongs) {
    lnsrt::Batch batch(kTokens, kTargets, wrong.starts);
    auto expect = [&](const lnsrt::Status &status) {
      EXPECT_EQ(status.code(), LNSRT_INVALID_ARGUMENT);
      EXPECT_STREQ(status.place(), "starts");
      EXPECT_EQ(std::string(status.message()).rfind(wrong.message, 0), 0u)
          << status.message();
    };
    float logits[kRows * kVocabulary];
    expect(run.session.trainStep(batch, optimizer(1.0f)).status());
    expect(run.session.grads(batch).status());
    expect(run.session.eval(batch).status());
    expect(run.session.logits(batch, logits));
  }
  EXPECT_EQ(run.read(LNSRT_PARAMETER, 0), before);

  // Zeros are starts, too: a plan that takes none would not heed others either.
  Running without = start();
  const int32_t zeros[kRows] = {};
  auto loss = without.session.eval(lnsrt::Batch(kTokens, kTargets, zeros));
  ASSERT_FALSE(loss);
  EXPECT_EQ(loss.status().code(), LNSRT_INVALID_ARGUMENT);
  EXPECT_STREQ(
      loss.status().message(),
      "starts of documents are given, but the plan takes none; compile "
      "the model with --documents, or give none");
}

// A batch of a caller that knows fewer fields has none of the others.
TEST(Session, BatchesOfOtherVersions) {
  TestPlan source;
  source.takeDocuments();
  Running run = start(2, "builtin", source);
  ASSERT_TRUE(run.session.init(1));
  const int32_t wrong[kRows] = {1, 1, 1, 1, 1, 1};
  lnsrt::Batch batch(kTokens, kTargets, wrong);
  batch.struct_size = offsetof(lnsrt_batch, starts);
  auto loss = run.session.eval(batch);
  EXPECT_TRUE(loss) << loss.status().message();
  batch.struct_size = 1;
  EXPECT_STREQ(run.session.eval(batch).status().message(),
               "struct_size is 1; set it to sizeof(the struct)");
  float value = 0;
  lnsrt::Status missing(lnsrt_eval_of(run.session.get(), nullptr, &value));
  EXPECT_STREQ(missing.message(), "batch is null");
}

// A mean over nothing is no loss; and only targets can be ignored.
TEST(Session, NoTargetThatCounts) {
  Running run = start();
  ASSERT_TRUE(run.session.init(1));
  auto before = run.read(LNSRT_PARAMETER, 0);
  const int32_t none[kRows] = {-100, -100, -100, -100, -100, -100};
  const char *want = "all 6 targets are ignored (-100), and a loss is a mean "
                     "over those that are not; leave out such batches";
  auto step = run.session.trainStep(kTokens, none, optimizer(1.0f));
  ASSERT_FALSE(step);
  EXPECT_EQ(step.status().code(), LNSRT_INVALID_ARGUMENT);
  EXPECT_STREQ(step.status().place(), "targets");
  EXPECT_STREQ(step.status().message(), want);
  EXPECT_STREQ(run.session.grads(kTokens, none).status().message(), want);
  EXPECT_STREQ(run.session.eval(kTokens, none).status().message(), want);
  EXPECT_EQ(run.read(LNSRT_PARAMETER, 0), before);
  EXPECT_STREQ(run.session.eval(none, kTargets).status().message(),
               "tokens[0][0] is -100, the vocabulary has 5 tokens; prepare the "
               "data for this model");
}

TEST(Session, TokenBeyondTheVocabulary) {
  Running run = start();
  ASSERT_TRUE(run.session.init(1));
  auto before = run.read(LNSRT_PARAMETER, 0);
  for (int32_t wrong : {-1, 5, INT32_MIN, INT32_MAX}) {
    int32_t tokens[kRows];
    std::memcpy(tokens, kTokens, sizeof(tokens));
    tokens[4] = wrong;
    std::string want = "[1][1] is " + std::to_string(wrong) +
                       ", the vocabulary has 5 tokens; prepare the data for "
                       "this model";
    auto step = run.session.trainStep(tokens, kTargets, optimizer(1.0f));
    ASSERT_FALSE(step);
    EXPECT_EQ(step.status().code(), LNSRT_INVALID_ARGUMENT);
    EXPECT_EQ(step.status().message(), "tokens" + want);
    auto grads = run.session.grads(kTokens, tokens);
    ASSERT_FALSE(grads);
    want.replace(want.find(";"), 1, " (and -100 is ignored);");
    EXPECT_EQ(grads.status().message(), "targets" + want);
    want.erase(want.find(" (and"), strlen(" (and -100 is ignored)"));
    auto eval = run.session.eval(tokens, kTargets);
    ASSERT_FALSE(eval);
    EXPECT_EQ(eval.status().message(), "tokens" + want);
    float logits[kRows * kVocabulary];
    lnsrt::Status status = run.session.logits(tokens, logits);
    EXPECT_EQ(status.message(), "tokens" + want);
  }
  auto none = run.session.eval(nullptr, kTargets);
  ASSERT_FALSE(none);
  EXPECT_STREQ(none.status().message(), "no tokens given");
  EXPECT_EQ(run.read(LNSRT_PARAMETER, 0), before);
}

TEST(Session, OptimizerOptionsThatMakeNoSense) {
  Running run = start();
  auto expect = [&](auto change, const std::string &message) {
    lnsrt::OptimizerOptions options;
    change(options);
    auto step = run.session.trainStep(kTokens, kTargets, options);
    ASSERT_FALSE(step) << message;
    EXPECT_EQ(step.status().message(), message);
    auto apply = run.session.apply(options);
    ASSERT_FALSE(apply);
    EXPECT_EQ(apply.status().message(), message);
  };
  using Options = lnsrt::OptimizerOptions;
  expect([](Options &o) { o.lr = NAN; }, "lr is nan, expected a finite number");
  expect([](Options &o) { o.beta1 = 1; },
         "beta1 is 1, expected 0 <= beta1 < 1");
  expect([](Options &o) { o.beta2 = -0.5; },
         "beta2 is -0.5, expected 0 <= beta2 < 1");
  expect([](Options &o) { o.eps = -1; },
         "eps is -1, expected a finite number, at least 0");
  expect([](Options &o) { o.weight_decay = INFINITY; },
         "weight_decay is inf, expected a finite number, at least 0");
  expect([](Options &o) { o.clip = -1; },
         "clip is -1, expected a finite number, at least 0");
  expect([](Options &o) { o.step = 0; }, "step is 0, expected at least 1");
}

/// The plan with its first parameter of 5 x 4 stored as 6 x 5.
static TestPlan paddedPlan() {
  TestPlan source;
  source.table.parameters[0]->storage_shape = {kVocabulary + 1, kWidth + 1};
  return source;
}

TEST(Session, PaddedParametersNeedAnEps) {
  Running run = start(1, nullptr, paddedPlan());
  lnsrt::OptimizerOptions options = optimizer(1e-3f);
  options.eps = 0;
  auto step = run.session.apply(options);
  ASSERT_FALSE(step);
  EXPECT_STREQ(step.status().message(),
               "eps is 0, expected more than 0 for a plan with padded "
               "parameters; compile the model with --disable-padding to train "
               "it with 0");
  options.eps = 1e-45f;
  EXPECT_TRUE(run.session.apply(options));
  options.eps = 0;
  EXPECT_TRUE(start().session.apply(options));
}

TEST(Session, PaddingIsInvisible) {
  Running plain = start(), padded = start(2, nullptr, paddedPlan());
  ASSERT_TRUE(plain.session.init(3));
  ASSERT_TRUE(padded.session.init(3));
  for (size_t index : {0, 1})
    EXPECT_EQ(padded.read(LNSRT_PARAMETER, index),
              plain.read(LNSRT_PARAMETER, index));
  for (lnsrt_tensor_kind kind :
       {LNSRT_PARAMETER, LNSRT_GRADIENT, LNSRT_EXP_AVG, LNSRT_EXP_AVG_SQ}) {
    std::vector<float> data(kElements);
    for (size_t i = 0; i < kElements; ++i)
      data[i] = float(i + 1 + 100 * kind);
    ASSERT_TRUE(padded.session.write(kind, 0, data.data(), kElements));
    EXPECT_EQ(padded.read(kind, 0), data);
    float part[7];
    ASSERT_TRUE(padded.session.readPart(kind, 0, 3, part, 7));
    EXPECT_EQ(std::vector<float>(part, part + 7),
              std::vector<float>(data.begin() + 3, data.begin() + 10));
  }
}

// What a kernel makes of a diverged model is the caller's to judge.
TEST(Session, LossThatIsNotFiniteIsReported) {
  Running run = start();
  std::vector<float> data(kElements, INFINITY);
  ASSERT_TRUE(run.session.write(LNSRT_PARAMETER, 0, data.data(), kElements));
  auto loss = run.session.eval(kTokens, kTargets);
  ASSERT_TRUE(loss);
  EXPECT_FALSE(std::isfinite(*loss));
}

TEST(Session, Profile) {
  Running run = start();
  ASSERT_TRUE(run.session.init(1));
  auto before = run.read(LNSRT_PARAMETER, 0);
  const lnsrt::ProfileRow *rows = nullptr;
  size_t count = 0;
  ASSERT_TRUE(run.session.profileStep(4, rows, count));
  ASSERT_EQ(count, 9u);
  const char *want[][2] = {{"gather", "embed"},
                           {"matmul", "head"},
                           {"loss", "loss"},
                           {"matmul", "head.backward"},
                           {"matmul", "hidden.backward"},
                           {"fill", "table.zero"},
                           {"scatter", "table.backward"},
                           {"optimizer", "apply"},
                           {"copy", "norm.copy"}};
  for (size_t i = 0; i < count; ++i) {
    EXPECT_STREQ(rows[i].group, want[i][0]);
    EXPECT_STREQ(rows[i].name, want[i][1]);
    EXPECT_GE(rows[i].seconds, 0);
    EXPECT_LT(rows[i].seconds, 10);
  }
  EXPECT_EQ(run.read(LNSRT_PARAMETER, 0), before);
  auto seconds = run.session.runMatmuls();
  ASSERT_TRUE(seconds);
  EXPECT_GT(*seconds, 0);
}

TEST(Session, MissingEntryPoint) {
  TestPlan source;
  source.table.entry_points.clear();
  Running run = start(1, nullptr, source);
  auto check = [](const lnsrt::Status &status, const std::string &entry) {
    EXPECT_EQ(status.code(), LNSRT_UNSUPPORTED);
    EXPECT_EQ(status.message(),
              "the plan has no entry point '" + entry +
                  "'; compile the model again " +
                  (entry == "logits"
                       ? "with a larger --memory-budget, or without one"
                       : "with it"));
  };
  float logits[kRows * kVocabulary];
  const lnsrt::ProfileRow *rows = nullptr;
  size_t count = 0;
  check(run.session.trainStep(kTokens, kTargets, optimizer(1)).status(),
        "train_step");
  check(run.session.grads(kTokens, kTargets).status(), "grads");
  check(run.session.apply(optimizer(1)).status(), "apply");
  check(run.session.eval(kTokens, kTargets).status(), "eval");
  check(run.session.logits(kTokens, logits), "logits");
  check(run.session.profileStep(1, rows, count), "train_step");
  check(run.session.runMatmuls().status(), "train_step");
}

TEST(Session, OptionsThatMakeNoSense) {
  auto plan = open(TestPlan().serialize());
  ASSERT_TRUE(plan);
  auto expect = [&](auto change, lnsrt_error_code code,
                    const std::string &message) {
    lnsrt::SessionOptions options;
    change(options);
    auto session = lnsrt::Session::create(*plan, options);
    ASSERT_FALSE(session) << message;
    EXPECT_EQ(session.status().code(), code);
    EXPECT_EQ(session.status().message(), message);
  };
  using Options = lnsrt::SessionOptions;
  expect([](Options &o) { o.device = "tpu"; }, LNSRT_UNSUPPORTED,
         "unknown device 'tpu'; there are cpu, cuda and cuda:N");
  expect([](Options &o) { o.threads = 1025; }, LNSRT_INVALID_ARGUMENT,
         "1025 threads, at most 1024 are possible");
  expect(
      [](Options &o) { o.matmul = "blas"; }, LNSRT_INVALID_ARGUMENT,
      "unknown matmul 'blas', expected 'builtin', 'builtin-f32' or 'onednn'");
}

// Sizes are right in themselves, but no machine has that much.
TEST(Session, MoreMemoryThanThereIs) {
  TestPlan source;
  source.table.arena_bytes = uint64_t(1) << 62;
  auto plan = open(source.serialize());
  ASSERT_TRUE(plan) << plan.status().message();
  auto session = lnsrt::Session::create(*plan);
  ASSERT_FALSE(session);
  EXPECT_EQ(session.status().code(), LNSRT_OUT_OF_MEMORY);
  EXPECT_STREQ(session.status().place(), "arena");
  EXPECT_STREQ(session.status().message(),
               "cannot allocate 4611686018427387904 bytes; use a smaller batch "
               "or model");
}

TEST(Session, DefaultOptions) {
  auto plan = open(TestPlan().serialize());
  ASSERT_TRUE(plan);
  lnsrt_session *session = nullptr;
  ASSERT_EQ(lnsrt_session_create(plan->get(), nullptr, &session), nullptr);
  EXPECT_GE(lnsrt_session_threads(session), 1u);
  EXPECT_EQ(std::string(lnsrt_session_matmul(session)).rfind("builtin", 0), 0u);
  lnsrt_step_result result = {sizeof(result), 0, 0};
  EXPECT_EQ(lnsrt_train_step(session, kTokens, kTargets, nullptr, &result),
            nullptr);
  lnsrt_session_release(session);
}

/// The toy with two ramps, of which `eval` and `grads` give the first as their
/// loss.
static TestPlan withRamps() {
  TestPlan source;
  source.table.schedules_offset = source.table.io_bytes;
  for (double steps : {4.0, 8.0}) {
    auto schedule = std::make_unique<plan::ScheduleT>();
    schedule->steps = steps;
    source.table.schedules.push_back(std::move(schedule));
    source.table.io_bytes += 64;
  }
  for (const char *name : {"eval", "grads", "train_step"}) {
    plan::EntryPointT &entry = source.entry(name);
    plan::CopyT copy;
    copy.source = std::make_unique<plan::BufferRef>(
        source.table.schedules_offset + 64, 4, plan::Segment::io);
    for (const auto &binding : entry.outputs)
      if (binding->name == "loss")
        copy.target = std::make_unique<plan::BufferRef>(*binding->buffer);
    auto command = std::make_unique<plan::CommandT>();
    command->name = "ramp";
    command->body.Set(std::move(copy));
    entry.commands.push_back(std::move(command));
  }
  return source;
}

/// With an entry point "project", which for this test makes the first row of
/// the table halves.
static TestPlan withProject() {
  TestPlan source;
  auto project = std::make_unique<plan::EntryPointT>();
  project->name = "project";
  plan::FillT fill;
  fill.target = std::make_unique<plan::BufferRef>(
      kTableOffset, kWidth * sizeof(float), plan::Segment::parameters);
  fill.value = 0.5f;
  auto command = std::make_unique<plan::CommandT>();
  command->name = "project.table";
  command->body.Set(std::move(fill));
  project->commands.push_back(std::move(command));
  source.table.entry_points.push_back(std::move(project));
  return source;
}

// "project" runs behind initial values, and when it is asked for: then it is
// known how many parameters became others.
TEST(Session, ProjectsInitialValuesAndWhatIsWritten) {
  Running running = start(2, nullptr, withProject());
  std::vector<float> table(kVocabulary * kWidth), row(kWidth, 0.5f);
  auto readRow = [&] {
    EXPECT_TRUE(
        running.session.read(LNSRT_PARAMETER, 0, table.data(), table.size()));
    return std::vector<float>(table.begin(), table.begin() + kWidth);
  };
  ASSERT_TRUE(running.session.init(1));
  EXPECT_EQ(readRow(), row);
  EXPECT_NE(table[kWidth], 0.5f);
  auto project = [&] {
    auto changed = running.session.project();
    EXPECT_TRUE(changed) << changed.status().message();
    return changed ? *changed : 99;
  };
  EXPECT_EQ(project(), 0u);
  table[kWidth - 1] = 2;
  ASSERT_TRUE(
      running.session.write(LNSRT_PARAMETER, 0, table.data(), table.size()));
  EXPECT_NE(readRow(), row);
  EXPECT_EQ(project(), 1u);
  EXPECT_EQ(readRow(), row);
  EXPECT_EQ(project(), 0u);
  // Who does not ask is not told.
  table[0] = 3;
  ASSERT_TRUE(
      running.session.write(LNSRT_PARAMETER, 0, table.data(), table.size()));
  lnsrt::Status status(lnsrt_project(running.session.get(), nullptr));
  EXPECT_TRUE(status);
  EXPECT_EQ(readRow(), row);
  lnsrt::Status none(lnsrt_project(nullptr, nullptr));
  EXPECT_STREQ(none.message(), "session is null");
}

// A plan without it leaves everything as it is.
TEST(Session, ProjectsNothingWithoutTheEntryPoint) {
  Running running = start(2, nullptr, TestPlan());
  std::vector<float> table(kVocabulary * kWidth, 3.0f), after(table.size());
  ASSERT_TRUE(
      running.session.write(LNSRT_PARAMETER, 0, table.data(), table.size()));
  auto changed = running.session.project();
  ASSERT_TRUE(changed) << changed.status().message();
  EXPECT_EQ(*changed, 0u);
  ASSERT_TRUE(
      running.session.read(LNSRT_PARAMETER, 0, after.data(), after.size()));
  EXPECT_EQ(after, table);
}

// A ramp is min(t / steps, 1): t is 0 at first, what a step says less one while
// it runs, that step afterwards, and what the caller says.
TEST(Session, RampsFollowTheSteps) {
  Running running = start(2, nullptr, withRamps());
  EXPECT_EQ(running.plan.info().schedules, 2u);
  auto eval = [&] {
    auto value = running.session.eval(kTokens, kTargets);
    EXPECT_TRUE(value) << value.status().message();
    return value ? *value : -1.0f;
  };
  ASSERT_TRUE(running.session.init(1));
  EXPECT_EQ(eval(), 0.0f);
  lnsrt::OptimizerOptions options = optimizer(1e-3f);
  for (options.step = 1; options.step <= 3; ++options.step) {
    auto result = running.session.trainStep(kTokens, kTargets, options);
    ASSERT_TRUE(result) << result.status().message();
    EXPECT_EQ(result->loss, float(options.step - 1) / 8);
    EXPECT_EQ(eval(), float(options.step) / 8);
  }
  ASSERT_TRUE(running.session.setStepsDone(5));
  auto grads = running.session.grads(kTokens, kTargets);
  ASSERT_TRUE(grads) << grads.status().message();
  EXPECT_EQ(*grads, 5.0f / 8);
  options.step = 6;
  ASSERT_TRUE(running.session.apply(options));
  EXPECT_EQ(eval(), 6.0f / 8);
  // From its end on it is 1, for good.
  for (uint64_t steps : {uint64_t(8), uint64_t(9), UINT64_MAX}) {
    ASSERT_TRUE(running.session.setStepsDone(steps));
    EXPECT_EQ(eval(), 1.0f);
  }
  ASSERT_TRUE(running.session.setStepsDone(1));
  EXPECT_EQ(eval(), 1.0f / 8);
  ASSERT_TRUE(running.session.init(1));
  EXPECT_EQ(eval(), 0.0f);
  lnsrt::Status none(lnsrt_set_steps_done(nullptr, 1));
  EXPECT_STREQ(none.message(), "session is null");
}
