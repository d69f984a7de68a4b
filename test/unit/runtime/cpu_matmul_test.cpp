//===- cpu_matmul_test.cpp - Matrix products against a plain sum ----------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "runtime/cpu/cpu_features.h"
#include "runtime/cpu/cpu_matmul.h"

#include <bit>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <gtest/gtest.h>
#include <limits>
#include <random>
#include <sys/mman.h>
#include <vector>

using namespace lns;

namespace {

constexpr MatmulType kF32 = MatmulType::F32, kBf16 = MatmulType::Bf16;

/// A backend, and what bounds its instructions.
struct Variant {
  const char *backend;
  const char *level;
  const char *feature; ///< beyond the level
  const char *name;    ///< what it must choose
};

std::ostream &operator<<(std::ostream &out, const Variant &variant) {
  return out << variant.name;
}

class CpuMatmulTest : public testing::TestWithParam<Variant> {
protected:
  void SetUp() override {
    if (!cpuHasLevel(GetParam().level))
      GTEST_SKIP() << "this processor lacks " << GetParam().level;
    if (*GetParam().feature && !cpuHasFeature(GetParam().feature))
      GTEST_SKIP() << "this processor lacks " << GetParam().feature;
  }
};

using BuiltinMatmulTest = CpuMatmulTest;

/// The nearest bf16, ties to even: of the two neighbours, the one that is
/// nearer. Not for NaN.
float toBf16(float value) {
  auto bits = std::bit_cast<uint32_t>(value);
  uint32_t even = bits & 0xfffe0000u, odd = bits & 0xffff0000u;
  if (even == odd) // Truncated it is even already; the other one is larger.
    odd = even + 0x10000;
  else
    even = odd + 0x10000;
  // The neighbour of the largest bf16 is infinity, which is as far away as if
  // the exponents went on.
  auto distance = [&](uint32_t neighbour) {
    double exact = std::bit_cast<float>(neighbour);
    if (std::isinf(exact))
      exact = std::copysign(0x1p128, exact);
    return std::fabs(exact - double(value));
  };
  if (std::isinf(value))
    return value;
  return std::bit_cast<float>(distance(even) <= distance(odd) ? even : odd);
}

/// Memory that ends where nothing may be read or written.
class Fenced {
public:
  explicit Fenced(size_t bytes) : bytes(bytes) {
    constexpr size_t kPage = 4096;
    size_t whole = (bytes + kPage - 1) / kPage * kPage;
    mapped = whole + kPage;
    void *memory = mmap(nullptr, mapped, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    EXPECT_NE(memory, MAP_FAILED);
    start = static_cast<unsigned char *>(memory);
    EXPECT_EQ(mprotect(start + whole, kPage, PROT_NONE), 0);
    first = start + whole - bytes;
  }
  Fenced(const Fenced &) = delete;
  Fenced &operator=(const Fenced &) = delete;
  ~Fenced() { munmap(start, mapped); }

  /// Values in the type; they are rounded to it.
  Fenced(const std::vector<float> &values, MatmulType type)
      : Fenced(values.size() * (type == kF32 ? 4 : 2)) {
    for (size_t i = 0; i < values.size(); ++i) {
      float value = type == kF32 ? values[i] : toBf16(values[i]);
      if (type == kF32)
        std::memcpy(first + 4 * i, &value, 4);
      else // The upper half.
        std::memcpy(first + 2 * i, reinterpret_cast<char *>(&value) + 2, 2);
    }
  }

  std::vector<float> values(MatmulType type) const {
    std::vector<float> values(bytes / (type == kF32 ? 4 : 2));
    for (size_t i = 0; i < values.size(); ++i)
      if (type == kF32)
        std::memcpy(&values[i], first + 4 * i, 4);
      else
        std::memcpy(reinterpret_cast<char *>(&values[i]) + 2, first + 2 * i, 2);
    return values;
  }

  unsigned char *data() const { return first; }

private:
  size_t bytes, mapped = 0;
  unsigned char *start = nullptr, *first = nullptr;
};

/// A backend with threads.
struct Runner {
  ThreadPool pool;
  CpuMatmul matmul;

  Runner(const Variant &variant, unsigned threads) {
    EXPECT_EQ(pool.start(threads), nullptr);
    EXPECT_EQ(matmul.create(variant.backend, variant.level, pool), nullptr);
    EXPECT_STREQ(matmul.name(), variant.name);
  }
};

struct Problem {
  MatmulShape shape;
  std::vector<float> a, b, c;
  std::vector<float> gain; ///< of b's stored columns, or empty

