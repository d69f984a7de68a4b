//===- decode_test.cpp - One token more of each row -----------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "running.h"

#include <cmath>
#include <functional>
#include <string>

using namespace lns;
using namespace lns::test;
using namespace lns::plan;

namespace {
constexpr size_t kLogits = size_t(kBatch) * kVocabulary;

/// One token of each row, and where.
struct Call {
  int32_t tokens[kBatch];
  int32_t positions[kBatch];
};

class Decode : public testing::Test {
protected:
  Running start(const TestPlan &source) {
    auto plan = open(source.serialize());
    EXPECT_TRUE(plan) << plan.status().message();
    auto session = lnsrt::Session::create(*plan);
    EXPECT_TRUE(session) << session.status().message();
    return {std::move(*plan), std::move(*session)};
  }
  Running start() {
    TestPlan source;
    source.addDecode();
    return start(source);
  }

  static std::string decode(Running &run, const Call &call) {
    float logits[kLogits];
    return run.session.decode(call.tokens, call.positions, logits).message();
  }
  /// The first three positions of both rows; all of what they hold.
  static void fill(Running &run) {
    for (int32_t p = 0; p < int32_t(kSequence); ++p)
      ASSERT_EQ(decode(run, {{1, 2}, {p, p}}), "");
  }
  /// Whether rows hold something: what is at 2 needs what is before it.
  static bool isFilled(Running &run) {
    return decode(run, {{1, 2}, {2, 2}}).empty();
  }
};

struct Case {
  const char *name;
  std::function<void(TestPlan &, EntryPointT &)> change;
  const char *message;
};
void PrintTo(const Case &one, std::ostream *out) { *out << one.name; }

class DecodeVerifierTest : public testing::TestWithParam<Case> {};
} // namespace

/// The head's products with the sum of the table's rows of a text.
static void expectLogits(const Running &run, const float *got,
                         const std::vector<int32_t> &text,
                         const std::string &what) {
  std::vector<float> table = run.read(LNSRT_PARAMETER, 0);
  std::vector<float> head = run.read(LNSRT_PARAMETER, 1);
  for (uint32_t v = 0; v < kVocabulary; ++v) {
    double want = 0;
    for (int32_t token : text)
      for (uint32_t d = 0; d < kWidth; ++d)
        want +=
            double(table[uint32_t(token) * kWidth + d]) * head[v * kWidth + d];
    ASSERT_TRUE(std::isfinite(got[v])) << what;
    EXPECT_NEAR(got[v], want, 1e-5) << what << ", token " << v;
  }
}

TEST_F(Decode, APlanSaysThatItCan) {
  for (bool documents : {false, true}) {
    TestPlan source;
    if (documents)
      source.takeDocuments();
    source.addDecode();
    Running run = start(source);
    EXPECT_EQ(run.plan.info().decode, 1u);
    // Its starts are none of documents.
    EXPECT_EQ(run.plan.info().documents, documents);
    std::string json = *run.plan.json();
    EXPECT_NE(json.find(R"("decode":true)"), std::string::npos) << json;
    EXPECT_NE(json.find(R"("caches":96)"), std::string::npos) << json;
    auto memory = run.plan.memory(run.session.threads());
    ASSERT_TRUE(memory);
    EXPECT_EQ(memory->caches, kCacheBytes);
    EXPECT_EQ(run.session.memory().caches, kCacheBytes);
    EXPECT_EQ(run.session.memory().total, memory->total);
    EXPECT_EQ(memory->total, memory->parameters + memory->gradients +
                                 memory->optimizer + memory->activations +
                                 memory->workspace + memory->io +
                                 memory->constants + memory->matmul +
                                 memory->scratch + memory->caches);
  }
}

// A runtime that does not know it must not open such a plan.
TEST_F(Decode, IsAFeature) {
  TestPlan source;
  source.addDecode();
  source.features = 0;
  auto plan = open(source.serialize());
  ASSERT_FALSE(plan);
  EXPECT_STREQ(plan.status().message(),
               "plan header says 0 as its features, its table 8; the plan is "
               "damaged: compile the model again");
  TestPlan without;
  without.features = kPlanDecode;
  plan = open(without.serialize());
  ASSERT_FALSE(plan);
  EXPECT_STREQ(plan.status().message(),
               "plan header says 8 as its features, its table 0; the plan is "
               "damaged: compile the model again");
}

// What attends to nothing keeps nothing.
TEST_F(Decode, NeedsNoCache) {
  TestPlan source;
  EntryPointT &decode = source.addDecode();
  decode.commands.clear();
  source.table.cache_bytes = 0;
  Running run = start(source);
  EXPECT_EQ(run.plan.info().decode, 1u);
  EXPECT_EQ(run.session.memory().caches, 0u);
  std::string json = *run.plan.json();
  EXPECT_EQ(json.find(R"("caches")"), std::string::npos) << json;
  fill(run);
}

