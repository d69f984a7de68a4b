//===- pattern_syntax.cpp - What two engines read alike -------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tokenizer/pattern.h"

#include <array>
#include <fmt/format.h>

namespace lns::tokenizer {

//===----------------------------------------------------------------------===//
// Known patterns
//===----------------------------------------------------------------------===//

namespace {
struct KnownPattern {
  const char *file;  ///< as files have it
  const char *pcre2; ///< null: the same
};
} // namespace

static const std::string gpt2Pattern =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

static constexpr KnownPattern knownPatterns[] = {
    // Llama 3, dolma2.
    {R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)",
     nullptr},
    // Qwen 2.
    {R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)",
     nullptr},
    // tiktoken's cl100k_base as converters copy it, with its intent: in
    // Oniguruma {1,3}+ repeats a group, and $ is the end of any line, of which
    // only the last one is behind all white space.
    {R"('(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+)",
     nullptr},
    {R"('(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|\s+(?!\S)|\s)",
     R"('(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|(?:\p{N}{1,3})+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++\z|\s*[\r\n]|\s+(?!\S)|\s)"},
    // DeepSeek.
    {R"(\p{N}{1,3})", nullptr},
    {"[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+", nullptr},
    {"[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|"
     "[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\r\n]*|"
     "\\s*[\r\n]+|\\s+(?!\\S)|\\s+",
     nullptr},
};

const std::string &Pattern::gpt2() { return gpt2Pattern; }

const char *findKnownPattern(std::string_view pattern) {
  if (pattern == gpt2Pattern)
    return gpt2Pattern.c_str();
  for (const KnownPattern &known : knownPatterns)
    if (pattern == known.file)
      return known.pcre2 ? known.pcre2 : known.file;
  return nullptr;
}

//===----------------------------------------------------------------------===//
// Other patterns
//===----------------------------------------------------------------------===//

namespace {
/// Goes over a pattern once; what is not known to be the same in both engines
/// ends it.
class SyntaxCheck {
public:
  explicit SyntaxCheck(std::string_view text) : text(text) {}

  std::string run() {
    while (at < text.size() && problem.empty())
      step();
    return problem;
  }

private:
  bool starts(std::string_view what) const {
    return text.substr(at).starts_with(what);
  }
  void refuse(std::string_view what, std::string_view why) {
    problem = fmt::format("has '{}' at byte {}, {}; only patterns that mean "
                          "the same to Oniguruma and PCRE2 are read",
                          what, at, why);
  }
  static bool isLetter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  }
  static bool isDigit(char c) { return c >= '0' && c <= '9'; }

  void step() {
    char c = text[at];
    // Letters that fold to two in one engine only: \u00df is ss.
    if (foldDepth > 0)
      checkFolding();
    if (!problem.empty())
      return;
    switch (c) {
    case '\\':
      return escape(/*inClass=*/false);
    case '[':
      return characterClass();
    case '(':
      return group();
    case ')':
      if (foldDepth > 0)
        --foldDepth;
      ++at;
      return;
    case '{':
      return interval();
    case '^':
    case '$':
      return refuse(std::string_view(&text[at], 1),
                    "an end of a line or of the text");
    default:
      ++at;
    }
  }

  void checkFolding() {
    if (static_cast<unsigned char>(text[at]) >= 0x80)
      return refuse("(?i:", "with other than ASCII characters in it");
    static constexpr std::array<std::string_view, 5> pairs = {"ss", "st", "ff",
                                                              "fi", "fl"};
    if (at + 1 == text.size())
      return;
    std::string two = {static_cast<char>(text[at] | 0x20),
                       static_cast<char>(text[at + 1] | 0x20)};
    for (std::string_view pair : pairs)
      if (two == pair)
        return refuse(pair, "which without case is also one character");
    if (starts("\\p") || starts("\\P"))
      refuse("\\p", "a property without case");
  }

  void group() {
    if (starts("(*"))
      return refuse("(*", "a directive");
    if (!starts("(?")) {
      foldDepth += foldDepth > 0 ? 1 : 0;
      ++at;
      return;
    }
    for (std::string_view known : {"(?:", "(?=", "(?!", "(?<=", "(?<!", "(?>"})
      if (starts(known)) {
        foldDepth += foldDepth > 0 ? 1 : 0;
        at += known.size();
        return;
      }
    if (!starts("(?i:"))
      return refuse(text.substr(at, 3), "a kind of group that is not known");
    ++foldDepth;
    at += 4;
  }

  /// What follows is a number of repetitions, or a brace.
  void interval() {
    size_t end = at + 1;
    while (end < text.size() && (isDigit(text[end]) || text[end] == ','))
      ++end;
    if (end == text.size() || text[end] != '}' || end == at + 1)
      return refuse("{", "a brace that is no number of repetitions");
    if (text[at + 1] == ',')
      return refuse("{,", "a number of repetitions without a lower bound");
    if (end + 1 < text.size() && (text[end + 1] == '+' || text[end + 1] == '?'))
      return refuse(text.substr(at, end + 2 - at),
                    "which repeats it in one and not in the other");
    at = end + 1;
  }

  void escape(bool inClass) {
    if (at + 1 == text.size())
      return refuse("\\", "with nothing behind it");
    char c = text[at + 1];
    if (c == 'p' || c == 'P')
      return property();
    if (starts("\\x{")) {
      size_t end = text.find('}', at);
      at = end == std::string_view::npos ? text.size() : end + 1;
      return;
    }
    bool known = c == 's' || c == 'S' || c == 'd' || c == 'D' || c == 'n' ||
                 c == 'r' || c == 't' || (c == 'b' && !inClass) ||
                 (!isLetter(c) && !isDigit(c) &&
                  static_cast<unsigned char>(c) < 0x80 && c > ' ');
    if (!known)
      return refuse(text.substr(at, 2), "an escape that differs or is not "
                                        "known");
    at += 2;
  }

  /// General categories are the same; scripts are not.
  void property() {
    size_t end = at + 2;
    bool good = end < text.size() && text[end] == '{';
    size_t first = end + 1;
    if (first < text.size() && text[first] == '^')
      ++first;
    size_t close = text.find('}', first);
    good &= close != std::string_view::npos && close > first &&
            close - first <= 2 &&
            std::string_view("LMNPSZC").find(text[first]) !=
                std::string_view::npos &&
            (close - first == 1 ||
             (text[first + 1] >= 'a' && text[first + 1] <= 'z'));
    if (!good)
      return refuse(text.substr(at, std::min<size_t>(20, close - at + 1)),
                    "a property that is no general category");
    at = close + 1;
  }

  void characterClass() {
    ++at;
    if (at < text.size() && text[at] == '^')
      ++at;
    if (at < text.size() && text[at] == ']')
      return refuse("]", "first in a class");
    while (at < text.size() && problem.empty()) {
      if (foldDepth > 0 && static_cast<unsigned char>(text[at]) >= 0x80)
        return refuse("(?i:", "with other than ASCII characters in it");
      if (text[at] == ']') {
        ++at;
        return;
      }
      if (text[at] == '[')
        return refuse("[", "in a class, where it opens another one");
      if (starts("&&"))
        return refuse("&&", "in a class, where it intersects");
      if (text[at] == '\\')
        escape(/*inClass=*/true);
      else
        ++at;
    }
  }

  std::string_view text;
  size_t at = 0;
  /// Open groups from the outermost (?i: on.
  size_t foldDepth = 0;
  std::string problem;
};
} // namespace

std::string findForeignSyntax(std::string_view pattern) {
  return SyntaxCheck(pattern).run();
}

} // namespace lns::tokenizer
