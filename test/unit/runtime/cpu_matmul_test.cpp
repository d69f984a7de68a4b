//===- cpu_matmul_test.cpp - Matrix products against a plain sum ----------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "runtime/cpu_features.h"
#include "runtime/cpu_matmul.h"

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <gtest/gtest.h>
#include <random>
#include <vector>

using namespace lns;

namespace {

/// A backend, and the level that bounds its instructions.
struct Variant {
  const char *backend;
  const char *level;
  const char *name; ///< what it must choose
};

std::ostream &operator<<(std::ostream &out, const Variant &variant) {
  return out << variant.name;
}

class CpuMatmulTest : public testing::TestWithParam<Variant> {
protected:
  void SetUp() override {
    if (*GetParam().level && !cpuHasLevel(GetParam().level))
      GTEST_SKIP() << "this processor lacks " << GetParam().level;
  }
};

using BuiltinMatmulTest = CpuMatmulTest;

struct Problem {
  MatmulShape shape;
  std::vector<float> a, b, c;
  std::vector<float> gain; ///< of b's stored columns, or empty

  explicit Problem(MatmulShape shape, bool scaled = false) : shape(shape) {
    std::mt19937 random(unsigned(shape.m * 31 + shape.n * 7 + shape.k));
    std::uniform_real_distribution<float> uniform(-1, 1);
    auto fill = [&](std::vector<float> &data, int64_t elements) {
      data.resize(size_t(elements));
      for (float &value : data)
        value = uniform(random);
    };
    fill(a, shape.m * shape.k);
    fill(b, shape.k * shape.n);
    fill(c, shape.m * shape.n);
    if (scaled)
      fill(gain, shape.transB ? shape.k : shape.n);
  }

  std::vector<float> run(const Variant &variant, unsigned threads) const {
    ThreadPool pool;
    CpuMatmul matmul;
    EXPECT_EQ(pool.start(threads), nullptr);
    EXPECT_EQ(matmul.create(variant.backend, variant.level, pool), nullptr);
    EXPECT_STREQ(matmul.name(), variant.name);
    // Rows of their own right up to the end: a write or read beyond it is seen
    // by the sanitizer, a write also by the guard.
    std::vector<float> result(c);
    result.push_back(123.0f);
    Error error = matmul.run(shape, a.data(), b.data(), result.data(),
                             gain.empty() ? nullptr : gain.data());
    EXPECT_EQ(error, nullptr);
    EXPECT_EQ(result.back(), 123.0f);
    result.pop_back();
    return result;
  }

  /// Largest distance from the sum in double, in units of the bound k * eps.
  /// A gain adds one more rounding to each product.
  double worst(const std::vector<float> &result) const {
    double worst = 0;
    for (int64_t i = 0; i < shape.m; ++i)
      for (int64_t j = 0; j < shape.n; ++j) {
        double sum = 0, bound = 0;
        for (int64_t p = 0; p < shape.k; ++p) {
          double x =
              a[size_t(shape.transA ? p * shape.m + i : i * shape.k + p)];
          double y =
              b[size_t(shape.transB ? j * shape.k + p : p * shape.n + j)];
          if (!gain.empty())
            y *= gain[size_t(shape.transB ? p : j)];
          sum += x * y;
          bound += std::fabs(x * y);
        }
        double old = shape.beta == 0 ? 0 : c[size_t(i * shape.n + j)];
        double want = shape.alpha * sum + shape.beta * old;
        bound = std::fabs(shape.alpha) * bound + std::fabs(shape.beta * old);
        double miss = std::fabs(result[size_t(i * shape.n + j)] - want);
        double limit = 1.2e-7 * double(shape.k + 3) * bound + 1e-30;
        // A result that is not a number compares as the worst.
        worst = miss <= limit ? std::max(worst, miss / limit) : 1e9;
      }
    return worst;
  }
};

const MatmulShape kShapes[] = {
    {1, 1, 1},      {1, 7, 5},     {7, 1, 3},      {3, 5, 1},
    {13, 17, 19},   {14, 32, 16},  {15, 33, 17},   {28, 64, 128},
    {29, 31, 97},   {60, 48, 33},  {6, 16, 600},   {90, 100, 70},
    {520, 40, 9},   {5, 1030, 6},  {33, 65, 1100}, {17, 40, 1024},
    {530, 610, 20}, {1040, 64, 9}, {20, 1056, 33},
};

} // namespace

TEST_P(CpuMatmulTest, AgreesWithAPlainSum) {
  for (MatmulShape shape : kShapes)
    for (int form = 0; form < 4; ++form) {
      shape.transA = form & 1;
      shape.transB = form & 2;
      Problem problem(shape);
      EXPECT_LE(problem.worst(problem.run(GetParam(), 2)), 1.0)
          << shape.m << " x " << shape.n << " x " << shape.k << " form "
          << form;
    }
}

