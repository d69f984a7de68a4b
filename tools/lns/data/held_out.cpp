//===- held_out.cpp - All targets of held-out shards ----------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/data/held_out.h"

#include "runtime/lnsrt.h"

#include <algorithm>
#include <fmt/format.h>

namespace lns::tool {

Expected<HeldOutRows> HeldOutRows::create(std::vector<Shard> files,
                                          uint32_t sequence,
                                          uint32_t vocabulary) {
  if (files.empty())
    return Status::failure("no token shard was given");
  HeldOutRows all;
  all.sequence = sequence;
  all.vocabulary = vocabulary;
  std::string path = files.front().path();
  for (Shard &file : files) {
    uint64_t count = file.size();
    if (count < 2)
      continue;
    Source source{std::move(file), all.rows};
    all.rows += (count - 1 + sequence - 1) / sequence;
    all.targetTotal += count - 1;
    all.shards.push_back(std::move(source));
  }
  if (all.shards.empty())
    return Status::failure(
        fmt::format("{}: fewer than 2 tokens, so there is no target to measure "
                    "a loss on; hold out more text",
                    path));
  return all;
}

Expected<uint64_t> HeldOutRows::fill(uint64_t first, uint32_t count,
                                     int32_t *tokens, int32_t *targets) const {
  std::fill_n(tokens, uint64_t{count} * sequence, 0);
  std::fill_n(targets, uint64_t{count} * sequence, LNSRT_IGNORED_TARGET);
  uint64_t counted = 0;
  for (uint64_t row = first; row < std::min(first + count, rows); ++row) {
    auto next = std::upper_bound(
        shards.begin(), shards.end(), row,
        [](uint64_t r, const Source &s) { return r < s.firstRow; });
    const Source &source = *std::prev(next);
    uint64_t offset = (row - source.firstRow) * sequence;
    uint64_t length =
        std::min<uint64_t>(sequence, source.shard.size() - 1 - offset);
    uint64_t place = (row - first) * sequence;
    LNS_RETURN_IF_ERROR(source.shard.copyRow(offset, length, vocabulary,
                                             tokens + place, targets + place));
    counted += length;
  }
  return counted;
}

Status HeldOutRows::fillRows(uint64_t first, Batch &batch) const {
  batch.starts.clear();
  Expected<uint64_t> counted =
      fill(first, batch.rows, batch.tokens.data(), batch.targets.data());
  if (!counted)
    return counted.status();
  batch.tokenCount = batch.targetCount = *counted;
  return Status::success();
}

} // namespace lns::tool
