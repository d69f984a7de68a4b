//===- matmul_test.cpp - CUDA products against sums in float64 ------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// kernels/matmul.cuh on the emulator, with every access checked: all orders of
// operands, types, odd extents, epilogues and slices of k. LNS_TEST_SEED draws
// other operands.
//
//===----------------------------------------------------------------------===//

#include "test/emulation/EmulatedLaunch.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <random>
#include <sstream>

using namespace lns::emulation;

namespace {

enum Type { kF32, kBf16 };

struct Tile {
  int m, n, k, warpsM, warpsN, stages;
};

constexpr Tile kLarge = {128, 128, 32, 2, 2, 4};
constexpr Tile kSmall = {64, 64, 32, 2, 2, 4};
constexpr Tile kLargeF32 = {128, 128, 8, 2, 4, 4};
constexpr Tile kSmallF32 = {64, 64, 8, 2, 2, 4};

struct Case {
  const char *order; ///< "nt": b is transposed
  Type a, b, c;
  Tile tile;
  int m, n, k;
  bool gain, addend;
  int slice = 0; ///< 0: k is not sliced
};

std::ostream &operator<<(std::ostream &os, const Case &c) {
  auto name = [](Type type) { return type == kF32 ? "f32" : "bf16"; };
  return os << c.order << " " << name(c.a) << " x " << name(c.b) << " -> "
            << name(c.c) << " " << c.m << "x" << c.n << "x" << c.k << " by "
            << c.tile.m << "x" << c.tile.n << (c.gain ? " gain" : "")
            << (c.addend ? " addend" : "") << " slice " << c.slice;
}

const char *spell(bool value) { return value ? "true" : "false"; }
const char *spell(Type type) { return type == kF32 ? "float" : "lns::bf16"; }

std::mt19937_64 makeGenerator(uint64_t number) {
  const char *seed = std::getenv("LNS_TEST_SEED");
  return std::mt19937_64(number + 1000 * (seed ? std::atoll(seed) : 0));
}

/// Numbers that a type has, in either type.
struct Matrix {
  Type type = kF32;
  std::vector<float> f32;
  std::vector<Bf16> bf16;

  Matrix(Type type, size_t count) : type(type), f32(count), bf16(count) {}
  Matrix(Type type, size_t count, std::mt19937_64 &generator)
      : Matrix(type, count) {
    std::normal_distribution<float> normal;
    for (size_t i = 0; i < count; ++i) {
      bf16[i] = Bf16(f32[i] = normal(generator));
      if (type == kBf16)
        f32[i] = float(bf16[i]);
    }
  }

  void input(EmulatedLaunch &launch) const {
    type == kF32 ? launch.input(f32) : launch.input(bf16);
  }
  void output(EmulatedLaunch &launch) {
    type == kF32 ? launch.output(f32) : launch.output(bf16);
  }
  void inOut(EmulatedLaunch &launch) {
    type == kF32 ? launch.inOut(f32) : launch.inOut(bf16);
  }
  double at(size_t i) const { return type == kF32 ? f32[i] : float(bf16[i]); }
  bool operator==(const Matrix &) const = default;
};

class CudaMatmul : public testing::TestWithParam<Case> {
protected:
  const Case &c = GetParam();
  bool transA = c.order[0] == 't', transB = c.order[1] == 't';
  std::mt19937_64 generator = makeGenerator(c.m + c.n + c.k);
  Matrix a{c.a, size_t(c.m) * c.k, generator};
  Matrix b{c.b, size_t(c.k) * c.n, generator};
  Matrix gain{kF32, size_t(c.n), generator};
  Matrix addend{c.c, size_t(c.m) * c.n, generator};
  float alpha = 0.7f;

  double getA(int i, int k) const {
    double value = a.at(transA ? size_t(k) * c.m + i : size_t(i) * c.k + k);
    return isBf16() ? float(Bf16(float(value))) : value;
  }
  double getB(int k, int j) const {
    double value = b.at(transB ? size_t(j) * c.k + k : size_t(k) * c.n + j);
    return isBf16() ? float(Bf16(float(value))) : value;
  }
  bool isBf16() const { return c.a == kBf16 || c.b == kBf16; }

  bool isAligned(Type type, int pitch) const {
    return (type == kBf16) == isBf16() && pitch % (isBf16() ? 8 : 4) == 0;
  }

