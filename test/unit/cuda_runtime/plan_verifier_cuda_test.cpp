//===- plan_verifier_cuda_test.cpp - Damaged programs for CUDA ------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "cuda_test_plan.h"

#include <gtest/gtest.h>

using namespace lns;
using namespace lns::test;
using namespace lns::plan;

namespace {
struct Case {
  const char *name;
  void (*change)(CudaTestPlan &);
  const char *message; ///< without the common end
};
void PrintTo(const Case &one, std::ostream *out) { *out << one.name; }

class CudaVerifierTest : public testing::TestWithParam<Case> {};
} // namespace

TEST_P(CudaVerifierTest, Refuses) {
  CudaTestPlan source;
  GetParam().change(source);
  auto plan = open(source.serialize());
  ASSERT_FALSE(plan) << "opened";
  EXPECT_EQ(plan.status().code(), LNSRT_INVALID_PLAN);
  EXPECT_EQ(plan.status().message(),
            std::string(GetParam().message) +
                "; the plan is damaged: compile the model again");
}

static void expectAccepted(const CudaTestPlan &source) {
  auto plan = open(source.serialize());
  EXPECT_TRUE(plan) << plan.status().message();
}

TEST(CudaVerifier, Accepts) {
  CudaTestPlan source;
  expectAccepted(source);
  source.cudaLaunch("embed").grid_x = 2147483647;
  source.cudaLaunch("embed").grid_y = 65535;
  source.cudaLaunch("embed").buffers[2] = BufferRef(64, 128, Segment::scratch);
  source.kernel("test_loss").threads = 1024;
  source.kernel("test_loss").shared_bytes = 227 << 10;
  source.addCubin("test_loss", "sm_90a", "bytes");
  expectAccepted(source);
}

TEST(CudaVerifier, AcceptsAPlanForCudaAlone) {
  CudaTestPlan source;
  source.removeCpu();
  expectAccepted(source);
}

TEST(CudaVerifier, AcceptsComputeWeights) {
  CudaTestPlan source;
  source.keepTable();
  expectAccepted(source);
}

TEST(CudaVerifier, AcceptsParts) {
  CudaTestPlan source;
  source.splitCudaBatch();
  expectAccepted(source);
}

/// The CPU's, in CUDA's program, too.
static void traceOnBoth(CudaTestPlan &source) {
  source.addTrace();
  source.cuda().entry_points.push_back(
      std::make_unique<EntryPointT>(source.entry("trace")));
}

TEST(CudaVerifier, AcceptsTracesThatAgree) {
  CudaTestPlan source;
  traceOnBoth(source);
  expectAccepted(source);
}

TEST(CudaVerifier, RefusesTracesThatDisagree) {
  CudaTestPlan source;
  traceOnBoth(source);
  source.cuda().entry_points.back()->outputs.erase(
      source.cuda().entry_points.back()->outputs.begin() + 1);
  auto plan = open(source.serialize());
  ASSERT_FALSE(plan) << "opened";
  EXPECT_STREQ(plan.status().message(),
               "'trace' gives 3 values on the CPU and 2 on CUDA, which are not "
               "alike; the plan is damaged: compile the model again");
}