  explicit Problem(MatmulShape shape, bool scaled = false) : shape(shape) {
    std::mt19937 random(unsigned(shape.m * 31 + shape.n * 7 + shape.k));
    std::uniform_real_distribution<float> uniform(-1, 1);
    auto fill = [&](std::vector<float> &data, int64_t elements,
                    MatmulType type) {
      data.resize(size_t(elements));
      for (float &value : data) {
        value = uniform(random);
        if (type == kBf16)
          value = toBf16(value);
      }
    };
    fill(a, shape.m * shape.k, shape.typeA);
    fill(b, shape.k * shape.n, shape.typeB);
    fill(c, shape.m * shape.n, shape.typeC);
    if (scaled)
      fill(gain, shape.transB ? shape.k : shape.n, kF32);
  }

  std::vector<float> run(Runner &runner) const {
    Fenced left(a, shape.typeA), right(b, shape.typeB), result(c, shape.typeC),
        scale(gain, kF32);
    Error error = runner.matmul.run(
        shape, left.data(), right.data(), result.data(),
        gain.empty() ? nullptr : reinterpret_cast<float *>(scale.data()));
    EXPECT_EQ(error, nullptr);
    return result.values(shape.typeC);
  }

  /// op(a), and op(b) transposed, as they are multiplied.
  std::vector<float> left() const {
    std::vector<float> rows(a.size());
    for (int64_t i = 0; i < shape.m; ++i)
      for (int64_t p = 0; p < shape.k; ++p)
        rows[size_t(i * shape.k + p)] = asMultiplied(
            a[size_t(shape.transA ? p * shape.m + i : i * shape.k + p)]);
    return rows;
  }
  std::vector<float> right() const {
    std::vector<float> rows(b.size());
    for (int64_t j = 0; j < shape.n; ++j)
      for (int64_t p = 0; p < shape.k; ++p) {
        float y = b[size_t(shape.transB ? j * shape.k + p : p * shape.n + j)];
        if (!gain.empty())
          y *= gain[size_t(shape.transB ? p : j)];
        rows[size_t(j * shape.k + p)] = asMultiplied(y);
      }
    return rows;
  }
  float asMultiplied(float value) const {
    return shape.isMixed() ? toBf16(value) : value;
  }

