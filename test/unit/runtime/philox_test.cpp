//===- philox_test.cpp - Random numbers -----------------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "runtime/base/philox.h"
#include "runtime/plan/init.h"

#include <cmath>
#include <gtest/gtest.h>
#include <vector>

using namespace lns;

// Known answers that the authors publish with Random123.
TEST(Philox, KnownAnswers) {
  EXPECT_EQ(philox4x32({0, 0, 0, 0}, {0, 0}),
            (PhiloxCounter{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  constexpr uint32_t kOnes = 0xffffffff;
  EXPECT_EQ(philox4x32({kOnes, kOnes, kOnes, kOnes}, {kOnes, kOnes}),
            (PhiloxCounter{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
                       {0xa4093822, 0x299f31d0}),
            (PhiloxCounter{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

// Mean, variance and fourth moment of a standard normal, within five standard
// errors of a sample of this size.
TEST(Philox, NormalMoments) {
  constexpr int kBlocks = 100000;
  double sum = 0, square = 0, fourth = 0;
  for (uint64_t block = 0; block < kBlocks; ++block)
    for (double value : philoxNormals(philoxCounter(block, 3), philoxKey(11))) {
      ASSERT_TRUE(std::isfinite(value));
      sum += value;
      square += value * value;
      fourth += value * value * value * value;
    }
  double count = 4.0 * kBlocks;
  EXPECT_NEAR(sum / count, 0.0, 5 / std::sqrt(count));
  EXPECT_NEAR(square / count, 1.0, 5 * std::sqrt(2 / count));
  EXPECT_NEAR(fourth / count, 3.0, 5 * std::sqrt(96 / count));
}

// The logarithm's argument is never zero, at either end of the words' range.
TEST(Philox, InitializersFillEveryElement) {
  flatbuffers::FlatBufferBuilder builder;
  plan::ParameterT parameter;
  auto fill = [&](plan::InitKind kind, uint64_t elements, const char *name,
                  uint64_t seed, unsigned threads) {
    parameter.name = name;
    parameter.init = kind;
    parameter.init_value = 0.02;
    builder.Clear();
    parameter.shape = {int64_t(elements)};
    builder.Finish(plan::CreateParameter(builder, &parameter));
    ThreadPool pool;
    EXPECT_EQ(pool.start(threads), nullptr);
    std::vector<float> data(elements + 1, -9.0f);
    const auto &stored =
        *flatbuffers::GetRoot<plan::Parameter>(builder.GetBufferPointer());
    initializeParameter(stored, seed, StoredTensor(stored, data.data()), pool);
    EXPECT_EQ(data.back(), -9.0f) << "wrote past the end";
    data.pop_back();
    return data;
  };
  using plan::InitKind;
  EXPECT_EQ(fill(InitKind::zeros, 5, "v", 1, 1), std::vector<float>(5, 0.0f));
  EXPECT_EQ(fill(InitKind::ones, 5, "v", 1, 1), std::vector<float>(5, 1.0f));
  EXPECT_EQ(fill(InitKind::constant, 5, "v", 1, 1),
            std::vector<float>(5, 0.02f));
  // Not a multiple of four, and enough for several work items.
  auto normal = fill(InitKind::normal, 50003, "w", 42, 1);
  EXPECT_EQ(normal, fill(InitKind::normal, 50003, "w", 42, 3));
  EXPECT_NE(normal, fill(InitKind::normal, 50003, "v", 42, 1));
  EXPECT_NE(normal, fill(InitKind::normal, 50003, "w", 43, 1));
  // What lies beyond 3 standard deviations is drawn again, the rest is as it
  // was.
  auto cut = fill(InitKind::truncated_normal, 50003, "w", 42, 1);
  EXPECT_EQ(cut, fill(InitKind::truncated_normal, 50003, "w", 42, 3));
  unsigned drawnAgain = 0;
  double squares = 0;
  for (size_t i = 0; i < cut.size(); ++i) {
    EXPECT_LE(std::abs(cut[i]), 0.06f);
    squares += double(cut[i]) * cut[i];
    if (std::abs(normal[i]) <= 0.06f)
      EXPECT_EQ(cut[i], normal[i]);
    else
      ++drawnAgain;
  }
  EXPECT_NEAR(drawnAgain, 0.0027 * 50003, 60);
  EXPECT_NEAR(std::sqrt(squares / 50003) / 0.02, 0.9866, 0.01);
  auto first = philoxNormals(philoxCounter(12500, 0), getInitKey(42, "w"));
  EXPECT_EQ(normal[50002], float(first[2] * 0.02));
}

// The key is what its comment says: sha256("abc") starts with ba7816bf8f01cfea.
TEST(Philox, InitKeyIsOfTheNamesDigest) {
  PhiloxCounter words =
      philox4x32({0xbf1678ba, 0xeacf018f, 0, 0}, philoxKey(42));
  EXPECT_EQ(getInitKey(42, "abc"), (PhiloxKey{words[0], words[1]}));
}
