//===- memory.cpp - Memory of a device, and of the host for it ------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "runtime/cuda/memory.h"

using namespace lns;
using namespace lns::cuda;

DeviceMemory::~DeviceMemory() {
  if (start)
    driver->memFree(start);
}

Error DeviceMemory::allocate(const Driver &from, const DeviceFacts &device,
                             uint64_t size, std::string_view what,
                             DeviceMemory &out) {
  DeviceMemory memory;
  if (size != 0) {
    CuResult result = from.memAlloc(&memory.start, size);
    if (result != kCuSuccess) {
      memory.start = 0;
      size_t free = 0, total = 0;
      from.memGetInfo(&free, &total);
      return makeError(
          result == kCuErrorOutOfMemory ? LNSRT_OUT_OF_MEMORY : LNSRT_INTERNAL,
          device.title(), "cannot allocate ", size, " bytes for the ", what,
          ", ", free, " of ", total, " are free: ", from.describe(result),
          "; compile with a smaller batch, --micro-batch or "
          "--memory-budget, or free the device's memory");
    }
    memory.driver = &from;
    memory.bytes = size;
  }
  out = std::move(memory);
  return nullptr;
}

PinnedMemory::~PinnedMemory() {
  if (start)
    driver->memFreeHost(start);
}

Error PinnedMemory::allocate(const Driver &from, const DeviceFacts &device,
                             uint64_t size, PinnedMemory &out) {
  PinnedMemory memory;
  if (size != 0) {
    void *pages = nullptr;
    CuResult result = from.memHostAlloc(&pages, size, 0);
    if (result != kCuSuccess)
      return makeError(result == kCuErrorOutOfMemory ? LNSRT_OUT_OF_MEMORY
                                                     : LNSRT_INTERNAL,
                       device.title(), "cannot pin ", size,
                       " bytes of the host's memory: ", from.describe(result),
                       "; raise the limit of locked memory");
    memory.driver = &from;
    memory.start = static_cast<unsigned char *>(pages);
    memory.bytes = size;
  }
  out = std::move(memory);
  return nullptr;
}
