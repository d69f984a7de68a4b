//===- added_tokens.cpp - Tokens that are cut out of a text ---------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tokenizer/added_tokens.h"

#include "tokenizer/unicode.h"

#include <algorithm>
#include <fmt/format.h>

namespace lns::tokenizer {

/// Bytes of a token's content: bounds the steps that searching takes for every
/// byte of a text.
static constexpr size_t maxContent = 256;

Result<std::vector<AddedToken>> readAddedTokens(const Node &node) {
  std::vector<AddedToken> tokens;
  if (node.isNull())
    return tokens;
  if (!node->is_array())
    return node.fail("is not a list");
  for (size_t i = 0; i < node->size(); ++i) {
    Node entry = node.at(i);
    LNS_TOKENIZER_TRY(entry.onlyKeys({"id", "content", "single_word", "lstrip",
                                      "rstrip", "normalized", "special"}));
    Result<uint64_t> id = entry.number("id");
    if (!id)
      return id.error();
    if (*id > INT32_MAX)
      return entry.get("id").fail(
          fmt::format("{} does not fit into 31 bits", *id));
    Result<std::string> content = entry.text("content");
    if (!content)
      return content.error();
    if (content->empty() || content->size() > maxContent)
      return entry.get("content").fail(
          fmt::format("has {} bytes, from 1 to {} are supported",
                      content->size(), maxContent));
    AddedToken token;
    token.id = static_cast<uint32_t>(*id);
    token.content = *content;
    for (auto [key, member] :
         {std::pair("single_word", &AddedToken::singleWord),
          std::pair("lstrip", &AddedToken::leftStrip),
          std::pair("rstrip", &AddedToken::rightStrip),
          std::pair("normalized", &AddedToken::normalized),
          std::pair("special", &AddedToken::special)}) {
      if (entry.get(key).isNull())
        return entry.get(key).fail("is missing");
      Result<bool> flag = entry.flag(key, false);
      if (!flag)
        return flag.error();
      token.*member = *flag;
    }
    tokens.push_back(std::move(token));
  }
  return tokens;
}

static size_t firstTwo(std::string_view text) {
  return size_t{static_cast<unsigned char>(text[0])} << 8 |
         static_cast<unsigned char>(text[1]);
}

TokenFinder::TokenFinder(std::vector<std::string> patterns,
                         std::vector<const AddedToken *> tokens) {
  for (size_t i = 0; i < patterns.size(); ++i)
    if (!patterns[i].empty())
      entries.push_back({std::move(patterns[i]), tokens[i], i});
  std::sort(entries.begin(), entries.end(), [](const Entry &a, const Entry &b) {
    return a.pattern != b.pattern ? a.pattern < b.pattern : a.rank < b.rank;
  });
  // Of equal patterns, which only normalizing makes, the first one is found.
  entries.erase(std::unique(entries.begin(), entries.end(),
                            [](const Entry &a, const Entry &b) {
                              return a.pattern == b.pattern;
                            }),
                entries.end());
  for (const Entry &entry : entries) {
    if (entry.pattern.size() > 1) {
      starts.set(firstTwo(entry.pattern));
      continue;
    }
    size_t first = static_cast<unsigned char>(entry.pattern[0]);
    for (size_t second = 0; second < 256; ++second)
      starts.set(first << 8 | second);
  }
}

const TokenFinder::Entry *TokenFinder::longestAt(std::string_view text,
                                                 size_t at) const {
  // Patterns that begin with text[at, at + depth) stand together; the shortest
  // of them, if it is no longer than that, comes first.
  const Entry *longest = nullptr;
  auto first = entries.begin(), last = entries.end();
  for (size_t depth = 0; at + depth < text.size() && first != last; ++depth) {
    auto byte = [&](const Entry &entry) {
      return depth < entry.pattern.size()
                 ? static_cast<unsigned char>(entry.pattern[depth])
                 : -1;
    };
    int wanted = static_cast<unsigned char>(text[at + depth]);
    first = std::lower_bound(
        first, last, wanted,
        [&](const Entry &entry, int value) { return byte(entry) < value; });
    last = std::upper_bound(
        first, last, wanted,
        [&](int value, const Entry &entry) { return value < byte(entry); });
    if (first != last && first->pattern.size() == depth + 1)
      longest = &*first;
  }
  return longest;
}

TokenFinder::Found TokenFinder::next(std::string_view text, size_t &from,
                                     size_t taken, bool specialToo) const {
  for (; from < text.size(); ++from) {
    if (from + 1 < text.size() && !starts[firstTwo(text.substr(from))])
      continue;
    const Entry *entry = longestAt(text, from);
    if (!entry)
      continue;
    const AddedToken &token = *entry->token;
    size_t begin = from, end = from + entry->pattern.size();
    // What is not taken for a token is passed over as a whole.
    from = end - 1;
    // What lies in swallowed white space is gone; the library would find it
    // there once more.
    if ((token.special && !specialToo) || end <= taken)
      continue;
    if (token.singleWord &&
        ((begin > 0 && isWordCharacter(decodeBefore(text, begin).code)) ||
         (end < text.size() &&
          isWordCharacter(decodeCharacter(text, end).code))))
      continue;
    ++from;
    if (token.leftStrip)
      while (begin > taken) {
        Character before = decodeBefore(text, begin);
        if (!isSpace(before.code))
          break;
        begin -= before.bytes;
      }
    if (token.rightStrip)
      while (end < text.size()) {
        Character after = decodeCharacter(text, end);
        if (!isSpace(after.code))
          break;
        end += after.bytes;
      }
    // The token before may have swallowed where this one begins.
    begin = std::max(begin, taken);
    return {begin, std::max(begin, end), &token};
  }
  return {text.size(), text.size(), nullptr};
}

} // namespace lns::tokenizer
