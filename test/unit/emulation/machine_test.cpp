//===- machine_test.cpp - What the emulator finds wrong with kernels ------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "test/emulation/EmulatedLaunch.h"

#include <gtest/gtest.h>

#include <numeric>

using namespace lns::emulation;

namespace {

constexpr bool kUnchecked = false;

/// Runs `body` as a kernel of two pointers, x[n] and y[n], and says what
/// went wrong.
class MachineTest : public testing::Test {
protected:
  MachineTest() : x(64), y(64) { std::iota(x.begin(), x.end(), 1); }

  std::string run(const std::string &body, uint64_t seed = 0,
                  bool isChecked = true) {
    EmulatedProgram program("extern \"C\" __global__ void "
                            "__launch_bounds__(256)\n"
                            "k(const int *x, int *y) {\n"
                            "  int i = threadIdx.x;\n"
                            "  unsigned char *s = lns::dynamicShared();\n"
                            "  int *shared = reinterpret_cast<int *>(s);\n"
                            "  (void)i, (void)shared, (void)x, (void)y;\n" +
                                body + "}\n",
                            {}, isChecked);
    if (!program)
      return program.log();
    return EmulatedLaunch()
        .grid(blocks)
        .threads(threads)
        .shared(sharedBytes)
        .seed(seed)
        .input(x)
        .output(y)
        .run(program, "k");
  }
  /// Expects an error that contains `message`, in order and in drawn orders.
  void expectError(const std::string &body, const std::string &message) {
    for (uint64_t seed : {0, 1, 2}) {
      std::string error = run(body, seed);
      EXPECT_NE(error.find(message), std::string::npos)
          << "seed " << seed << ": '" << error << "'";
    }
  }

