//===- plan_verifier_test.cpp - Plans that contradict themselves ----------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

// Each case changes one thing in a correct plan, gives it a right checksum, and
// expects the verifier's words.

#include "test_plan.h"

#include <cmath>
#include <functional>
#include <gtest/gtest.h>

using namespace lns;
using namespace lns::test;
using namespace lns::plan;

namespace {
struct Case {
  const char *name;
  std::function<void(TestPlan &)> change;
  const char *message;
};

void PrintTo(const Case &one, std::ostream *out) { *out << one.name; }

class PlanVerifierTest : public testing::TestWithParam<Case> {};
} // namespace

static constexpr uint64_t kHuge = uint64_t(1) << 63;

static void copyParameter(TestPlan &plan, uint64_t offset) {
  auto twin = std::make_unique<ParameterT>(*plan.table.parameters[0]);
  twin->name = "twin";
  twin->offset = offset;
  plan.table.parameters.push_back(std::move(twin));
}

static void addCode(TestPlan &plan, const char *level, uint64_t offset) {
  auto blob = std::make_unique<CodeBlobT>(*plan.table.code[0]);
  blob->level = level;
  blob->offset = offset;
  plan.table.code.push_back(std::move(blob));
}

TEST(PlanVerifier, AcceptsTheUnchangedPlan) {
  auto plan = open(TestPlan().serialize());
  EXPECT_TRUE(plan) << plan.status().message();
}

TEST_P(PlanVerifierTest, Refuses) {
  TestPlan source;
  GetParam().change(source);
  auto plan = open(source.serialize());
  ASSERT_FALSE(plan) << "opened";
  EXPECT_EQ(plan.status().code(), LNSRT_INVALID_PLAN);
  EXPECT_STREQ(plan.status().place(), "memory");
  EXPECT_EQ(plan.status().message(),
            std::string(GetParam().message) +
                "; the plan is damaged: compile the model again");
}

TEST(PlanVerifier, AcceptsAGain) {
  TestPlan source;
  source.matmul("head").gain =
      std::make_unique<BufferRef>(0, 16, Segment::parameters);
  auto plan = open(source.serialize());
  EXPECT_TRUE(plan) << plan.status().message();
}

/// So many ramps behind what the plan has in `io`.
static void addRamps(TestPlan &plan, double steps, unsigned count = 2) {
  plan.table.schedules_offset = plan.table.io_bytes;
  plan.table.io_bytes += 64 * count;
  for (unsigned i = 0; i < count; ++i) {
    auto schedule = std::make_unique<ScheduleT>();
    schedule->steps = steps;
    plan.table.schedules.push_back(std::move(schedule));
  }
}

TEST(PlanVerifier, AcceptsSchedules) {
  TestPlan source;
  addRamps(source, 1);
  auto plan = open(source.serialize());
  ASSERT_TRUE(plan) << plan.status().message();
  EXPECT_EQ(plan->info().schedules, 2u);
  std::string json = *plan->json();
  EXPECT_NE(json.find(R"("schedules":[{"kind":"ramp","steps":1},)"
                      R"({"kind":"ramp","steps":1}])"),
            std::string::npos)
      << json;
}

static const Case kSchedules[] = {
    {"UnknownSchedule",
     [](TestPlan &p) {
       addRamps(p, 5);
       p.table.schedules[1]->kind = ScheduleKind(3);
     },
     "a schedule is of the unknown kind 3"},
    {"ShortSchedule", [](TestPlan &p) { addRamps(p, 0.5); },
     "a schedule takes 0.5 steps, expected a finite number of at least 1"},
    {"NotANumberOfSteps", [](TestPlan &p) { addRamps(p, NAN); },
     "a schedule takes nan steps, expected a finite number of at least 1"},
    {"MisalignedSchedules",
     [](TestPlan &p) {
       addRamps(p, 5);
       p.table.schedules_offset += 4;
     },
     "schedules at offset 324, which is not a multiple of 64"},
    {"SchedulesOutside",
     [](TestPlan &p) {
       addRamps(p, 5);
       p.table.io_bytes -= 64;
     },
     "2 schedules of 128 bytes at offset 320 lie outside the segment 'io' of "
     "384"},
    {"SchedulesFarOutside",
     [](TestPlan &p) {
       addRamps(p, 5);
       p.table.schedules_offset = kHuge;
     },
     "2 schedules of 128 bytes at offset 9223372036854775808 lie outside the "
     "segment 'io' of 448"},
    {"SchedulesOverOptimizer",
     [](TestPlan &p) {
       addRamps(p, 5);
       p.table.schedules_offset = 64;
     },
     "schedules overlap 'targets' of 'train_step'"}};

