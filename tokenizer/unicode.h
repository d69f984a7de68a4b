//===- unicode.h - Characters and their classes -----------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOKENIZER_UNICODE_H
#define LNS_TOKENIZER_UNICODE_H

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace lns::tokenizer {

/// Where `text` stops being UTF-8; nothing if all of it is. Overlong forms,
/// surrogates and values beyond U+10FFFF are not UTF-8.
std::optional<size_t> findBrokenUtf8(std::string_view text);

/// Bytes of the character at `text[at]` if it is whole, else 0; `bad` is then
/// the length of the longest beginning of a character there, at least 1.
size_t characterBytes(std::string_view text, size_t at, size_t *bad = nullptr);

/// A character and the bytes that it takes.
struct Character {
  uint32_t code = 0;
  size_t bytes = 0;
};
/// `text` is UTF-8 and has a character at `at`.
Character decodeCharacter(std::string_view text, size_t at);
/// The last character before `at`, which is not 0.
Character decodeBefore(std::string_view text, size_t at);

void appendCharacter(std::string &text, uint32_t code);

/// White space, letters and what else is part of a word, and numbers (every
/// \p{N}), as the regular expressions and strings of Rust have them.
bool isSpace(uint32_t code);
bool isWordCharacter(uint32_t code);
bool isNumeric(uint32_t code);

/// Bytes that are somebody's as UTF-8: each longest broken part becomes U+FFFD.
std::string repairUtf8(std::string_view bytes);
inline constexpr std::string_view replacementCharacter = "\xEF\xBF\xBD";

} // namespace lns::tokenizer

#endif // LNS_TOKENIZER_UNICODE_H
