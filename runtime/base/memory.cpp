//===- memory.cpp - Page-aligned, zero-filled memory ----------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "runtime/base/memory.h"

#include <sys/mman.h>

using namespace lns;

static constexpr uint64_t kHugePage = uint64_t(2) << 20;

PageMemory::~PageMemory() {
  if (start)
    munmap(start, bytes);
}

Error PageMemory::allocate(uint64_t size, std::string_view place,
                           PageMemory &out) {
  if (size == 0) {
    out = PageMemory();
    return nullptr;
  }
  void *pages = MAP_FAILED;
  if (size <= PTRDIFF_MAX)
    pages = mmap(nullptr, size, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (pages == MAP_FAILED)
    return makeError(LNSRT_OUT_OF_MEMORY, place, "cannot allocate ", size,
                     " bytes; use a smaller batch or model");
  if (size >= 2 * kHugePage)
    madvise(pages, size, MADV_HUGEPAGE);
  PageMemory memory;
  memory.start = static_cast<unsigned char *>(pages);
  memory.bytes = size;
  out = std::move(memory);
  return nullptr;
}

void PageMemory::makeReadOnly() {
  if (start)
    mprotect(start, bytes, PROT_READ);
}