static const Case kKernels[] = {
    {"NoSymbol", [](CudaTestPlan &p) { p.kernel("test_loss").symbol = ""; },
     "kernel 1 for cuda has the impossible symbol ''"},
    {"SymbolIsAPath",
     [](CudaTestPlan &p) { p.kernel("test_loss").symbol = "../loss"; },
     "kernel 1 for cuda has the impossible symbol '../loss'"},
    {"SymbolStartsWithADigit",
     [](CudaTestPlan &p) { p.kernel("test_loss").symbol = "1loss"; },
     "kernel 1 for cuda has the impossible symbol '1loss'"},
    {"TwoOfOneName",
     [](CudaTestPlan &p) { p.kernel("test_loss").symbol = "test_embed"; },
     "two kernels for cuda are named 'test_embed'"},
    {"NoText", [](CudaTestPlan &p) { p.kernel("test_loss").text = ""; },
     "kernel 'test_loss' has no text"},
    {"ZeroInText",
     [](CudaTestPlan &p) {
       p.kernel("test_loss").text = std::string("a\0b", 3);
     },
     "kernel 'test_loss' has a zero in its text"},
    {"NoThreads", [](CudaTestPlan &p) { p.kernel("test_loss").threads = 0; },
     "kernel 'test_loss' has blocks of 0 threads, expected a multiple of 32 up "
     "to 1024"},
    {"PartOfAWarp", [](CudaTestPlan &p) { p.kernel("test_loss").threads = 48; },
     "kernel 'test_loss' has blocks of 48 threads, expected a multiple of 32 "
     "up to 1024"},
    {"ManyThreads",
     [](CudaTestPlan &p) { p.kernel("test_loss").threads = 1056; },
     "kernel 'test_loss' has blocks of 1056 threads, expected a multiple of 32 "
     "up to 1024"},
    {"SharedMemory",
     [](CudaTestPlan &p) { p.kernel("test_loss").shared_bytes = 232449; },
     "kernel 'test_loss' has 232449 bytes of shared memory, at most 232448 are "
     "possible"},
    {"Parameters", [](CudaTestPlan &p) { p.kernel("test_loss").ints = 600; },
     "kernel 'test_loss' takes 4840 bytes of parameters, at most 4096 are "
     "possible"},
    {"HeaderIsAPath",
     [](CudaTestPlan &p) { p.cuda().headers[0]->name = "a/b.cuh"; },
     "header 0 has the impossible name 'a/b.cuh'"},
    {"HeaderIsHidden",
     [](CudaTestPlan &p) { p.cuda().headers[0]->name = ".."; },
     "header 0 has the impossible name '..'"},
    {"TwoHeaders",
     [](CudaTestPlan &p) {
       p.cuda().headers.push_back(
           std::make_unique<CudaHeaderT>(*p.cuda().headers[0]));
     },
     "two headers are named 'toy.cuh'"},
    {"ZeroInHeader",
     [](CudaTestPlan &p) {
       p.cuda().headers[0]->text = std::string("a\0b", 3);
     },
     "header 'toy.cuh' has a zero in its text"},
};