static const Case kSizes[] = {
    {"ZeroBatch", [](TestPlan &p) { p.table.batch = 0; },
     "batch 0, sequence 3, vocabulary 5: each must be at least 1"},
    {"ZeroSequence", [](TestPlan &p) { p.table.sequence = 0; },
     "batch 2, sequence 0, vocabulary 5: each must be at least 1"},
    {"ZeroVocabulary", [](TestPlan &p) { p.table.vocabulary = 0; },
     "batch 2, sequence 3, vocabulary 0: each must be at least 1"},
    {"VocabularyBeyondTokens",
     [](TestPlan &p) { p.table.vocabulary = 0x80000000u; },
     "vocabulary 2147483648 exceeds 2147483647"},
    {"IntegerActivations",
     [](TestPlan &p) { p.table.dtype = plan::DType::i32; },
     "activations have element type 1, expected f32 or bf16"},
    {"UnknownActivations",
     [](TestPlan &p) { p.table.dtype = static_cast<plan::DType>(77); },
     "activations have element type 77, expected f32 or bf16"},
    {"LogitsOverflow",
     [](TestPlan &p) {
       p.table.batch = p.table.sequence = 0xffffffffu;
       p.table.vocabulary = 0x7fffffffu;
     },
     "batch 4294967295 x sequence 4294967295 x vocabulary 2147483647 "
     "overflows"},
    {"SegmentsOverflow", [](TestPlan &p) { p.table.parameter_bytes = kHuge; },
     "four segments of 9223372036854775808 bytes, an arena of 576, a cache of "
     "0 and io of 320 overflow"},
    {"ArenaOverflow",
     [](TestPlan &p) { p.table.arena_bytes = UINT64_MAX - 100; },
     "four segments of 256 bytes, an arena of 18446744073709551515, a cache of "
     "0 and io of 320 overflow"},
    {"CacheOverflow",
     [](TestPlan &p) {
       p.addDecode();
       p.table.cache_bytes = UINT64_MAX - 100;
     },
     "four segments of 256 bytes, an arena of 576, a cache of "
     "18446744073709551515 and io of 448 overflow"},
    {"CacheWithoutDecode", [](TestPlan &p) { p.table.cache_bytes = 64; },
     "segment 'cache' has 64 bytes, but there is no entry point 'decode'"},
};

/// Makes the head frozen, behind what has gradients.
static void freezeHead(TestPlan &p) {
  p.table.trainable_bytes = kHeadOffset;
  p.table.parameters[1]->frozen = true;
  p.features |= kPlanFrozen;
}

static const Case kFrozen[] = {
    {"TrainableTooLarge",
     [](TestPlan &p) { p.table.trainable_bytes = kParameterBytes + 64; },
     "gradients and moments of 320 bytes each, but parameters of 256: expected "
     "a part of these, a multiple of 64"},
    {"TrainableUnaligned", [](TestPlan &p) { p.table.trainable_bytes = 100; },
     "gradients and moments of 100 bytes each, but parameters of 256: expected "
     "a part of these, a multiple of 64"},
    {"FrozenAmongTrained",
     [](TestPlan &p) { p.table.parameters[1]->frozen = true; },
     "parameter 'lm_head.weight' of 80 bytes at offset 128 is frozen, but lies "
     "among the 256 bytes that have gradients"},
    {"TrainedBehind",
     [](TestPlan &p) { p.table.trainable_bytes = kHeadOffset; },
     "parameter 'lm_head.weight' of 80 bytes at offset 128 is trained, but "
     "lies outside the 128 bytes that have gradients"},
    {"GradientOfFrozen", freezeHead,
     "'head.backward' in 'train_step' uses 80 bytes at offset 128 of segment "
     "'gradients', which has 128"},
    {"MatmulIntoFrozen",
     [](TestPlan &p) {
       freezeHead(p);
       *p.matmul("head").c = BufferRef(kHeadOffset, 120, Segment::parameters);
     },
     "'head' in 'train_step' writes to frozen parameters"},
};

static const Case kBlobs[] = {
    {"CodeUnaligned", [](TestPlan &p) { p.table.code[0]->offset += 64; },
     "code for 'x86-64' at offset 36928, which is not a multiple of 4096"},
    {"CodeInTable", [](TestPlan &p) { p.table.code[0]->offset = 0; },
     nullptr /* names the table's size */},
    {"CodeBeyondFile", [](TestPlan &p) { p.table.code[0]->offset = kHuge; },
     nullptr /* names the file's size */},
    {"CodeSizeOverflow",
     [](TestPlan &p) { p.table.code[0]->size = UINT64_MAX; },
     nullptr /* names the file's size */},
    {"CodeTooSmall", [](TestPlan &p) { p.table.code[0]->size = 3; },
     "code for 'x86-64' is not an ELF object"},
    {"CodeNotElf", [](TestPlan &p) { p.code[1] = 'X'; },
     "code for 'x86-64' is not an ELF object"},
    {"CodeWithoutLevel", [](TestPlan &p) { p.table.code[0]->level = ""; },
     "a code blob has no instruction-set level"},
    {"LevelLong",
     [](TestPlan &p) { p.table.code[0]->level = std::string(2000, 'x'); },
     "the name of level 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...' has 2000 "
     "bytes, at most 1024 are possible"},
    {"TwoCodesForALevel",
     [](TestPlan &p) { addCode(p, "x86-64", p.table.code[0]->offset); },
     "two code blobs for level 'x86-64'"},
    {"CodesOverlap",
     [](TestPlan &p) { addCode(p, "x86-64-v2", p.table.code[0]->offset); },
     nullptr /* in either order */},
    {"ConstantsUnaligned", [](TestPlan &p) { p.table.constants_offset += 1; },
     "constants at offset 32769, which is not a multiple of 4096"},
    {"ConstantsBeyondFile", [](TestPlan &p) { p.table.constants_size = kHuge; },
     nullptr /* names the file's size */},
    {"ConstantsOverlapCode", [](TestPlan &p) { p.table.constants_size = 4097; },
     "constants overlaps code for 'x86-64'"},
};

