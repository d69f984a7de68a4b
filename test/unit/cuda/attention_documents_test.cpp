//===- attention_documents_test.cpp - Documents that share a row ----------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// Attention of several documents in a row: against float64, with the bits of
// the kernels without where there is one, and that nothing is seen of others.
//
//===----------------------------------------------------------------------===//

#include "attention_case.h"

using namespace lns::test;

namespace {

class CudaDocuments : public CudaHiddenTiles {};

/// What is before a tile's first document, or behind its last, is not looked
/// at: a number that is none would show, however small what it is multiplied
/// by.
TEST_P(CudaDocuments, LooksAtNoTileOutside) {
  ASSERT_NO_FATAL_FAILURE(start(500));
  const int border = starts[400];
  ASSERT_TRUE(border > 128 && border + 128 < 384);
  Values hidden = inputs;
  for (const char *name : {"k", "v"})
    spoil(hidden[name], c.kvHeads, 0, border / 64 * 64);
  ASSERT_NO_FATAL_FAILURE(run(hidden, 0));
  for (const char *name : {"out", "dq"})
    expectSame(hidden, name, c.heads, (border + 127) / 128 * 128, time);
  Values later = inputs;
  for (const char *name : {"q", "dout"})
    spoil(later[name], c.heads, (border + 63) / 64 * 64, time);
  ASSERT_NO_FATAL_FAILURE(run(later, 0));
  for (const char *name : {"dk", "dv"})
    expectSame(later, name, c.kvHeads, 0, border / 128 * 128);
}

/// In the tiles that hold two documents, neither has a bit of the other.
TEST_P(CudaDocuments, LeakNothing) {
  ASSERT_NO_FATAL_FAILURE(start(500));
  const int border = starts[400];
  for (bool isFirst : {false, true}) {
    Values other = inputs;
    int from = isFirst ? 0 : border, to = isFirst ? border : time;
    for (const char *name : {"q", "dout"})
      spoil(other[name], c.heads, from, to, 30);
    for (const char *name : {"k", "v"})
      spoil(other[name], c.kvHeads, from, to, -20);
    ASSERT_NO_FATAL_FAILURE(run(other, 0));
    from = isFirst ? border : 0, to = isFirst ? time : border;
    for (const char *name : {"out", "dq"})
      expectSame(other, name, c.heads, from, to);
    for (const char *name : {"dk", "dv"})
      expectSame(other, name, c.kvHeads, from, to);
  }
}

class CudaOneDocument : public CudaAttention {};

/// Starts that are all zero give the bits of the kernels without.
TEST_P(CudaOneDocument, IsNone) {
  for (int t : {1, 150}) {
    time = t;
    Values with;
    for (const char *name : {"q", "dout"})
      with[name] = draw(c.heads * c.headDim);
    for (const char *name : {"k", "v"})
      with[name] = draw(c.kvHeads * c.headDim);
    Values without = with;
    hasStarts = false;
    makeStarts();
    ASSERT_NO_FATAL_FAILURE(run(without, 0));
    hasStarts = true;
    ASSERT_NO_FATAL_FAILURE(run(with, 0));
    EXPECT_TRUE(with == without) << "time " << t;
  }
}

std::vector<Case> getCases() {
  std::vector<Case> cases;
  for (bool isBf16 : {true, false}) {
    // Documents of one token, on tile borders and beside them, and of one more
    // than a search looks at at once; with windows, caps and large scores.
    auto add = [&](int headDim, int heads, int kvHeads, std::vector<int> times,
                   std::vector<int> documents, int window = 0, double cap = 0,
                   double scale = 0, double amplitude = 1) {
      cases.push_back({isBf16, headDim, heads, kvHeads, true, times, scale,
                       amplitude, window, cap, documents});
    };
    add(16, 4, 2, {1, 2, 33, 131}, {1});
    add(16, 4, 2, {64, 129}, {3, 1, 1, 7, 2});
    add(8, 2, 1, {200}, {64, 32, 16, 48, 40});
    add(10, 4, 2, {191}, {33, 1, 63, 2, 65});
    add(26, 3, 1, {150}, {150, 90});
    add(48, 2, 2, {131}, {60, 71});
    add(64, 4, 2, {300}, {100, 1, 130, 3, 50});
    add(80, 2, 1, {131}, {50, 14, 67});
    add(112, 2, 1, {70}, {20, 21, 29});
    add(128, 2, 1, {131}, {48, 20, 63});
    add(256, 2, 1, {70}, {30, 3, 37});
    add(16, 1, 1, {2500}, {1100, 1, 1399});
    add(16, 4, 2, {65, 200}, {30, 5, 90, 75}, 5);
    add(16, 2, 1, {200}, {30, 5, 90, 75}, 64);
    add(64, 2, 1, {150}, {70, 1, 79}, 33);
    add(16, 4, 2, {130}, {30, 2, 98}, 0, 3, 0, 2);
    add(64, 2, 1, {131}, {70, 1, 60}, 40, 50);
    add(16, 2, 1, {200}, {3, 90, 1}, 3, 50, 2, 3);
    add(10, 2, 1, {200}, {3, 90, 1}, 0, 0, -2, 3);
  }
  return cases;
}

INSTANTIATE_TEST_SUITE_P(Documents, CudaAttention,
                         testing::ValuesIn(getCases()), getName);
INSTANTIATE_TEST_SUITE_P(
    All, CudaDocuments,
    testing::Values(Case{true, 16, 4, 2, true, {}, 0, 1, 0, 0, {200, 300}},
                    Case{true, 64, 2, 1, true, {}, 0, 1, 0, 0, {192, 308}},
                    Case{false, 16, 2, 1, true, {}, 0, 1, 0, 3, {201, 299}},
                    Case{true, 16, 2, 1, true, {}, 0, 1, 70, 0, {195, 305}}),
    getName);

std::vector<Case> getOneDocumentCases() {
  std::vector<Case> cases;
  for (bool isBf16 : {true, false})
    for (int headDim : {16, 64, 128})
      for (int window : {0, 33})
        for (double cap : {0., 3.})
          if (headDim == 64 || (window == 0 && cap == 0))
            cases.push_back(
                {isBf16, headDim, 2, 1, true, {}, 0, 1, window, cap, {1000}});
  return cases;
}

INSTANTIATE_TEST_SUITE_P(All, CudaOneDocument,
                         testing::ValuesIn(getOneDocumentCases()), getName);

} // namespace