  unsigned threads = 64, blocks = 1;
  size_t sharedBytes = 256;
  std::vector<int> x, y;
};

//===----------------------------------------------------------------------===//
// Divergence
//===----------------------------------------------------------------------===//

TEST_F(MachineTest, ReturnsBeforeAMeeting) {
  EXPECT_EQ(
      run("if (i == 40) return; y[i] = lns::shuffleXor(i, 1);"),
      "kernel k, block (0, 0, 0), thread 40: returns while 8 lanes of its "
      "warp wait at shuffleXor");
  expectError("if (i == 40) return; y[i] = lns::shuffleXor(i, 1);", "return");
}

TEST_F(MachineTest, BarrierAgainstMeeting) {
  EXPECT_EQ(run("if (i == 0) __syncthreads(); else lns::syncWarp();"),
            "kernel k, block (0, 0, 0), thread 1: waits at syncWarp while 1 "
            "lanes of its warp wait at __syncthreads");
  expectError("if (i == 63) __syncthreads(); else lns::syncWarp();",
              "__syncthreads");
}

TEST_F(MachineTest, MeetingAgainstMeeting) {
  EXPECT_EQ(run("y[i] = i % 32 < 4 ? lns::shuffleXor(i, 1)\n"
                "                  : lns::shuffleDown(i, 1);"),
            "kernel k, block (0, 0, 0), thread 4: waits at shuffleDown while 4 "
            "lanes of its warp wait at shuffleXor");
}

TEST_F(MachineTest, MeetingInAPartOfAWarp) {
  threads = 48;
  expectError("y[i] = lns::ballot(true);", "in a warp of 16 threads");
}

TEST_F(MachineTest, BarriersDoNotWaitForWhoReturned) {
  EXPECT_EQ(run("if (i >= 32) return; __syncthreads(); y[i] = 2 * x[i];"), "");
  EXPECT_EQ(y[31], 64);
}

TEST_F(MachineTest, LaunchBounds) {
  threads = 257;
  EXPECT_EQ(run(""),
            "kernel k: 257 threads in a block; its launch bounds allow "
            "1 to 256");
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

TEST_F(MachineTest, Bounds) {
  expectError("if (i == 3) y[64] = 1;",
              "thread 3: writes 4 bytes 0 bytes past the end of an allocation "
              "of 256 bytes");
  expectError("if (i == 3) y[0] = x[-1];",
              "thread 3: reads 4 bytes 4 bytes before an allocation of 256");
  expectError(
      "if (i == 3) shared[64] = 1;",
      "thread 3: writes 4 bytes at byte 256 of shared memory, which has "
      "256");
  // A store of 16 bytes of which 8 are inside.
  expectError("if (i == 3) {\n"
              "  lns::Vec<int, 4> v = {{1, 2, 3, 4}};\n"
              "  lns::storeVec(y + 64 - 4 * (i - 3), v);\n"
              "}",
              "past the end");
}

TEST_F(MachineTest, Inputs) {
  EXPECT_EQ(run("if (i == 3) const_cast<int *>(x)[3] = 7;"),
            "k wrote to argument 0, which is an input");
}

TEST_F(MachineTest, SharedMemoryIsFreshInEveryBlock) {
  blocks = 2;
  EXPECT_EQ(run("if (blockIdx.x * 32 + i % 32 == i) y[i] = shared[i];\n"
                "__syncthreads();\n"
                "shared[i] = 5;"),
            "");
  EXPECT_EQ(y, std::vector<int>(64, -1));
}

TEST_F(MachineTest, SharedMemoryHasGuardsWithoutChecks) {
  sharedBytes = 200;
  EXPECT_EQ(
      run("if (i == 0) shared[50] = 1;", 0, kUnchecked),
      "kernel k: a block wrote outside of its 200 bytes of shared memory");
}

TEST_F(MachineTest, Alignment) {
  expectError("if (i == 5) lns::storeVec(y + 1, lns::Vec<int, 2>{{1, 2}});",
              "thread 5: accesses 8 bytes at an address that is 4 past a "
              "multiple of that");
  expectError("if (i == 5) lns::copyAsync16(s, x + 1, true);", "not aligned");
  expectError(
      "unsigned r[4]; lns::loadMatrix4(r, s + 8);",
      "loadMatrix4 of 16 bytes at byte 8 of shared memory, which is not "
      "aligned");
  expectError(
      "unsigned r[4]; lns::loadMatrix4Trans(r, s + 256);",
      "loadMatrix4Trans of 16 bytes at byte 256 of shared memory, which "
      "has 256");
}

//===----------------------------------------------------------------------===//
// Asynchronous copies
//===----------------------------------------------------------------------===//

TEST_F(MachineTest, CopiesAreThereAfterTheWait) {
  for (uint64_t seed : {0, 1, 2}) {
    EXPECT_EQ(
        run("if (i < 16)\n"
            "  lns::copyAsync16(s + 16 * i, i < 8 ? x + 4 * i : nullptr,\n"
            "                   i < 8);\n"
            "lns::copyAsyncCommit();\n"
            "lns::copyAsyncWait<0>();\n"
            "__syncthreads();\n"
            "y[i] = shared[i];",
            seed),
        "");
    for (int i = 0; i < 64; ++i)
      EXPECT_EQ(y[i], i < 32 ? x[i] : 0);
  }
}

TEST_F(MachineTest, CopiesAreNotThereBeforeTheWait) {
  // Two groups in flight; the wait is for the first.
  const char *body =
      "if (i < 8) lns::copyAsync16(s + 16 * i, x + 4 * i, true);\n"
      "lns::copyAsyncCommit();\n"
      "if (i >= 8 && i < 16)\n"
      "  lns::copyAsync16(s + 16 * i, x + 4 * i, true);\n"
      "lns::copyAsyncCommit();\n"
      "lns::copyAsyncWait<1>();\n"
      "__syncthreads();\n"
      "y[i] = shared[i];";
  EXPECT_EQ(run(body, 0, kUnchecked), "");
  for (int i = 0; i < 64; ++i)
    EXPECT_EQ(y[i], i < 32 ? x[i] : -1);
}

TEST_F(MachineTest, CopiesWaitForACommit) {
  EXPECT_EQ(run("if (i < 16) lns::copyAsync16(s + 16 * i, x + 4 * i, true);\n"
                "lns::copyAsyncWait<0>();\n"
                "lns::copyAsyncCommit();\n"
                "__syncthreads();\n"
                "y[i] = shared[i];",
                0, kUnchecked),
            "");
  EXPECT_EQ(y, std::vector<int>(64, -1));
}

TEST_F(MachineTest, CopiesWithoutAWaitRace) {
  expectError("if (i < 16) lns::copyAsync16(s + 16 * i, x + 4 * i, true);\n"
              "lns::copyAsyncCommit();\n"
              "y[i] = shared[(i + 4) % 64];",
              "races with a");
}

//===----------------------------------------------------------------------===//
// Races and orders
//===----------------------------------------------------------------------===//

const char *const kReversed = "shared[i] = x[i];\n"
                              "__syncthreads();\n"
                              "y[i] = shared[63 - i];";
const char *const kReversedRacily = "shared[i] = x[i];\n"
                                    "y[i] = shared[63 - i];";

TEST_F(MachineTest, OrdersDoNotMatterWithoutRaces) {
  std::vector<int> expected(x.rbegin(), x.rend());
  for (uint64_t seed = 0; seed < 10; ++seed) {
    EXPECT_EQ(run(kReversed, seed), "");
    EXPECT_EQ(y, expected);
  }
}

TEST_F(MachineTest, OrdersShowRaces) {
  EXPECT_EQ(run(kReversedRacily, 0, kUnchecked), "");
  std::vector<int> inOrder = y;
  int others = 0;
  for (uint64_t seed = 1; seed < 10; ++seed) {
    EXPECT_EQ(run(kReversedRacily, seed, kUnchecked), "");
    others += y != inOrder;
  }
  EXPECT_GT(others, 0);
}

TEST_F(MachineTest, ChecksFindRacesInAnyOrder) {
  expectError(kReversedRacily, "of shared memory: races with a");
  // Write after read.
  expectError("int v = shared[63 - i];\n"
              "shared[i] = v;",
              "races with a");
  // The writer's warp read last, and before the write; another read earlier.
  const char *afterTwo = "if (i == 0) y[0] = shared[0];\n"
                         "if (i >= 32) {\n"
                         "  y[i] = shared[0];\n"
                         "  lns::syncWarp();\n"
                         "  if (i == 32) shared[0] = 1;\n"
                         "}";
  expectError(afterTwo, "of shared memory: races with a");
  std::string error = run(afterTwo);
  EXPECT_NE(error.find("thread 32: writes 4 bytes at byte 0 of shared memory: "
                       "races with a read by several threads"),
            std::string::npos)
      << error;
  // Two writes, of the same value.
  expectError("shared[i / 2] = 1;", "races with a write");
  // In global memory.
  expectError("y[i] = 1; y[63 - i] = 2;",
              "of an allocation: races with a write");
}

TEST_F(MachineTest, SyncWarpOrdersAWarp) {
  std::string within = "shared[i] = x[i];\n"
                       "lns::syncWarp();\n"
                       "y[i] = shared[i ^ 7];";
  for (uint64_t seed : {0, 1, 2})
    EXPECT_EQ(run(within, seed), "");
  EXPECT_EQ(y[8], x[15]);
  // A shuffle is no syncWarp.
  expectError("shared[i] = x[i];\n"
              "lns::shuffleXor(i, 1);\n"
              "y[i] = shared[i ^ 7];",
              "since the last syncWarp");
  // And a syncWarp no barrier.
  expectError("shared[i] = x[i];\n"
              "lns::syncWarp();\n"
              "y[i] = shared[i ^ 39];",
              "since the last barrier");
}

TEST_F(MachineTest, NothingOrdersBlocks) {
  blocks = 2;
  expectError("if (blockIdx.x == 0) y[i] = 1;\n"
              "else if (i == 0) y[i] = 2;",
              "races with a write by another block of the launch");
  expectError("if (blockIdx.x == 0 && i == 0) y[32] = y[0] + y[1];\n"
              "else if (blockIdx.x == 1 && i == 1) y[1] = 2;",
              "by another block of the launch");
}

TEST_F(MachineTest, NamesOfKernels) {
  std::vector<KernelDeclaration> kernels = findKernels(
      "/* __global__ void no(); */ // __global__ void no()\n"
      "#define NO __global__ void \\\n no()\n"
      "const char *s = \"__global__ void no()\";\n"
      "extern \"C\" __global__ void __launch_bounds__(32 * (1 + 1))\n"
      "  first(const float *__restrict__ x) {}\n"
      "extern \"C\" void __launch_bounds__(64, 2) __global__ "
      "second();\n");
  ASSERT_EQ(kernels.size(), 2u);
  EXPECT_EQ(kernels[0].name, "first");
  EXPECT_EQ(kernels[0].launchBounds, "32 * (1 + 1)");
  EXPECT_EQ(kernels[1].name, "second");
}

} // namespace
