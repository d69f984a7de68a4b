//===- r_data.cpp - Character vectors of an R package ---------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/data/r_data.h"

#include "tools/lns/base/file_io.h"

#include <cstring>
#include <fmt/format.h>
#include <zlib.h>

namespace lns::tool {

/// Far above any data set of text, far below a machine's memory.
static constexpr size_t maxInflatedBytes = size_t{1} << 26;

const RValue *RValue::item(const std::string &name) const {
  for (size_t i = 0; i < names.size() && i < items.size(); ++i)
    if (names[i] == name)
      return &items[i];
  return nullptr;
}

//===----------------------------------------------------------------------===//
// Serialization
//===----------------------------------------------------------------------===//

namespace {
/// SEXPTYPE codes of R's serialize.c.
enum : uint32_t {
  SymSxp = 1,
  ListSxp = 2,
  CharSxp = 9,
  LglSxp = 10,
  IntSxp = 13,
  StrSxp = 16,
  VecSxp = 19,
  NilValue = 254,
  RefSxp = 255
};

class RReader {
public:
  explicit RReader(std::span<const std::byte> bytes) : bytes(bytes) {}

  Expected<RValue> readDocument() {
    std::string_view start(reinterpret_cast<const char *>(bytes.data()),
                           std::min<size_t>(bytes.size(), 2));
    if (start != "X\n")
      return Status::failure("not a binary R serialization");
    at = 2;
    uint32_t version = 0, ignored = 0;
    if (!readWord(version) || !readWord(ignored) || !readWord(ignored))
      return truncated();
    if (version == 3) { // Version 3 names its native encoding.
      std::string encoding;
      LNS_RETURN_IF_ERROR(readBytes(encoding));
    } else if (version != 2) {
      return Status::failure(
          fmt::format("serialization version {} is not 2 or 3", version));
    }
    RValue value;
    LNS_RETURN_IF_ERROR(readItem(value, 0));
    return value;
  }

private:
  static Status truncated() {
    return Status::failure("the serialized value is truncated");
  }

  bool readWord(uint32_t &value) {
    if (bytes.size() - at < 4)
      return false;
    value = 0;
    for (int i = 0; i < 4; ++i)
      value = value << 8 | static_cast<uint32_t>(bytes[at++]);
    return true;
  }

  /// Length, then that many bytes; length -1 is NA.
  Status readBytes(std::string &out) {
    uint32_t length = 0;
    if (!readWord(length))
      return truncated();
    out.clear();
    if (length == UINT32_MAX)
      return Status::success();
    if (length > bytes.size() - at)
      return truncated();
    out.assign(reinterpret_cast<const char *>(bytes.data()) + at, length);
    at += length;
    return Status::success();
  }

  /// A vector's length; each element takes at least 4 bytes, so a length that
  /// the file cannot hold is refused before anything is allocated.
  Status readLength(uint32_t &length) {
    if (!readWord(length))
      return truncated();
    if (length > (bytes.size() - at) / 4)
      return truncated();
    return Status::success();
  }

  Status readSymbol(uint32_t flags, std::string &name) {
    uint32_t type = flags & 255;
    if (type == SymSxp) {
      uint32_t inner = 0;
      if (!readWord(inner))
        return truncated();
      if ((inner & 255) != CharSxp)
        return Status::failure("a symbol has no name");
      LNS_RETURN_IF_ERROR(readBytes(name));
      symbols.push_back(name);
      return Status::success();
    }
    if (type == RefSxp) {
      uint32_t index = flags >> 8;
      if (index == 0 && !readWord(index))
        return truncated();
      if (index == 0 || index > symbols.size())
        return Status::failure("a reference to a symbol that does not exist");
      name = symbols[index - 1];
      return Status::success();
    }
    return Status::failure("expected a symbol");
  }

  /// Attributes: a pairlist of symbol and value. Only "names" is kept.
  Status readAttributes(RValue &owner, int depth) {
    while (true) {
      uint32_t flags = 0;
      if (!readWord(flags))
        return truncated();
      if ((flags & 255) == NilValue)
        return Status::success();
      if ((flags & 255) != ListSxp || (flags & 0x200) || !(flags & 0x400))
        return Status::failure("attributes are not a tagged pairlist");
      uint32_t tagFlags = 0;
      if (!readWord(tagFlags))
        return truncated();
      std::string tag;
      LNS_RETURN_IF_ERROR(readSymbol(tagFlags, tag));
      RValue value;
      LNS_RETURN_IF_ERROR(readItem(value, depth + 1));
      if (tag == "names")
        owner.names = std::move(value.strings);
    }
  }

