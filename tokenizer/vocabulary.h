//===- vocabulary.h - Strings and their ids ---------------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOKENIZER_VOCABULARY_H
#define LNS_TOKENIZER_VOCABULARY_H

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace lns::tokenizer {

/// 64 bits of some bytes, the same on every machine.
uint64_t hashBytes(std::string_view bytes);

/// Places of a table that are tried for one entry. Without malice a few dozen
/// are enough; who makes keys that collide is refused.
inline constexpr size_t maxProbes = 1024;

/// Strings with numbers.
class StringTable {
public:
  /// The string must be new. False: too many strings collide.
  [[nodiscard]] bool add(std::string_view text, uint32_t id);
  std::optional<uint32_t> find(std::string_view text) const;
  size_t size() const { return entries.size(); }

private:
  struct Entry {
    uint64_t hash = 0;
    size_t begin = 0;
    uint32_t bytes = 0;
    uint32_t id = 0;
  };
  [[nodiscard]] bool grow();
  [[nodiscard]] bool place(size_t index);

  std::string texts; ///< one after another
  std::vector<Entry> entries;
  std::vector<uint32_t> slots; ///< 1 + index into entries; 0: free
};

/// Pairs of numbers with a value: open addressing, of a size fixed in advance.
template <typename Value> class PairTable {
public:
  explicit PairTable(size_t count = 0) {
    size_t size = 8;
    while (size < count * 2)
      size *= 2;
    slots.resize(size);
  }

  /// A value that is there already is replaced. False: too many pairs collide.
  [[nodiscard]] bool set(uint32_t first, uint32_t second, const Value &value) {
    size_t probes = 0;
    Slot &slot = slots[place(first, second, &probes)];
    slot = {key(first, second), value};
    return probes < maxProbes;
  }
  const Value *find(uint32_t first, uint32_t second) const {
    const Slot &slot = slots[place(first, second)];
    return slot.key == free ? nullptr : &slot.value;
  }

private:
  static constexpr uint64_t free = ~uint64_t{0};
  struct Slot {
    uint64_t key = free;
    Value value = {};
  };
  static uint64_t key(uint32_t first, uint32_t second) {
    return uint64_t{first} << 32 | second;
  }
  size_t place(uint32_t first, uint32_t second,
               size_t *probes = nullptr) const {
    uint64_t wanted = key(first, second);
    uint64_t mixed = wanted * 0x9E3779B97F4A7C15;
    mixed = (mixed ^ mixed >> 32) * 0xD6E8FEB86659FD93;
    size_t mask = slots.size() - 1;
    size_t at = (mixed ^ mixed >> 32) & mask;
    while (slots[at].key != free && slots[at].key != wanted) {
      at = (at + 1) & mask;
      if (probes && ++*probes == maxProbes)
        break;
    }
    return at;
  }

  std::vector<Slot> slots;
};

} // namespace lns::tokenizer

#endif // LNS_TOKENIZER_VOCABULARY_H