// Where the message names a size that depends on the compiler, its beginning.
TEST(PlanVerifier, RefusesBlobsOutOfPlace) {
  const char *beginnings[] = {
      "code for 'x86-64' at offset 0 lies inside the table, which ends at ",
      "code for 'x86-64' of ",
      "code for 'x86-64' of 18446744073709551615 bytes at offset 36864 lies "
      "outside the file of ",
      "code for 'x86-64",
      "constants of 9223372036854775808 bytes at offset 32768 lies outside the "
      "file of "};
  size_t next = 0;
  for (const Case &one : kBlobs) {
    if (one.message)
      continue;
    TestPlan source;
    one.change(source);
    auto plan = open(source.serialize());
    ASSERT_FALSE(plan) << one.name;
    EXPECT_EQ(std::string(plan.status().message()).rfind(beginnings[next], 0),
              0u)
        << plan.status().message();
    ++next;
  }
  EXPECT_EQ(next, std::size(beginnings));
}

static const Case kParameters[] = {
    {"ParameterWithoutName",
     [](TestPlan &p) { p.table.parameters[1]->name = ""; },
     "parameter 1 has no name"},
    {"ParameterNameLong",
     [](TestPlan &p) { p.table.parameters[0]->name = std::string(1025, 'p'); },
     "the name of parameter 'pppppppppppppppppppppppppppppppppppppppp...' has "
     "1025 "
     "bytes, at most 1024 are possible"},
    {"ParameterType",
     [](TestPlan &p) { p.table.parameters[0]->dtype = DType::i32; },
     "parameter 'model.embed_tokens.weight' has element type 1, expected f32"},
    {"ParameterRole",
     [](TestPlan &p) { p.table.parameters[0]->role = Role(9); },
     "parameter 'model.embed_tokens.weight' has the unknown role 9"},
    {"ParameterInit",
     [](TestPlan &p) { p.table.parameters[0]->init = InitKind(-1); },
     "parameter 'model.embed_tokens.weight' has the unknown initializer -1"},
    {"ParameterInitValue",
     [](TestPlan &p) { p.table.parameters[0]->init_value = NAN; },
     "parameter 'model.embed_tokens.weight' has an initial value that is not "
     "finite"},
    {"ParameterRank",
     [](TestPlan &p) { p.table.parameters[0]->shape.assign(9, 1); },
     "parameter 'model.embed_tokens.weight' has rank 9, at most 8 is possible"},
    {"ParameterExtent",
     [](TestPlan &p) { p.table.parameters[0]->shape[0] = -5; },
     "parameter 'model.embed_tokens.weight' has extent -5, expected at least "
     "1"},
    {"ParameterOverflow",
     [](TestPlan &p) {
       p.table.parameters[0]->shape = {int64_t(1) << 40, int64_t(1) << 40};
     },
     "the shape of parameter 'model.embed_tokens.weight' overflows"},
    {"StorageRank",
     [](TestPlan &p) { p.table.parameters[0]->storage_shape = {32}; },
     "parameter 'model.embed_tokens.weight' of rank 2 has storage of rank 1"},
    {"StorageExtent",
     [](TestPlan &p) { p.table.parameters[0]->storage_shape = {6, 3}; },
     "parameter 'model.embed_tokens.weight' has storage of extent 3 for extent "
     "4"},
    {"StorageNegative",
     [](TestPlan &p) { p.table.parameters[0]->storage_shape = {-6, 4}; },
     "parameter 'model.embed_tokens.weight' has storage of extent -6 for "
     "extent 5"},
    {"StorageOverflow",
     [](TestPlan &p) {
       p.table.parameters[0]->storage_shape = {int64_t(1) << 40, int64_t(1)
                                                                     << 40};
     },
     "the storage of parameter 'model.embed_tokens.weight' overflows"},
    {"StorageOutside",
     [](TestPlan &p) { p.table.parameters[1]->storage_shape = {5, 7}; },
     "parameter 'lm_head.weight' of 140 bytes at offset 128 lies outside the "
     "segment of 256 bytes"},
    {"StorageOverlaps",
     [](TestPlan &p) { p.table.parameters[0]->storage_shape = {5, 7}; },
     "parameter 'model.embed_tokens.weight' overlaps 'lm_head.weight'"},
    {"ParameterUnaligned",
     [](TestPlan &p) { p.table.parameters[0]->offset = 4; },
     "parameter 'model.embed_tokens.weight' at offset 4, which is not a "
     "multiple of 64"},
    {"ParameterOutside",
     [](TestPlan &p) { p.table.parameters[1]->offset = 192; },
     "parameter 'lm_head.weight' of 80 bytes at offset 192 lies outside the "
     "segment of 256 bytes"},
    {"ParameterFarOutside",
     [](TestPlan &p) { p.table.parameters[1]->offset = UINT64_MAX - 63; },
     "parameter 'lm_head.weight' of 80 bytes at offset 18446744073709551552 "
     "lies outside the segment of 256 bytes"},
    {"ParameterTwice",
     [](TestPlan &p) {
       p.table.parameters[1]->name = p.table.parameters[0]->name;
     },
     "two parameters are named 'model.embed_tokens.weight'"},
    {"ParametersOverlap", [](TestPlan &p) { copyParameter(p, 64); },
     "parameter 'model.embed_tokens.weight' overlaps 'twin'"},
};

