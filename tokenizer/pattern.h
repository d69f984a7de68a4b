//===- pattern.h - Regular expressions of tokenizers ------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOKENIZER_PATTERN_H
#define LNS_TOKENIZER_PATTERN_H

#include "tokenizer/error.h"

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

// PCRE2's own types; its header defines macros that no reader of this one
// needs.
struct pcre2_real_code_8;
struct pcre2_real_match_data_8;
struct pcre2_real_match_context_8;

namespace lns::tokenizer {

/// What matching writes to; each thread has its own.
class MatchState {
public:
  MatchState();

private:
  friend class Pattern;
  struct Free {
    void operator()(pcre2_real_match_data_8 *data) const;
    void operator()(pcre2_real_match_context_8 *context) const;
  };
  std::unique_ptr<pcre2_real_match_data_8, Free> data;
  std::unique_ptr<pcre2_real_match_context_8, Free> context;
};

/// A regular expression of a tokenizer.json. Those are written for Oniguruma,
/// and run on PCRE2 here: what the two read differently is refused, unless the
/// whole pattern is a known one, whose translation stands in a table. Known
/// patterns run as machine code where the system allows that; a pattern that
/// somebody else may have chosen does not.
class Pattern {
public:
  /// Messages say what is wrong, not where.
  static Result<Pattern> compile(const std::string &text);
  /// By which a `ByteLevel` splits: GPT-2's, which no file spells out.
  static const std::string &gpt2();

  struct Match {
    size_t begin = 0, end = 0;
  };
  enum class Found { Yes, No, TooHard };

  /// The first match in `subject`, which is UTF-8, at or behind `from`. Matches
  /// are not empty. TooHard: it takes more steps, or memory, than is allowed.
  Found find(std::string_view subject, size_t from, MatchState &state,
             Match &match) const;

private:
  struct Free {
    void operator()(pcre2_real_code_8 *code) const;
  };
  // Shared: copies of a pattern are the same program, which matching does not
  // change.
  std::shared_ptr<pcre2_real_code_8> code;
  bool compiled = false; ///< to machine code
};

/// What of `pattern` Oniguruma and PCRE2 read differently, or is none of what
/// both are known to read alike, as a message; empty: nothing.
std::string findForeignSyntax(std::string_view pattern);

/// The PCRE2 form of a published pattern; null if it is not known.
const char *findKnownPattern(std::string_view pattern);

} // namespace lns::tokenizer

#endif // LNS_TOKENIZER_PATTERN_H
