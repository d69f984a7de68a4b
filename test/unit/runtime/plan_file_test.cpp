//===- plan_file_test.cpp - Truncated, altered and misnamed plans ---------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "test_plan.h"

#include <cstdio>
#include <cstring>
#include <fstream>
#include <gtest/gtest.h>
#include <random>
#include <sys/stat.h>
#include <unistd.h>

using namespace lns;
using namespace lns::test;

namespace {
/// A path in the temporary folder, removed at the end.
struct TemporaryPath {
  std::string path;
  explicit TemporaryPath(const char *name)
      : path(testing::TempDir() + "lns_" + std::to_string(getpid()) + "_" +
             name) {}
  ~TemporaryPath() { std::remove(path.c_str()); }
};
} // namespace

static std::string messageOf(const Bytes &file) {
  auto plan = open(file);
  return plan ? "opened" : plan.status().message();
}

static bool contains(const std::string &text, const std::string &part) {
  return text.find(part) != std::string::npos;
}

/// Changes the header and expects the message.
template <typename Change>
static void expectHeader(Change change, const std::string &message) {
  Bytes file = TestPlan().serialize();
  PlanHeader header;
  std::memcpy(&header, file.data(), sizeof(header));
  change(header);
  std::memcpy(file.data(), &header, sizeof(header));
  std::string got = messageOf(file);
  EXPECT_TRUE(contains(got, message)) << got;
}

TEST(PlanFile, OpensFromMemoryAndFile) {
  Bytes file = TestPlan().serialize();
  auto fromMemory = open(file);
  ASSERT_TRUE(fromMemory) << fromMemory.status().message();
  TemporaryPath path("good.plan");
  std::ofstream(path.path, std::ios::binary)
      .write(reinterpret_cast<const char *>(file.data()),
             std::streamsize(file.size()));
  auto fromFile = lnsrt::Plan::open(path.path.c_str());
  ASSERT_TRUE(fromFile) << fromFile.status().message();
  // A plan that is truncated under a running program stays whole.
  ASSERT_EQ(truncate(path.path.c_str(), 0), 0);
  EXPECT_STREQ(*fromFile->json(), *fromMemory->json());
}

TEST(PlanFile, FilesThatCannotBeRead) {
  auto missing = lnsrt::Plan::open("/nonexistent/x.plan");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.status().code(), LNSRT_IO);
  EXPECT_STREQ(missing.status().place(), "/nonexistent/x.plan");
  EXPECT_STREQ(missing.status().message(),
               "cannot open plan: No such file or directory; make one with "
               "lnsc");
  auto folder = lnsrt::Plan::open("/");
  ASSERT_FALSE(folder);
  EXPECT_STREQ(folder.status().message(),
               "cannot open plan: not a regular file; make one with lnsc");
}

TEST(PlanFile, TruncatedAtAnyPlace) {
  Bytes file = TestPlan().serialize();
  TemporaryPath path("short.plan");
  PlanHeader header;
  std::memcpy(&header, file.data(), sizeof(header));
  size_t table = header.table_size;
  for (size_t size :
       {size_t(0), size_t(1), size_t(8), size_t(63), size_t(64), size_t(65),
        64 + table / 2, 64 + table - 1, 64 + table, size_t(4096),
        8 * kPlanBlobAlignment, 9 * kPlanBlobAlignment, file.size() - 1}) {
    ASSERT_LT(size, file.size());
    Bytes part(file.begin(), file.begin() + std::ptrdiff_t(size));
    std::string message = messageOf(part);
    EXPECT_TRUE(contains(message, "truncated")) << size << ": " << message;
    std::ofstream(path.path, std::ios::binary)
        .write(reinterpret_cast<const char *>(part.data()),
               std::streamsize(size));
    auto plan = lnsrt::Plan::open(path.path.c_str());
    ASSERT_FALSE(plan);
    EXPECT_EQ(plan.status().message(), message);
    EXPECT_EQ(plan.status().place(), path.path);
    // A truncation that comes with a right header is seen in the contents.
    if (size > 64) {
      fixHeader(part);
      EXPECT_NE(messageOf(part), "opened") << size;
    }
  }
}

TEST(PlanFile, TrailingBytes) {
  Bytes file = TestPlan().serialize();
  file.push_back(0);
  EXPECT_TRUE(contains(messageOf(file), "truncated or damaged"));
}

TEST(PlanFile, EveryFlippedBitBehindTheHeaderIsSeen) {
  Bytes file = TestPlan().serialize();
  for (size_t i = 64; i < file.size(); i += 37) {
    file[i] ^= 1u << (i % 8);
    std::string message = messageOf(file);
    EXPECT_TRUE(contains(message, "plan checksum is")) << i << ": " << message;
    file[i] ^= 1u << (i % 8);
  }
}

