//===- packing.h - Documents into rows --------------------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOOLS_LNS_DATA_PACKING_H
#define LNS_TOOLS_LNS_DATA_PACKING_H

#include <cstdint>
#include <span>
#include <vector>

namespace lns::tool {

/// A document's place.
struct Placement {
  uint32_t document = 0;
  uint32_t offset = 0; ///< in its row
};

/// Rows of documents. Those of row r are placements[firsts[r] ..
/// firsts[r + 1]), with rising offsets.
struct PackedRows {
  std::vector<Placement> placements;
  std::vector<uint64_t> firsts = {0}; ///< and behind the last row their number

  uint64_t count() const { return firsts.size() - 1; }
  std::span<const Placement> row(uint64_t index) const {
    return std::span(placements)
        .subspan(firsts[index], firsts[index + 1] - firsts[index]);
  }
};

/// Takes documents in the order of `order` and puts each, as a whole, into the
/// first row that has room for it behind the others, at a multiple of `align`
/// (at least 1); else it opens a row. `lengths`, of each document by its
/// number, are at least 1 and at most `sequence`, the length of a row.
PackedRows packFirstFit(std::span<const uint32_t> lengths,
                        std::span<const uint32_t> order, uint32_t sequence,
                        uint64_t align);

/// One document a row, in that order.
PackedRows placeSingly(std::span<const uint32_t> order);

} // namespace lns::tool

#endif // LNS_TOOLS_LNS_DATA_PACKING_H