static const Case kSizes[] = {
    {"ArenaOverflow",
     [](CudaTestPlan &p) { p.cuda().arena_bytes = UINT64_MAX - 100; },
     "four segments of 256 bytes, an arena for cuda of 18446744073709551515, "
     "scratch of 192, compute weights of 0, a cache of 0 and io of 320 "
     "overflow"},
    {"ComputeOverflow",
     [](CudaTestPlan &p) {
       p.keepTable();
       p.cuda().compute_bytes = UINT64_MAX - 100;
     },
     "four segments of 256 bytes, an arena for cuda of 576, scratch of 192, "
     "compute weights of 18446744073709551515, a cache of 0 and io of 320 "
     "overflow"},
    {"CacheOverflow",
     [](CudaTestPlan &p) {
       p.addCudaDecode();
       p.removeCpu();
       p.cuda().arena_bytes = uint64_t(1) << 62;
       p.table.cache_bytes = uint64_t(1) << 63;
     },
     "four segments of 256 bytes, an arena for cuda of 4611686018427387904, "
     "scratch of 192, compute weights of 0, a cache of 9223372036854775808 and "
     "io of 448 overflow"},
    {"ComputeWithoutRefresh",
     [](CudaTestPlan &p) { p.cuda().compute_bytes = 64; },
     "the program for cuda has 64 bytes of compute weights and no entry point "
     "'refresh'"},
    {"RefreshOfNothing",
     [](CudaTestPlan &p) {
       p.keepTable();
       p.cuda().compute_bytes = 0;
     },
     "the program for cuda has 0 bytes of compute weights and an entry point "
     "'refresh'"},
    {"Scratch",
     [](CudaTestPlan &p) { p.cuda().scratch_bytes = uint64_t(1) << 41; },
     "the program for cuda wants 2199023255552 bytes of scratch, at most "
     "1099511627776 are possible"},
    {"ConstantsOutside",
     [](CudaTestPlan &p) {
       p.cuda().constants_offset = p.extraOffset();
       p.cuda().constants_size = uint64_t(1) << 40;
     },
     nullptr},
    {"CubinOfNoKernel",
     [](CudaTestPlan &p) {
       p.addCubin("test_loss", "sm_90a", "bytes");
       p.cuda().cubins[0]->kernel = 5;
     },
     "a cubin is of kernel 5, the plan has 5"},
    {"CubinOfALongName",
     [](CudaTestPlan &p) {
       p.addCubin("test_loss", "sm_90a", "bytes");
       p.kernel("test_loss").symbol = std::string(1025, 'l');
     },
     "the name of kernel 'llllllllllllllllllllllllllllllllllllllll...' has "
     "1025 "
     "bytes, at most 1024 are possible"},
    {"CubinArch",
     [](CudaTestPlan &p) {
       p.addCubin("test_loss", "sm_90a", "bytes");
       p.cuda().cubins[0]->arch = "compute_90";
     },
     "a cubin of kernel 'test_loss' is for the impossible architecture "
     "'compute_90'"},
    {"CubinEmpty",
     [](CudaTestPlan &p) {
       p.addCubin("test_loss", "sm_90a", "bytes");
       p.cuda().cubins[0]->size = 0;
     },
     "cubin of kernel 'test_loss' for 'sm_90a' is empty"},
    {"TwoCubins",
     [](CudaTestPlan &p) {
       p.addCubin("test_loss", "sm_90a", "bytes");
       p.cuda().cubins.push_back(
           std::make_unique<CudaCubinT>(*p.cuda().cubins[0]));
     },
     "there are two: cubin of kernel 'test_loss' for 'sm_90a'"},
    {"CubinsOverlap",
     [](CudaTestPlan &p) {
       p.addCubin("test_loss", "sm_90a", "bytes");
       p.cuda().cubins.push_back(
           std::make_unique<CudaCubinT>(*p.cuda().cubins[0]));
       p.cuda().cubins[1]->arch = "sm_80";
     },
     nullptr},
    {"CubinUnaligned",
     [](CudaTestPlan &p) {
       p.addCubin("test_loss", "sm_90a", "bytes");
       ++p.cuda().cubins[0]->offset;
     },
     nullptr},
    {"CubinOutside",
     [](CudaTestPlan &p) {
       p.addCubin("test_loss", "sm_90a", "bytes");
       p.cuda().cubins[0]->size = UINT64_MAX;
     },
     nullptr},
    {"CubinInTheTable",
     [](CudaTestPlan &p) {
       p.addCubin("test_loss", "sm_90a", "bytes");
       p.cuda().cubins[0]->offset = 0;
     },
     nullptr},
};

