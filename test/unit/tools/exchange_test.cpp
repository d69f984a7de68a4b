//===- exchange_test.cpp - Parts of exports -------------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/checkpoint/families.h"
#include "tools/lns/exchange/fold_tensor.h"
#include "tools/lns/exchange/source_model.h"

#include <bit>
#include <cmath>
#include <gtest/gtest.h>
#include <random>

using namespace lns::tool;

namespace {

double toDouble(uint16_t bits) {
  return static_cast<double>(std::bit_cast<float>(uint32_t{bits} << 16));
}

TEST(RoundToBrain, TakesTheNearestAndTheEvenOfTwo) {
  EXPECT_EQ(roundToBrain(0), 0);
  EXPECT_EQ(roundToBrain(-0.0), 0x8000);
  EXPECT_EQ(roundToBrain(1), 0x3f80);
  EXPECT_EQ(roundToBrain(1 + 0x1p-8), 0x3f80); // halfway to 0x3f81
  EXPECT_EQ(roundToBrain(1 + 0x3p-8), 0x3f82);
  EXPECT_EQ(roundToBrain(1e39), 0x7f80);
  EXPECT_EQ(roundToBrain(-3.4e38), 0xff80);
  EXPECT_TRUE(std::isinf(toDouble(roundToBrain(INFINITY))));
  // Less than half an f32 beyond halfway: rounded twice it would be even.
  EXPECT_EQ(roundToBrain(1 + 0x1p-8 + 0x1p-40), 0x3f81);
  EXPECT_EQ(roundToBrain(1 + 0x3p-8 - 0x1p-40), 0x3f81);
  EXPECT_EQ(roundToBrain(-(1 + 0x1p-8 + 0x1p-40)), 0xbf81);
  std::mt19937_64 random(3);
  std::normal_distribution<double> numbers;
  for (int i = 0; i < 100000; ++i) {
    double value = numbers(random);
    uint16_t bits = roundToBrain(value);
    double off = std::abs(toDouble(bits) - value);
    for (int step : {-1, 1})
      ASSERT_LE(off,
                std::abs(toDouble(static_cast<uint16_t>(bits + step)) - value))
          << value;
  }
}

// A class is found by what its family says of itself.
TEST(Families, HaveOneNameAndOneClass) {
  for (const FamilyInfo &family : allFamilies()) {
    EXPECT_EQ(findFamily(family.modelType), &family);
    for (const FamilyInfo &other : allFamilies())
      EXPECT_EQ(&family == &other,
                std::string(family.architecture) == other.architecture);
  }
  EXPECT_EQ(findFamily("lns_llama"), nullptr);
  EXPECT_EQ(findFamily(""), nullptr);
  EXPECT_EQ(findScheme("lns,init=scaled"), nullptr);
  ASSERT_NE(findScheme("lns"), nullptr);
}

} // namespace