static const Case kKernels[] = {
    {"KernelWithoutSymbol",
     [](TestPlan &p) { p.table.kernels[2]->symbol = ""; },
     "kernel 2 has the impossible symbol ''"},
    {"KernelAbiSymbol",
     [](TestPlan &p) { p.table.kernels[0]->symbol = "lns_kernel_abi_version"; },
     "kernel 0 has the impossible symbol 'lns_kernel_abi_version'"},
    {"KernelScratch",
     [](TestPlan &p) { p.table.kernels[0]->scratch_bytes = kHuge; },
     "kernel 'test_embed' wants 9223372036854775808 bytes of scratch, at most "
     "1073741824 are possible"},
    {"KernelNameLong",
     [](TestPlan &p) { p.table.kernels[0]->symbol = std::string(1025, 'k'); },
     "the name of kernel 'kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk...' has "
     "1025 "
     "bytes, at most 1024 are possible"},
    {"KernelArguments", [](TestPlan &p) { p.table.kernels[0]->ints = 4097; },
     "kernel 'test_embed' takes 3 buffers, 0 floats and 4097 ints, at most "
     "4096 "
     "of each are possible"},
    {"KernelTwice",
     [](TestPlan &p) { p.table.kernels[1]->symbol = "test_embed"; },
     "two kernels are named 'test_embed'"},
    {"KernelsWithoutCode", [](TestPlan &p) { p.table.code.clear(); },
     "4 kernels, but no code for any processor"},
};

static const Case kLaunches[] = {
    {"KernelIndex", [](TestPlan &p) { p.launch("embed").kernel = 4; },
     "'embed' in 'train_step' launches kernel 4, the plan has 4"},
    {"BufferArity", [](TestPlan &p) { p.launch("embed").buffers.pop_back(); },
     "'embed' in 'train_step' passes 2 buffers, kernel 'test_embed' takes 3"},
    {"FloatArity", [](TestPlan &p) { p.launch("loss").floats.clear(); },
     "'loss' in 'train_step' passes 0 floats, kernel 'test_loss' takes 1"},
    {"IntArity", [](TestPlan &p) { p.launch("loss").ints.push_back(1); },
     "'loss' in 'train_step' passes 3 ints, kernel 'test_loss' takes 2"},
    {"Items", [](TestPlan &p) { p.launch("embed").items = kHuge; },
     "'embed' in 'train_step' has 9223372036854775808 work items, at most "
     "4611686018427387903 are possible"},
    {"BufferSegment",
     [](TestPlan &p) {
       p.launch("embed").buffers[0] = BufferRef(0, 4, Segment(10));
     },
     "'embed' in 'train_step' uses the unknown segment 10"},
    {"BufferScratch",
     [](TestPlan &p) {
       p.launch("embed").buffers[0] = BufferRef(0, 4, Segment::scratch);
     },
     "'embed' in 'train_step' uses the segment 'scratch', which only CUDA has"},
    {"BufferCompute",
     [](TestPlan &p) {
       p.launch("embed").buffers[0] = BufferRef(0, 4, Segment::compute);
     },
     "'embed' in 'train_step' uses the segment 'compute', which only CUDA has"},
    {"Grid", [](TestPlan &p) { p.launch("embed").grid_y = 1; },
     "'embed' in 'train_step' has a grid, which only CUDA has"},
    {"BufferUnaligned",
     [](TestPlan &p) {
       p.launch("embed").buffers[0] = BufferRef(4, 4, Segment::io);
     },
     "'embed' in 'train_step' uses offset 4, which is not a multiple of 64"},
    {"BufferOutside",
     [](TestPlan &p) {
       p.launch("embed").buffers[1] = BufferRef(192, 65, Segment::parameters);
     },
     "'embed' in 'train_step' uses 65 bytes at offset 192 of segment "
     "'parameters', which has 256"},
    {"BufferOverflow",
     [](TestPlan &p) {
       p.launch("embed").buffers[1] = BufferRef(64, UINT64_MAX, Segment::arena);
     },
     "'embed' in 'train_step' uses 18446744073709551615 bytes at offset 64 of "
     "segment 'arena', which has 576"},
    {"ConstantOutside",
     [](TestPlan &p) {
       p.launch("embed").buffers[1] = BufferRef(64, 1, Segment::constants);
     },
     "'embed' in 'train_step' uses 1 bytes at offset 64 of segment "
     "'constants', which has 64"},
};

