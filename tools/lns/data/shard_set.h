//===- shard_set.h - The shards that a path names ---------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOOLS_LNS_DATA_SHARD_SET_H
#define LNS_TOOLS_LNS_DATA_SHARD_SET_H

#include "tools/lns/base/status.h"
#include "tools/lns/data/shard.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace lns::tool {

/// What meta.json beside the shards says of them.
struct DataFacts {
  std::string path;
  uint64_t vocabulary = 0;
  bool bytes = false; ///< one token is one byte of text
  /// Of val.bin, and the bytes of text that these tokens stand for; 0: not
  /// said.
  uint64_t valTokens = 0, valBytes = 0;
};

struct ShardSet {
  std::vector<std::string> train;
  std::vector<std::string> val;
  /// Without, nothing is known: the shards are somebody else's.
  std::optional<DataFacts> facts;
};

/// What --data names: a folder (its *.bin files), one file, or a pattern. What
/// exists under the name as it stands is no pattern. Files with a held-out name
/// are held out, all others are for training; both lists are sorted by name.
Expected<ShardSet> findShards(const std::string &folderOrPattern);

/// Whether a file's name, cut at '_', '-', '.' and digits, has a part "val",
/// "valid", "validation", "test" or "heldout" in any case: val.bin,
/// fineweb_val_000000.bin, not medieval.bin.
bool isHeldOutName(std::string_view fileName);

/// Whether a token is a byte of text, so that bits per token are bits per byte.
/// Without facts a vocabulary of 256 is taken for bytes.
bool tokensAreBytes(const std::optional<DataFacts> &facts, uint32_t vocabulary);

/// The bytes of text that a token stands for, by which bits per token become
/// bits per byte: 1 where tokens are bytes, else the mean over val.bin. Nothing
/// where the facts do not say it, or if a loss is not that of all `targets` of
/// val.bin, which are its tokens but the first.
std::optional<double> bytesPerToken(const std::optional<DataFacts> &facts,
                                    uint32_t vocabulary, uint64_t targets);

/// A note where the plan has more tokens than the data, else nothing.
void compareVocabulary(const std::optional<DataFacts> &facts,
                       uint32_t vocabulary, std::vector<std::string> &notes);

/// Takes shards without any target, of fewer than two tokens, out of the list,
/// with a note for each. Those that cannot be opened stay.
void dropEmptyShards(std::vector<std::string> &paths,
                     std::optional<TokenType> headerless,
                     std::vector<std::string> &notes);

/// Opens every path. What took long to verify is said in `notes`.
Expected<std::vector<Shard>> openShards(const std::vector<std::string> &paths,
                                        std::optional<TokenType> headerless,
                                        std::vector<std::string> &notes);

} // namespace lns::tool

#endif // LNS_TOOLS_LNS_DATA_SHARD_SET_H
