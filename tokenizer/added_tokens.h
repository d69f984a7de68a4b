//===- added_tokens.h - Tokens that are cut out of a text -------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOKENIZER_ADDED_TOKENS_H
#define LNS_TOKENIZER_ADDED_TOKENS_H

#include "tokenizer/json_file.h"

#include <bitset>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace lns::tokenizer {

struct AddedToken {
  uint32_t id = 0;
  std::string content;
  bool singleWord = false, leftStrip = false, rightStrip = false;
  bool normalized = false, special = false;
};

/// The list `added_tokens`, as it stands. Ids are compared with the vocabulary
/// by the reader of the whole file.
Result<std::vector<AddedToken>> readAddedTokens(const Node &node);

/// Finds some tokens in a text: leftmost, and of those that begin at the same
/// place the longest.
class TokenFinder {
public:
  struct Found {
    size_t begin = 0, end = 0; ///< with the white space that it swallows
    const AddedToken *token = nullptr;
  };

  TokenFinder() = default;
  /// Searches for `patterns[i]` to find `tokens[i]`, which must outlive it.
  /// Empty patterns are never found.
  TokenFinder(std::vector<std::string> patterns,
              std::vector<const AddedToken *> tokens);

  bool empty() const { return entries.empty(); }
  /// The next one at or behind `from`; null token if there is none. What is
  /// before `taken` belongs to the token before, and is not swallowed. `from`
  /// becomes the end of what was found without white space.
  Found next(std::string_view text, size_t &from, size_t taken,
             bool specialToo) const;

private:
  struct Entry {
    std::string pattern;
    const AddedToken *token = nullptr;
    size_t rank = 0; ///< its place in the list
  };
  /// The longest one that begins at `at`, or null.
  const Entry *longestAt(std::string_view text, size_t at) const;

  std::vector<Entry> entries; ///< by pattern
  /// The first two bytes with which a pattern may begin.
  std::bitset<1 << 16> starts;
};

} // namespace lns::tokenizer

#endif // LNS_TOKENIZER_ADDED_TOKENS_H
