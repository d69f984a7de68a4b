//===- data_loader.h - Batches of tokens from shards ------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOOLS_LNS_DATA_DATA_LOADER_H
#define LNS_TOOLS_LNS_DATA_DATA_LOADER_H

#include "tools/lns/base/status.h"
#include "tools/lns/data/batch.h"
#include "tools/lns/data/shard.h"

#include <cstdint>
#include <string>
#include <vector>

namespace lns::tool {

/// Fills batches of B rows of T tokens, and the targets: the same tokens
/// shifted by one. Has no state: a batch depends on the seed and its number
/// only, so that a resumed run sees exactly the batches that an uninterrupted
/// one would.
class DataLoader : public TrainingSource {
public:
  /// A shard with fewer than B * T + 1 tokens is skipped; an error if there is
  /// no other.
  static Expected<DataLoader> create(std::vector<Shard> shards, uint32_t batch,
                                     uint32_t sequence, uint32_t vocabulary);

  /// Training order: the text is cut into windows of T tokens; each epoch
  /// visits every window once, in an order and with a cut that seed and epoch
  /// fix. `step` counts from 0. `tokens` and `targets` have B * T places.
  Status randomBatch(uint64_t seed, uint64_t step, int32_t *tokens,
                     int32_t *targets) const;

  Status fill(uint64_t seed, uint64_t step, Batch &batch) const override;
  uint64_t rowsPerEpoch() const override { return windows; }

  uint64_t windowsPerEpoch() const { return windows; }
  uint64_t tokenCount() const { return tokenTotal; }
  size_t shardCount() const { return shards.size(); }
  /// A line for every shard that is too short.
  const std::vector<std::string> &skipped() const { return tooShort; }

private:
  struct Source {
    Shard shard;
    uint64_t firstWindow = 0;
    uint64_t windowCount = 0;
  };

  std::vector<Source> shards;
  std::vector<std::string> tooShort;
  uint32_t batch = 0;
  uint32_t sequence = 0;
  uint32_t vocabulary = 0;
  uint64_t windows = 0;
  uint64_t tokenTotal = 0;
};

/// Position `index` of a pseudorandom permutation of [0, size), size > 0.
uint64_t permute(uint64_t seed, uint64_t epoch, uint64_t size, uint64_t index);

} // namespace lns::tool

#endif // LNS_TOOLS_LNS_DATA_DATA_LOADER_H
