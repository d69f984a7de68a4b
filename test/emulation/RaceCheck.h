//===- RaceCheck.h - Accesses that nothing orders ----------------- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// Two accesses to a byte race if one is a write and nothing orders them: within
// a warp a syncWarp does, within a block a barrier, between blocks of a launch
// nothing. Time is a counter that every such event increments, and a byte
// remembers when it was last read and written and by whom. Found races do not
// depend on the order in which threads happen to run.
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TEST_EMULATION_RACECHECK_H
#define LNS_TEST_EMULATION_RACECHECK_H

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>

namespace lns::emulation {

/// What orders the accesses of the running thread.
struct RaceClock {
  /// When the launch's present block began, when its last barrier was and when
  /// the last syncWarp of the thread's warp was.
  uint32_t block = 1, barrier = 1, warp = 1;
};

class RaceCheck {
public:
  RaceCheck() = default;
  ~RaceCheck() { clear(); }
  RaceCheck(const RaceCheck &) = delete;
  RaceCheck &operator=(const RaceCheck &) = delete;

  /// Forgets all accesses, at the start of a launch.
  void clear();

  /// Notes an access to `bytes` bytes at `pointer` by a thread of the block, in
  /// a region that begins at `begin`. Returns with what it races, else "".
  std::string note(const unsigned char *begin, size_t regionBytes,
                   const unsigned char *pointer, size_t bytes, bool isWrite,
                   unsigned thread, const RaceClock &clock);

private:
  /// A time of 0 is never.
  struct Access {
    uint32_t time;
    uint16_t thread;
    /// Other threads read too since the last event that orders this one: of
    /// the same warp, of the same block, of other blocks.
    uint16_t others;
  };
  struct Byte {
    Access write, read;
  };
  struct Shadow {
    Byte *bytes = nullptr;
    size_t mapped = 0;
  };

  enum Others : uint16_t { None = 0, InWarp = 1, InBlock = 2, InGrid = 4 };
  static unsigned conflicts(const Access &access, unsigned thread,
                            const RaceClock &clock);
  static std::string describe(const char *what, const Access &access,
                              unsigned conflict);

  std::map<const unsigned char *, Shadow> shadows;
};

} // namespace lns::emulation

#endif // LNS_TEST_EMULATION_RACECHECK_H
