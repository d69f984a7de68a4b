//===- attention_test.cpp - CUDA attention against float64 ----------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "attention_case.h"

using namespace lns::test;

namespace {

TEST_P(CudaAttention, IsFloat64sWithinBoundsInAnyOrder) {
  for (int t : c.times) {
    SCOPED_TRACE(testing::Message() << "time " << t);
    time = t;
    batch = t < 60 || !c.documents.empty() ? 2 : 1;
    makeStarts();
    Values inputs;
    inputs["q"] = draw(c.heads * c.headDim);
    inputs["k"] = draw(c.kvHeads * c.headDim);
    inputs["v"] = draw(c.kvHeads * c.headDim);
    inputs["dout"] = draw(c.heads * c.headDim);
    Values first = inputs;
    ASSERT_NO_FATAL_FAILURE(run(first, 0));
    ASSERT_NO_FATAL_FAILURE(compare(first));
    EXPECT_TRUE(first["out"] == first["again"]) << "with lse and without";
    Values second = inputs;
    ASSERT_NO_FATAL_FAILURE(run(second, generator()));
    EXPECT_TRUE(first == second) << "another order gives other bits";
  }
}

class CudaNarrowWindow : public CudaHiddenTiles {};

/// What a window hides from whole tiles is not looked at: a number that is none
/// would show, however small what it is multiplied by.
TEST_P(CudaNarrowWindow, LooksAtNoTileOutside) {
  ASSERT_NO_FATAL_FAILURE(start(500));
  // Tiles are of 128 rows at most, here.
  Values hidden = inputs;
  for (const char *name : {"k", "v"})
    spoil(hidden[name], c.kvHeads, 0, 150);
  ASSERT_NO_FATAL_FAILURE(run(hidden, 0));
  for (const char *name : {"out", "dq"})
    expectSame(hidden, name, c.heads, 256, time);
  Values later = inputs;
  for (const char *name : {"q", "dout"})
    spoil(later[name], c.heads, 400, time);
  ASSERT_NO_FATAL_FAILURE(run(later, 0));
  for (const char *name : {"dk", "dv"})
    expectSame(later, name, c.kvHeads, 0, 250);
}

std::vector<Case> getCases() {
  std::vector<Case> cases;
  for (bool isBf16 : {true, false}) {
    for (int headDim : {8, 10, 26, 48, 64, 80}) {
      cases.push_back({isBf16, headDim, 4, 2, true});
      cases.push_back({isBf16, headDim, 2, 2, false});
    }
    cases.push_back({isBf16, 128, 2, 1, true, {70}});
    cases.push_back({isBf16, 256, 2, 1, true, {70}});
    cases.push_back({isBf16, 130, 2, 1, false, {70}});
    cases.push_back({isBf16, 16, 3, 1, true, {150}, -0.7, 3});
    // Windows of one key, within a tile, across tiles, longer than sequences.
    for (int window : {1, 5, 40, 64, 100, 1000})
      cases.push_back({isBf16, 16, 4, 2, true, {1, 50, 65, 200}, 0, 1, window});
    cases.push_back({isBf16, 16, 2, 1, true, {150}, -0.7, 3, 33});
    cases.push_back({isBf16, 64, 2, 1, true, {150}, 0, 1, 20});
    // Scores that are far above the cap, and some below it.
    cases.push_back({isBf16, 16, 4, 2, true, {7, 130}, 0, 2, 0, 3});
    cases.push_back({isBf16, 26, 2, 2, false, {65}, -0.5, 1, 0, 2});
    cases.push_back({isBf16, 128, 2, 1, true, {70}, 0, 1, 17, 50});
    cases.push_back({isBf16, 256, 2, 1, true, {70}, 0, 1, 30, 1.5});
    // All that a row sees of a tile may be hidden, however large scores are.
    cases.push_back({isBf16, 16, 2, 1, true, {200}, 2, 3, 3, 50});
    cases.push_back({isBf16, 10, 2, 1, true, {200}, 2, 3, 3});
  }
  return cases;
}

INSTANTIATE_TEST_SUITE_P(All, CudaAttention, testing::ValuesIn(getCases()),
                         getName);
INSTANTIATE_TEST_SUITE_P(
    All, CudaNarrowWindow,
    testing::Values(Case{true, 16, 4, 2, true, {}, 0, 1, 5},
                    Case{false, 16, 2, 1, true, {}, 0, 1, 5, 3}),
    getName);

} // namespace
