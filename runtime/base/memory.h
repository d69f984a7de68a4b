//===- memory.h - Page-aligned, zero-filled memory ---------------- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_RUNTIME_BASE_MEMORY_H
#define LNS_RUNTIME_BASE_MEMORY_H

#include "runtime/base/error.h"

#include <cstddef>
#include <cstdint>
#include <utility>

namespace lns {

/// Owns anonymous pages. Starts on a page, holds zeros, and asks for huge pages
/// when it is large enough for them to matter.
class PageMemory {
public:
  PageMemory() = default;
  PageMemory(PageMemory &&other) noexcept { *this = std::move(other); }
  PageMemory &operator=(PageMemory &&other) noexcept {
    std::swap(start, other.start);
    std::swap(bytes, other.bytes);
    return *this;
  }
  ~PageMemory();

  /// Zero bytes are a valid request that owns nothing. `place` goes into the
  /// error.
  static Error allocate(uint64_t size, std::string_view place, PageMemory &out);

  /// No more writes from here on.
  void makeReadOnly();

  unsigned char *data() const { return start; }
  size_t size() const { return bytes; }

private:
  unsigned char *start = nullptr;
  size_t bytes = 0;
};

} // namespace lns

#endif // LNS_RUNTIME_BASE_MEMORY_H