// A runtime that does not know documents must not run such a plan with any.
TEST(PlanFile, DocumentsAreAFeature) {
  TestPlan source;
  source.takeDocuments();
  auto plan = open(source.serialize());
  ASSERT_TRUE(plan) << plan.status().message();
  EXPECT_EQ(plan->info().documents, 1u);
  EXPECT_TRUE(contains(*plan->json(), R"("sequence":3,"documents":true,)"));
  EXPECT_EQ(open(TestPlan().serialize())->info().documents, 0u);
  source.features = 0;
  EXPECT_TRUE(contains(messageOf(source.serialize()),
                       "plan header says 0 as its features, its table 1"));
}

TEST(PlanFile, HeaderFields) {
  expectHeader([](PlanHeader &header) { header.magic[0] = 'X'; },
               "not a plan: the file does not start with 'LNSPLAN'");
  expectHeader([](PlanHeader &header) { header.version = 99; },
               "plan format version 99, this runtime reads 7");
  expectHeader([](PlanHeader &header) { header.header_size = 65; },
               "plan header of 65 bytes, expected 64");
  expectHeader([](PlanHeader &header) { header.feature_bits = 16; },
               "plan needs features 16 that this runtime does not know");
  expectHeader([](PlanHeader &header) { header.feature_bits = 31; },
               "plan needs features 16 that this runtime does not know");
  expectHeader([](PlanHeader &header) { header.feature_bits = 1; },
               "plan header says 1 as its features, its table 0");
  expectHeader([](PlanHeader &header) { header.reserved[1] = 1; },
               "reserved header fields are not zero");
  expectHeader([](PlanHeader &header) { header.file_size += 1; },
               "plan header says");
  expectHeader([](PlanHeader &header) { header.table_size = 0; },
               "plan table of 0 bytes");
  expectHeader([](PlanHeader &header) { header.table_size = UINT64_MAX; },
               "plan table of 18446744073709551615 bytes in a file of");
  expectHeader([](PlanHeader &header) { header.table_size = 8; },
               "plan table is malformed");
  expectHeader([](PlanHeader &header) { header.checksum ^= 1; },
               "plan checksum is");
}

TEST(PlanFile, TableLargerThanItsFormatAllows) {
  // The size is refused before anything is read there.
  Bytes file = TestPlan().serialize();
  std::fill(file.begin() + 64, file.begin() + 128, 0xff);
  fixHeader(file);
  EXPECT_TRUE(contains(messageOf(file), "plan table is malformed"));
}

// Damage that comes with a right checksum never brings the reader down: it is
// refused, or it has changed something that does not matter.
TEST(PlanFile, RandomDamageIsHarmless) {
  const Bytes good = TestPlan().serialize();
  PlanHeader header;
  std::memcpy(&header, good.data(), sizeof(header));
  std::mt19937 random(1);
  int opened = 0, refused = 0;
  for (int round = 0; round < 4000; ++round) {
    Bytes file = good;
    for (unsigned i = 0, changes = 1 + random() % 4; i < changes; ++i) {
      size_t at = 64 + random() % header.table_size;
      constexpr unsigned char kNasty[] = {0, 1, 0x7f, 0x80, 0xff};
      file[at] = random() % 2 ? kNasty[random() % 5]
                              : static_cast<unsigned char>(random());
    }
    fixHeader(file);
    auto plan = open(file);
    if (!plan) {
      ++refused;
      EXPECT_EQ(plan.status().code(), LNSRT_INVALID_PLAN);
      continue;
    }
    ++opened;
    EXPECT_TRUE(plan->json());
    for (size_t i = 0; i < plan->tensorCount(); ++i)
      EXPECT_TRUE(plan->tensorInfo(i));
  }
  EXPECT_GT(opened, 100);
  EXPECT_GT(refused, 100);
}

