//===- python_text.cpp - Strings as Python counts and trims them
//-----------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/base/python_text.h"

#include "tokenizer/unicode.h"

#include <algorithm>

namespace lns::tool {

/// str.isspace() of a character, and \s of the module re.
static bool isPythonSpace(uint32_t code) {
  return (code >= 0x09 && code <= 0x0D) || (code >= 0x1C && code <= 0x20) ||
         code == 0x85 || code == 0xA0 || code == 0x1680 ||
         (code >= 0x2000 && code <= 0x200A) || code == 0x2028 ||
         code == 0x2029 || code == 0x202F || code == 0x205F || code == 0x3000;
}

size_t trailingSpaceBytes(std::string_view text) {
  size_t end = text.size();
  while (end > 0) {
    // White space has at most three bytes.
    size_t begin = end - 1;
    while (begin > 0 && end - begin < 3 &&
           (static_cast<unsigned char>(text[begin]) & 0xC0) == 0x80)
      --begin;
    if (tokenizer::characterBytes(text.substr(0, end), begin) != end - begin ||
        !isPythonSpace(tokenizer::decodeCharacter(text, begin).code))
      break;
    end = begin;
  }
  return text.size() - end;
}

std::string_view trim(std::string_view text) {
  text.remove_suffix(trailingSpaceBytes(text));
  while (!text.empty()) {
    size_t bytes = tokenizer::characterBytes(text, 0);
    if (bytes == 0 || !isPythonSpace(tokenizer::decodeCharacter(text, 0).code))
      break;
    text.remove_prefix(bytes);
  }
  return text;
}

bool isBlank(std::string_view text) { return trim(text).empty(); }

uint64_t countCharacters(std::string_view text) {
  uint64_t count = 0;
  for (size_t at = 0; at < text.size(); ++count)
    at += std::max<size_t>(tokenizer::characterBytes(text, at), 1);
  return count;
}

uint64_t countWords(std::string_view text) {
  uint64_t count = 1;
  bool inSpace = false;
  for (size_t at = 0; at < text.size();) {
    size_t bytes = tokenizer::characterBytes(text, at);
    bool isSpace =
        bytes > 0 && isPythonSpace(tokenizer::decodeCharacter(text, at).code);
    count += isSpace && !inSpace;
    inSpace = isSpace;
    at += std::max<size_t>(bytes, 1);
  }
  return count;
}

} // namespace lns::tool