  Status readItem(RValue &value, int depth) {
    if (depth > 32)
      return Status::failure("values are nested too deeply");
    uint32_t flags = 0, length = 0;
    if (!readWord(flags))
      return truncated();
    switch (flags & 255) {
    case NilValue:
      return Status::success();
    case LglSxp:
    case IntSxp:
      value.type = (flags & 255) == LglSxp ? RValue::Type::Logical
                                           : RValue::Type::Integer;
      LNS_RETURN_IF_ERROR(readLength(length));
      value.integers.resize(length);
      for (int32_t &element : value.integers) {
        uint32_t word = 0;
        if (!readWord(word))
          return truncated();
        element = static_cast<int32_t>(word);
      }
      break;
    case StrSxp:
      value.type = RValue::Type::String;
      LNS_RETURN_IF_ERROR(readLength(length));
      value.strings.resize(length);
      for (std::string &element : value.strings) {
        uint32_t inner = 0;
        if (!readWord(inner))
          return truncated();
        if ((inner & 255) != CharSxp)
          return Status::failure("a character vector holds something else");
        LNS_RETURN_IF_ERROR(readBytes(element));
      }
      break;
    case VecSxp:
      value.type = RValue::Type::List;
      LNS_RETURN_IF_ERROR(readLength(length));
      // Not all of them at once: every level of a nested list may promise as
      // many items as the rest of the file could hold.
      while (value.items.size() < length)
        LNS_RETURN_IF_ERROR(readItem(value.items.emplace_back(), depth + 1));
      break;
    default:
      return Status::failure(fmt::format(
          "R type {} is not one of character, integer, logical, list",
          flags & 255));
    }
    if (flags & 0x200)
      return readAttributes(value, depth);
    return Status::success();
  }

  std::span<const std::byte> bytes;
  size_t at = 0;
  std::vector<std::string> symbols;
};
} // namespace

Expected<RValue> parseRSerialization(std::span<const std::byte> bytes) {
  return RReader(bytes).readDocument();
}

//===----------------------------------------------------------------------===//
// Lazy-load database
//===----------------------------------------------------------------------===//

/// Inflates zlib or gzip data, at most maxInflatedBytes of it.
static Expected<std::string> inflateAll(std::span<const std::byte> bytes) {
  z_stream stream = {};
  if (inflateInit2(&stream, 15 + 32) != Z_OK)
    return Status::failure("zlib cannot be started");
  stream.next_in =
      reinterpret_cast<Bytef *>(const_cast<std::byte *>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  std::string out;
  char buffer[1 << 16];
  int result = Z_OK;
  while (result == Z_OK && out.size() <= maxInflatedBytes) {
    stream.next_out = reinterpret_cast<Bytef *>(buffer);
    stream.avail_out = sizeof buffer;
    result = inflate(&stream, Z_NO_FLUSH);
    out.append(buffer, sizeof buffer - stream.avail_out);
  }
  inflateEnd(&stream);
  if (result != Z_STREAM_END)
    return Status::failure("the compressed data is damaged");
  return out;
}

static std::span<const std::byte> asBytes(const std::string &text) {
  return std::as_bytes(std::span<const char>(text.data(), text.size()));
}

Expected<std::map<std::string, std::vector<std::string>>>
readLazyLoadStrings(const std::string &base) {
  std::string indexPath = base + ".rdx", dataPath = base + ".rdb";
  Expected<std::vector<std::byte>> indexFile =
      readWholeFile(indexPath, size_t{1} << 30);
  if (!indexFile)
    return indexFile.status();
  Expected<std::vector<std::byte>> dataFile =
      readWholeFile(dataPath, size_t{1} << 30);
  if (!dataFile)
    return dataFile.status();

  Expected<std::string> indexText = inflateAll(*indexFile);
  if (!indexText)
    return Status::failure(
        fmt::format("{}: {}", indexPath, indexText.status().message()));
  Expected<RValue> index = parseRSerialization(asBytes(*indexText));
  if (!index)
    return Status::failure(
        fmt::format("{}: {}", indexPath, index.status().message()));
  const RValue *variables = index->item("variables");
  const RValue *compressed = index->item("compressed");
  if (!variables || variables->names.size() != variables->items.size() ||
      !compressed || compressed->integers.size() != 1)
    return Status::failure(
        fmt::format("{}: not the index of a lazy-load database", indexPath));
  if (compressed->integers[0] != 1)
    return Status::failure(fmt::format("{}: compression type {} is not zlib",
                                       indexPath, compressed->integers[0]));

  std::map<std::string, std::vector<std::string>> result;
  for (size_t i = 0; i < variables->items.size(); ++i) {
    const std::string &name = variables->names[i];
    const std::vector<int32_t> &place = variables->items[i].integers;
    std::span<const std::byte> all = *dataFile;
    // Each value: its inflated size in 4 bytes, then a zlib stream.
    if (place.size() != 2 || place[0] < 0 || place[1] < 4 ||
        static_cast<size_t>(place[0]) > all.size() ||
        static_cast<size_t>(place[1]) >
            all.size() - static_cast<size_t>(place[0]))
      return Status::failure(
          fmt::format("{}: '{}' lies outside of the file", dataPath, name));
    Expected<std::string> text = inflateAll(all.subspan(
        static_cast<size_t>(place[0]) + 4, static_cast<size_t>(place[1]) - 4));
    if (!text)
      return Status::failure(
          fmt::format("{}: '{}': {}", dataPath, name, text.status().message()));
    Expected<RValue> value = parseRSerialization(asBytes(*text));
    if (!value)
      return Status::failure(fmt::format("{}: '{}': {}", dataPath, name,
                                         value.status().message()));
    if (value->type != RValue::Type::String)
      return Status::failure(
          fmt::format("{}: '{}' is not a character vector", dataPath, name));
    result[name] = std::move(value->strings);
  }
  return result;
}

} // namespace lns::tool