TEST(PlanFile, Info) {
  auto plan = open(TestPlan().serialize());
  ASSERT_TRUE(plan) << plan.status().message();
  lnsrt::PlanInfo info = plan->info();
  EXPECT_EQ(info.batch, kBatch);
  EXPECT_EQ(info.sequence, kSequence);
  EXPECT_EQ(info.vocabulary, kVocabulary);
  EXPECT_EQ(info.micro_batch, kBatch);
  EXPECT_EQ(info.layers, 1u);
  EXPECT_EQ(info.parameters, 2 * kVocabulary * kWidth);
  EXPECT_EQ(info.arena_bytes, 576u);
  EXPECT_EQ(info.activation_bytes, 96u);
  // The constants, 6 MiB for products, a page of scratch.
  EXPECT_EQ(info.session_bytes,
            4 * kParameterBytes + 576 + 320 + 64 + (6 << 20) + 4096);
  EXPECT_EQ(info.flops_per_step, 100u);
  EXPECT_STREQ(info.model_name, "toy");
  EXPECT_STREQ(info.compiler, "test");
  EXPECT_STREQ(plan->configJson(), "{}");
  EXPECT_STREQ(plan->identity(),
               "lnsc model 1\nnorm: lns\ngraph:\noutput tokens\n");
  ASSERT_EQ(plan->tensorCount(), 2u);
  auto tensor = plan->tensorInfo(1);
  ASSERT_TRUE(tensor);
  EXPECT_STREQ(tensor->name, "lm_head.weight");
  EXPECT_STREQ(tensor->role, "matrix");
  EXPECT_EQ(tensor->rank, 2u);
  EXPECT_EQ(tensor->shape[0], kVocabulary);
  EXPECT_EQ(tensor->shape[1], kWidth);
  EXPECT_EQ(tensor->elements, kVocabulary * kWidth);
  auto none = plan->tensorInfo(2);
  ASSERT_FALSE(none);
  EXPECT_STREQ(none.status().message(), "tensor 2, the plan has 2");
}

TEST(PlanFile, Memory) {
  auto plan = open(TestPlan().serialize());
  ASSERT_TRUE(plan) << plan.status().message();
  auto memory = plan->memory(3);
  ASSERT_TRUE(memory) << memory.status().message();
  EXPECT_EQ(memory->threads, 3u);
  EXPECT_EQ(memory->parameters, kParameterBytes);
  EXPECT_EQ(memory->gradients, kParameterBytes);
  EXPECT_EQ(memory->optimizer, 2 * kParameterBytes);
  EXPECT_EQ(memory->activations, 96u);
  EXPECT_EQ(memory->workspace, 576u - 96);
  EXPECT_EQ(memory->io, 320u);
  EXPECT_EQ(memory->constants, 64u);
  EXPECT_EQ(memory->matmul, 6u << 20);
  EXPECT_EQ(memory->scratch, 3u * 4096);
  EXPECT_EQ(memory->total,
            4 * kParameterBytes + 576 + 320 + 64 + (6 << 20) + 3 * 4096);
  auto many = plan->memory(1025);
  ASSERT_FALSE(many);
  EXPECT_STREQ(many.status().message(),
               "1025 threads, at most 1024 are possible");
  auto all = plan->memory(0);
  ASSERT_TRUE(all);
  EXPECT_GE(all->threads, 1u);
}

TEST(PlanFile, Json) {
  TestPlan source;
  // A name that is not UTF-8, and one that needs escapes.
  source.table.model_name = "a\xff\"\n\xc3\xa9";
  source.table.dtype = plan::DType::bf16;
  source.matmul("head").gain =
      std::make_unique<plan::BufferRef>(0, 16, plan::Segment::parameters);
  source.table.entry_points[0]->commands[0]->bytes = 24;
  auto plan = open(source.serialize());
  ASSERT_TRUE(plan) << plan.status().message();
  std::string json = *plan->json();
  for (const char *part :
       {R"({"model":"a\ufffd\"\u000a)"
        "\xc3\xa9"
        R"(","compiler":"test","norm_scheme":"lns",)",
        R"("facts":{"norm":"lns"},)"
        R"("text":"lnsc model 1\u000anorm: lns\u000agraph:\u000a)"
        R"(output tokens\u000a"},"dtype":"bf16",)"
        R"("batch":2,"micro_batch":2,"sequence":3,"documents":false,)"
        R"("decode":false,"vocabulary":5,"layers":1,"parameters":40,)"
        R"("frozen_parameters":0,)"
        R"("arena_bytes":576,)"
        R"("activation_bytes":96,"session_bytes":6297536,"flops_per_step":100,)"
        R"("memory":{"parameters":256,"gradients":256,"optimizer":512,)"
        R"("activations":96,"workspace":480,"io":320,"constants":64,)"
        R"("matmul":6291456,"scratch_per_thread":4096},)"
        R"("cpu_levels":["x86-64"],)",
        R"("train_step":{"commands":9,"launches":4,"bytes":24,"matmuls":3,)"
        R"("bf16_matmuls":0,"gain_matmuls":1,"flops":100,"arena_bytes":576})",
        R"({"symbol":"test_loss","kind":"loss","source":"by \"hand\"",)"
        R"("launches_per_step":1,"is_norm":true})",
        R"("norm_kernels":1,)",
        R"({"name":"lm_head.weight","shape":[5,4],"role":"matrix",)"
        R"("init":"normal","init_value":0.5,"decay":true,"frozen":false}]})"})
    EXPECT_TRUE(contains(json, part)) << part << "\nin " << json;
}
