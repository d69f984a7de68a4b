//===- vocabulary.cpp - Strings and their ids -----------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tokenizer/vocabulary.h"

#include <cstring>

namespace lns::tokenizer {

uint64_t hashBytes(std::string_view bytes) {
  uint64_t hash = bytes.size() * 0x9E3779B97F4A7C15;
  auto mix = [&](uint64_t word) {
    hash = (hash ^ word) * 0xD6E8FEB86659FD93;
    hash ^= hash >> 32;
  };
  size_t at = 0;
  for (; bytes.size() - at >= 8; at += 8) {
    uint64_t word;
    std::memcpy(&word, bytes.data() + at, 8);
    mix(word);
  }
  uint64_t rest = 0;
  std::memcpy(&rest, bytes.data() + at, bytes.size() - at);
  mix(rest);
  return hash * 0x9E3779B97F4A7C15 ^ hash >> 29;
}

bool StringTable::add(std::string_view text, uint32_t id) {
  if (slots.size() < (entries.size() + 1) * 2 && !grow())
    return false;
  entries.push_back(
      {hashBytes(text), texts.size(), static_cast<uint32_t>(text.size()), id});
  texts.append(text);
  return place(entries.size() - 1);
}

bool StringTable::place(size_t index) {
  size_t mask = slots.size() - 1, at = entries[index].hash & mask;
  for (size_t i = 0; i < maxProbes; ++i, at = (at + 1) & mask)
    if (slots[at] == 0) {
      slots[at] = static_cast<uint32_t>(index + 1);
      return true;
    }
  return false;
}

bool StringTable::grow() {
  slots.assign(slots.empty() ? 64 : slots.size() * 2, 0);
  for (size_t i = 0; i < entries.size(); ++i)
    if (!place(i))
      return false;
  return true;
}

std::optional<uint32_t> StringTable::find(std::string_view text) const {
  if (slots.empty())
    return std::nullopt;
  uint64_t hash = hashBytes(text);
  size_t mask = slots.size() - 1;
  for (size_t at = hash & mask; slots[at] != 0; at = (at + 1) & mask) {
    const Entry &entry = entries[slots[at] - 1];
    if (entry.hash == hash &&
        std::string_view(texts).substr(entry.begin, entry.bytes) == text)
      return entry.id;
  }
  return std::nullopt;
}

} // namespace lns::tokenizer
