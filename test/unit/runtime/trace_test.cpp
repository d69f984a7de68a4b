//===- trace_test.cpp - What a plan traces --------------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "test_plan.h"

#include <functional>
#include <gtest/gtest.h>
#include <string>

using namespace lns;
using namespace lns::test;
using namespace lns::plan;

namespace {
constexpr int32_t kTokens[kRows] = {0, 1, 2, 3, 4, 0};
constexpr size_t kValue = kRows * kWidth; ///< floats of one traced value

struct Case {
  const char *name;
  std::function<void(TestPlan &, EntryPointT &)> change;
  const char *message;
};
void PrintTo(const Case &one, std::ostream *out) { *out << one.name; }

class TraceVerifierTest : public testing::TestWithParam<Case> {};
} // namespace

TEST(Trace, SaysWhatThereIs) {
  TestPlan source;
  source.addTrace();
  auto plan = open(source.serialize());
  ASSERT_TRUE(plan) << plan.status().message();
  auto info = plan->trace();
  ASSERT_TRUE(info) << info.status().message();
  EXPECT_EQ(info->width, kWidth);
  EXPECT_EQ(info->values, 3u);
  EXPECT_EQ(info->branches[0], 1u);
  auto json = plan->json();
  ASSERT_TRUE(json);
  EXPECT_NE(std::string(*json).find(R"("trace":{"width":4,"branches":[1]})"),
            std::string::npos)
      << *json;
}

TEST(Trace, WritesValueAfterValue) {
  TestPlan source;
  source.addTrace();
  auto plan = open(source.serialize());
  ASSERT_TRUE(plan) << plan.status().message();
  auto session = lnsrt::Session::create(*plan);
  ASSERT_TRUE(session) << session.status().message();
  std::vector<float> values(3 * kValue + 1, -1.0f);
  ASSERT_TRUE(session->trace(kTokens, values.data()));
  for (size_t i = 0; i < 3 * kValue; ++i)
    ASSERT_EQ(values[i], float(1 + i / kValue)) << i;
  EXPECT_EQ(values.back(), -1.0f);
}

// A part's rows stand behind those of the part before it, in every value.
TEST(Trace, PutsPartsTogether) {
  TestPlan source;
  source.splitBatch();
  EntryPointT &trace = source.addTrace();
  trace.inputs.clear();
  trace.inputs.push_back(
      std::make_unique<BindingT>(*source.entry("micro_grads").inputs.front()));
  uint64_t bytes = kValue * sizeof(float) / kBatch;
  for (auto &output : trace.outputs) {
    output->shape[0] = 1;
    *output->buffer =
        BufferRef(output->buffer->offset(), bytes, Segment::arena);
  }
  // The first value begins with the part's tokens, as bits.
  CopyT copy;
  copy.source = std::make_unique<BufferRef>(*trace.inputs[0]->buffer);
  copy.target = std::make_unique<BufferRef>(0, 12, Segment::arena);
  auto command = std::make_unique<CommandT>();
  command->name = "tokens";
  command->body.Set(std::move(copy));
  trace.commands.push_back(std::move(command));
  auto plan = open(source.serialize());
  ASSERT_TRUE(plan) << plan.status().message();
  auto session = lnsrt::Session::create(*plan);
  ASSERT_TRUE(session) << session.status().message();
  std::vector<float> values(3 * kValue, -1.0f);
  ASSERT_TRUE(session->trace(kTokens, values.data()));
  for (size_t i = kValue; i < 3 * kValue; ++i)
    ASSERT_EQ(values[i], float(1 + i / kValue)) << i;
  const auto *bits = reinterpret_cast<const int32_t *>(values.data());
  for (size_t row = 0; row < kBatch; ++row)
    for (size_t t = 0; t < kSequence; ++t)
      EXPECT_EQ(bits[row * kSequence * kWidth + t],
                kTokens[row * kSequence + t]);
}

TEST(Trace, NeedsDiagnostics) {
  auto plan = open(TestPlan().serialize());
  ASSERT_TRUE(plan);
  const char *message = "the plan has no entry point 'trace'; compile the "
                        "model again with --diagnostics";
  auto info = plan->trace();
  ASSERT_FALSE(info);
  EXPECT_EQ(info.status().code(), LNSRT_UNSUPPORTED);
  EXPECT_STREQ(info.status().message(), message);
  auto session = lnsrt::Session::create(*plan);
  ASSERT_TRUE(session);
  float value = 0;
  lnsrt::Status status = session->trace(kTokens, &value);
  EXPECT_EQ(status.code(), LNSRT_UNSUPPORTED);
  EXPECT_STREQ(status.message(), message);
}

