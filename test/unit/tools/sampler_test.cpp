//===- sampler_test.cpp - Choosing tokens ---------------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/train/sampler.h"

#include <cmath>
#include <gtest/gtest.h>
#include <vector>

using namespace lns::tool;

TEST(Sampler, TemperatureZeroTakesTheLargest) {
  std::vector<float> logits = {1, 3, 3, 2};
  SamplerOptions options;
  options.temperature = 0;
  for (uint64_t i = 0; i < 10; ++i)
    EXPECT_EQ(sampleToken(logits, options, i), 1);
}

TEST(Sampler, TopKAndProbabilities) {
  std::vector<float> logits = {std::log(1.f), std::log(3.f), std::log(0.5f),
                               std::log(0.1f)};
  SamplerOptions options;
  options.topK = 2;
  options.seed = 9;
  int hits[4] = {};
  for (uint64_t i = 0; i < 4000; ++i)
    ++hits[sampleToken(logits, options, i)];
  EXPECT_EQ(hits[2] + hits[3], 0);
  EXPECT_NEAR(hits[1] / 4000.0, 0.75, 0.03);
  // The same seed and position give the same token.
  EXPECT_EQ(sampleToken(logits, options, 17), sampleToken(logits, options, 17));
}

TEST(Sampler, ImpossibleLogits) {
  SamplerOptions options;
  std::vector<float> some = {NAN, -INFINITY, 1, INFINITY};
  for (uint64_t i = 0; i < 10; ++i)
    EXPECT_EQ(sampleToken(some, options, i), 2);
  std::vector<float> none = {NAN, NAN};
  EXPECT_EQ(sampleToken(none, options, 0), -1);
}

static std::string sanitize(const std::string &bytes) {
  TextSanitizer sanitizer;
  std::string out;
  for (char c : bytes)
    out += sanitizer.push(static_cast<unsigned char>(c));
  return out + sanitizer.finish();
}

TEST(TextSanitizer, KeepsTextAndReplacesTheRest) {
  const std::string r = "\xEF\xBF\xBD";
  EXPECT_EQ(sanitize("a\n\tb"), "a\n\tb");
  EXPECT_EQ(sanitize("caf\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80"),
            "caf\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80");
  EXPECT_EQ(sanitize("\x1b[2J"), r + "[2J");
  EXPECT_EQ(sanitize("\x80x\xC3"), r + "x" + r);
  EXPECT_EQ(sanitize("\xC3x"), r + "x");
  EXPECT_EQ(sanitize("\xE0\x80\x80"), r + r); // Overlong.
  EXPECT_EQ(sanitize("\xED\xA0\x80"), r + r); // A surrogate.
}
