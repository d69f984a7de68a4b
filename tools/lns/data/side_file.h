//===- side_file.h - Masks and documents beside a shard ---------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOOLS_LNS_DATA_SIDE_FILE_H
#define LNS_TOOLS_LNS_DATA_SIDE_FILE_H

#include "tools/lns/base/file_io.h"
#include "tools/lns/base/status.h"
#include "tools/lns/data/shard.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace lns::tool {

// Beside a shard X.bin there may be X.mask and X.docs. Each is a header of 256
// int32 and a body; all is little-endian.
//
//   word  X.mask                     X.docs
//   0     20261201                   20261202
//   1     1                          1
//   2     tokens                     tokens
//   3     0                          documents
//   4     0                          row length, or 0
//   6, 7  XXH64 of the shard's tokens, as they stand in it
//   8, 9  XXH64 of this file, with these two words as zeros
//
// The body of X.mask has a bit for each token, lowest first: 1 if it may be a
// target. That of X.docs has a uint64 for each document, the token that it
// begins with: the first is 0, and they rise.

/// "X.mask" and "X.docs" of a shard "X.bin".
std::string maskPath(const std::string &shardPath);
std::string documentsPath(const std::string &shardPath);

/// Which tokens may be targets.
class MaskFile {
public:
  static constexpr int32_t magic = 20261201;
  static constexpr int32_t version = 1;

  /// Compared with the shard that it stands beside. `tokenSum` is the XXH64 of
  /// that one's tokens. Takes an eighth of a byte a token.
  static Expected<MaskFile> open(const std::string &path, const Shard &shard,
                                 uint64_t tokenSum);

  /// `token` is below the shard's size.
  bool isTarget(uint64_t token) const {
    return (std::to_integer<unsigned>(bits[token / 8]) >> token % 8 & 1) != 0;
  }

private:
  std::vector<std::byte> bits;
};

/// Where documents begin.
class DocumentFile {
public:
  static constexpr int32_t magic = 20261202;
  static constexpr int32_t version = 1;

  /// As of MaskFile. Takes 8 bytes a document.
  static Expected<DocumentFile> open(const std::string &path,
                                     const Shard &shard, uint64_t tokenSum);

  uint64_t count() const { return starts.size(); }
  uint64_t begin(uint64_t document) const { return starts[document]; }
  uint64_t end(uint64_t document) const {
    return document + 1 < starts.size() ? starts[document + 1] : tokens;
  }

private:
  std::vector<uint64_t> starts;
  uint64_t tokens = 0;
};

/// What stands beside a shard.
struct SideFiles {
  std::optional<MaskFile> mask;
  std::optional<DocumentFile> documents;
};

/// Opens what there is; nothing is no error. A mask without documents is.
Expected<SideFiles> openSideFiles(const Shard &shard);

/// XXH64 of a shard's tokens as they stand in it; reads all of them.
Expected<uint64_t> sumTokens(const Shard &shard);

/// Writes header and bits; the caller commits. `tokenSum`: of the tokens, in
/// their shard's width.
Status writeMask(AtomicFile &file, uint64_t tokenSum,
                 const std::vector<bool> &targets);
/// Writes header and starts of documents in `tokens` tokens.
Status writeDocuments(AtomicFile &file, uint64_t tokenSum, uint64_t tokens,
                      std::span<const uint64_t> starts);

} // namespace lns::tool

#endif // LNS_TOOLS_LNS_DATA_SIDE_FILE_H
