//===- shard.h - Token shards -----------------------------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOOLS_LNS_DATA_SHARD_H
#define LNS_TOOLS_LNS_DATA_SHARD_H

#include "tools/lns/base/file_io.h"
#include "tools/lns/base/status.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace lns::tool {

enum class TokenType { U16, U32, I32 };

/// Names for --token-type: u16, u32, i32.
std::vector<std::string> tokenTypeNames();
/// `name` is one of them.
TokenType parseTokenType(const std::string &name);

/// A file of tokens.
///
/// A shard as llm.c has it: 256 int32, then the tokens. The first three words
/// are 20240520, 1, number of tokens (uint16), or 20240801, 7, number of tokens
/// (uint32). llm.c ignores the words after these; shards that lns wrote have a
/// tag in words 3 and 6, and in words 4 and 5 the XXH64 of the whole file with
/// these two as zeros. Without a tag there is no checksum.
///
/// Or a file without header, of tokens only, whose type the caller knows.
///
/// Header, length and checksum are compared when a shard is opened; tokens are
/// compared with a vocabulary where they are used. Nothing is mapped: a shard
/// that shrinks later is an error of read().
class Shard {
public:
  static constexpr int32_t magic = 20240520;
  static constexpr int32_t version = 1;
  static constexpr int32_t wideMagic = 20240801;
  static constexpr int32_t wideVersion = 7;
  static constexpr size_t headerWords = 256;
  static constexpr size_t headerBytes = headerWords * sizeof(int32_t);

  /// `headerless`: the type of the tokens of a file without header.
  static Expected<Shard> open(const std::string &path,
                              std::optional<TokenType> headerless = {});

  const std::string &path() const { return file.path(); }
  /// Tokens.
  uint64_t size() const { return count; }
  TokenType tokenType() const { return type; }
  /// Of the file, as it stands in it; shards of others have none.
  std::optional<uint64_t> checksum() const { return sum; }

  /// The tokens from `first` on, as many as `out` has; a negative one becomes a
  /// number that no vocabulary reaches.
  Status read(uint64_t first, std::span<uint32_t> out) const;

  /// The same for T tokens and their successors, as a model takes them; an
  /// error for a token that is not below `vocabulary`.
  Status copyRow(uint64_t first, uint64_t count, uint32_t vocabulary,
                 int32_t *tokens, int32_t *targets) const;

private:
  Status readHeader();
  Status verifyChecksum(std::span<const int32_t> header);

  InputFile file;
  TokenType type = TokenType::U16;
  uint64_t begin = 0; ///< bytes before the first token
  uint64_t count = 0;
  std::optional<uint64_t> sum;
};

/// Writes header, checksum and tokens into `file`; the caller commits. 16-bit
/// tokens become llm.c's 16-bit format, others its 32-bit one.
Status writeShard(AtomicFile &file, const std::string &path,
                  std::span<const uint16_t> tokens);
Status writeShard(AtomicFile &file, const std::string &path,
                  std::span<const uint32_t> tokens);

/// The same for a whole file.
Status writeShardFile(const std::string &path,
                      std::span<const uint16_t> tokens);
Status writeShardFile(const std::string &path,
                      std::span<const uint32_t> tokens);

} // namespace lns::tool

#endif // LNS_TOOLS_LNS_DATA_SHARD_H
