//===- bpe.h - Pieces to tokens ---------------------------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOKENIZER_BPE_H
#define LNS_TOKENIZER_BPE_H

#include "tokenizer/json_file.h"
#include "tokenizer/vocabulary.h"

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace lns::tokenizer {

/// A token of a piece, and how many of the piece's bytes it is.
struct Symbol {
  uint32_t id = 0;
  uint32_t bytes = 0;
};

/// What tokenizing writes to; each thread has its own. Holds the tokens of
/// pieces that were seen, in a table of fixed size in which the newest two of
/// those that hash alike stay. Nothing depends on what is in it but time.
class BpeState {
public:
  BpeState() : cache(cacheSize) {}
  /// The tokens of the last piece.
  std::vector<Symbol> symbols;

private:
  friend class Bpe;
  /// A cache line: few words are longer, or more tokens.
  struct Cached {
    std::array<char, 20> text;
    uint8_t bytes = 0; ///< 0: nothing is here
    uint8_t count = 0;
    std::array<uint8_t, 6> lengths;
    std::array<uint32_t, 6> ids;
  };
  static constexpr size_t cacheSize = 1 << 16;
  std::vector<Cached> cache;
  std::vector<Symbol> part;
  std::vector<uint32_t> ranks;
  std::vector<uint32_t> next, before;
  std::vector<uint64_t> heap;
};

/// Byte-pair encoding: a piece's characters, or bytes, become one symbol each,
/// and neighbours are merged, the pair of lowest rank first and of equal ones
/// the leftmost, until no pair is known.
class Bpe {
public:
  /// Reads `model`. With `byteLevel` the vocabulary's strings are symbols of
  /// bytes.
  static Result<Bpe> read(const JsonFile &file, bool byteLevel);

  /// Appends a piece's tokens to state.symbols. The piece is not empty.
  void tokenize(std::string_view piece, BpeState &state) const;

  /// Ids are below it; not every one need be there.
  uint32_t idLimit() const { return static_cast<uint32_t>(contents.size()); }
  size_t size() const { return count; }
  /// As the file has it; null where there is no such id.
  const std::string *content(uint32_t id) const {
    return id < contents.size() && present[id] ? &contents[id] : nullptr;
  }
  std::optional<uint32_t> find(std::string_view content) const {
    return byContent.find(content);
  }
  size_t mergeCount() const { return mergesRead; }
  bool hasByteFallback() const { return byteFallback; }

private:
  struct Merge {
    uint32_t rank = 0, id = 0;
  };
  static constexpr uint32_t none = ~uint32_t{0};

  MaybeError readOptions(const Node &model);
  MaybeError readVocab(const JsonFile &file, const Node &model);
  MaybeError readMerges(const JsonFile &file, const Node &model);
  MaybeError readAlphabet(const Node &model);
  void findCuts(const JsonFile &file);

  void split(std::string_view piece, BpeState &state) const;
  void tokenizePart(std::string_view text, bool known, BpeState &state) const;
  void startSymbols(std::string_view text, std::vector<Symbol> &symbols) const;
  void mergeFew(BpeState &state) const;
  void mergeMany(BpeState &state) const;
  uint32_t rankOf(uint32_t first, uint32_t second) const {
    const Merge *merge = merges.find(first, second);
    return merge ? merge->rank : none;
  }

  std::vector<std::string> contents; ///< by id
  std::vector<bool> present;
  size_t count = 0, mergesRead = 0;
  StringTable byContent;
  /// What a whole piece may be, if it is looked for: bytes, where the
  /// vocabulary is of bytes.
  StringTable byText;
  PairTable<Merge> merges;
  /// Pairs of single symbols between which some merge may join; where none
  /// does, a piece can be cut without changing its tokens.
  PairTable<bool> joints;
  bool byteLevel = false, byteFallback = false, fuseUnknown = false,
       ignoreMerges = false, canCut = false;
  uint32_t unknown = none;
  std::array<uint32_t, 256> byteIds;
};

} // namespace lns::tokenizer

#endif // LNS_TOKENIZER_BPE_H