static const Case kMatmuls[] = {
    {"MatmulZero", [](TestPlan &p) { p.matmul("head").k = 0; },
     "'head' in 'train_step' multiplies 6 x 0 by 0 x 5: each extent must be at "
     "least 1"},
    {"MatmulAlpha", [](TestPlan &p) { p.matmul("head").alpha = INFINITY; },
     "'head' in 'train_step' has an alpha or beta that is not finite"},
    {"MatmulBeta", [](TestPlan &p) { p.matmul("head").beta = NAN; },
     "'head' in 'train_step' has an alpha or beta that is not finite"},
    {"MatmulA",
     [](TestPlan &p) {
       *p.matmul("head").a = BufferRef(0, 92, Segment::arena);
     },
     "'head' in 'train_step': a has 92 bytes, 6 x 4 f32 need 96"},
    {"MatmulB",
     [](TestPlan &p) {
       *p.matmul("head").b = BufferRef(128, 84, Segment::parameters);
     },
     "'head' in 'train_step': b has 84 bytes, 4 x 5 f32 need 80"},
    {"MatmulC",
     [](TestPlan &p) {
       *p.matmul("head").c = BufferRef(128, 4, Segment::arena);
     },
     "'head' in 'train_step': c has 4 bytes, 6 x 5 f32 need 120"},
    {"MatmulTypeA", [](TestPlan &p) { p.matmul("head").dtype_a = DType::i32; },
     "'head' in 'train_step': a has element type 1, expected f32 or bf16"},
    {"MatmulTypeB", [](TestPlan &p) { p.matmul("head").dtype_b = DType(3); },
     "'head' in 'train_step': b has element type 3, expected f32 or bf16"},
    {"MatmulTypeC", [](TestPlan &p) { p.matmul("head").dtype_c = DType(-1); },
     "'head' in 'train_step': c has element type -1, expected f32 or bf16"},
    {"MatmulBytesOfBf16",
     [](TestPlan &p) { p.matmul("head").dtype_a = DType::bf16; },
     "'head' in 'train_step': a has 96 bytes, 6 x 4 bf16 need 48"},
    {"MatmulRoundsF32",
     [](TestPlan &p) {
       p.matmul("head").dtype_c = DType::bf16;
       *p.matmul("head").c = BufferRef(128, 60, Segment::arena);
     },
     "'head' in 'train_step' rounds a product of f32 operands to bf16; one of "
     "them must be bf16"},
    {"MatmulAddsToBf16",
     [](TestPlan &p) {
       p.matmul("head").dtype_a = DType::bf16;
       *p.matmul("head").a = BufferRef(0, 48, Segment::arena);
       p.matmul("head").dtype_c = DType::bf16;
       *p.matmul("head").c = BufferRef(128, 60, Segment::arena);
       p.matmul("head").beta = 1;
     },
     "'head' in 'train_step' adds to a bf16 c; with beta 1 it must be f32"},
    {"MatmulGainOfRows",
     [](TestPlan &p) {
       p.matmul("head").gain =
           std::make_unique<BufferRef>(0, 20, Segment::parameters);
     },
     "'head' in 'train_step': gain has 20 bytes, 1 x 4 f32 need 16"},
    {"MatmulGainOfColumns",
     [](TestPlan &p) {
       p.matmul("hidden.backward").gain =
           std::make_unique<BufferRef>(0, 20, Segment::parameters);
     },
     "'hidden.backward' in 'train_step': gain has 20 bytes, 1 x 4 f32 need "
     "16"},
    {"MatmulGainOutside",
     [](TestPlan &p) {
       p.matmul("head").gain =
           std::make_unique<BufferRef>(256, 16, Segment::parameters);
     },
     "'head' in 'train_step' uses 16 bytes at offset 256 of segment "
     "'parameters', which has 256"},
    {"MatmulOntoGain",
     [](TestPlan &p) {
       p.matmul("head").gain =
           std::make_unique<BufferRef>(192, 16, Segment::arena);
     },
     "'head' in 'train_step' writes over its own gain"},
    {"MatmulOverflow",
     [](TestPlan &p) { p.matmul("head").m = uint64_t(1) << 62; },
     "'head' in 'train_step': a of 4611686018427387904 x 4 elements "
     "overflows"},
    {"MatmulOutside",
     [](TestPlan &p) {
       *p.matmul("head").a = BufferRef(512, 96, Segment::arena);
     },
     "'head' in 'train_step' uses 96 bytes at offset 512 of segment 'arena', "
     "which has 576"},
    {"MatmulIntoConstants",
     [](TestPlan &p) {
       p.constants.resize(128);
       p.table.constants_size = 128;
       *p.matmul("head").c = BufferRef(0, 120, Segment::constants);
     },
     "'head' in 'train_step' writes to the constants"},
    {"MatmulOntoOperand",
     [](TestPlan &p) {
       *p.matmul("head").c = BufferRef(64, 120, Segment::arena);
     },
     "'head' in 'train_step' writes over its own operand"},
};

