//===- bible_text.cpp - Text of the package bible-kjv-text ----------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/data/bible_text.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <fmt/format.h>
#include <string_view>

namespace lns::tool {

//===----------------------------------------------------------------------===//
// LZW
//===----------------------------------------------------------------------===//

namespace {
/// Reads codes least significant bit first. The encoder works in groups of
/// eight codes of one width: when the width changes, the rest of the group is
/// padding.
class CodeReader {
public:
  explicit CodeReader(std::span<const std::byte> bytes) : bytes(bytes) {}

  /// False at the end of the stream.
  bool read(int width, uint32_t &code) {
    if (bytes.size() * 8 - position < static_cast<size_t>(width))
      return false;
    code = 0;
    for (int bit = 0; bit < width; ++bit, ++position)
      code |=
          ((static_cast<uint32_t>(bytes[position / 8]) >> (position % 8)) & 1u)
          << bit;
    return true;
  }

  void skipGroup(int width) {
    size_t group = static_cast<size_t>(width) * 8;
    size_t rest = (position - groupStart) % group;
    if (rest != 0)
      position = std::min(position + (group - rest), bytes.size() * 8);
    groupStart = position;
  }

private:
  std::span<const std::byte> bytes;
  size_t position = 0;
  size_t groupStart = 0;
};
} // namespace

Expected<std::string> decodeLzw(std::span<const std::byte> codes, int maxBits,
                                size_t maxOutput) {
  constexpr uint32_t clearCode = 256, firstFree = 257;
  if (maxBits < 9 || maxBits > 16)
    return Status::failure("codes are 9 to 16 bits wide");
  const uint32_t limit = 1u << maxBits;
  std::vector<uint16_t> prefix(limit);
  std::vector<char> suffix(limit);
  for (uint32_t i = 0; i < 256; ++i)
    suffix[i] = static_cast<char>(i);

  CodeReader reader(codes);
  std::string out, reversed;
  int width = 9;
  uint32_t free = firstFree, previous = 0, code = 0;
  char first = 0;
  bool fresh = true; // No previous code: the stream starts, or was cleared.
  while (true) {
    // The encoder widens as soon as its next free code needs another bit.
    if (free > (1u << width) - 1 && width < maxBits) {
      reader.skipGroup(width);
      ++width;
    }
    if (!reader.read(width, code))
      return out;
    if (code == clearCode) {
      reader.skipGroup(width);
      width = 9;
      // The code after a clear is a character and defines no string.
      fresh = false;
      uint32_t next = 0;
      if (!reader.read(width, next))
        return out;
      if (next > 255)
        return Status::failure("code " + std::to_string(next) +
                               " follows a clear code");
      free = firstFree;
      previous = next;
      first = static_cast<char>(next);
      if (out.size() == maxOutput)
        return Status::failure("more text than promised");
      out.push_back(first);
      continue;
    }
    if (fresh) {
      if (code > 255)
        return Status::failure("the first code is not a character");
      fresh = false;
      previous = code;
      first = static_cast<char>(code);
      if (out.size() == maxOutput)
        return Status::failure("more text than promised");
      out.push_back(first);
      continue;
    }
    if (code > free || (code == free && free >= limit))
      return Status::failure("code " + std::to_string(code) +
                             " is not defined yet");
    reversed.clear();
    uint32_t walk = code;
    if (code == free) { // The string that this very step defines.
      reversed.push_back(first);
      walk = previous;
    }
    for (; walk >= firstFree; walk = prefix[walk])
      reversed.push_back(suffix[walk]);
    if (walk == clearCode)
      return Status::failure("a string contains the clear code");
    first = static_cast<char>(walk);
    reversed.push_back(first);
    if (reversed.size() > maxOutput - out.size())
      return Status::failure("more text than promised");
    out.append(reversed.rbegin(), reversed.rend());
    if (free < limit) {
      prefix[free] = static_cast<uint16_t>(previous);
      suffix[free] = first;
      ++free;
    }
    previous = code;
  }
}

//===----------------------------------------------------------------------===//
// bible.data
//===----------------------------------------------------------------------===//

static uint32_t bigEndian(std::span<const std::byte> bytes, size_t at) {
  uint32_t value = 0;
  for (size_t i = 0; i < 4; ++i)
    value = value << 8 | static_cast<uint32_t>(bytes[at + i]);
  return value;
}

Expected<std::string> decodeBibleData(const std::string &path,
                                      std::span<const std::byte> file) {
  constexpr size_t windowSizeAt = 84, windowCountAt = 88, tableAt = 92;
  constexpr uint32_t maxWindowBytes = 1 << 24;
  // Of all windows: a few bytes of codes can stand for a whole window.
  constexpr size_t maxTextBytes = size_t{1} << 26;
  if (file.size() < tableAt || std::memcmp(file.data(), "EC02", 4) != 0)
    return Status::failure(
        fmt::format("{}: not a text file of the package bible-kjv-text", path));
  uint32_t windowBytes = bigEndian(file, windowSizeAt);
  uint32_t windows = bigEndian(file, windowCountAt);
  // One offset per window, one for the end, then the compress(1) header.
  uint64_t dataAt = tableAt + (uint64_t{windows} + 1) * 4 + 3;
  if (windowBytes == 0 || windowBytes > maxWindowBytes || windows == 0 ||
      dataAt > file.size())
    return Status::failure(fmt::format(
        "{}: {} windows of {} bytes do not fit into a file of {} bytes; "
        "reinstall the package bible-kjv-text",
        path, windows, windowBytes, file.size()));
  size_t headerAt = static_cast<size_t>(dataAt) - 3;
  int maxBits = static_cast<int>(file[headerAt + 2]) & 31;
  if (file[headerAt] != std::byte{0x1f} ||
      file[headerAt + 1] != std::byte{0x9d} || maxBits < 9 || maxBits > 16)
    return Status::failure(fmt::format(
        "{}: the compressed text has an unknown header; reinstall the package "
        "bible-kjv-text",
        path));
  std::string text;
  for (uint32_t i = 0; i < windows; ++i) {
    uint32_t begin = bigEndian(file, tableAt + 4 * i);
    uint32_t end = bigEndian(file, tableAt + 4 * (i + 1));
    if (begin < dataAt || begin > end || end > file.size())
      return Status::failure(fmt::format(
          "{}: window {} lies at {} to {}, the file has {} bytes; reinstall "
          "the package bible-kjv-text",
          path, i, begin, end, file.size()));
    Expected<std::string> window =
        decodeLzw(file.subspan(begin, end - begin), maxBits,
                  std::min<size_t>(windowBytes, maxTextBytes - text.size()));
    if (!window)
      return Status::failure(
          fmt::format("{}: window {}: {}; reinstall the package bible-kjv-text",
                      path, i, window.status().message()));
    text += *window;
  }
  return text;
}

/// Splits "Ge1:12 And the earth" into book, chapter and text.
static bool splitVerse(std::string_view line, std::string_view &book,
                       std::string_view &chapter, std::string_view &text) {
  size_t space = line.find(' ');
  size_t colon = line.find(':');
  if (space == std::string_view::npos || colon == std::string_view::npos ||
      colon > space)
    return false;
  size_t digits = colon;
  while (digits > 0 && line[digits - 1] >= '0' && line[digits - 1] <= '9')
    --digits;
  if (digits == colon || digits == 0)
    return false;
  book = line.substr(0, digits);
  chapter = line.substr(digits, colon - digits);
  text = line.substr(space + 1);
  return true;
}

Expected<std::vector<BibleBook>> splitBibleBooks(const std::string &path,
                                                 const std::string &text) {
  std::vector<BibleBook> books;
  std::string lastChapter;
  size_t number = 0;
  for (size_t at = 0; at < text.size();) {
    size_t end = std::min(text.find('\n', at), text.size());
    std::string_view line(text.data() + at, end - at);
    at = end + 1;
    ++number;
    std::string_view book, chapter, verse;
    if (!splitVerse(line, book, chapter, verse)) {
      if (number == 1 || line.empty())
        continue; // The title.
      return Status::failure(
          fmt::format("{}: line {} of the text is not a verse; reinstall the "
                      "package bible-kjv-text",
                      path, number));
    }
    if (books.empty() || books.back().name != book) {
      books.push_back({std::string(book), {}});
      lastChapter = chapter;
    } else if (lastChapter != chapter) {
      books.back().text += '\n';
      lastChapter = chapter;
    }
    books.back().text.append(verse).push_back('\n');
  }
  return books;
}

} // namespace lns::tool
