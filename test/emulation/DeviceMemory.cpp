//===- DeviceMemory.cpp - The emulated device's memory ------------ C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "test/emulation/DeviceMemory.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

using namespace lns::emulation;

namespace {

constexpr unsigned char kGuard = 0xc5;

uintptr_t addressOf(const void *pointer) {
  return reinterpret_cast<uintptr_t>(pointer);
}

/// The first byte that is no longer a guard, or null.
const unsigned char *firstWritten(const unsigned char *guard, size_t bytes) {
  const unsigned char *end = guard + bytes;
  const unsigned char *found =
      std::find_if(guard, end, [](unsigned char b) { return b != kGuard; });
  return found == end ? nullptr : found;
}

} // namespace

bool DeviceMemory::Allocation::contains(const void *pointer,
                                        size_t count) const {
  size_t offset = addressOf(pointer) - addressOf(begin);
  return addressOf(pointer) >= addressOf(begin) && offset <= bytes &&
         count <= bytes - offset;
}

void DeviceMemory::FreeBlock::operator()(unsigned char *block) const {
  std::free(block);
}

unsigned char *DeviceMemory::allocate(size_t bytes) {
  if (bytes == 0 || bytes > freeBytes())
    return nullptr;
  size_t rounded = (bytes + kAlignment - 1) / kAlignment * kAlignment;
  size_t total = rounded + 2 * kGuardBytes;
  Entry entry;
  entry.block.reset(
      static_cast<unsigned char *>(std::aligned_alloc(kAlignment, total)));
  if (!entry.block)
    return nullptr;
  unsigned char *begin = entry.block.get() + kGuardBytes;
  entry.allocation = {begin, bytes};
  entry.guardAfter = kGuardBytes + rounded - bytes;
  std::memset(entry.block.get(), kGuard, kGuardBytes);
  std::memset(begin, kUnwritten, bytes);
  std::memset(begin + bytes, kGuard, entry.guardAfter);
  used += bytes;
  entries.emplace(addressOf(begin), std::move(entry));
  return begin;
}

bool DeviceMemory::free(const void *pointer) {
  auto found = entries.find(addressOf(pointer));
  if (found == entries.end())
    return false;
  used -= found->second.allocation.bytes;
  entries.erase(found);
  return true;
}

const DeviceMemory::Allocation *
DeviceMemory::findNearest(const void *pointer) const {
  if (entries.empty())
    return nullptr;
  uintptr_t address = addressOf(pointer);
  auto above = entries.upper_bound(address);
  if (above == entries.begin())
    return &above->second.allocation;
  const Allocation &below = std::prev(above)->second.allocation;
  if (above == entries.end() || address < addressOf(below.begin) + below.bytes)
    return &below;
  // In a gap: the nearer side.
  uintptr_t pastBelow = address - (addressOf(below.begin) + below.bytes);
  return pastBelow <= above->first - address ? &below
                                             : &above->second.allocation;
}

bool DeviceMemory::contains(const void *pointer, size_t bytes) const {
  const Allocation *nearest = findNearest(pointer);
  return nearest && nearest->contains(pointer, bytes);
}

std::string DeviceMemory::checkGuards() {
  for (auto &[address, entry] : entries) {
    unsigned char *before = entry.block.get();
    unsigned char *after = entry.allocation.begin + entry.allocation.bytes;
    const unsigned char *written = firstWritten(before, kGuardBytes);
    if (!written)
      written = firstWritten(after, entry.guardAfter);
    if (!written)
      continue;
    std::string where = describe(written);
    std::memset(before, kGuard, kGuardBytes);
    std::memset(after, kGuard, entry.guardAfter);
    return "wrote " + where;
  }
  return "";
}

std::string DeviceMemory::describe(const void *pointer) const {
  const Allocation *nearest = findNearest(pointer);
  if (!nearest)
    return "where no device memory is allocated";
  std::string what =
      "an allocation of " + std::to_string(nearest->bytes) + " bytes";
  uintptr_t address = addressOf(pointer), begin = addressOf(nearest->begin);
  if (address < begin)
    return std::to_string(begin - address) + " bytes before " + what;
  if (address < begin + nearest->bytes)
    return "at byte " + std::to_string(address - begin) + " of " + what;
  return std::to_string(address - begin - nearest->bytes) +
         " bytes past the end of " + what;
}
