//===- row_layout.h - Which row a scored text is in -------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOOLS_LNS_EVAL_ROW_LAYOUT_H
#define LNS_TOOLS_LNS_EVAL_ROW_LAYOUT_H

#include "tools/lns/eval/scored_text.h"

#include <cstdint>
#include <span>
#include <vector>

namespace lns::tool {

/// A text's inputs in a row of T tokens: [begin, begin + inputs()).
struct RowPart {
  size_t text = 0; ///< one of those that have these inputs
  uint32_t begin = 0;
};

/// Which rows a model must see so that every text is scored. Texts of the same
/// inputs, such as one context with several continuations of one token, are
/// seen once.
struct RowLayout {
  /// Each text stands in one part of one row.
  struct Place {
    size_t row = 0;
    uint32_t begin = 0;
  };
  std::vector<std::vector<RowPart>> rows;
  std::vector<Place> places; ///< by text
};

/// One text a row, in the order in which they come.
RowLayout layOutRows(std::span<const ScoredText> texts);

/// Texts of up to `sequence` inputs share rows of so many tokens, and begin at
/// multiples of `align`: the longest first, each in the first row that has room
/// for it.
RowLayout packRows(std::span<const ScoredText> texts, uint32_t sequence,
                   uint64_t align);

} // namespace lns::tool

#endif // LNS_TOOLS_LNS_EVAL_ROW_LAYOUT_H
