//===- DeviceMemory.h - The emulated device's memory -------------- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// Allocations between guard regions, filled with a pattern that is NaN as a
// number of any kind and -1 as an integer, and accounted against a capacity so
// that running out can be tested.
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TEST_EMULATION_DEVICEMEMORY_H
#define LNS_TEST_EMULATION_DEVICEMEMORY_H

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>

namespace lns::emulation {

/// Fills what was never written: 0xffff... is a NaN in every format.
inline constexpr int kUnwritten = 0xff;

class DeviceMemory {
public:
  static constexpr size_t kAlignment = 256;
  static constexpr size_t kGuardBytes = 1024;

  explicit DeviceMemory(size_t capacity) : capacity(capacity) {}

  /// Null where less than `bytes` are free, or bytes is 0.
  unsigned char *allocate(size_t bytes);
  /// False where `pointer` is not the start of an allocation.
  [[nodiscard]] bool free(const void *pointer);

  size_t totalBytes() const { return capacity; }
  size_t freeBytes() const { return capacity - used; }

  struct Allocation {
    unsigned char *begin = nullptr;
    size_t bytes = 0;
    bool contains(const void *pointer, size_t count) const;
  };

  /// The allocation that `pointer` is in, or nearest to; null where there is no
  /// allocation at all.
  const Allocation *findNearest(const void *pointer) const;
  /// Whether `bytes` bytes at `pointer` are inside of one allocation.
  bool contains(const void *pointer, size_t bytes) const;

  /// Empty, or which guard region was written to. Repairs it.
  std::string checkGuards();

  /// Where `pointer` is, for people: "8 bytes past the end of ...".
  std::string describe(const void *pointer) const;

private:
  struct FreeBlock {
    void operator()(unsigned char *block) const;
  };
  struct Entry {
    Allocation allocation;
    std::unique_ptr<unsigned char, FreeBlock> block;
    size_t guardAfter = 0;
  };

  size_t capacity;
  size_t used = 0;
  std::map<uintptr_t, Entry> entries;
};

} // namespace lns::emulation

#endif // LNS_TEST_EMULATION_DEVICEMEMORY_H