  std::string makeText() const {
    std::ostringstream os;
    const char *whole = spell(c.n % 8 == 0);
    os << "#include \"matmul.cuh\"\nusing Config = lns::MatmulConfig<"
       << spell(c.a) << ", " << spell(c.b) << ", " << spell(transA) << ", "
       << spell(transB) << ", " << spell(isAligned(c.a, transA ? c.m : c.k))
       << ", " << spell(isAligned(c.b, transB ? c.k : c.n)) << ", " << c.tile.m
       << ", " << c.tile.n << ", " << c.tile.k << ", " << c.tile.warpsM << ", "
       << c.tile.warpsN << ", " << c.tile.stages << ">;\n"
       << "using Epilogue = lns::ScaleAndAdd<" << spell(c.c) << ", " << whole
       << ">;\n";
    std::string epilogue = std::string("  Epilogue epilogue{c, ") +
                           (c.gain ? "gain" : "nullptr") +
                           ", nullptr, alpha, n, " + spell(c.addend) + "};\n";
    std::string threads = std::to_string(getThreads());
    os << "extern \"C\" __global__ void __launch_bounds__(" << threads
       << ") product(const " << spell(c.a) << " *a, const " << spell(c.b)
       << " *b, const float *gain, " << spell(c.c)
       << " *c, float alpha, long long m, long long n, long long k) {\n"
       << epilogue << "  lns::matmul<Config>(a, b, m, n, k, k, epilogue);\n}\n"
       << "extern \"C\" __global__ void __launch_bounds__(" << threads
       << ") slices(const " << spell(c.a) << " *a, const " << spell(c.b)
       << " *b, float *s, long long m, long long n, long long k, long long "
          "slice) {\n"
       << "  lns::matmul<Config>(a, b, m, n, k, slice, lns::StoreSlice<"
       << whole << ">{s, m, n});\n}\n"
       << "extern \"C\" __global__ void __launch_bounds__(128) sum(const float "
          "*s, const float *gain, "
       << spell(c.c)
       << " *c, float alpha, long long m, long long n, long long count) {\n"
       << epilogue << "  lns::sumSlices<16, 128, 128, " << whole
       << ">(s, m, n, count, epilogue);\n}\n";
    return os.str();
  }

  int getThreads() const { return c.tile.warpsM * c.tile.warpsN * 32; }
  unsigned getSharedBytes() const {
    return std::max(c.tile.stages * (c.tile.m + c.tile.n) * c.tile.k *
                        (isBf16() ? 2 : 4),
                    c.tile.m * c.tile.n * 4);
  }
  static unsigned ceilDiv(unsigned a, unsigned b) { return (a + b - 1) / b; }
  unsigned getTiles(int rows, int columns) const {
    return ceilDiv(c.m, rows) * ceilDiv(c.n, columns);
  }

