//===- row_layout.cpp - Which row a scored text is in ---------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/eval/row_layout.h"

#include "tools/lns/base/checksum.h"
#include "tools/lns/data/packing.h"

#include <numeric>
#include <unordered_map>

namespace lns::tool {

static uint64_t hashInputs(const ScoredText &text) {
  Checksum sum;
  for (size_t i = 0; i < text.inputs(); ++i) {
    int32_t token = text.input(i);
    sum.add(&token, sizeof token);
  }
  return sum.value();
}

static bool sameInputs(const ScoredText &a, const ScoredText &b) {
  if (a.inputs() != b.inputs())
    return false;
  for (size_t i = 0; i < a.inputs(); ++i)
    if (a.input(i) != b.input(i))
      return false;
  return true;
}

/// For each text, the first one with its inputs.
static std::vector<size_t> findFirsts(std::span<const ScoredText> texts) {
  std::vector<size_t> firsts(texts.size());
  std::unordered_multimap<uint64_t, size_t> seen;
  for (size_t i = 0; i < texts.size(); ++i) {
    uint64_t hash = hashInputs(texts[i]);
    firsts[i] = i;
    auto [begin, end] = seen.equal_range(hash);
    for (auto it = begin; it != end && firsts[i] == i; ++it)
      if (sameInputs(texts[it->second], texts[i]))
        firsts[i] = it->second;
    if (firsts[i] == i)
      seen.emplace(hash, i);
  }
  return firsts;
}

/// Adds the part and says where it is.
static RowLayout::Place addPart(RowLayout &layout, size_t row, size_t text,
                                uint32_t begin) {
  if (row == layout.rows.size())
    layout.rows.emplace_back();
  layout.rows[row].push_back({text, begin});
  return {row, begin};
}

RowLayout layOutRows(std::span<const ScoredText> texts) {
  std::vector<size_t> firsts = findFirsts(texts);
  RowLayout layout;
  layout.places.resize(texts.size());
  for (size_t i = 0; i < texts.size(); ++i)
    layout.places[i] = firsts[i] == i
                           ? addPart(layout, layout.rows.size(), i, 0)
                           : layout.places[firsts[i]];
  return layout;
}

RowLayout packRows(std::span<const ScoredText> texts, uint32_t sequence,
                   uint64_t align) {
  std::vector<size_t> firsts = findFirsts(texts), seen;
  std::vector<uint32_t> lengths;
  for (size_t i = 0; i < texts.size(); ++i)
    if (firsts[i] == i) {
      seen.push_back(i);
      lengths.push_back(static_cast<uint32_t>(texts[i].inputs()));
    }
  std::vector<uint32_t> order(seen.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) {
    return lengths[a] != lengths[b] ? lengths[a] > lengths[b] : a < b;
  });
  PackedRows packed = packFirstFit(lengths, order, sequence, align);
  RowLayout layout;
  layout.places.resize(texts.size());
  for (uint64_t row = 0; row < packed.count(); ++row)
    for (const Placement &placement : packed.row(row))
      layout.places[seen[placement.document]] =
          addPart(layout, row, seen[placement.document], placement.offset);
  for (size_t i = 0; i < texts.size(); ++i)
    layout.places[i] = layout.places[firsts[i]];
  return layout;
}

} // namespace lns::tool
