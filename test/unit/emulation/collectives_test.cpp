//===- collectives_test.cpp - Warp functions against their definition -----===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// Expected values come from the definitions of the PTX ISA, element by element:
// nothing of the emulator computes them.
//
//===----------------------------------------------------------------------===//

#include "test/emulation/EmulatedLaunch.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <numeric>

using namespace lns::emulation;

namespace {

/// Runs a kernel of one block, in order and in a drawn order.
void runBlock(const char *text, EmulatedLaunch &launch) {
  EmulatedProgram program(text, {});
  ASSERT_TRUE(program) << program.log();
  for (uint64_t seed : {0, 1, 2}) {
    SCOPED_TRACE(seed);
    ASSERT_EQ(launch.seed(seed).run(program, "k"), "");
  }
}

TEST(Collectives, Shuffles) {
  std::vector<int> x(64), byXor(64), from(64), down(64);
  std::iota(x.begin(), x.end(), 1000);
  EmulatedLaunch launch;
  launch.threads(64).input(x).output(byXor).output(from).output(down);
  runBlock(R"(
    #include "device.cuh"
    extern "C" __global__ void __launch_bounds__(64)
    k(const int *x, int *byXor, int *from, int *down) {
      int i = threadIdx.x;
      byXor[i] = lns::shuffleXor(x[i], 5);
      from[i] = lns::shuffleFrom(x[i], (i * 7 + 3) % 64);
      down[i] = lns::shuffleDown(x[i], 9);
    })",
           launch);
  for (int i = 0; i < 64; ++i) {
    int warp = i / 32 * 32, lane = i % 32;
    EXPECT_EQ(byXor[i], x[warp + (lane ^ 5)]);
    EXPECT_EQ(from[i], x[warp + (i * 7 + 3) % 32]);
    EXPECT_EQ(down[i], x[warp + (lane + 9 < 32 ? lane + 9 : lane)]);
  }
}

TEST(Collectives, ShufflesOfEveryType) {
  std::vector<double> d(32);
  std::vector<float> f(32);
  std::vector<unsigned> u(32);
  EmulatedLaunch launch;
  launch.threads(32).output(d).output(f).output(u);
  runBlock(R"(
    extern "C" __global__ void __launch_bounds__(32)
    k(double *d, float *f, unsigned *u) {
      int i = threadIdx.x;
      d[i] = lns::shuffleXor(1.0 / (i + 1), 1);
      f[i] = lns::shuffleXor(1.0f / (i + 1), 2);
      u[i] = lns::shuffleXor(0xfffffff0u + i, 16);
    })",
           launch);
  for (int i = 0; i < 32; ++i) {
    EXPECT_EQ(d[i], 1.0 / ((i ^ 1) + 1));
    EXPECT_EQ(f[i], 1.0f / ((i ^ 2) + 1));
    EXPECT_EQ(u[i], 0xfffffff0u + (i ^ 16));
  }
}

TEST(Collectives, BallotAndBits) {
  std::vector<unsigned> bits(64);
  std::vector<int> counts(64), firsts(64);
  EmulatedLaunch launch;
  launch.threads(64).output(bits).output(counts).output(firsts);
  runBlock(R"(
    extern "C" __global__ void __launch_bounds__(64)
    k(unsigned *bits, int *counts, int *firsts) {
      int i = threadIdx.x;
      bits[i] = lns::ballot(i % 5 == 2);
      counts[i] = lns::popcount(bits[i]);
      firsts[i] = lns::findFirst(i % 2 ? bits[i] : 0);
    })",
           launch);
  for (int i = 0; i < 64; ++i) {
    unsigned expected = 0;
    for (int lane = 0; lane < 32; ++lane)
      if ((i / 32 * 32 + lane) % 5 == 2)
        expected |= 1u << lane;
    EXPECT_EQ(bits[i], expected);
    EXPECT_EQ(counts[i], std::popcount(expected));
    EXPECT_EQ(firsts[i], i % 2 ? std::countr_zero(expected) : -1);
  }
}

TEST(Collectives, LoadMatrix) {
  // Element (row, column) of matrix m is 64m + 8 row + column.
  std::vector<unsigned> plain(32 * 4), transposed(32 * 4);
  EmulatedLaunch launch;
  launch.threads(32).shared(32 * 16 * 2).output(plain).output(transposed);
  runBlock(R"(
    extern "C" __global__ void __launch_bounds__(32)
    k(unsigned *plain, unsigned *transposed) {
      int lane = threadIdx.x;
      // Rows are not in order in memory: only addresses say which row is which.
      unsigned char *row = lns::dynamicShared() + (31 - lane) * 32;
      for (int i = 0; i < 8; ++i)
        reinterpret_cast<unsigned short *>(row)[i] = 8 * lane + i;
      lns::syncWarp();
      unsigned r[4], t[4];
      lns::loadMatrix4(r, row);
      lns::loadMatrix4Trans(t, row);
      for (int i = 0; i < 4; ++i) {
        plain[4 * lane + i] = r[i];
        transposed[4 * lane + i] = t[i];
      }
    })",
           launch);
  for (unsigned lane = 0; lane < 32; ++lane) {
    for (unsigned m = 0; m < 4; ++m) {
      for (unsigned half = 0; half < 2; ++half) {
        unsigned outer = lane / 4, inner = lane % 4 * 2 + half;
        unsigned shift = 16 * half;
        EXPECT_EQ(plain[4 * lane + m] >> shift & 0xffff,
                  64 * m + 8 * outer + inner);
        EXPECT_EQ(transposed[4 * lane + m] >> shift & 0xffff,
                  64 * m + 8 * inner + outer);
      }
    }
  }
}

