//===- data_loader.cpp - Batches of tokens from shards --------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/data/data_loader.h"

#include "tools/lns/base/philox.h"

#include <algorithm>
#include <fmt/format.h>

namespace lns::tool {

Expected<DataLoader> DataLoader::create(std::vector<Shard> files,
                                        uint32_t batch, uint32_t sequence,
                                        uint32_t vocabulary) {
  DataLoader loader;
  loader.batch = batch;
  loader.sequence = sequence;
  loader.vocabulary = vocabulary;
  uint64_t batchTokens = uint64_t{batch} * sequence;
  for (Shard &file : files) {
    Source source;
    uint64_t count = file.size();
    if (count < batchTokens + 1) {
      loader.tooShort.push_back(
          fmt::format("{}: {} tokens, a batch of {} x {} needs {}", file.path(),
                      count, batch, sequence, batchTokens + 1));
      continue;
    }
    source.shard = std::move(file);
    // One window less than fits, so that the cut may move by up to a window.
    source.windowCount = std::max<uint64_t>(1, (count - 1) / sequence - 1);
    source.firstWindow = loader.windows;
    loader.windows += source.windowCount;
    loader.tokenTotal += count;
    loader.shards.push_back(std::move(source));
  }
  if (files.empty())
    return Status::failure("no token shard was given");
  if (loader.shards.empty())
    return Status::failure(fmt::format(
        "{}{}; use more text or a plan with a smaller --batch or "
        "--seq",
        loader.tooShort[0],
        files.size() == 1
            ? std::string()
            : fmt::format(", and the other {} shards are too short, "
                          "too",
                          files.size() - 1)));
  return loader;
}

uint64_t permute(uint64_t seed, uint64_t epoch, uint64_t size, uint64_t index) {
  // A Feistel network permutes a power of four; walking on while the result is
  // outside restricts it to [0, size).
  int halfBits = 1;
  while (halfBits < 32 && (uint64_t{1} << (2 * halfBits)) < size)
    ++halfBits;
  const uint64_t mask = (uint64_t{1} << halfBits) - 1;
  do {
    uint64_t left = index >> halfBits, right = index & mask;
    for (uint32_t round = 0; round < 4; ++round) {
      uint64_t mixed =
          philox64(seed, PhiloxStream::Shuffle, epoch << 32 ^ right, round);
      uint64_t next = left ^ (mixed & mask);
      left = right;
      right = next;
    }
    index = left << halfBits | right;
  } while (index >= size);
  return index;
}

Status DataLoader::randomBatch(uint64_t seed, uint64_t step, int32_t *tokens,
                               int32_t *targets) const {
  for (uint32_t b = 0; b < batch; ++b) {
    uint64_t number = step * batch + b;
    uint64_t epoch = number / windows;
    uint64_t window = permute(seed, epoch, windows, number % windows);
    auto next = std::upper_bound(
        shards.begin(), shards.end(), window,
        [](uint64_t w, const Source &s) { return w < s.firstWindow; });
    const Source &source = *std::prev(next);
    uint64_t spare = source.shard.size() - 1 - source.windowCount * sequence;
    uint64_t phase = philox64(seed, PhiloxStream::Phase, epoch,
                              static_cast<uint32_t>(next - shards.begin())) %
                     (spare + 1);
    uint64_t offset = phase + (window - source.firstWindow) * sequence;
    LNS_RETURN_IF_ERROR(source.shard.copyRow(offset, sequence, vocabulary,
                                             tokens + uint64_t{b} * sequence,
                                             targets + uint64_t{b} * sequence));
  }
  return Status::success();
}

Status DataLoader::fill(uint64_t seed, uint64_t step, Batch &out) const {
  out.starts.clear();
  out.tokenCount = out.targetCount = out.tokens.size();
  return randomBatch(seed, step, out.tokens.data(), out.targets.data());
}

} // namespace lns::tool