static const Case kCommands[] = {
    {"Kernel", [](CudaTestPlan &p) { p.cudaLaunch("embed").kernel = 5; },
     "'embed' in 'train_step' launches kernel 5, the plan has 5"},
    {"Buffers",
     [](CudaTestPlan &p) { p.cudaLaunch("embed").buffers.pop_back(); },
     "'embed' in 'train_step' passes 2 buffers, kernel 'test_embed' takes 3"},
    {"Floats", [](CudaTestPlan &p) { p.cudaLaunch("loss").floats.clear(); },
     "'loss' in 'train_step' passes 0 floats, kernel 'test_loss' takes 1"},
    {"Ints", [](CudaTestPlan &p) { p.cudaLaunch("embed").ints.push_back(1); },
     "'embed' in 'train_step' passes 2 ints, kernel 'test_embed' takes 1"},
    {"Items", [](CudaTestPlan &p) { p.cudaLaunch("embed").items = 1; },
     "'embed' in 'train_step' has 1 work items, which only the CPU has"},
    {"NoGrid", [](CudaTestPlan &p) { p.cudaLaunch("embed").grid_z = 0; },
     "'embed' in 'train_step' has a grid of 6 x 1 x 0 blocks, expected at "
     "least 1 and at most 2147483647 x 65535 x 65535"},
    {"GridX",
     [](CudaTestPlan &p) { p.cudaLaunch("embed").grid_x = 2147483648u; },
     "'embed' in 'train_step' has a grid of 2147483648 x 1 x 1 blocks, "
     "expected "
     "at least 1 and at most 2147483647 x 65535 x 65535"},
    {"GridY", [](CudaTestPlan &p) { p.cudaLaunch("embed").grid_y = 65536; },
     "'embed' in 'train_step' has a grid of 6 x 65536 x 1 blocks, expected at "
     "least 1 and at most 2147483647 x 65535 x 65535"},
    {"Arena",
     [](CudaTestPlan &p) {
       p.cuda().arena_bytes = 640;
       p.cudaLaunch("embed").buffers[2] = BufferRef(640, 4, Segment::arena);
     },
     "'embed' in 'train_step' uses 4 bytes at offset 640 of segment 'arena', "
     "which has 640"},
    {"ScratchOutside",
     [](CudaTestPlan &p) {
       p.cudaLaunch("embed").buffers[2] = BufferRef(128, 128, Segment::scratch);
     },
     "'embed' in 'train_step' uses 128 bytes at offset 128 of segment "
     "'scratch', which has 192"},
    {"ComputeOutside",
     [](CudaTestPlan &p) {
       p.keepTable();
       p.cudaLaunch("embed").buffers[1] = BufferRef(64, 80, Segment::compute);
     },
     "'embed' in 'train_step' uses 80 bytes at offset 64 of segment 'compute', "
     "which has 128"},
    {"RefreshTakesNothing",
     [](CudaTestPlan &p) {
       p.keepTable();
       EntryPointT &refresh = p.cudaEntry("refresh");
       refresh.inputs.push_back(
           std::make_unique<BindingT>(*p.cudaEntry("eval").inputs[0]));
     },
     "'refresh' has 1 inputs, expected 0"},
    {"RefreshOnTheCpu",
     [](CudaTestPlan &p) { p.entry("logits").name = "refresh"; },
     "unknown entry point 'refresh'"},
    {"CpuConstants",
     [](CudaTestPlan &p) {
       p.cudaLaunch("embed").buffers[1] = BufferRef(0, 64, Segment::constants);
     },
     "'embed' in 'train_step' uses 64 bytes at offset 0 of segment "
     "'constants', which has 0"},
    {"NoOption",
     [](CudaTestPlan &p) { p.alternatives("head").options.clear(); },
     "'head' in 'train_step' has no alternative"},
    {"OptionWithoutName",
     [](CudaTestPlan &p) { p.alternatives("head").options[0]->name = ""; },
     "'head' in 'train_step' has an alternative without a name"},
    {"OptionWithoutCommands",
     [](CudaTestPlan &p) {
       p.alternatives("head").options[0]->commands.clear();
     },
     "'head' in 'train_step' has an alternative without commands"},
    {"TwoOptions",
     [](CudaTestPlan &p) {
       p.alternatives("head").options[0]->name = "library";
     },
     "'head' in 'train_step' has two alternatives named 'library'"},
    {"Nested",
     [](CudaTestPlan &p) {
       CommandT inner(p.cudaCommand("head"));
       p.alternatives("head").options[0]->commands[0] =
           std::make_unique<CommandT>(inner);
     },
     "'head' in 'train_step' has a Alternatives in an alternative"},
    {"AlternativesOnTheCpu",
     [](CudaTestPlan &p) {
       p.command("head").body = p.cudaCommand("head").body;
     },
     "'head' in 'train_step' has alternatives, which only CUDA has"},
    {"InsideAnOption",
     [](CudaTestPlan &p) {
       p.alternatives("head").options[0]->commands[0]->body.AsLaunch()->grid_x =
           0;
     },
     "'head' in 'train_step' has a grid of 0 x 1 x 1 blocks, expected at least "
     "1 and at most 2147483647 x 65535 x 65535"},
    {"Gain",
     [](CudaTestPlan &p) {
       p.alternatives("head").options[1]->commands[0]->body.AsMatmul()->gain =
           std::make_unique<BufferRef>(0, 16, Segment::parameters);
     },
     "'head' in 'train_step' has a gain, which products for cuda have not"},
    {"MixedOperands",
     [](CudaTestPlan &p) {
       p.alternatives("head")
           .options[1]
           ->commands[0]
           ->body.AsMatmul()
           ->dtype_b = DType::bf16;
     },
     "'head' in 'train_step' multiplies operands of element types 0 and 2, "
     "products for cuda want two of one type"},
    {"Binding", [](CudaTestPlan &p) { p.cudaEntry("eval").inputs.pop_back(); },
     "'eval' has 1 inputs, expected 2"},
    {"UnknownEntry",
     [](CudaTestPlan &p) { p.cudaEntry("eval").name = "evaluate"; },
     "unknown entry point 'evaluate'"},
};