TEST_F(Decode, APlanWithoutIt) {
  Running run = start(TestPlan());
  EXPECT_EQ(run.plan.info().decode, 0u);
  std::string json = *run.plan.json();
  EXPECT_NE(json.find(R"("decode":false)"), std::string::npos) << json;
  const int32_t zeros[kBatch] = {};
  float logits[kLogits];
  lnsrt::Status status = run.session.decode(zeros, zeros, logits);
  EXPECT_EQ(status.code(), LNSRT_UNSUPPORTED);
  EXPECT_STREQ(status.message(), "the plan has no entry point 'decode'; "
                                 "compile the model again with --decode");
}

// Rows at positions of their own, one that starts again, and one that goes back
// by a token; what runs in between does not matter.
TEST_F(Decode, RowsGoTheirOwnWays) {
  for (bool documents : {false, true}) {
    TestPlan source;
    if (documents)
      source.takeDocuments();
    source.addDecode();
    Running run = start(source);
    ASSERT_TRUE(run.session.init(3));
    const Call calls[] = {
        {{1, 2}, {0, 0}}, {{3, 4}, {1, 0}}, {{0, 1}, {2, 1}}, {{2, 3}, {0, 2}},
        {{4, 0}, {1, 1}}, {{1, 2}, {1, 2}}, {{0, 4}, {2, 0}},
    };
    std::vector<int32_t> texts[kBatch];
    std::vector<float> some(kRows * kVocabulary);
    for (const Call &call : calls) {
      std::vector<float> logits(kLogits + 1, -1.0f);
      lnsrt::Status status =
          run.session.decode(call.tokens, call.positions, logits.data());
      ASSERT_TRUE(status) << status.message();
      for (uint32_t row = 0; row < kBatch; ++row) {
        texts[row].resize(size_t(call.positions[row]));
        texts[row].push_back(call.tokens[row]);
        expectLogits(run, &logits[row * kVocabulary], texts[row],
                     "row " + std::to_string(row) + " at " +
                         std::to_string(call.positions[row]));
      }
      EXPECT_EQ(logits.back(), -1.0f);
      ASSERT_TRUE(run.session.eval(kTokens, kTargets));
      ASSERT_TRUE(run.session.grads(kTokens, kTargets));
      ASSERT_TRUE(run.session.logits(kTokens, some.data()));
    }
  }
}

// Parts are of steps: all rows decode at once.
TEST_F(Decode, OfAPlanInParts) {
  TestPlan source;
  source.splitBatch();
  source.addDecode();
  Running run = start(source);
  EXPECT_EQ(run.plan.info().micro_batch, 1u);
  ASSERT_TRUE(run.session.init(3));
  const int32_t tokens[kBatch] = {4, 2}, positions[kBatch] = {};
  float logits[kLogits];
  ASSERT_TRUE(run.session.decode(tokens, positions, logits));
  for (uint32_t row = 0; row < kBatch; ++row)
    expectLogits(run, &logits[row * kVocabulary], {tokens[row]},
                 "row " + std::to_string(row));
}

TEST_F(Decode, ArgumentsThatMakeNoSense) {
  Running run = start();
  const int32_t zeros[kBatch] = {};
  float logits[kLogits];
  EXPECT_STREQ(run.session.decode(nullptr, zeros, logits).message(),
               "no tokens given");
  EXPECT_STREQ(run.session.decode(zeros, nullptr, logits).message(),
               "no positions given");
  EXPECT_STREQ(run.session.decode(zeros, zeros, nullptr).message(),
               "logits is null");
  for (int32_t wrong : {-1, 5, INT32_MIN, INT32_MAX})
    EXPECT_EQ(decode(run, {{0, wrong}, {0, 0}}),
              "tokens[1] is " + std::to_string(wrong) +
                  ", the vocabulary has 5 tokens; prepare the data for this "
                  "model");
  for (int32_t wrong : {-1, 3, INT32_MIN, INT32_MAX})
    EXPECT_EQ(decode(run, {{0, 0}, {wrong, 0}}),
              "positions[0] is " + std::to_string(wrong) +
                  ", a row has positions 0 to 2; start again at 0 with the end "
                  "of the text, or compile the model with a larger --seq");
  lnsrt::Status status = run.session.decode(zeros, kTokens + 2, logits);
  EXPECT_EQ(status.code(), LNSRT_INVALID_ARGUMENT);
  EXPECT_STREQ(status.place(), "positions");
}

