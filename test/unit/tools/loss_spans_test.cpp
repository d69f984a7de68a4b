//===- loss_spans_test.cpp - Which tokens the loss is on ------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/data/loss_spans.h"

#include <gtest/gtest.h>

using namespace lns::tool;
using Spans = std::vector<lns::tokenizer::Span>;

namespace {
std::string bits(const TokenMask &mask) {
  std::string text;
  for (bool target : mask.targets)
    text += target ? '1' : '0';
  return text;
}
} // namespace

TEST(LossSpans, TheFirstByteDecides) {
  TokenMask mask = maskTokens(Spans{{0, 2}, {2, 4}, {4, 5}, {5, 9}, {9, 10}},
                              Spans{{2, 5}, {9, 10}});
  EXPECT_EQ(bits(mask), "01101");
  EXPECT_EQ(mask.count, 3u);
  EXPECT_EQ(mask.straddling, 0u);
}

// [3, 6) begins within the token [2, 4) and ends within [5, 8).
TEST(LossSpans, StraddlingTokensAreCounted) {
  TokenMask mask =
      maskTokens(Spans{{0, 2}, {2, 4}, {4, 5}, {5, 8}, {8, 9}}, Spans{{3, 6}});
  EXPECT_EQ(bits(mask), "00110");
  EXPECT_EQ(mask.straddling, 2u);
  // One token over all of an answer.
  mask = maskTokens(Spans{{0, 9}}, Spans{{3, 6}});
  EXPECT_EQ(bits(mask), "0");
  EXPECT_EQ(mask.straddling, 1u);
}

// What stands for no byte, as a token of the template or of a normalizer, is
// where it stands.
TEST(LossSpans, EmptySpansBelongToWhatFollows) {
  TokenMask mask =
      maskTokens(Spans{{0, 0}, {0, 1}, {1, 1}, {1, 2}, {2, 2}}, Spans{{1, 2}});
  EXPECT_EQ(bits(mask), "00110");
  EXPECT_EQ(mask.straddling, 0u);
}

// Tokens cut a character of several bytes: each byte for itself.
TEST(LossSpans, BytesOfACharacterAreTokens) {
  TokenMask mask =
      maskTokens(Spans{{0, 1}, {1, 2}, {2, 3}, {3, 4}}, Spans{{1, 4}});
  EXPECT_EQ(bits(mask), "0111");
}

TEST(LossSpans, NoAnswersNoTargets) {
  EXPECT_EQ(bits(maskTokens(Spans{{0, 1}, {1, 2}}, {})), "00");
  EXPECT_EQ(maskTokens({}, Spans{{0, 1}}).targets.size(), 0u);
}