static const Case kRepeats[] = {
    {"Two",
     [](CudaTestPlan &p) {
       p.splitCudaBatch();
       auto &commands = p.cudaEntry("grads").commands;
       commands.push_back(std::make_unique<CommandT>(*commands[0]));
     },
     "'grads' for cuda has two repeats, expected one"},
    {"LossElsewhere",
     [](CudaTestPlan &p) {
       p.splitCudaBatch();
       *p.cudaEntry("grads").commands[0]->body.AsRepeat()->loss =
           BufferRef(256, 4, Segment::io);
     },
     "'grads' for cuda has a repeat whose loss is not its output 'loss'"},
};

static std::string nameOf(const testing::TestParamInfo<Case> &info) {
  return info.param.name;
}

/// Where the message names offsets that depend on the blobs before.
static bool isRefused(void (*change)(CudaTestPlan &), const char *part) {
  CudaTestPlan source;
  change(source);
  auto plan = open(source.serialize());
  return !plan &&
         std::string(plan.status().message()).find(part) != std::string::npos;
}

TEST(CudaVerifier, Blobs) {
  for (const Case &one : kSizes) {
    if (one.message)
      continue;
    std::string name = one.name;
    const char *part =
        name == "ConstantsOutside" ? "constants for cuda of 1099511627776 bytes"
        : name == "CubinsOverlap"  ? "' overlaps cubin of kernel"
        : name == "CubinUnaligned" ? "which is not a multiple of 4096"
        : name == "CubinOutside"   ? "lies outside the file"
                                   : "lies inside the table";
    EXPECT_TRUE(isRefused(one.change, part)) << name;
  }
}

static std::vector<Case> withMessage(const Case *begin, const Case *end) {
  std::vector<Case> cases;
  for (; begin != end; ++begin)
    if (begin->message)
      cases.push_back(*begin);
  return cases;
}

INSTANTIATE_TEST_SUITE_P(Kernels, CudaVerifierTest, testing::ValuesIn(kKernels),
                         nameOf);
INSTANTIATE_TEST_SUITE_P(Sizes, CudaVerifierTest,
                         testing::ValuesIn(withMessage(std::begin(kSizes),
                                                       std::end(kSizes))),
                         nameOf);
INSTANTIATE_TEST_SUITE_P(Commands, CudaVerifierTest,
                         testing::ValuesIn(kCommands), nameOf);
INSTANTIATE_TEST_SUITE_P(Repeats, CudaVerifierTest, testing::ValuesIn(kRepeats),
                         nameOf);