// What is refused changes nothing: neither do rows that were looked at before
// the one that is wrong.
TEST_F(Decode, GapsAreRefused) {
  Running run = start();
  EXPECT_EQ(decode(run, {{0, 0}, {0, 1}}),
            "positions[1] is 1, but row 1 has 0 tokens decoded since the "
            "parameters last changed; decode what is between first, from "
            "position 0 on");
  ASSERT_EQ(decode(run, {{0, 0}, {0, 0}}), "");
  const char *message =
      "positions[0] is 2, but row 0 has 1 tokens decoded since the parameters "
      "last changed; decode what is between first, from position 1 on";
  EXPECT_EQ(decode(run, {{0, 0}, {2, 1}}), message);
  EXPECT_EQ(decode(run, {{0, 0}, {2, 0}}), message);
  EXPECT_EQ(decode(run, {{0, 9}, {1, 1}}),
            "tokens[1] is 9, the vocabulary has 5 tokens; prepare the data for "
            "this model");
  EXPECT_EQ(decode(run, {{0, 0}, {2, 1}}), message);
  ASSERT_EQ(decode(run, {{0, 0}, {1, 1}}), "");
  ASSERT_EQ(decode(run, {{0, 0}, {2, 0}}), "");
  // Row 1 went back to 0, and what it had behind that is gone.
  EXPECT_EQ(decode(run, {{0, 0}, {2, 2}}),
            "positions[1] is 2, but row 1 has 1 tokens decoded since the "
            "parameters last changed; decode what is between first, from "
            "position 1 on");
  EXPECT_EQ(decode(run, {{0, 0}, {2, 1}}), "");
}

/// With an entry point "project", which does nothing.
static TestPlan withProject() {
  TestPlan source;
  source.addDecode();
  auto project = std::make_unique<EntryPointT>();
  project->name = "project";
  source.table.entry_points.push_back(std::move(project));
  return source;
}

// Keys and values are of the parameters that they were computed with.
TEST_F(Decode, WhatChangesParametersEmptiesRows) {
  std::vector<float> data(kElements, 0.5f);
  auto write = [&](lnsrt_tensor_kind kind) {
    return [&data, kind](lnsrt::Session &session) {
      return session.write(kind, 1, data.data(), kElements).ok();
    };
  };
  struct Change {
    const char *name;
    std::function<bool(lnsrt::Session &)> run;
    bool empties;
  };
  std::vector<float> logits(kRows * kVocabulary);
  const lnsrt::ProfileRow *rows = nullptr;
  size_t count = 0;
  const Change changes[] = {
      {"init", [](auto &session) { return session.init(2).ok(); }, true},
      {"project", [](auto &session) { return session.project().ok(); }, true},
      {"project, not asking",
       [](auto &session) {
         return lnsrt::Status(lnsrt_project(session.get(), nullptr)).ok();
       },
       true},
      {"train_step",
       [](auto &session) {
         return session.trainStep(kTokens, kTargets, {}).ok();
       },
       true},
      {"apply", [](auto &session) { return session.apply({}).ok(); }, true},
      {"profile_step",
       [&](auto &session) { return session.profileStep(1, rows, count).ok(); },
       true},
      {"write", write(LNSRT_PARAMETER), true},
      {"set_steps_done",
       [](auto &session) { return session.setStepsDone(7).ok(); }, true},
      {"set_steps_done, the same",
       [](auto &session) { return session.setStepsDone(0).ok(); }, false},
      {"write of a gradient", write(LNSRT_GRADIENT), false},
      {"write of a moment", write(LNSRT_EXP_AVG), false},
      {"read",
       [&](auto &session) {
         return session.read(LNSRT_PARAMETER, 0, data.data(), kElements).ok();
       },
       false},
      {"eval",
       [](auto &session) { return session.eval(kTokens, kTargets).ok(); },
       false},
      {"grads",
       [](auto &session) { return session.grads(kTokens, kTargets).ok(); },
       false},
      {"logits",
       [&](auto &session) {
         return session.logits(kTokens, logits.data()).ok();
       },
       false},
      {"train_step, refused",
       [](auto &session) {
         return !session.trainStep(nullptr, kTargets, {}).ok();
       },
       false},
      {"write, refused",
       [&](auto &session) {
         return !session.write(LNSRT_PARAMETER, 0, data.data(), 3).ok();
       },
       false},
  };
  for (const Change &change : changes) {
    Running run = start(withProject());
    ASSERT_NO_FATAL_FAILURE(fill(run));
    EXPECT_TRUE(isFilled(run)) << change.name;
    EXPECT_TRUE(change.run(run.session)) << change.name;
    EXPECT_EQ(isFilled(run), !change.empties) << change.name;
  }
  // A plan that keeps no lines at length 1 has nothing to change.
  Running run = start();
  ASSERT_NO_FATAL_FAILURE(fill(run));
  ASSERT_TRUE(run.session.project());
  EXPECT_TRUE(isFilled(run));
}

