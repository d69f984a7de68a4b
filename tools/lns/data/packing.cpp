//===- packing.cpp - Documents into rows ----------------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/data/packing.h"

#include <algorithm>
#include <utility>

namespace lns::tool {

namespace {
/// The room that is left in each of some rows, in a tree of maxima, so that the
/// first row with enough of it is found in logarithmic time.
class FreeRoom {
public:
  FreeRoom(size_t rows, uint32_t room) {
    while (leaves < rows)
      leaves *= 2;
    largest.assign(2 * leaves, room);
  }
  /// There is one: no document is larger than a row that is empty.
  size_t findFirst(uint32_t room) const {
    size_t node = 1;
    while (node < leaves)
      node = 2 * node + (largest[2 * node] < room);
    return node - leaves;
  }
  uint32_t operator[](size_t row) const { return largest[leaves + row]; }
  void set(size_t row, uint32_t room) {
    size_t node = leaves + row;
    largest[node] = room;
    while (node > 1) {
      node /= 2;
      largest[node] = std::max(largest[2 * node], largest[2 * node + 1]);
    }
  }

private:
  size_t leaves = 1;
  std::vector<uint32_t> largest;
};
} // namespace

PackedRows packFirstFit(std::span<const uint32_t> lengths,
                        std::span<const uint32_t> order, uint32_t sequence,
                        uint64_t align) {
  // Room is what is left behind the next multiple of `align`.
  FreeRoom room(std::max<size_t>(order.size(), 1), sequence);
  struct Place {
    uint64_t row;
    Placement placement;
  };
  std::vector<Place> places;
  places.reserve(order.size());
  for (uint32_t document : order) {
    size_t row = room.findFirst(lengths[document]);
    uint32_t offset = sequence - room[row];
    places.push_back({row, {document, offset}});
    uint64_t used = uint64_t{offset} + lengths[document];
    uint64_t next = (used + align - 1) / align * align;
    room.set(row, next < sequence ? sequence - static_cast<uint32_t>(next) : 0);
  }
  std::sort(places.begin(), places.end(), [](const Place &a, const Place &b) {
    return std::pair(a.row, a.placement.offset) <
           std::pair(b.row, b.placement.offset);
  });
  // Rows open in their order, so that no number is left out.
  PackedRows rows;
  for (size_t i = 0; i < places.size(); ++i) {
    if (i > 0 && places[i].row != places[i - 1].row)
      rows.firsts.push_back(i);
    rows.placements.push_back(places[i].placement);
  }
  if (!places.empty())
    rows.firsts.push_back(places.size());
  return rows;
}

PackedRows placeSingly(std::span<const uint32_t> order) {
  PackedRows rows;
  for (uint32_t document : order) {
    rows.placements.push_back({document, 0});
    rows.firsts.push_back(rows.placements.size());
  }
  return rows;
}

} // namespace lns::tool