  /// Largest distance from the sum in double, in units of the bound.
  ///
  /// Operands, rounded as they should be, are taken as exact. Their product is
  /// exact in a fused multiply-add; in bf16 it has 16 significant bits, so it
  /// is exact in f32. What remains is k additions in f32 (or fewer), the
  /// factors alpha and beta and the sum of both: k + 3 roundings, each of at
  /// most 2^-24 of the sum of the magnitudes. Twice that is allowed: the
  /// magnitudes of rounded sums are a little larger. A bf16 result adds one
  /// rounding: 2^-8 of its magnitude.
  double worst(const std::vector<float> &result) const {
    double worst = 0;
    const std::vector<float> x = left(), y = right();
    for (int64_t i = 0; i < shape.m; ++i)
      for (int64_t j = 0; j < shape.n; ++j) {
        double sum = 0, bound = 0;
        for (int64_t p = 0; p < shape.k; ++p) {
          double product =
              double(x[size_t(i * shape.k + p)]) * y[size_t(j * shape.k + p)];
          sum += product;
          bound += std::fabs(product);
        }
        double old = shape.beta == 0 ? 0 : c[size_t(i * shape.n + j)];
        double want = shape.alpha * sum + shape.beta * old;
        bound = std::fabs(shape.alpha) * bound + std::fabs(shape.beta * old);
        double miss = std::fabs(result[size_t(i * shape.n + j)] - want);
        double limit = 0x1p-23 * double(shape.k + 3) * bound + 1e-30;
        if (shape.typeC == kBf16)
          limit += 0x1p-8 * (std::fabs(want) + limit);
        // A result that is not a number compares as the worst.
        worst = miss <= limit ? std::max(worst, miss / limit) : 1e9;
      }
    return worst;
  }
};

std::ostream &operator<<(std::ostream &out, const Problem &problem) {
  const MatmulShape &shape = problem.shape;
  auto type = [](MatmulType type) { return type == kF32 ? " f32" : " bf16"; };
  return out << shape.m << " x " << shape.n << " x " << shape.k
             << (shape.transA ? " a^T" : "") << (shape.transB ? " b^T" : "")
             << type(shape.typeA) << type(shape.typeB) << type(shape.typeC)
             << (problem.gain.empty() ? "" : " gain");
}

const MatmulShape kShapes[] = {
    {1, 1, 1},      {1, 7, 5},     {7, 1, 3},      {3, 5, 1},
    {13, 17, 19},   {14, 32, 16},  {15, 33, 17},   {28, 64, 128},
    {29, 31, 97},   {60, 48, 33},  {6, 16, 600},   {90, 100, 70},
    {520, 40, 9},   {5, 1030, 6},  {33, 65, 1100}, {17, 40, 1024},
    {530, 610, 20}, {1040, 64, 9}, {20, 1056, 33},
};

/// Odd depths, several blocks of them, rows that fall on the same cache lines,
/// edges in both directions, results of more than one block.
const MatmulShape kMixedShapes[] = {
    {1, 1, 1},    {1, 7, 5},    {3, 5, 1},      {2, 3, 2},     {13, 17, 19},
    {14, 32, 64}, {15, 33, 17}, {29, 31, 97},   {60, 48, 33},  {6, 16, 600},
    {520, 40, 9}, {5, 1030, 6}, {17, 40, 1024}, {9, 37, 2051}, {3, 20, 2048},
};

/// Types of a, b and c in all mixed products.
const MatmulType kMixedTypes[][3] = {
    {kBf16, kF32, kF32},  {kF32, kBf16, kF32},  {kBf16, kBf16, kF32},
    {kBf16, kF32, kBf16}, {kF32, kBf16, kBf16}, {kBf16, kBf16, kBf16},
};

/// Calls body with the shape in all forms and, when `mixed`, all types.
template <typename Body>
void forEachForm(MatmulShape shape, bool mixed, Body body) {
  for (int form = 0; form < 4; ++form) {
    shape.transA = form & 1;
    shape.transB = form & 2;
    if (!mixed)
      body(shape);
    for (const MatmulType *types : kMixedTypes)
      if (mixed) {
        shape.typeA = types[0];
        shape.typeB = types[1];
        shape.typeC = types[2];
        body(shape);
      }
  }
}

} // namespace

TEST_P(CpuMatmulTest, AgreesWithAPlainSum) {
  Runner runner(GetParam(), 2);
  for (bool scaled : {false, true})
    for (const MatmulShape &shape : kShapes)
      forEachForm(shape, false, [&](const MatmulShape &form) {
        Problem problem(form, scaled);
        EXPECT_LE(problem.worst(problem.run(runner)), 1.0) << problem;
      });
}

TEST_P(CpuMatmulTest, AgreesWithAPlainSumInBf16) {
  Runner runner(GetParam(), 2);
  for (bool scaled : {false, true})
    for (const MatmulShape &shape : kMixedShapes)
      forEachForm(shape, true, [&](const MatmulShape &form) {
        Problem problem(form, scaled);
        EXPECT_LE(problem.worst(problem.run(runner)), 1.0) << problem;
      });
}

// Where nothing is rounded there is one result, whoever computes it.
TEST_P(CpuMatmulTest, IntegersAreExact) {
  Runner runner(GetParam(), 2);
  for (const MatmulShape &shape : kMixedShapes)
    forEachForm(shape, true, [&](const MatmulShape &form) {
      Problem problem(form, true);
      for (auto *data : {&problem.a, &problem.b, &problem.gain})
        for (float &value : *data)
          value = std::nearbyint(2 * value);
      const std::vector<float> x = problem.left(), y = problem.right();
      std::vector<float> want(problem.c.size());
      for (int64_t i = 0; i < form.m; ++i)
        for (int64_t j = 0; j < form.n; ++j) {
          float sum = 0;
          for (int64_t p = 0; p < form.k; ++p)
            sum += x[size_t(i * form.k + p)] * y[size_t(j * form.k + p)];
          want[size_t(i * form.n + j)] =
              form.typeC == kBf16 ? toBf16(sum) : sum;
        }
      EXPECT_EQ(problem.run(runner), want) << problem;
    });
}

// No bit, not even of a product that would be read in place without it.
TEST_P(BuiltinMatmulTest, GainOfOnesChangesNothing) {
  Runner runner(GetParam(), 2);
  auto check = [&](const MatmulShape &form) {
    Problem problem(form);
    std::vector<float> plain = problem.run(runner);
    problem.gain.assign(size_t(form.transB ? form.k : form.n), 1.0f);
    EXPECT_EQ(problem.run(runner), plain) << problem;
  };
  for (const MatmulShape &shape : kShapes)
    forEachForm(shape, false, check);
  for (const MatmulShape &shape : kMixedShapes)
    forEachForm(shape, true, check);
}

TEST_P(CpuMatmulTest, ScalesAndAccumulates) {
  Runner runner(GetParam(), 2);
  for (auto [alpha, beta] : {std::pair(2.0f, 0.0f), std::pair(1.0f, 1.0f),
                             std::pair(-0.5f, 3.0f), std::pair(0.0f, 1.0f)})
    // Two blocks of the depth, one, and three of bf16.
    for (MatmulShape shape : {MatmulShape{17, 37, 1025}, MatmulShape{30, 64, 5},
                              MatmulShape{5, 9, 2100}})
      for (bool scaled : {false, true})
        for (bool mixed : {false, true}) {
          shape.alpha = alpha;
          shape.beta = beta;
          forEachForm(shape, mixed, [&](const MatmulShape &form) {
            if (form.typeC == kBf16 && beta != 0)
              return; // Not in the format.
            Problem problem(form, scaled);
            EXPECT_LE(problem.worst(problem.run(runner)), 1.0)
                << problem << " " << alpha << " " << beta;
          });
        }
}

// With beta 0, c may hold anything: 0 * NaN must not come through.
TEST_P(CpuMatmulTest, IgnoresOldValuesAtBetaZero) {
  Runner runner(GetParam(), 1);
  for (int64_t n : {32, 37})
    for (bool mixed : {false, true})
      forEachForm({20, n, 40}, mixed, [&](const MatmulShape &form) {
        Problem problem(form);
        for (float &value : problem.c)
          value = NAN;
        EXPECT_LE(problem.worst(problem.run(runner)), 1.0) << problem;
      });
}

TEST_P(CpuMatmulTest, SameBitsForEveryThreadCount) {
  Runner runner(GetParam(), 1), two(GetParam(), 2), three(GetParam(), 3),
      five(GetParam(), 5);
  for (MatmulShape shape :
       {MatmulShape{1, 300, 200}, MatmulShape{129, 65, 1300},
        MatmulShape{700, 96, 64}, MatmulShape{64, 1500, 40}})
    for (bool mixed : {false, true})
      forEachForm(shape, mixed, [&](const MatmulShape &form) {
        Problem problem(form, form.transA);
        std::vector<float> one = problem.run(runner);
        for (Runner *more : {&two, &three, &five}) {
          std::vector<float> many = problem.run(*more);
          EXPECT_EQ(std::memcmp(one.data(), many.data(), one.size() * 4), 0)
              << problem << " " << more->pool.threads() << " threads";
        }
      });
}

// f32 operands of a mixed product, one at a time: times 1, plus zeros.
TEST_P(CpuMatmulTest, RoundsOperandsToTheNearestEven) {
  Runner runner(GetParam(), 1);
  const float values[] = {1.0f,
                          0x1.01p0f,     // tie: down to even
                          0x1.03p0f,     // tie: up to even
                          0x1.010002p0f, // just above a tie
                          0x1.02fffep0f, // just below one
                          -0x1.01p0f,    -0x1.03p0f,
                          0x1.ffp0f,    // up to the next power
                          0x1.fep127f,  // the largest bf16
                          0x1.01p-126f, // next to the smallest normal
                          3.14159274f};
  constexpr int64_t kSize = 70; // whole registers and a rest
  for (bool transposed : {false, true})
    for (bool roundsA : {false, true}) {
      MatmulShape shape = {kSize, kSize, kSize};
      (roundsA ? shape.transA : shape.transB) = transposed;
      (roundsA ? shape.typeB : shape.typeA) = kBf16;
      Problem problem(shape);
      std::vector<float> &rounded = roundsA ? problem.a : problem.b;
      std::vector<float> &ones = roundsA ? problem.b : problem.a;
      std::vector<float> want(kSize * kSize);
      for (int64_t i = 0; i < kSize; ++i)
        for (int64_t j = 0; j < kSize; ++j) {
          float value = values[size_t(3 * i + j) % std::size(values)];
          rounded[size_t(transposed ? j * kSize + i : i * kSize + j)] = value;
          ones[size_t(i * kSize + j)] = i == j ? 1.0f : 0.0f;
          want[size_t(i * kSize + j)] = toBf16(value);
        }
      EXPECT_EQ(problem.run(runner), want) << problem << " " << roundsA;
    }
}

// A tie can only be made by a sum: 1 + 2^-8 and 1 + 2^-7 + 2^-8.
TEST_P(CpuMatmulTest, RoundsResultsToTheNearestEven) {
  Runner runner(GetParam(), 1);
  const float inf = std::numeric_limits<float>::infinity();
  struct Sum {
    float first, second, want;
  };
  const Sum sums[] = {
      {1.0f, 0x1p-8f, 1.0f},        {0x1.02p0f, 0x1p-8f, 0x1.04p0f},
      {-1.0f, -0x1p-8f, -1.0f},     {1.0f, 0x1.02p-8f, 0x1.02p0f},
      {0x1.fep127f, 0x1p119f, inf}, {inf, 1.0f, inf},
      {-inf, 1.0f, -inf},           {inf, -inf, NAN}};
  for (int64_t n : {1, 5, 32, 35}) {
    MatmulShape shape = {std::size(sums), n, 2};
    shape.typeA = shape.typeB = shape.typeC = kBf16;
    Problem problem(shape);
    std::fill(problem.b.begin(), problem.b.end(), 1.0f);
    for (size_t i = 0; i < std::size(sums); ++i) {
      problem.a[2 * i] = sums[i].first;
      problem.a[2 * i + 1] = sums[i].second;
    }
    std::vector<float> result = problem.run(runner);
    for (size_t i = 0; i < result.size(); ++i) {
      float want = sums[i / size_t(n)].want;
      if (std::isnan(want))
        EXPECT_TRUE(std::isnan(result[i])) << i;
      else
        EXPECT_EQ(result[i], want) << i;
    }
  }
}

static const Variant kBuiltin[] = {
    {"builtin", "x86-64-v4", "avx512bf16", "builtin avx512+bf16"},
    {"builtin-f32", "x86-64-v4", "", "builtin avx512"},
    {"builtin", "x86-64-v3", "", "builtin avx2"},
    {"builtin", "x86-64", "", "builtin generic"},
};
INSTANTIATE_TEST_SUITE_P(Builtin, CpuMatmulTest, testing::ValuesIn(kBuiltin));
INSTANTIATE_TEST_SUITE_P(Builtin, BuiltinMatmulTest,
                         testing::ValuesIn(kBuiltin));
INSTANTIATE_TEST_SUITE_P(OneDnn, CpuMatmulTest,
                         testing::Values(Variant{
                             "onednn", "x86-64", "",
                             "onednn (bf16, gain: builtin generic)"}));

TEST(CpuMatmul, RefusesAnUnknownBackend) {
  ThreadPool pool;
  CpuMatmul matmul;
  Error error = matmul.create("mkl", "", pool);
  ASSERT_NE(error, nullptr);
  EXPECT_EQ(error->code, LNSRT_INVALID_ARGUMENT);
  EXPECT_EQ(
      error->message,
      "unknown matmul 'mkl', expected 'builtin', 'builtin-f32' or 'onednn'");
  EXPECT_EQ(error->place, "lnsrt_session_options.matmul");
}

TEST(CpuMatmul, TakesTheEnvironmentsBackend) {
  ThreadPool pool;
  CpuMatmul matmul;
  ASSERT_EQ(setenv("LNSRT_MATMUL", "onednn", 1), 0);
  EXPECT_EQ(matmul.create(nullptr, "", pool), nullptr);
  EXPECT_EQ(matmul.backend(), MatmulBackend::OneDnn);
  EXPECT_EQ(matmul.create("builtin", "", pool), nullptr);
  EXPECT_EQ(matmul.backend(), MatmulBackend::Builtin);
  ASSERT_EQ(setenv("LNSRT_MATMUL", "builtin-f32", 1), 0);
  EXPECT_EQ(matmul.create(nullptr, "x86-64", pool), nullptr);
  EXPECT_EQ(matmul.backend(), MatmulBackend::Builtin);
  ASSERT_EQ(setenv("LNSRT_MATMUL", "blas", 1), 0);
  Error error = matmul.create(nullptr, "", pool);
  ASSERT_NE(error, nullptr);
  EXPECT_EQ(error->place, "LNSRT_MATMUL");
  ASSERT_EQ(unsetenv("LNSRT_MATMUL"), 0);
  EXPECT_EQ(matmul.create(nullptr, "", pool), nullptr);
  EXPECT_EQ(matmul.backend(), MatmulBackend::Builtin);
}