static const Case kCommands[] = {
    {"FillOutside",
     [](TestPlan &p) {
       *p.command("table.zero").body.AsFill()->target =
           BufferRef(0, 300, Segment::gradients);
     },
     "'table.zero' in 'train_step' uses 300 bytes at offset 0 of segment "
     "'gradients', which has 256"},
    {"FillOfPartOfAFloat",
     [](TestPlan &p) {
       *p.command("table.zero").body.AsFill()->target =
           BufferRef(0, 6, Segment::gradients);
     },
     "'table.zero' in 'train_step' fills 6 bytes, which is no multiple of 4"},
    {"FillOfConstants",
     [](TestPlan &p) {
       *p.command("table.zero").body.AsFill()->target =
           BufferRef(0, 64, Segment::constants);
     },
     "'table.zero' in 'train_step' writes to the constants"},
    {"CopySizes",
     [](TestPlan &p) {
       *p.command("norm.copy").body.AsCopy()->target =
           BufferRef(512, 8, Segment::arena);
     },
     "'norm.copy' in 'train_step' copies 4 bytes to 8"},
    {"CopyOntoItself",
     [](TestPlan &p) {
       *p.command("norm.copy").body.AsCopy()->target =
           BufferRef(256, 4, Segment::io);
     },
     "'norm.copy' in 'train_step' copies onto its own source"},
    {"CopyFromOutside",
     [](TestPlan &p) {
       *p.command("norm.copy").body.AsCopy()->source =
           BufferRef(320, 4, Segment::io);
     },
     "'norm.copy' in 'train_step' uses 4 bytes at offset 320 of segment 'io', "
     "which has 320"},
    {"CopyToOutside",
     [](TestPlan &p) {
       *p.command("norm.copy").body.AsCopy()->target =
           BufferRef(576, 4, Segment::arena);
     },
     "'norm.copy' in 'train_step' uses 4 bytes at offset 576 of segment "
     "'arena', which has 576"},
};

static const Case kEntries[] = {
    {"UnknownEntry", [](TestPlan &p) { p.entry("eval").name = "infer"; },
     "unknown entry point 'infer'"},
    {"EntryTwice", [](TestPlan &p) { p.entry("eval").name = "grads"; },
     "two entry points are named 'grads'"},
    {"EntryArena", [](TestPlan &p) { p.entry("grads").arena_bytes = 577; },
     "'grads' uses an arena of 577 bytes, the plan has 576"},
    {"EntryActivations",
     [](TestPlan &p) {
       p.entry("train_step").arena_bytes = 512;
       p.entry("train_step").activation_bytes = 513;
     },
     "'train_step' keeps 513 bytes of activations in an arena of 512"},
    {"MissingInput", [](TestPlan &p) { p.entry("grads").inputs.pop_back(); },
     "'grads' has 1 inputs, expected 2"},
    {"ProjectInput", [](TestPlan &p) { p.entry("logits").name = "project"; },
     "'project' has 1 inputs, expected 0"},
    {"MissingOutput", [](TestPlan &p) { p.entry("eval").outputs.clear(); },
     "'eval' has 0 outputs, expected 1"},
    {"WrongInput",
     [](TestPlan &p) { p.entry("grads").inputs[1]->name = "labels"; },
     "'grads' has no input 'targets'"},
    {"BindingType",
     [](TestPlan &p) { p.entry("logits").inputs[0]->dtype = DType::f32; },
     "input 'tokens' of 'logits' has element type 0, expected i32"},
    {"BindingShape",
     [](TestPlan &p) { p.entry("logits").inputs[0]->shape[0] = 0; },
     "input 'tokens' of 'logits' has an impossible shape"},
    {"BindingShapeOverflow",
     [](TestPlan &p) {
       p.entry("logits").inputs[0]->shape.assign(3, int64_t(1) << 40);
     },
     "input 'tokens' of 'logits' has an impossible shape"},
    {"BindingElements",
     [](TestPlan &p) { p.entry("logits").inputs[0]->shape = {7}; },
     "input 'tokens' of 'logits' has 7 elements, expected 6"},
    {"BindingBytes",
     [](TestPlan &p) {
       *p.entry("logits").outputs[0]->buffer =
           BufferRef(0, 116, Segment::arena);
     },
     "output 'logits' of 'logits' has 116 bytes, 30 elements need 120"},
    {"BindingSegment",
     [](TestPlan &p) {
       *p.entry("logits").outputs[0]->buffer =
           BufferRef(0, 120, Segment::parameters);
     },
     "output 'logits' of 'logits' is in segment 1, expected io or arena"},
    {"BindingOutside",
     [](TestPlan &p) {
       *p.entry("logits").inputs[0]->buffer = BufferRef(320, 24, Segment::io);
     },
     "'tokens' in 'logits' uses 24 bytes at offset 320 of segment 'io', which "
     "has 320"},
    {"BindingsOverlap",
     [](TestPlan &p) {
       *p.entry("eval").inputs[1]->buffer = BufferRef(0, 24, Segment::io);
     },
     "input 'tokens' of 'eval' overlaps another input"},
    {"DocumentsOfOne",
     [](TestPlan &p) {
       p.takeDocuments();
       p.entry("grads").inputs.pop_back();
     },
     "'grads' has 2 inputs, expected 3"},
    {"DocumentsOfApply",
     [](TestPlan &p) {
       p.takeDocuments();
       auto &inputs = p.entry("apply").inputs;
       inputs.push_back(std::make_unique<BindingT>(*p.entry("eval").inputs[2]));
     },
     "'apply' has 2 inputs, expected 1"},
    {"StartsAreIntegers",
     [](TestPlan &p) {
       p.takeDocuments();
       p.entry("eval").inputs[2]->dtype = DType::f32;
     },
     "input 'starts' of 'eval' has element type 0, expected i32"},
    {"StartsOfAPart",
     [](TestPlan &p) {
       p.takeDocuments();
       p.entry("eval").inputs[2]->shape = {kSequence};
     },
     "input 'starts' of 'eval' has 3 elements, expected 6"},
};