  /// The result in a drawn order of blocks and threads.
  void compute(const EmulatedProgram &program, uint64_t seed, Matrix &result) {
    result = addend;
    EmulatedLaunch launch;
    launch.threads(getThreads()).shared(getSharedBytes()).seed(seed);
    a.input(launch);
    b.input(launch);
    if (!c.slice) {
      launch.grid(getTiles(c.tile.m, c.tile.n));
      gain.input(launch);
      c.addend ? result.inOut(launch) : result.output(launch);
      launch.number(alpha).integer(c.m).integer(c.n).integer(c.k);
      ASSERT_EQ(launch.run(program, "product"), "");
      return;
    }
    unsigned count = ceilDiv(c.k, c.slice);
    std::vector<float> slices(size_t(c.m) * c.n * count);
    launch.grid(getTiles(c.tile.m, c.tile.n), 1, count);
    launch.output(slices).integer(c.m).integer(c.n).integer(c.k);
    launch.integer(c.slice);
    ASSERT_EQ(launch.run(program, "slices"), "");
    EmulatedLaunch sum;
    sum.threads(128).shared(16 * 128 * 4).seed(seed).grid(getTiles(16, 128));
    sum.input(slices);
    gain.input(sum);
    c.addend ? result.inOut(sum) : result.output(sum);
    sum.number(alpha).integer(c.m).integer(c.n).integer(count);
    ASSERT_EQ(sum.run(program, "sum"), "");
  }
};

TEST_P(CudaMatmul, AgreesWithSumsInFloat64) {
  EmulatedProgram program(makeText(),
                          readHeaders(LNS_TEST_DIR "/../codegen/cuda/kernels"));
  ASSERT_TRUE(program) << program.log();
  Matrix result(c.c, 0), again(c.c, 0);
  ASSERT_NO_FATAL_FAILURE(compute(program, 0, result));
  ASSERT_NO_FATAL_FAILURE(compute(program, 1 + c.k, again));
  EXPECT_TRUE(result == again) << "other bits in another order";

  int wrong = 0;
  for (int i = 0; i < c.m; ++i) {
    for (int j = 0; j < c.n; ++j) {
      size_t index = size_t(i) * c.n + j;
      double sum = 0, magnitude = 0;
      for (int k = 0; k < c.k; ++k) {
        double term = getA(i, k) * getB(k, j);
        sum += term;
        magnitude += std::fabs(term);
      }
      double factor = double(alpha) * (c.gain ? gain.at(j) : 1);
      double added = c.addend ? addend.at(index) : 0;
      double expected = sum * factor + added;
      // Roundings of f32 sums, of the epilogue, and of a bf16 result.
      double bound = (magnitude * std::fabs(factor) + std::fabs(added)) *
                         (4 + std::sqrt(c.k)) * 0x1p-24 +
                     (c.c == kBf16 ? std::fabs(expected) * 0x1p-8 : 0);
      if (!(std::fabs(result.at(index) - expected) <= bound) && ++wrong <= 5)
        ADD_FAILURE() << "[" << i << ", " << j << "] is " << result.at(index)
                      << ", expected " << expected << " +- " << bound;
    }
  }
  EXPECT_EQ(wrong, 0) << "of " << c.m * c.n;
}

// Tiles at every edge; extents that are multiples of eight, so that all moves
// are of 16 bytes.
INSTANTIATE_TEST_SUITE_P(
    Bf16, CudaMatmul,
    testing::Values(
        Case{"nt", kBf16, kBf16, kBf16, kLarge, 136, 200, 104, false, false},
        Case{"nn", kBf16, kBf16, kBf16, kLarge, 136, 200, 104, false, true},
        Case{"nn", kBf16, kBf16, kF32, kLarge, 129, 136, 200, false, true},
        Case{"tn", kBf16, kBf16, kF32, kLarge, 136, 200, 101, true, false},
        Case{"tn", kBf16, kBf16, kF32, kLarge, 136, 136, 72, true, true},
        Case{"tt", kBf16, kBf16, kF32, kLarge, 264, 8, 40, false, false},
        Case{"nt", kBf16, kBf16, kBf16, kSmall, 65, 72, 264, false, false},
        Case{"nn", kBf16, kBf16, kBf16, kSmall, 130, 136, 64, false, true},
        Case{"tn", kBf16, kBf16, kF32, kSmall, 72, 136, 67, true, true},
        Case{"tt", kBf16, kBf16, kBf16, kSmall, 72, 65, 32, true, false}));

// Rows that begin anywhere, extents of one.
INSTANTIATE_TEST_SUITE_P(
    OddBf16, CudaMatmul,
    testing::Values(
        Case{"nt", kBf16, kBf16, kBf16, kLarge, 131, 133, 71, false, true},
        Case{"nn", kBf16, kBf16, kBf16, kLarge, 67, 139, 35, false, false},
        Case{"tn", kBf16, kBf16, kF32, kLarge, 133, 69, 97, true, true},
        Case{"nt", kBf16, kBf16, kBf16, kSmall, 1, 1, 1, false, false},
        Case{"nn", kBf16, kBf16, kF32, kSmall, 3, 77, 16, false, true},
        Case{"tn", kBf16, kBf16, kF32, kSmall, 70, 66, 5, true, false},
        Case{"tt", kBf16, kBf16, kF32, kSmall, 1, 75, 43, false, false},
        // One operand alone has aligned rows.
        Case{"nn", kBf16, kBf16, kBf16, kSmall, 40, 33, 48, false, false},
        Case{"tn", kBf16, kBf16, kF32, kSmall, 45, 72, 30, true, false}));

// An f32 operand is rounded on the way.
INSTANTIATE_TEST_SUITE_P(Mixed, CudaMatmul,
                         testing::Values(Case{"nt", kBf16, kF32, kBf16, kSmall,
                                              72, 80, 40, false, false},
                                         Case{"nn", kF32, kBf16, kF32, kSmall,
                                              33, 72, 41, false, true},
                                         Case{"tn", kBf16, kF32, kF32, kLarge,
                                              136, 40, 50, true, false}));

INSTANTIATE_TEST_SUITE_P(
    F32, CudaMatmul,
    testing::Values(
        Case{"nt", kF32, kF32, kF32, kLargeF32, 132, 140, 52, false, false},
        Case{"nn", kF32, kF32, kF32, kLargeF32, 136, 132, 28, false, true},
        Case{"tn", kF32, kF32, kF32, kLargeF32, 140, 136, 33, true, true},
        Case{"tt", kF32, kF32, kF32, kLargeF32, 132, 64, 20, true, false},
        Case{"nt", kF32, kF32, kF32, kSmallF32, 68, 72, 68, false, true},
        Case{"nn", kF32, kF32, kF32, kSmallF32, 63, 65, 67, true, false},
        Case{"tn", kF32, kF32, kF32, kSmallF32, 61, 71, 13, false, false},
        Case{"tt", kF32, kF32, kF32, kSmallF32, 68, 100, 64, false, true},
        Case{"nt", kF32, kF32, kF32, kSmallF32, 1, 1, 1, false, false}));

// More rows of tiles than are walked together, and a last group of fewer.
INSTANTIATE_TEST_SUITE_P(ManyTiles, CudaMatmul,
                         testing::Values(Case{"nt", kBf16, kBf16, kF32, kSmall,
                                              1100, 160, 8, false, false},
                                         Case{"tn", kBf16, kBf16, kF32, kSmall,
                                              64, 640, 8, false, false}));

INSTANTIATE_TEST_SUITE_P(
    Slices, CudaMatmul,
    testing::Values(
        Case{"tn", kBf16, kBf16, kF32, kLarge, 136, 144, 333, true, false, 64},
        Case{"tn", kBf16, kBf16, kF32, kSmall, 72, 67, 200, true, true, 96},
        Case{"nn", kBf16, kBf16, kBf16, kLarge, 40, 136, 512, false, true, 128},
        Case{"nt", kF32, kF32, kF32, kSmallF32, 33, 40, 100, false, true, 24},
        Case{"tn", kF32, kF32, kF32, kLargeF32, 31, 129, 90, true, false, 32}));

// What an epilogue may do beside arithmetic: read a column half a head away,
// and sum over the tile's row. Columns 32 apart are rotated, as in RoPE.
TEST(CudaMatmulEpilogue, ReadsOtherColumnsAndSumsRows) {
  const char *text = R"(
#include "matmul.cuh"
namespace {
struct Rotate {
  float *c, *squares;
  long long columns;
  template <class Tile>
  __device__ void operator()(lns::Cell &cell, const Tile &tile) const {
    bool isFirst = cell.column % 64 < 32;
    float other[lns::kCellColumns], sum = 0.0f;
    tile.load(other, cell, isFirst ? 32 : -32);
    for (int i = 0; i < lns::kCellColumns; ++i) {
      cell.value[i] = 0.6f * cell.value[i] +
                      (isFirst ? -0.8f : 0.8f) * other[i];
      sum = fmaf(cell.value[i], cell.value[i], sum);
    }
    sum = tile.sumOfRow(sum);
    long long tiles = columns / Tile::kColumns;
    if (cell.count > 0 && cell.column % Tile::kColumns == 0)
      squares[cell.row * tiles + cell.column / Tile::kColumns] = sum;
    lns::storeCell<true>(c + cell.row * columns + cell.column, cell.value,
                         cell.count);
  }
};
}
extern "C" __global__ void __launch_bounds__(128)
k(const lns::bf16 *a, const lns::bf16 *b, float *c, float *squares, long long m,
  long long n, long long k) {
  using Config = lns::MatmulConfig<lns::bf16, lns::bf16, false, true, true,
                                   true, 64, 128, 32, 2, 2, 3>;
  lns::matmul<Config>(a, b, m, n, k, k, Rotate{c, squares, n});
})";
  EmulatedProgram program(text,
                          readHeaders(LNS_TEST_DIR "/../codegen/cuda/kernels"));
  ASSERT_TRUE(program) << program.log();
  constexpr int kM = 70, kN = 256, kK = 40;
  std::mt19937_64 generator = makeGenerator(7);
  Matrix a(kBf16, kM * kK, generator), b(kBf16, kN * kK, generator);
  std::vector<float> c(kM * kN), squares(kM * 2);
  EmulatedLaunch launch;
  launch.threads(128).shared(36864).grid(4);
  launch.input(a.bf16).input(b.bf16).output(c).output(squares);
  launch.integer(kM).integer(kN).integer(kK);
  ASSERT_EQ(launch.run(program, "k"), "");
  auto product = [&](int i, int j) {
    double sum = 0;
    for (int k = 0; k < kK; ++k)
      sum += a.at(i * kK + k) * b.at(j * kK + k);
    return sum;
  };
  for (int i = 0; i < kM; ++i) {
    double expectedSquares[2] = {0, 0};
    for (int j = 0; j < kN; ++j) {
      bool isFirst = j % 64 < 32;
      double rotated =
          0.6 * product(i, j) +
          (isFirst ? -0.8 : 0.8) * product(i, isFirst ? j + 32 : j - 32);
      ASSERT_NEAR(c[i * kN + j], rotated, 1e-4) << i << ", " << j;
      expectedSquares[j / 128] += rotated * rotated;
    }
    for (int tile = 0; tile < 2; ++tile)
      ASSERT_NEAR(squares[i * 2 + tile], expectedSquares[tile],
                  1e-5 * expectedSquares[tile]);
  }
}

} // namespace