TEST(Collectives, Mma) {
  // Every element of A, B and C is another, so that a misplaced one is seen.
  std::vector<float> a(16 * 16), b(16 * 8), c(16 * 8), d(16 * 8);
  for (size_t i = 0; i < a.size(); ++i)
    a[i] = static_cast<float>(Bf16(std::sin(1.0f + i)));
  for (size_t i = 0; i < b.size(); ++i)
    b[i] = static_cast<float>(Bf16(std::cos(3.0f * i)));
  for (size_t i = 0; i < c.size(); ++i)
    c[i] = 0.01f * i;
  // Buffers must live until the run.
  std::vector<Bf16> a16 = toBf16(a), b16 = toBf16(b);
  EmulatedLaunch launch;
  launch.threads(32).input(a16).input(b16).input(c).output(d);
  // The loads follow the fragment layouts of the PTX ISA, section "Matrix
  // fragments for mma.m16n8k16 with floating point type".
  runBlock(R"(
    extern "C" __global__ void __launch_bounds__(32)
    k(const lns::bf16 *a, const lns::bf16 *b, const float *c, float *out) {
      int lane = threadIdx.x, group = lane >> 2, inGroup = lane % 4;
      unsigned ra[4], rb[2];
      float d[4];
      for (int i = 0; i < 8; ++i) {
        int row = (i < 2 || (i >= 4 && i < 6)) ? group : group + 8;
        int column = inGroup * 2 + (i & 1) + (i < 4 ? 0 : 8);
        unsigned bits = a[row * 16 + column].bits;
        ra[i / 2] = i % 2 ? ra[i / 2] | bits << 16 : bits;
      }
      for (int i = 0; i < 4; ++i) {
        int row = inGroup * 2 + (i & 1) + (i < 2 ? 0 : 8), column = group;
        unsigned bits = b[row * 8 + column].bits;
        rb[i / 2] = i % 2 ? rb[i / 2] | bits << 16 : bits;
      }
      for (int i = 0; i < 4; ++i)
        d[i] = c[(i < 2 ? group : group + 8) * 8 + inGroup * 2 + (i & 1)];
      lns::mmaBf16(d, ra, rb);
      for (int i = 0; i < 4; ++i)
        out[(i < 2 ? group : group + 8) * 8 + inGroup * 2 + (i & 1)] = d[i];
    })",
           launch);
  for (int i = 0; i < 16; ++i) {
    for (int j = 0; j < 8; ++j) {
      double exact = c[i * 8 + j];
      for (int k = 0; k < 16; ++k)
        exact += static_cast<double>(a[i * 16 + k]) * b[k * 8 + j];
      EXPECT_NEAR(d[i * 8 + j], exact, 1e-5) << i << ", " << j;
    }
  }
}

TEST(Collectives, RoundsBf16ToNearestEven) {
  std::vector<float> x = {1.0f,          1.00390625f,   1.01171875f,
                          -1.005859375f, 3.4028234e38f, NAN,
                          INFINITY,      1e-40f};
  std::vector<uint16_t> expected = {0x3f80, 0x3f80, 0x3f82, 0xbf81,
                                    0x7f80, 0x7fff, 0x7f80, 0x0001};
  std::vector<uint16_t> rounded(8);
  std::vector<unsigned> packed(4);
  EmulatedLaunch launch;
  launch.threads(8).input(x).output(rounded).output(packed);
  runBlock(R"(
    extern "C" __global__ void __launch_bounds__(8)
    k(const float *x, unsigned short *rounded, unsigned *packed) {
      int i = threadIdx.x;
      rounded[i] = lns::fromFloat<lns::bf16>(x[i]).bits;
      if (i % 2 == 0)
        packed[i / 2] = lns::packBf16(x[i], x[i + 1]);
    })",
           launch);
  EXPECT_EQ(rounded, expected);
  for (int i = 0; i < 4; ++i)
    EXPECT_EQ(packed[i], expected[2 * i] | unsigned(expected[2 * i + 1]) << 16);
}

} // namespace
