//===- held_out.h - All targets of held-out shards --------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOOLS_LNS_DATA_HELD_OUT_H
#define LNS_TOOLS_LNS_DATA_HELD_OUT_H

#include "tools/lns/base/status.h"
#include "tools/lns/data/batch.h"
#include "tools/lns/data/shard.h"

#include <cstdint>
#include <vector>

namespace lns::tool {

/// Shards cut into rows of T tokens, in reading order. A shard of n tokens has
/// n - 1 targets, each in one row; its last row may be short. Which rows there
/// are does not depend on a batch: every batch size measures the same targets
/// with the same context before each.
class HeldOutRows : public HeldOutSource {
public:
  /// At least one target is needed: a shard of two tokens.
  static Expected<HeldOutRows> create(std::vector<Shard> shards,
                                      uint32_t sequence, uint32_t vocabulary);

  /// Fills `count` rows from number `first` on; both arrays have count * T
  /// places. What is behind the end of a short row, and rows behind the last
  /// one, are token 0 and ignored targets. Gives the number of the others.
  Expected<uint64_t> fill(uint64_t first, uint32_t count, int32_t *tokens,
                          int32_t *targets) const;

  Status fillRows(uint64_t first, Batch &batch) const override;
  uint64_t rowCount() const override { return rows; }
  uint64_t targetCount() const override { return targetTotal; }

private:
  struct Source {
    Shard shard;
    uint64_t firstRow = 0;
  };

  std::vector<Source> shards; ///< those with rows
  uint32_t sequence = 0;
  uint32_t vocabulary = 0;
  uint64_t rows = 0;
  uint64_t targetTotal = 0;
};

} // namespace lns::tool

#endif // LNS_TOOLS_LNS_DATA_HELD_OUT_H
