//===- RaceCheck.cpp - Accesses that nothing orders --------------- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "test/emulation/RaceCheck.h"

#include <algorithm>
#include <sys/mman.h>

using namespace lns::emulation;

void RaceCheck::clear() {
  for (auto &[begin, shadow] : shadows)
    munmap(shadow.bytes, shadow.mapped);
  shadows.clear();
}

/// Which of an earlier access's threads nothing orders before this thread now.
unsigned RaceCheck::conflicts(const Access &access, unsigned thread,
                              const RaceClock &clock) {
  if (access.time == 0)
    return None;
  unsigned found = access.others & InGrid;
  if (access.time < clock.block)
    return found | InGrid;
  if (access.time < clock.barrier)
    return found;
  found |= access.others & InBlock;
  if (access.thread / 32 != thread / 32)
    return found | InBlock;
  if (access.time < clock.warp)
    return found;
  if (access.thread != thread || (access.others & InWarp))
    found |= InWarp;
  return found;
}

std::string RaceCheck::describe(const char *what, const Access &access,
                                unsigned conflict) {
  std::string who = "another block of the launch";
  if (!(conflict & InGrid))
    who = "thread " + std::to_string(access.thread) +
          (conflict & InBlock ? " since the last barrier"
                              : " since the last syncWarp");
  if (!(conflict & InGrid) && access.others)
    who = "several threads, one of them " + who;
  return std::string("races with a ") + what + " by " + who;
}

std::string RaceCheck::note(const unsigned char *begin, size_t regionBytes,
                            const unsigned char *pointer, size_t bytes,
                            bool isWrite, unsigned thread,
                            const RaceClock &clock) {
  Shadow &shadow = shadows[begin];
  if (!shadow.bytes) {
    // Touched where the kernel touches memory, and nowhere else.
    shadow.mapped = regionBytes * sizeof(Byte);
    void *memory = mmap(nullptr, shadow.mapped, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) {
      shadows.erase(begin);
      return "cannot be checked for races: no memory for notes";
    }
    shadow.bytes = static_cast<Byte *>(memory);
  }
  Access now = {clock.warp, static_cast<uint16_t>(thread), None};
  for (size_t i = 0; i < bytes; ++i) {
    Byte &byte = shadow.bytes[pointer - begin + i];
    if (unsigned conflict = conflicts(byte.write, thread, clock))
      return describe("write", byte.write, conflict);
    unsigned readers = conflicts(byte.read, thread, clock);
    if (isWrite) {
      if (readers)
        return describe("read", byte.read, readers);
      byte.write = now;
      continue;
    }
    byte.read = now;
    byte.read.others = static_cast<uint16_t>(readers);
  }
  return "";
}
