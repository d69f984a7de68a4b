//===- bpe.cpp - Pieces to tokens -----------------------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tokenizer/bpe.h"

#include "tokenizer/unicode.h"

#include <algorithm>
#include <cstring>
#include <functional>

namespace lns::tokenizer {

/// Up to so many symbols the best pair is looked for anew each time: words have
/// a handful, and nothing is as fast for these.
static constexpr size_t few = 24;

void Bpe::tokenize(std::string_view piece, BpeState &state) const {
  if (byteLevel || !canCut)
    return tokenizePart(piece, ignoreMerges, state);
  if (ignoreMerges)
    if (std::optional<uint32_t> id = byContent.find(piece)) {
      state.symbols.push_back({*id, static_cast<uint32_t>(piece.size())});
      return;
    }
  split(piece, state);
}

/// Cuts a piece where no merge can join: without a pre-tokenizer a whole text
/// is one piece, whose words can so be remembered.
void Bpe::split(std::string_view piece, BpeState &state) const {
  size_t begin = 0;
  Character last = decodeCharacter(piece, 0);
  for (size_t at = last.bytes; at < piece.size(); at += last.bytes) {
    Character next = decodeCharacter(piece, at);
    if (!joints.find(last.code, next.code)) {
      tokenizePart(piece.substr(begin, at - begin), false, state);
      begin = at;
    }
    last = next;
  }
  tokenizePart(piece.substr(begin), false, state);
}

void Bpe::tokenizePart(std::string_view text, bool lookUp,
                       BpeState &state) const {
  using Cached = BpeState::Cached;
  Cached *slot = nullptr;
  auto holds = [&](const Cached &entry) {
    return entry.bytes == text.size() &&
           std::memcmp(entry.text.data(), text.data(), text.size()) == 0;
  };
  if (text.size() <= sizeof(Cached::text)) {
    size_t place = hashBytes(text) % BpeState::cacheSize;
    slot = &state.cache[place];
    Cached *other = &state.cache[place ^ 1];
    for (const Cached *entry : {slot, other})
      if (holds(*entry)) {
        for (size_t i = 0; i < entry->count; ++i)
          state.symbols.push_back({entry->ids[i], entry->lengths[i]});
        return;
      }
  }
  std::optional<uint32_t> whole;
  if (lookUp)
    whole = (byteLevel ? byText : byContent).find(text);
  state.part.clear();
  if (whole) {
    state.part.push_back({*whole, static_cast<uint32_t>(text.size())});
  } else {
    startSymbols(text, state.part);
    if (state.part.size() <= few)
      mergeFew(state);
    else
      mergeMany(state);
  }
  state.symbols.insert(state.symbols.end(), state.part.begin(),
                       state.part.end());
  if (!slot || state.part.size() > slot->ids.size())
    return;
  // The one that was here goes to the other place of the two, over an older.
  state.cache[static_cast<size_t>(slot - state.cache.data()) ^ 1] = *slot;
  std::memcpy(slot->text.data(), text.data(), text.size());
  slot->bytes = static_cast<uint8_t>(text.size());
  slot->count = static_cast<uint8_t>(state.part.size());
  for (size_t i = 0; i < state.part.size(); ++i) {
    slot->ids[i] = state.part[i].id;
    slot->lengths[i] = static_cast<uint8_t>(state.part[i].bytes);
  }
}

void Bpe::startSymbols(std::string_view text,
                       std::vector<Symbol> &symbols) const {
  bool lastUnknown = false;
  auto addUnknown = [&](size_t bytes) {
    if (lastUnknown && fuseUnknown)
      symbols.back().bytes += static_cast<uint32_t>(bytes);
    else
      symbols.push_back({unknown, static_cast<uint32_t>(bytes)});
    lastUnknown = true;
  };
  for (size_t at = 0; at < text.size();) {
    if (byteLevel) {
      // A byte without symbol is an unknown character.
      uint32_t id = byteIds[static_cast<unsigned char>(text[at])];
      if (id == none) {
        addUnknown(1);
      } else {
        symbols.push_back({id, 1});
        lastUnknown = false;
      }
      ++at;
      continue;
    }
    size_t bytes = decodeCharacter(text, at).bytes;
    if (std::optional<uint32_t> id = byContent.find(text.substr(at, bytes))) {
      symbols.push_back({*id, static_cast<uint32_t>(bytes)});
      lastUnknown = false;
    } else if (byteFallback) {
      for (size_t i = 0; i < bytes; ++i)
        symbols.push_back(
            {byteIds[static_cast<unsigned char>(text[at + i])], 1});
    } else {
      addUnknown(bytes);
    }
    at += bytes;
  }
}

void Bpe::mergeFew(BpeState &state) const {
  std::vector<Symbol> &symbols = state.part;
  std::vector<uint32_t> &ranks = state.ranks;
  ranks.clear();
  for (size_t i = 0; i + 1 < symbols.size(); ++i)
    ranks.push_back(rankOf(symbols[i].id, symbols[i + 1].id));
  while (!ranks.empty()) {
    auto best = std::min_element(ranks.begin(), ranks.end());
    if (*best == none)
      return;
    auto i = static_cast<size_t>(best - ranks.begin());
    symbols[i].id = merges.find(symbols[i].id, symbols[i + 1].id)->id;
    symbols[i].bytes += symbols[i + 1].bytes;
    symbols.erase(symbols.begin() + static_cast<ptrdiff_t>(i) + 1);
    ranks.erase(best);
    if (i > 0)
      ranks[i - 1] = rankOf(symbols[i - 1].id, symbols[i].id);
    if (i < ranks.size())
      ranks[i] = rankOf(symbols[i].id, symbols[i + 1].id);
  }
}

/// The same in n log n steps: pairs wait in a heap, by rank and then by place,
/// and symbols are a list in which a merged one is passed over.
void Bpe::mergeMany(BpeState &state) const {
  std::vector<Symbol> &symbols = state.part;
  std::vector<uint64_t> &heap = state.heap;
  auto size = static_cast<uint32_t>(symbols.size());
  state.next.resize(size);
  state.before.resize(size);
  heap.clear();
  auto rankAt = [&](uint32_t i) {
    return state.next[i] < size
               ? rankOf(symbols[i].id, symbols[state.next[i]].id)
               : none;
  };
  for (uint32_t i = 0; i < size; ++i) {
    state.next[i] = i + 1;
    state.before[i] = i == 0 ? none : i - 1;
    if (uint32_t rank = rankAt(i); rank != none)
      heap.push_back(uint64_t{rank} << 32 | i);
  }
  std::make_heap(heap.begin(), heap.end(), std::greater<>());
  auto push = [&](uint32_t i) {
    if (uint32_t rank = rankAt(i); rank != none) {
      heap.push_back(uint64_t{rank} << 32 | i);
      std::push_heap(heap.begin(), heap.end(), std::greater<>());
    }
  };
  while (!heap.empty()) {
    std::pop_heap(heap.begin(), heap.end(), std::greater<>());
    auto i = static_cast<uint32_t>(heap.back());
    auto rank = static_cast<uint32_t>(heap.back() >> 32);
    heap.pop_back();
    // A pair of which a symbol has been merged is out of date.
    if (symbols[i].bytes == 0 || rankAt(i) != rank)
      continue;
    uint32_t right = state.next[i];
    symbols[i].id = merges.find(symbols[i].id, symbols[right].id)->id;
    symbols[i].bytes += symbols[right].bytes;
    symbols[right].bytes = 0;
    state.next[i] = state.next[right];
    if (state.next[i] < size)
      state.before[state.next[i]] = i;
    if (state.before[i] != none)
      push(state.before[i]);
    push(i);
  }
  std::erase_if(symbols,
                [](const Symbol &symbol) { return symbol.bytes == 0; });
}

} // namespace lns::tokenizer