// On a plan whose batch has parts.
static const Case kRepeats[] = {
    {"RepeatUnknown", [](TestPlan &p) { p.repeat().entry = 5; },
     "'micro_batches' in 'grads' repeats entry point 5, the plan has 5"},
    {"RepeatWhole", [](TestPlan &p) { p.repeat().entry = 0; },
     "'micro_batches' in 'grads' repeats 'train_step', but only micro_grads "
     "and "
     "micro_eval are repeated, and not by one another"},
    {"RepeatItself",
     [](TestPlan &p) {
       p.entry("micro_grads").commands = std::move(p.entry("grads").commands);
     },
     "'micro_batches' in 'micro_grads' repeats 'micro_grads', but only "
     "micro_grads and micro_eval are repeated, and not by one another"},
    {"RepeatNever", [](TestPlan &p) { p.repeat().count = 0; },
     "'micro_batches' in 'grads' repeats 1 sequences 0 times, a batch has 2"},
    {"RepeatTooOften", [](TestPlan &p) { p.repeat().count = 3; },
     "'micro_batches' in 'grads' repeats 1 sequences 3 times, a batch has 2"},
    {"RepeatTokens",
     [](TestPlan &p) { *p.repeat().tokens = BufferRef(0, 20, Segment::io); },
     "'micro_batches' in 'grads' has inputs of 20 bytes, a batch has 24"},
    {"RepeatTargetsOutside",
     [](TestPlan &p) { *p.repeat().targets = BufferRef(512, 24, Segment::io); },
     "'micro_batches' in 'grads' uses 24 bytes at offset 512 of segment 'io', "
     "which has 512"},
    {"RepeatTargetsAsTokens",
     [](TestPlan &p) { *p.repeat().tokens = *p.repeat().targets; },
     "'micro_batches' in 'grads' hands on as tokens what the entry point does "
     "not take as such"},
    {"RepeatLossSize",
     [](TestPlan &p) { *p.repeat().loss = BufferRef(192, 8, Segment::io); },
     "'micro_batches' in 'grads' puts its loss into 8 bytes at 192, expected 4 "
     "behind the 64 of 'micro_grads'"},
    {"RepeatLossInTheWay",
     [](TestPlan &p) { *p.repeat().loss = BufferRef(0, 4, Segment::arena); },
     "'micro_batches' in 'grads' puts its loss into 4 bytes at 0, expected 4 "
     "behind the 64 of 'micro_grads'"},
    {"RepeatLossToConstants",
     [](TestPlan &p) {
       *p.repeat().loss = BufferRef(0, 4, Segment::constants);
     },
     "'micro_batches' in 'grads' writes to the constants"},
    {"MicroBatch", [](TestPlan &p) { p.table.micro_batch = 3; },
     "batch 2 is no multiple of micro_batch 3"},
    {"MicroTokens",
     [](TestPlan &p) { p.entry("micro_grads").inputs[0]->shape = {6}; },
     "input 'tokens' of 'micro_grads' has 6 elements, expected 3"},
    {"MicroWithoutCount",
     [](TestPlan &p) { p.entry("micro_grads").inputs.pop_back(); },
     "'micro_grads' has 2 inputs, expected 3"},
    {"MicroCounts",
     [](TestPlan &p) { p.entry("micro_grads").inputs[2]->shape = {2}; },
     "input 'target_count' of 'micro_grads' has 2 elements, expected 1"},
    {"RepeatLosesStarts",
     [](TestPlan &p) {
       p.takeDocuments();
       p.repeat().starts.reset();
     },
     "'micro_batches' in 'grads' hands on no starts, but entry points take "
     "them"},
    {"RepeatHasStarts",
     [](TestPlan &p) {
       p.repeat().starts = std::make_unique<BufferRef>(*p.repeat().tokens);
     },
     "'micro_batches' in 'grads' hands on starts, but entry points take none"},
    {"RepeatStartsOutside",
     [](TestPlan &p) {
       p.takeDocuments();
       *p.repeat().starts = BufferRef(640, 24, Segment::io);
     },
     "'micro_batches' in 'grads' uses 24 bytes at offset 640 of segment 'io', "
     "which has 640"},
    {"RepeatStartsSize",
     [](TestPlan &p) {
       p.takeDocuments();
       *p.repeat().starts = BufferRef(0, 20, Segment::io);
     },
     "'micro_batches' in 'grads' has inputs of 20 bytes, a batch has 24"},
    {"MicroWithoutStarts",
     [](TestPlan &p) {
       p.takeDocuments();
       auto &inputs = p.entry("micro_grads").inputs;
       inputs.erase(inputs.begin() + 2);
     },
     "'micro_grads' has 3 inputs, expected 4"},
};

