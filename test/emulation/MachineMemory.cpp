//===- MachineMemory.cpp - Copies and checked accesses ------------ C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "test/emulation/Machine.h"

#include <cstring>

using namespace lns::emulation;

void Machine::requireShared(const char *what, const void *pointer,
                            size_t bytes) {
  auto address = reinterpret_cast<uintptr_t>(pointer);
  auto begin = reinterpret_cast<uintptr_t>(shared);
  auto access = [&] {
    return std::string(what) + " of " + std::to_string(bytes) +
           " bytes at byte " +
           std::to_string(static_cast<intptr_t>(address - begin)) +
           " of shared memory";
  };
  if (address < begin || address + bytes > begin + shape.sharedBytes)
    fail(access() + ", which has " + std::to_string(shape.sharedBytes));
  if (address % bytes)
    fail(access() + ", which is not aligned");
  if (module->isChecked && std::strncmp(what, "load", 4) == 0)
    checkAccess(pointer, bytes, /*isWrite=*/false);
}

void Machine::copyAsync16(void *to, const void *from, bool inRange) {
  requireShared("copyAsync16", to, 16);
  if (inRange && reinterpret_cast<uintptr_t>(from) % 16)
    fail("copyAsync16 from an address that is not aligned to 16 bytes");
  if (module->isChecked) {
    // From now to the wait both ends are in use.
    checkAccess(to, 16, /*isWrite=*/true);
    if (inRange)
      checkAccess(from, 16, /*isWrite=*/false);
  }
  AsyncCopy copy = {static_cast<unsigned char *>(to),
                    static_cast<const unsigned char *>(from), inRange,
                    /*isDone=*/false, current->openGroup};
  // The device may copy at any time up to the wait. The latest shows a wait
  // that is missing, the earliest a barrier that is missing before the copy.
  if (shape.seed && random() % 2)
    perform(copy);
  current->copies.push_back(copy);
}

void Machine::perform(AsyncCopy &copy) {
  if (copy.isDone)
    return;
  copy.isDone = true;
  if (copy.inRange)
    std::memcpy(copy.shared, copy.global, 16);
  else
    std::memset(copy.shared, 0, 16);
}

void Machine::copyAsyncCommit() { ++current->openGroup; }

void Machine::copyAsyncWait(int groups) {
  Thread &self = *current;
  if (self.openGroup <= static_cast<unsigned>(groups))
    return;
  unsigned firstInFlight = self.openGroup - groups;
  auto waits = self.copies.begin();
  for (; waits != self.copies.end() && waits->group < firstInFlight; ++waits) {
    perform(*waits);
    if (module->isChecked)
      checkAccess(waits->shared, 16, /*isWrite=*/true);
  }
  self.copies.erase(self.copies.begin(), waits);
}

void Machine::checkAccess(const void *pointer, size_t bytes, bool isWrite) {
  auto *address = static_cast<const unsigned char *>(pointer);
  auto access = [&] {
    return (isWrite ? "writes " : "reads ") + std::to_string(bytes) + " bytes ";
  };
  auto noteAccess = [&](const unsigned char *begin, size_t regionBytes,
                        const RaceClock &now, const char *what) {
    std::string race = races.note(begin, regionBytes, address, bytes, isWrite,
                                  current->index, now);
    if (!race.empty())
      fail(access() + "at byte " + std::to_string(address - begin) + " of " +
           what + ": " + race);
  };
  if (address >= shared && address + bytes <= shared + shape.sharedBytes) {
    // Each block has shared memory of its own.
    RaceClock now = clock;
    now.block = 0;
    return noteAccess(shared, shape.sharedBytes, now, "shared memory");
  }
  if (stacks.contains(pointer, bytes))
    return;
  if (!isWrite && address >= image.begin && address + bytes <= image.end)
    return;
  // A call of the host is a load of its address.
  auto *calls = reinterpret_cast<const unsigned char *>(&host);
  if (!isWrite && address >= calls && address < calls + sizeof(host))
    return;
  const DeviceMemory::Allocation *nearest = memory->findNearest(pointer);
  if (nearest && nearest->contains(pointer, bytes))
    return noteAccess(nearest->begin, nearest->bytes, clock, "an allocation");
  if (address >= sharedRegion && address < sharedRegion + kSharedRegion + 4096)
    fail(access() + "at byte " + std::to_string(address - shared) +
         " of shared memory, which has " + std::to_string(shape.sharedBytes));
  fail(access() + memory->describe(pointer));
}
