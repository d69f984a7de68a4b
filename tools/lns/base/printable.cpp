//===- printable.cpp - Input that is quoted in messages -------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/base/printable.h"

#include "tokenizer/unicode.h"

#include <fmt/format.h>

namespace lns::tool {

/// Escapes `text` character by character, as far as `maxBytes` bytes of output
/// go; `used` is what was taken of the input.
static std::string escape(std::string_view text, size_t maxBytes,
                          size_t &used) {
  std::string out;
  for (used = 0; used < text.size();) {
    size_t count = tokenizer::characterBytes(text, used);
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
