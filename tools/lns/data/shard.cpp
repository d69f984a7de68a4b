//===- shard.cpp - Token shards -------------------------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/data/shard.h"

#include "tools/lns/base/checksum.h"
#include "tools/lns/base/file_kind.h"

#include <algorithm>
#include <array>
#include <bit>
#include <fmt/format.h>
#include <limits>

namespace lns::tool {

static_assert(std::endian::native == std::endian::little,
              "shards are little-endian and read as they are");

/// Where the checksum stands among the words of a header. The tag stands twice:
/// one flipped bit shall not make a shard look as if it had no checksum.
static constexpr size_t tagWord = 3, sumWord = 4, secondTagWord = 6;
static constexpr int32_t tag = 0x34365858; // "XX64"

/// Tokens that are read or summed at a time.
static constexpr size_t partTokens = 1 << 15;

using Header = std::array<int32_t, Shard::headerWords>;
static_assert(sizeof(Header) == Shard::headerBytes);

static uint64_t tokenBytes(TokenType type) {
  return type == TokenType::U16 ? sizeof(uint16_t) : sizeof(uint32_t);
}

std::vector<std::string> tokenTypeNames() { return {"u16", "u32", "i32"}; }

TokenType parseTokenType(const std::string &name) {
  return name == "u16"   ? TokenType::U16
         : name == "u32" ? TokenType::U32
                         : TokenType::I32;
}

//===----------------------------------------------------------------------===//
// Reading
//===----------------------------------------------------------------------===//

Expected<Shard> Shard::open(const std::string &path,
                            std::optional<TokenType> headerless) {
  Expected<InputFile> opened = InputFile::open(path);
  if (!opened)
    return opened.status();
  Shard shard;
  shard.file = std::move(*opened);
  if (!headerless) {
    LNS_RETURN_IF_ERROR(shard.readHeader());
    return shard;
  }
  uint64_t size = shard.file.size();
  int32_t start[2] = {};
  if (size >= headerBytes)
    LNS_RETURN_IF_ERROR(
        shard.file.read(0, std::as_writable_bytes(std::span(start))));
  if ((start[0] == magic && start[1] == version) ||
      (start[0] == wideMagic && start[1] == wideVersion))
    return Status::failure(fmt::format(
        "{}: has the header of a token shard; leave --token-type away", path));
  shard.type = *headerless;
  if (size % tokenBytes(shard.type) != 0)
    return Status::failure(fmt::format(
        "{}: {} bytes are no whole number of tokens of {} bytes; give another "
        "--token-type",
        path, size, tokenBytes(shard.type)));
  shard.count = size / tokenBytes(shard.type);
  return shard;
}

Status Shard::readHeader() {
  uint64_t size = file.size();
  Header header = {};
  std::span<std::byte> bytes = std::as_writable_bytes(std::span(header));
  bytes = bytes.first(std::min<uint64_t>(size, bytes.size()));
  LNS_RETURN_IF_ERROR(file.read(0, bytes));
  bool narrow = header[0] == magic, wide = header[0] == wideMagic;
  if (!narrow && !wide)
    if (std::string kind =
            foreignKind(bytes.first(std::min(bytes.size(), kindBytes)));
        !kind.empty())
      return Status::failure(
          fmt::format("{}: not a token shard: {}", path(), kind));
  if (size < headerBytes)
    return Status::failure(fmt::format(
        "{}: {} bytes are too few for a token shard (header of {} bytes)",
        path(), size, headerBytes));
  // What people hand over beside shards: the other byte order, and llm.c's
  // multiple-choice questions.
  if (__builtin_bswap32(static_cast<uint32_t>(header[0])) == magic ||
      __builtin_bswap32(static_cast<uint32_t>(header[0])) == wideMagic)
    return Status::failure(fmt::format(
        "{}: a token shard in big-endian byte order; write it in little-endian",
        path()));
  if (header[0] == 20240522)
    return Status::failure(fmt::format(
        "{}: not a token shard: llm.c's questions for evaluation (20240522); "
        "give a shard of text",
        path()));
  if (!narrow && !wide)
    return Status::failure(fmt::format(
        "{}: not a token shard: starts with {}, expected {} or {}; make shards "
        "with 'lns data prepare', or say of what type the tokens of a file "
        "without header are (--token-type)",
        path(), header[0], magic, wideMagic));
  int32_t expected = narrow ? version : wideVersion;
  if (header[1] != expected)
    return Status::failure(fmt::format(
        "{}: shard version {}, only version {} ({}-bit tokens) can be read",
        path(), header[1], expected, narrow ? 16 : 32));
  type = narrow ? TokenType::U16 : TokenType::U32;
  begin = headerBytes;
  if (header[2] < 0 ||
      size - headerBytes != static_cast<uint64_t>(header[2]) * tokenBytes(type))
    return Status::failure(fmt::format(
        "{}: header promises {} tokens, the file holds {}; the shard is "
        "truncated or damaged",
        path(), header[2], (size - headerBytes) / tokenBytes(type)));
  count = static_cast<uint64_t>(header[2]);
  if (header[tagWord] == tag || header[secondTagWord] == tag)
    return verifyChecksum(header);
  return Status::success();
}

static uint64_t storedSum(std::span<const int32_t> header) {
  return std::bit_cast<uint64_t>(
      std::array{header[sumWord], header[sumWord + 1]});
}

Status Shard::verifyChecksum(std::span<const int32_t> header) {
  uint64_t stored = storedSum(header);
  Header summed;
  std::copy(header.begin(), header.end(), summed.begin());
  summed[sumWord] = summed[sumWord + 1] = 0;
  Checksum actual;
  actual.add(summed.data(), sizeof summed);
  std::vector<std::byte> part(
      std::min<uint64_t>(partTokens * sizeof(uint32_t), file.size()));
  for (uint64_t at = begin; at < file.size();) {
    std::span<std::byte> out = std::span(part).first(
        std::min<uint64_t>(part.size(), file.size() - at));
    LNS_RETURN_IF_ERROR(file.read(at, out));
    actual.add(out.data(), out.size());
    at += out.size();
  }
  if (actual.value() != stored)
    return Status::failure(fmt::format(
        "{}: the checksum is {}, the header says {}; the shard is damaged: "
        "prepare it again",
        path(), checksumText(actual.value()), checksumText(stored)));
  sum = stored;
  return Status::success();
}

Status Shard::read(uint64_t first, std::span<uint32_t> out) const {
  if (type != TokenType::U16)
    return file.read(begin + first * sizeof(uint32_t),
                     std::as_writable_bytes(out));
  std::vector<uint16_t> part(std::min(out.size(), partTokens));
  while (!out.empty()) {
    std::span<uint16_t> some =
        std::span(part).first(std::min(out.size(), part.size()));
    LNS_RETURN_IF_ERROR(file.read(begin + first * sizeof(uint16_t),
                                  std::as_writable_bytes(some)));
    std::copy(some.begin(), some.end(), out.begin());
    first += some.size();
    out = out.subspan(some.size());
  }
  return Status::success();
}

Status Shard::copyRow(uint64_t first, uint64_t length, uint32_t vocabulary,
                      int32_t *tokens, int32_t *targets) const {
  std::vector<uint32_t> row(length + 1);
  LNS_RETURN_IF_ERROR(read(first, row));
  for (uint64_t t = 0; t <= length; ++t) {
    if (row[t] >= vocabulary)
      return Status::failure(fmt::format(
          "{}: token {} at position {} is beyond the plan's vocabulary of {}; "
          "prepare the data with the model's tokenizer",
          path(),
          type == TokenType::I32 ? int64_t{static_cast<int32_t>(row[t])}
                                 : int64_t{row[t]},
          first + t, vocabulary));
    if (t < length)
      tokens[t] = static_cast<int32_t>(row[t]);
    if (t > 0)
      targets[t - 1] = static_cast<int32_t>(row[t]);
  }
  return Status::success();
}

//===----------------------------------------------------------------------===//
// Writing
//===----------------------------------------------------------------------===//

template <typename Token>
static Status writeTokens(AtomicFile &file, const std::string &path,
                          std::span<const Token> tokens) {
  if (tokens.size() > static_cast<size_t>(std::numeric_limits<int32_t>::max()))
    return Status::failure(
        fmt::format("{}: {} tokens do not fit into one shard; split the text",
                    path, tokens.size()));
  constexpr bool narrow = sizeof(Token) == sizeof(uint16_t);
  Header header = {narrow ? Shard::magic : Shard::wideMagic,
                   narrow ? Shard::version : Shard::wideVersion,
                   static_cast<int32_t>(tokens.size()), tag};
  header[secondTagWord] = tag;
  Checksum sum;
  sum.add(header.data(), sizeof header);
  sum.add(tokens.data(), tokens.size_bytes());
  auto words = std::bit_cast<std::array<int32_t, 2>>(sum.value());
  std::copy(words.begin(), words.end(), header.begin() + sumWord);
  LNS_RETURN_IF_ERROR(file.write(header.data(), sizeof header));
  return file.write(tokens.data(), tokens.size_bytes());
}

template <typename Token>
static Status writeFile(const std::string &path,
                        std::span<const Token> tokens) {
  Expected<AtomicFile> file = AtomicFile::create(path);
  if (!file)
    return file.status();
  LNS_RETURN_IF_ERROR(writeTokens(*file, path, tokens));
  return file->commit();
}

Status writeShard(AtomicFile &file, const std::string &path,
                  std::span<const uint16_t> tokens) {
  return writeTokens(file, path, tokens);
}
Status writeShard(AtomicFile &file, const std::string &path,
                  std::span<const uint32_t> tokens) {
  return writeTokens(file, path, tokens);
}
Status writeShardFile(const std::string &path,
                      std::span<const uint16_t> tokens) {
  return writeFile(path, tokens);
}
Status writeShardFile(const std::string &path,
                      std::span<const uint32_t> tokens) {
  return writeFile(path, tokens);
}

} // namespace lns::tool