TEST(Trace, ChecksArguments) {
  TestPlan source;
  source.addTrace();
  auto plan = open(source.serialize());
  ASSERT_TRUE(plan);
  auto session = lnsrt::Session::create(*plan);
  ASSERT_TRUE(session);
  std::vector<float> values(3 * kValue);
  EXPECT_STREQ(session->trace(nullptr, values.data()).message(),
               "no tokens given");
  EXPECT_EQ(session->trace(kTokens, nullptr).code(), LNSRT_INVALID_ARGUMENT);
  int32_t wrong[kRows] = {0, 1, 5, 3, 4, 0};
  EXPECT_STREQ(session->trace(wrong, values.data()).message(),
               "tokens[0][2] is 5, the vocabulary has 5 tokens; prepare the "
               "data for this model");
}

TEST_P(TraceVerifierTest, Refuses) {
  TestPlan source;
  GetParam().change(source, source.addTrace());
  auto plan = open(source.serialize());
  ASSERT_FALSE(plan) << "opened";
  EXPECT_EQ(plan.status().code(), LNSRT_INVALID_PLAN);
  EXPECT_EQ(plan.status().message(),
            std::string(GetParam().message) +
                "; the plan is damaged: compile the model again");
}

static const Case kCases[] = {
    {"NoOutput", [](TestPlan &, EntryPointT &e) { e.outputs.clear(); },
     "'trace' gives the stream at 0 places, expected one before each of the 1 "
     "blocks and one behind the last"},
    {"TooFewStreams", [](TestPlan &, EntryPointT &e) { e.outputs.pop_back(); },
     "'trace' gives the stream at 1 places, expected one before each of the 1 "
     "blocks and one behind the last"},
    {"OtherDepth", [](TestPlan &p, EntryPointT &) { p.table.layers = 2; },
     "'trace' gives the stream at 2 places, expected one before each of the 2 "
     "blocks and one behind the last"},
    {"DepthOverflows",
     [](TestPlan &p, EntryPointT &) { p.table.layers = UINT32_MAX; },
     "'trace' gives the stream at 2 places, expected one before each of the "
     "4294967295 blocks and one behind the last"},
    {"BranchFirst",
     [](TestPlan &, EntryPointT &e) { e.outputs[0]->name = "branch"; },
     "output 'branch' of 'trace' where a stream is expected"},
    {"BranchLast",
     [](TestPlan &, EntryPointT &e) {
       std::swap(e.outputs[1]->name, e.outputs[2]->name);
     },
     "'trace' gives the stream at 2 places, expected one before each of the 1 "
     "blocks and one behind the last"},
    {"OtherName",
     [](TestPlan &, EntryPointT &e) { e.outputs[1]->name = "logits"; },
     "output 'logits' of 'trace' where a stream is expected, or what a branch "
     "adds to it"},
    {"ElementType",
     [](TestPlan &, EntryPointT &e) { e.outputs[1]->dtype = DType::bf16; },
     "output 'branch' of 'trace' has element type 2, expected f32"},
    {"Rank", [](TestPlan &, EntryPointT &e) { e.outputs[2]->shape = {6, 4}; },
     "output 'stream' of 'trace' has an impossible shape"},
    {"OtherWidth",
     [](TestPlan &, EntryPointT &e) { e.outputs[2]->shape[2] = 5; },
     "output 'stream' of 'trace' has an impossible shape"},
    {"OtherBatch",
     [](TestPlan &, EntryPointT &e) { e.outputs[1]->shape[0] = 1; },
     "output 'branch' of 'trace' has an impossible shape"},
    {"Negative",
     [](TestPlan &, EntryPointT &e) { e.outputs[0]->shape[2] = -4; },
     "output 'stream' of 'trace' has an impossible shape"},
    {"WidthOverflows",
     [](TestPlan &, EntryPointT &e) {
       for (auto &output : e.outputs)
         output->shape[2] = int64_t(1) << 62;
     },
     "output 'stream' of 'trace' has an impossible shape"},
    {"Bytes",
     [](TestPlan &, EntryPointT &e) {
       *e.outputs[1]->buffer = BufferRef(128, 92, Segment::arena);
     },
     "output 'branch' of 'trace' has 92 bytes, its shape needs 96"},
    {"Segment",
     [](TestPlan &, EntryPointT &e) {
       *e.outputs[1]->buffer = BufferRef(128, 96, Segment::parameters);
     },
     "output 'branch' of 'trace' is in segment 1, expected io or arena"},
    {"Outside",
     [](TestPlan &, EntryPointT &e) {
       *e.outputs[1]->buffer = BufferRef(512, 96, Segment::arena);
     },
     "'branch' in 'trace' uses 96 bytes at offset 512 of segment 'arena', "
     "which has 576"},
    {"Overlap",
     [](TestPlan &, EntryPointT &e) {
       *e.outputs[2]->buffer = BufferRef(64, 96, Segment::arena);
     },
     "outputs of 'trace' overlap at offset 64"},
    {"NoTokens", [](TestPlan &, EntryPointT &e) { e.inputs.clear(); },
     "'trace' has 0 inputs, expected 1"},
};

INSTANTIATE_TEST_SUITE_P(Cases, TraceVerifierTest, testing::ValuesIn(kCases),
                         [](const testing::TestParamInfo<Case> &info) {
                           return std::string(info.param.name);
                         });