TEST_P(CpuMatmulTest, ScalesColumnsOfB) {
  for (MatmulShape shape : kShapes)
    for (int form = 0; form < 4; ++form) {
      shape.transA = form & 1;
      shape.transB = form & 2;
      Problem problem(shape, true);
      EXPECT_LE(problem.worst(problem.run(GetParam(), 2)), 1.0)
          << shape.m << " x " << shape.n << " x " << shape.k << " form "
          << form;
    }
}

// No bit, not even of a product that would be read in place without it.
TEST_P(BuiltinMatmulTest, GainOfOnesChangesNothing) {
  for (MatmulShape shape : kShapes)
    for (int form = 0; form < 4; ++form) {
      shape.transA = form & 1;
      shape.transB = form & 2;
      Problem problem(shape);
      std::vector<float> plain = problem.run(GetParam(), 2);
      problem.gain.assign(size_t(shape.transB ? shape.k : shape.n), 1.0f);
      EXPECT_EQ(problem.run(GetParam(), 2), plain)
          << shape.m << " x " << shape.n << " x " << shape.k << " form "
          << form;
    }
}

TEST_P(CpuMatmulTest, ScalesAndAccumulates) {
  for (auto [alpha, beta] : {std::pair(2.0f, 0.0f), std::pair(1.0f, 1.0f),
                             std::pair(-0.5f, 3.0f), std::pair(0.0f, 1.0f)})
    for (MatmulShape shape :
         {MatmulShape{17, 37, 1025}, MatmulShape{30, 64, 5}})
      for (bool scaled : {false, true}) {
        shape.alpha = alpha;
        shape.beta = beta;
        Problem problem(shape, scaled);
        EXPECT_LE(problem.worst(problem.run(GetParam(), 2)), 1.0)
            << alpha << " " << beta << " " << scaled;
      }
}

// With beta 0, c may hold anything: 0 * NaN must not come through.
TEST_P(CpuMatmulTest, IgnoresOldValuesAtBetaZero) {
  for (int64_t n : {32, 37}) {
    Problem problem({20, n, 40});
    for (float &value : problem.c)
      value = NAN;
    EXPECT_LE(problem.worst(problem.run(GetParam(), 1)), 1.0);
  }
}

TEST_P(CpuMatmulTest, SameBitsForEveryThreadCount) {
  for (MatmulShape shape :
       {MatmulShape{1, 300, 200}, MatmulShape{129, 65, 1300},
        MatmulShape{700, 96, 64}, MatmulShape{64, 1500, 40}})
    for (int form = 0; form < 4; ++form) {
      shape.transA = form & 1;
      shape.transB = form & 2;
      Problem problem(shape, form & 1);
      std::vector<float> one = problem.run(GetParam(), 1);
      for (unsigned threads : {2, 3, 5}) {
        std::vector<float> many = problem.run(GetParam(), threads);
        EXPECT_EQ(std::memcmp(one.data(), many.data(), one.size() * 4), 0)
            << threads << " threads, form " << form;
      }
    }
}

static const Variant kBuiltin[] = {
    {"builtin", "x86-64-v4", "builtin avx512"},
    {"builtin", "x86-64-v3", "builtin avx2"},
    {"builtin", "x86-64", "builtin generic"},
};
INSTANTIATE_TEST_SUITE_P(Builtin, CpuMatmulTest, testing::ValuesIn(kBuiltin));
INSTANTIATE_TEST_SUITE_P(Builtin, BuiltinMatmulTest,
                         testing::ValuesIn(kBuiltin));
INSTANTIATE_TEST_SUITE_P(OneDnn, CpuMatmulTest,
                         testing::Values(Variant{
                             "onednn", "x86-64",
                             "onednn (gain: builtin generic)"}));

TEST(CpuMatmul, RefusesAnUnknownBackend) {
  ThreadPool pool;
  CpuMatmul matmul;
  Error error = matmul.create("mkl", "", pool);
  ASSERT_NE(error, nullptr);
  EXPECT_EQ(error->code, LNSRT_INVALID_ARGUMENT);
  EXPECT_EQ(error->message,
            "unknown matmul 'mkl', expected 'builtin' or 'onednn'");
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
  ASSERT_EQ(setenv("LNSRT_MATMUL", "blas", 1), 0);
  Error error = matmul.create(nullptr, "", pool);
  ASSERT_NE(error, nullptr);
  EXPECT_EQ(error->place, "LNSRT_MATMUL");
  ASSERT_EQ(unsetenv("LNSRT_MATMUL"), 0);
  EXPECT_EQ(matmul.create(nullptr, "", pool), nullptr);
  EXPECT_EQ(matmul.backend(), MatmulBackend::Builtin);
}