TEST_P(DecodeVerifierTest, Refuses) {
  TestPlan source;
  GetParam().change(source, source.addDecode());
  auto plan = open(source.serialize());
  ASSERT_FALSE(plan) << "opened";
  EXPECT_EQ(plan.status().code(), LNSRT_INVALID_PLAN);
  EXPECT_EQ(plan.status().message(),
            std::string(GetParam().message) +
                "; the plan is damaged: compile the model again");
}

static BufferRef &cacheOf(EntryPointT &decode) {
  return decode.commands[0]->body.AsLaunch()->buffers[3];
}

static const Case kCases[] = {
    {"NoStarts", [](TestPlan &, EntryPointT &e) { e.inputs.pop_back(); },
     "'decode' has 1 inputs, expected 2"},
    {"OtherInput",
     [](TestPlan &, EntryPointT &e) { e.inputs[1]->name = "positions"; },
     "'decode' has no input 'starts'"},
    {"NoLogits", [](TestPlan &, EntryPointT &e) { e.outputs.clear(); },
     "'decode' has 0 outputs, expected 1"},
    {"StartsType",
     [](TestPlan &, EntryPointT &e) { e.inputs[1]->dtype = DType::f32; },
     "input 'starts' of 'decode' has element type 0, expected i32"},
    {"WholeRows",
     [](TestPlan &, EntryPointT &e) {
       e.inputs[0]->shape = {kBatch, kSequence};
     },
     "input 'tokens' of 'decode' has 6 elements, expected 2"},
    {"OneRowOfTokens",
     [](TestPlan &, EntryPointT &e) { e.inputs[0]->shape = {1, kBatch}; },
     "input 'tokens' of 'decode' has an impossible shape, expected 2 rows of "
     "one token"},
    {"StartsRank",
     [](TestPlan &, EntryPointT &e) { e.inputs[1]->shape = {kBatch}; },
     "input 'starts' of 'decode' has an impossible shape, expected 2 rows of "
     "one token"},
    {"LogitsRank",
     [](TestPlan &, EntryPointT &e) {
       e.outputs[0]->shape = {kBatch, kVocabulary};
     },
     "output 'logits' of 'decode' has an impossible shape, expected 2 rows of "
     "one token"},
    {"LogitsOfRows",
     [](TestPlan &, EntryPointT &e) {
       e.outputs[0]->shape = {kBatch, kVocabulary, 1};
     },
     "output 'logits' of 'decode' has an impossible shape, expected 2 rows of "
     "one token"},
    {"CacheOutside",
     [](TestPlan &, EntryPointT &e) {
       cacheOf(e) = BufferRef(64, kCacheBytes, Segment::cache);
     },
     "'attend' in 'decode' uses 96 bytes at offset 64 of segment 'cache', "
     "which has 96"},
    {"CacheTooSmall",
     [](TestPlan &p, EntryPointT &) { p.table.cache_bytes = 95; },
     "'attend' in 'decode' uses 96 bytes at offset 0 of segment 'cache', "
     "which has 95"},
    {"CacheUnaligned",
     [](TestPlan &, EntryPointT &e) {
       cacheOf(e) = BufferRef(4, 64, Segment::cache);
     },
     "'attend' in 'decode' uses offset 4, which is not a multiple of 64"},
    {"CacheOverflow",
     [](TestPlan &, EntryPointT &e) {
       cacheOf(e) = BufferRef(64, UINT64_MAX, Segment::cache);
     },
     "'attend' in 'decode' uses 18446744073709551615 bytes at offset 64 of "
     "segment 'cache', which has 96"},
    {"CacheOfAnother",
     [](TestPlan &p, EntryPointT &) {
       p.launch("embed").buffers[2] = BufferRef(0, 96, Segment::cache);
     },
     "'embed' in 'train_step' uses the segment 'cache', which only 'decode' "
     "has"},
    {"CacheIsNoInput",
     [](TestPlan &, EntryPointT &e) {
       *e.inputs[0]->buffer = BufferRef(0, 8, Segment::cache);
     },
     "input 'tokens' of 'decode' is in segment 9, expected io or arena"},
    {"CacheIsNoOutput",
     [](TestPlan &, EntryPointT &e) {
       *e.outputs[0]->buffer = BufferRef(0, 40, Segment::cache);
     },
     "output 'logits' of 'decode' is in segment 9, expected io or arena"},
    {"InputsOverlap",
     [](TestPlan &, EntryPointT &e) {
       *e.inputs[1]->buffer = *e.inputs[0]->buffer;
     },
     "input 'tokens' of 'decode' overlaps another input"},
};

INSTANTIATE_TEST_SUITE_P(Cases, DecodeVerifierTest, testing::ValuesIn(kCases),
                         [](const testing::TestParamInfo<Case> &info) {
                           return std::string(info.param.name);
                         });
