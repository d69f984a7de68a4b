//===- Machine.h - Runs the blocks of a launch -------------------- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// Blocks run one after another, the threads of a block as fibers of the calling
// thread. A thread runs until it waits for others: at a barrier, or where the
// lanes of a warp meet; the last to arrive computes for all and goes on.
//
// A wait that cannot end is found when it begins: a lane that meets the others
// of its warp while one of them has returned or waits at a barrier, and the
// other way round. So a launch fails, and never hangs.
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TEST_EMULATION_MACHINE_H
#define LNS_TEST_EMULATION_MACHINE_H

#include "test/emulation/Collectives.h"
#include "test/emulation/DeviceMemory.h"
#include "test/emulation/Fiber.h"
#include "test/emulation/RaceCheck.h"
#include "test/emulation/kernel_abi.h"

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace lns::emulation {

inline constexpr unsigned kMaxThreads = 1024;
/// The most that any architecture gives to a block.
inline constexpr size_t kMaxSharedBytes = 227 * 1024;

struct LaunchShape {
  std::array<unsigned, 3> grid = {1, 1, 1};
  unsigned threads = 1;
  size_t sharedBytes = 0;
  /// 0: threads and blocks run in the order of their numbers. Else they run in
  /// an order drawn with it, and cp.async copies take place at once or at the
  /// wait as drawn too.
  uint64_t seed = 0;
};

/// Memory of the object that a kernel is in: its constants and variables.
struct ImageRange {
  const unsigned char *begin = nullptr;
  const unsigned char *end = nullptr;
};

/// Runs a kernel with *params[i] as arguments. Returns "", or what went wrong
/// and where. One launch at a time in a process: others wait.
std::string runLaunch(const LnsEmuModule &module, const LnsEmuKernel &kernel,
                      void **params, const LaunchShape &shape,
                      const ImageRange &image, DeviceMemory &memory);

/// The state of the launch that runs.
class Machine {
public:
  Machine();
  std::string run(const LnsEmuModule &module, const LnsEmuKernel &kernel,
                  void **params, const LaunchShape &shape,
                  const ImageRange &image, DeviceMemory &memory);

  // What the running thread may call (LnsEmuHost).
  void syncThreads();
  void meet(LnsEmuMeeting kind, Operands &operands);
  void copyAsync16(void *shared, const void *global, bool inRange);
  void copyAsyncCommit();
  void copyAsyncWait(int groups);
  void checkAccess(const void *pointer, size_t bytes, bool isWrite);
  void requireShared(const char *what, const void *pointer, size_t bytes);
  /// Ends the launch with an error of the running thread.
  [[noreturn]] void fail(const std::string &what);
  bool isRunning() const { return current != nullptr; }

private:
  struct AsyncCopy {
    unsigned char *shared;
    const unsigned char *global;
    bool inRange, isDone;
    unsigned group;
  };

  struct Thread {
    Fiber fiber;
    unsigned index = 0;
    std::vector<AsyncCopy> copies;
    unsigned openGroup = 0;
  };

  struct Warp {
    unsigned lanes = 0;
    /// One bit a lane.
    uint32_t ready = 0, meeting = 0, atBarrier = 0, returned = 0;
    LnsEmuMeeting kind = LnsEmuSyncWarp;
    WarpOperands operands;
    uint32_t syncTime = 0;
  };

  Warp &warpOf(const Thread &thread) { return warps[thread.index / kWarpSize]; }
  static uint32_t bitOf(const Thread &thread) {
    return uint32_t(1) << thread.index % kWarpSize;
  }

  static void enterThread();
  void runBlock();
  void leave();
  void leaveForGood();
  void setReady(unsigned warp, uint32_t lanes);
  void releaseBarrier();
  Thread *pick();
  void switchTo(Thread *next, Fiber &from);
  void perform(AsyncCopy &copy);
  void checkMeetable(LnsEmuMeeting kind);
  uint64_t random();

  /// Shared memory ends at this region's end, before a page that faults, and
  /// the guard is checked on both sides.
  static constexpr size_t kSharedRegion = 256 * 1024;

  // Of the process.
  LnsEmuHost host;
  FiberStacks stacks;
  unsigned char *sharedRegion = nullptr;
  Fiber mainFiber;

  // Of the launch.
  const LnsEmuModule *module = nullptr;
  const LnsEmuKernel *kernel = nullptr;
  void **params = nullptr;
  LaunchShape shape;
  ImageRange image;
  DeviceMemory *memory = nullptr;
  RaceCheck races;
  uint64_t randomState = 0;
  std::string error;

  // Of the block.
  std::vector<Thread> threads;
  std::vector<Warp> warps;
  uint32_t readyWarps = 0;
  unsigned live = 0, arrived = 0;
  Thread *current = nullptr;
  unsigned char *shared = nullptr;
  uint32_t time = 0;
  RaceClock clock;
};

} // namespace lns::emulation

#endif // LNS_TEST_EMULATION_MACHINE_H
