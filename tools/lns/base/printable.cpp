//===- printable.cpp - Input that is quoted in messages -------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/base/printable.h"

#include <fmt/format.h>

namespace lns::tool {

/// Bytes of the UTF-8 character at `text[at]`, 0 if there is none: overlong
/// forms, surrogates and values beyond U+10FFFF are not UTF-8.
static size_t characterBytes(std::string_view text, size_t at) {
  auto byte = [&](size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u;
  };
  unsigned first = byte(at), second = byte(at + 1);
  if (first < 0x80)
    return 1;
  size_t count = first >= 0xc2 && first < 0xe0   ? 2
                 : first >= 0xe0 && first < 0xf0 ? 3
                 : first >= 0xf0 && first < 0xf5 ? 4
                                                 : 0;
  for (size_t i = 1; i < count; ++i)
    if ((byte(at + i) & 0xc0) != 0x80)
      return 0;
  if ((first == 0xe0 && second < 0xa0) || (first == 0xed && second >= 0xa0) ||
      (first == 0xf0 && second < 0x90) || (first == 0xf4 && second >= 0x90))
    return 0;
  return count;
}

/// Escapes `text` character by character, as far as `maxBytes` bytes of output
/// go; `used` is what was taken of the input.
static std::string escape(std::string_view text, size_t maxBytes,
                          size_t &used) {
  std::string out;
  for (used = 0; used < text.size();) {
    size_t count = characterBytes(text, used);
    unsigned char first = static_cast<unsigned char>(text[used]);
    // C0, DEL and, as UTF-8, C1.
    bool control = count == 1
                       ? first < 0x20 || first == 0x7f
                       : count == 2 && first == 0xc2 &&
                             static_cast<unsigned char>(text[used + 1]) < 0xa0;
    std::string piece;
    if (count == 0 || control) {
      count = std::max<size_t>(count, 1);
      for (size_t i = 0; i < count; ++i)
        piece += fmt::format("\\x{:02x}",
                             static_cast<unsigned char>(text[used + i]));
    } else {
      piece = text.substr(used, count);
    }
    if (out.size() + piece.size() > maxBytes)
      return out;
    out += piece;
    used += count;
  }
  return out;
}

std::string printable(std::string_view text, size_t maxBytes) {
  size_t used = 0;
  std::string out = escape(text, maxBytes, used);
  return used < text.size() ? out + "..." : out;
}

std::string boundedMessage(std::string_view message) {
  constexpr size_t maxBytes = 1500, tailBytes = 400;
  size_t used = 0;
  std::string all = escape(message, maxBytes, used);
  if (used == message.size())
    return all;
  std::string head = escape(message, maxBytes - tailBytes, used);
  // The tail may begin inside a character, whose rest is then escaped: shown
  // as it is, in fewer than so many bytes.
  std::string_view rest = message.substr(message.size() - tailBytes / 4);
  return head + " [...] " + escape(rest, tailBytes, used);
}

} // namespace lns::tool
