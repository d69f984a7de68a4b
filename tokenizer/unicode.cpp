//===- unicode.cpp - Characters and their classes -------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tokenizer/unicode.h"

#include <cstring>
#include <utf8proc.h>

namespace lns::tokenizer {

size_t characterBytes(std::string_view text, size_t at, size_t *bad) {
  auto byte = [&](size_t i) {
    return at + i < text.size() ? static_cast<unsigned char>(text[at + i]) : 0u;
  };
  unsigned first = byte(0);
  if (first < 0x80)
    return 1;
  size_t count = first >= 0xC2 && first < 0xE0   ? 2
                 : first >= 0xE0 && first < 0xF0 ? 3
                 : first >= 0xF0 && first < 0xF5 ? 4
                                                 : 0;
  // Only the second byte has a narrower range: it rules out overlong forms,
  // surrogates and values beyond U+10FFFF.
  unsigned low = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80;
  unsigned high = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF;
  size_t good = 1;
  for (; good < count; ++good, low = 0x80, high = 0xBF)
    if (byte(good) < low || byte(good) > high)
      break;
  if (count != 0 && good == count)
    return count;
  if (bad)
    *bad = good;
  return 0;
}

std::optional<size_t> findBrokenUtf8(std::string_view text) {
  for (size_t at = 0; at < text.size();) {
    uint64_t word;
    if (text.size() - at >= sizeof word) {
      std::memcpy(&word, text.data() + at, sizeof word);
      if ((word & 0x8080808080808080) == 0) {
        at += sizeof word;
        continue;
      }
    }
    size_t bytes = characterBytes(text, at);
    if (bytes == 0)
      return at;
    at += bytes;
  }
  return std::nullopt;
}

Character decodeCharacter(std::string_view text, size_t at) {
  auto byte = [&](size_t i) -> uint32_t {
    return static_cast<unsigned char>(text[at + i]);
  };
  uint32_t first = byte(0);
  if (first < 0x80)
    return {first, 1};
  if (first < 0xE0)
    return {(first & 0x1F) << 6 | (byte(1) & 0x3F), 2};
  if (first < 0xF0)
    return {(first & 0x0F) << 12 | (byte(1) & 0x3F) << 6 | (byte(2) & 0x3F), 3};
  return {(first & 0x07) << 18 | (byte(1) & 0x3F) << 12 |
              (byte(2) & 0x3F) << 6 | (byte(3) & 0x3F),
          4};
}

Character decodeBefore(std::string_view text, size_t at) {
  do
    --at;
  while (at > 0 && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80);
  return decodeCharacter(text, at);
}

void appendCharacter(std::string &text, uint32_t code) {
  auto add = [&](uint32_t byte) { text.push_back(static_cast<char>(byte)); };
  if (code < 0x80)
    return add(code);
  if (code < 0x800) {
    add(0xC0 | code >> 6);
  } else {
    if (code < 0x10000) {
      add(0xE0 | code >> 12);
    } else {
      add(0xF0 | code >> 18);
      add(0x80 | (code >> 12 & 0x3F));
    }
    add(0x80 | (code >> 6 & 0x3F));
  }
  add(0x80 | (code & 0x3F));
}

bool isSpace(uint32_t code) {
  return (code >= 9 && code <= 13) || code == ' ' || code == 0x85 ||
         code == 0xA0 || code == 0x1680 || (code >= 0x2000 && code <= 0x200A) ||
         code == 0x2028 || code == 0x2029 || code == 0x202F || code == 0x205F ||
         code == 0x3000;
}

bool isWordCharacter(uint32_t code) {
  switch (utf8proc_category(static_cast<utf8proc_int32_t>(code))) {
  case UTF8PROC_CATEGORY_LU:
  case UTF8PROC_CATEGORY_LL:
  case UTF8PROC_CATEGORY_LT:
  case UTF8PROC_CATEGORY_LM:
  case UTF8PROC_CATEGORY_LO:
  case UTF8PROC_CATEGORY_MN:
  case UTF8PROC_CATEGORY_MC:
  case UTF8PROC_CATEGORY_ME:
  case UTF8PROC_CATEGORY_ND:
  case UTF8PROC_CATEGORY_NL:
  case UTF8PROC_CATEGORY_PC:
    return true;
  default:
    // Joiners, and the symbols that count as letters: circled and squared ones.
    return code == 0x200C || code == 0x200D ||
           (code >= 0x24B6 && code <= 0x24E9) ||
           (code >= 0x1F130 && code <= 0x1F149) ||
           (code >= 0x1F150 && code <= 0x1F169) ||
           (code >= 0x1F170 && code <= 0x1F189);
  }
}

bool isNumeric(uint32_t code) {
  if (code < 0x80)
    return code >= '0' && code <= '9';
  switch (utf8proc_category(static_cast<utf8proc_int32_t>(code))) {
  case UTF8PROC_CATEGORY_ND:
  case UTF8PROC_CATEGORY_NL:
  case UTF8PROC_CATEGORY_NO:
    return true;
  default:
    return false;
  }
}

std::string repairUtf8(std::string_view bytes) {
  std::string text;
  for (size_t at = 0; at < bytes.size();) {
    size_t bad = 1;
    size_t count = characterBytes(bytes, at, &bad);
    if (count != 0)
      text.append(bytes.substr(at, count));
    else
      text.append(replacementCharacter);
    at += count != 0 ? count : bad;
  }
  return text;
}

} // namespace lns::tokenizer