namespace {
class RepeatVerifierTest : public PlanVerifierTest {};
} // namespace

TEST(PlanVerifier, AcceptsParts) {
  TestPlan source;
  source.splitBatch();
  auto plan = open(source.serialize());
  EXPECT_TRUE(plan) << plan.status().message();
}

TEST_P(RepeatVerifierTest, Refuses) {
  TestPlan source;
  source.splitBatch();
  GetParam().change(source);
  auto plan = open(source.serialize());
  ASSERT_FALSE(plan) << "opened";
  EXPECT_EQ(plan.status().code(), LNSRT_INVALID_PLAN);
  EXPECT_EQ(plan.status().message(),
            std::string(GetParam().message) +
                "; the plan is damaged: compile the model again");
}

static std::string caseName(const testing::TestParamInfo<Case> &info) {
  return info.param.name;
}

static std::vector<Case> withMessage(const Case *begin, const Case *end) {
  std::vector<Case> kept;
  for (; begin != end; ++begin)
    if (begin->message)
      kept.push_back(*begin);
  return kept;
}

#define LNS_CASES(name, cases)                                                 \
  INSTANTIATE_TEST_SUITE_P(                                                    \
      name, PlanVerifierTest,                                                  \
      testing::ValuesIn(withMessage(std::begin(cases), std::end(cases))),      \
      caseName)
LNS_CASES(Sizes, kSizes);
LNS_CASES(Schedules, kSchedules);
LNS_CASES(Blobs, kBlobs);
LNS_CASES(Frozen, kFrozen);
LNS_CASES(Parameters, kParameters);
LNS_CASES(Kernels, kKernels);
LNS_CASES(Launches, kLaunches);
LNS_CASES(Matmuls, kMatmuls);
LNS_CASES(Commands, kCommands);
LNS_CASES(Entries, kEntries);
INSTANTIATE_TEST_SUITE_P(Repeats, RepeatVerifierTest,
                         testing::ValuesIn(kRepeats), caseName);

// A body of a kind that this version does not know.
TEST(PlanVerifier, RefusesAnUnknownCommand) {
  Bytes file = TestPlan().serialize();
  // The kind is a byte of its own in each command's table; the object API does
  // not write a wrong one.
  const Command *command = GetPlan(file.data() + sizeof(PlanHeader))
                               ->entry_points()
                               ->Get(0)
                               ->commands()
                               ->Get(0);
  const uint8_t *kind =
      reinterpret_cast<const flatbuffers::Table *>(command)->GetAddressOf(
          Command::VT_BODY_TYPE);
  ASSERT_NE(kind, nullptr);
  file[size_t(kind - file.data())] = 77;
  fixHeader(file);
  auto plan = open(file);
  ASSERT_FALSE(plan);
  EXPECT_STREQ(plan.status().message(),
               "'embed' in 'train_step' is of the unknown kind 77; the plan is "
               "damaged: compile the model again");
}

using Field = std::pair<const void *, int>;

/// Moves the vector that a field of a table points at on by four bytes, which
/// FlatBuffers' verifier does not mind. Its first word then is its length.
static void expectMisaligned(const TestPlan &source,
                             const std::function<Field(const Plan &)> &find,
                             const std::string &message) {
  Bytes file = source.serialize();
  auto [table, field] = find(*GetPlan(file.data() + sizeof(PlanHeader)));
  const uint8_t *at =
      static_cast<const flatbuffers::Table *>(table)->GetAddressOf(
          flatbuffers::voffset_t(field));
  ASSERT_NE(at, nullptr);
  unsigned char *offset = file.data() + (at - file.data());
  flatbuffers::WriteScalar(
      offset, flatbuffers::ReadScalar<flatbuffers::uoffset_t>(offset) + 4);
  fixHeader(file);
  auto plan = open(file);
  ASSERT_FALSE(plan) << message;
  EXPECT_EQ(plan.status().message(),
            message + "; the plan is damaged: compile the model again");
}

TEST(PlanVerifier, RefusesMisalignedVectors) {
  TestPlan source;
  expectMisaligned(
      source,
      [](const Plan &plan) {
        return Field(plan.parameters()->Get(1), Parameter::VT_SHAPE);
      },
      "the shape of parameter 'lm_head.weight' is misaligned");
  expectMisaligned(
      source,
      [](const Plan &plan) {
        const EntryPoint *logits = plan.entry_points()->Get(4);
        return Field(logits->inputs()->Get(0), Binding::VT_SHAPE);
      },
      "the shape of input 'tokens' of 'logits' is misaligned");
  auto embed = [](const Plan &plan) {
    return plan.entry_points()->Get(0)->commands()->Get(0)->body_as_Launch();
  };
  const char *message = "an argument of 'embed' in 'train_step' is misaligned";
  expectMisaligned(
      source,
      [&](const Plan &plan) { return Field(embed(plan), Launch::VT_INTS); },
      message);
  source.launch("embed").buffers[0] = BufferRef(1, 24, Segment::io);
  expectMisaligned(
      source,
      [&](const Plan &plan) { return Field(embed(plan), Launch::VT_BUFFERS); },
      message);
}
