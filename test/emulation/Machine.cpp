//===- Machine.cpp - Runs the blocks of a launch ------------------ C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "test/emulation/Machine.h"

#include <algorithm>
#include <bit>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <mutex>
#include <numeric>
#include <sys/mman.h>
#include <utility>

using namespace lns::emulation;

namespace {

constexpr size_t kSharedGuard = 1024;
constexpr size_t kSharedAlignment = 128;
constexpr unsigned char kGuard = 0xc5;

/// Whether this thread of the process is the one that runs a launch.
thread_local bool isLaunching = false;

Machine &theMachine() {
  static Machine machine;
  return machine;
}

/// A fault of the running thread (a wild pointer, a full stack, a division by
/// zero) ends the launch. Any other fault goes the way that it would have gone.
void onFault(int signal, siginfo_t *info, void *) {
  // Other threads of the process may fault too.
  if (!theMachine().isRunning() || !isLaunching) {
    std::signal(signal, SIG_DFL);
    return;
  }
  char what[64];
  if (signal == SIGFPE)
    std::snprintf(what, sizeof(what), "divides an integer by zero");
  else
    std::snprintf(what, sizeof(what), "accesses memory that is not there, %p",
                  info->si_addr);
  theMachine().fail(what);
}

/// Catches faults while it lives. The handler needs a stack of its own, because
/// a full stack is one of the faults.
class FaultGuard {
public:
  FaultGuard() : stack(64 * 1024) {
    isLaunching = true;
    stack_t alternative = {};
    alternative.ss_sp = stack.data();
    alternative.ss_size = stack.size();
    sigaltstack(&alternative, &oldStack);
    struct sigaction action = {};
    action.sa_sigaction = onFault;
    // The handler does not return from a kernel's fault, so the signal must not
    // stay blocked.
    action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
    for (size_t i = 0; i < std::size(kSignals); ++i)
      sigaction(kSignals[i], &action, &oldActions[i]);
  }
  ~FaultGuard() {
    for (size_t i = 0; i < std::size(kSignals); ++i)
      sigaction(kSignals[i], &oldActions[i], nullptr);
    sigaltstack(&oldStack, nullptr);
    isLaunching = false;
  }
  FaultGuard(const FaultGuard &) = delete;
  FaultGuard &operator=(const FaultGuard &) = delete;

private:
  static constexpr int kSignals[] = {SIGSEGV, SIGBUS, SIGFPE};
  std::vector<unsigned char> stack;
  stack_t oldStack = {};
  struct sigaction oldActions[std::size(kSignals)] = {};
};

} // namespace

std::string lns::emulation::runLaunch(const LnsEmuModule &module,
                                      const LnsEmuKernel &kernel, void **params,
                                      const LaunchShape &shape,
                                      const ImageRange &image,
                                      DeviceMemory &memory) {
  static std::mutex mutex;
  std::lock_guard<std::mutex> lock(mutex);
  return theMachine().run(module, kernel, params, shape, image, memory);
}

Machine::Machine() {
  host.syncThreads = [] { theMachine().syncThreads(); };
  host.syncWarp = [] {
    Operands operands;
    theMachine().meet(LnsEmuSyncWarp, operands);
  };
  host.ballot = [](bool predicate) {
    Operands operands;
    operands.predicate = predicate;
    theMachine().meet(LnsEmuBallot, operands);
    return operands.ballot;
  };
  host.shuffle = [](LnsEmuMeeting kind, void *value, unsigned bytes,
                    int source) {
    Operands operands;
    operands.value = value;
    operands.bytes = bytes;
    operands.source = source;
    theMachine().meet(kind, operands);
  };
  host.loadMatrix4 = [](LnsEmuMeeting kind, unsigned *r, const void *row) {
    theMachine().requireShared(nameOf(kind), row, 16);
    Operands operands;
    operands.r = r;
    operands.row = row;
    theMachine().meet(kind, operands);
  };
  host.mmaBf16 = [](float *d, const unsigned *a, const unsigned *b) {
    Operands operands;
    operands.d = d;
    operands.a = a;
    operands.b = b;
    theMachine().meet(LnsEmuMma, operands);
  };
  host.copyAsync16 = [](void *shared, const void *global, bool inRange) {
    theMachine().copyAsync16(shared, global, inRange);
  };
  host.copyAsyncCommit = [] { theMachine().copyAsyncCommit(); };
  host.copyAsyncWait = [](int groups) { theMachine().copyAsyncWait(groups); };
  host.misaligned = [](const void *pointer, unsigned bytes) {
    theMachine().fail(
        "accesses " + std::to_string(bytes) + " bytes at an address that is " +
        std::to_string(reinterpret_cast<uintptr_t>(pointer) % bytes) +
        " past a multiple of that");
  };
  host.access = [](const void *pointer, unsigned long bytes, bool isWrite) {
    theMachine().checkAccess(pointer, bytes, isWrite);
  };
}

//===----------------------------------------------------------------------===//
// Launches and blocks
//===----------------------------------------------------------------------===//

std::string Machine::run(const LnsEmuModule &theModule,
                         const LnsEmuKernel &theKernel, void **theParams,
                         const LaunchShape &theShape,
                         const ImageRange &theImage, DeviceMemory &theMemory) {
  std::string name = std::string("kernel ") + theKernel.name + ": ";
  module = &theModule;
  kernel = &theKernel;
  params = theParams;
  shape = theShape;
  image = theImage;
  memory = &theMemory;
  if (shape.threads == 0 || shape.threads > kernel->maxThreads)
    return name + std::to_string(shape.threads) +
           " threads in a block; its launch bounds allow 1 to " +
           std::to_string(kernel->maxThreads);
  if (shape.sharedBytes > kMaxSharedBytes)
    return name + std::to_string(shape.sharedBytes) +
           " bytes of shared memory; no device has more than " +
           std::to_string(kMaxSharedBytes);
  if (!stacks.reserve(shape.threads))
    return name + "no memory for the threads' stacks";
  if (!sharedRegion) {
    void *region = mmap(nullptr, kSharedRegion + 4096, PROT_NONE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (region == MAP_FAILED ||
        mprotect(region, kSharedRegion, PROT_READ | PROT_WRITE) != 0)
      return name + "no memory for shared memory";
    sharedRegion = static_cast<unsigned char *>(region);
  }

  threads.resize(shape.threads);
  warps.assign((shape.threads + kWarpSize - 1) / kWarpSize, Warp());
  for (unsigned i = 0; i < shape.threads; ++i) {
    threads[i].index = i;
    ++warps[i / kWarpSize].lanes;
  }
  size_t rounded = (shape.sharedBytes + kSharedAlignment - 1) /
                   kSharedAlignment * kSharedAlignment;
  shared = sharedRegion + kSharedRegion - rounded;
  *module->host = &host;
  *module->dynamicShared = shared;
  *module->blockDim = {shape.threads, 1, 1};
  *module->gridDim = {shape.grid[0], shape.grid[1], shape.grid[2]};
  races.clear();
  time = 0;
  error.clear();
  randomState = shape.seed;

  std::vector<uint64_t> order(uint64_t(shape.grid[0]) * shape.grid[1] *
                              shape.grid[2]);
  std::iota(order.begin(), order.end(), uint64_t(0));
  if (shape.seed)
    for (size_t i = order.size(); i > 1; --i)
      std::swap(order[i - 1], order[random() % i]);

  FaultGuard faults;
  for (uint64_t block : order) {
    *module->blockIdx = {
        static_cast<unsigned>(block % shape.grid[0]),
        static_cast<unsigned>(block / shape.grid[0] % shape.grid[1]),
        static_cast<unsigned>(block / shape.grid[0] / shape.grid[1])};
    runBlock();
    if (!error.empty())
      return error;
  }
  if (std::string guards = memory->checkGuards(); !guards.empty())
    return name + guards;
  return "";
}

void Machine::runBlock() {
  std::memset(shared - kSharedGuard, kGuard, kSharedGuard);
  std::memset(shared, kUnwritten, shape.sharedBytes);
  unsigned char *end = shared + shape.sharedBytes;
  unsigned char *regionEnd = sharedRegion + kSharedRegion;
  std::memset(end, kGuard, regionEnd - end);

  ++time;
  clock = {time, time, time};
  live = shape.threads;
  arrived = 0;
  readyWarps = 0;
  for (unsigned i = 0; i < warps.size(); ++i) {
    Warp &warp = warps[i];
    warp.ready = warp.meeting = warp.atBarrier = warp.returned = 0;
    warp.syncTime = time;
    setReady(i, warp.lanes == kWarpSize ? ~uint32_t(0)
                                        : (uint32_t(1) << warp.lanes) - 1);
  }
  for (Thread &thread : threads) {
    thread.copies.clear();
    thread.openGroup = 0;
    // At the same place of each stack's pages, all would share few cache lines.
    size_t offset = thread.index * 320 % 4096;
    thread.fiber.start(stacks.get(thread.index), FiberStacks::kBytes - offset,
                       enterThread);
  }
  switchTo(pick(), mainFiber);
  current = nullptr;
  if (!error.empty())
    return;
  auto isGuard = [](unsigned char byte) { return byte == kGuard; };
  if (!std::all_of(shared - kSharedGuard, shared, isGuard) ||
      !std::all_of(end, regionEnd, isGuard))
    error = std::string("kernel ") + kernel->name +
            ": a block wrote outside of its " +
            std::to_string(shape.sharedBytes) + " bytes of shared memory";
}

void Machine::enterThread() {
  Machine &machine = theMachine();
  machine.kernel->enter(machine.params);
  machine.leaveForGood();
}

//===----------------------------------------------------------------------===//
// Who runs next
//===----------------------------------------------------------------------===//

uint64_t Machine::random() {
  // SplitMix64 (Steele, Lea and Flood, OOPSLA 2014).
  uint64_t z = randomState += 0x9e3779b97f4a7c15;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

void Machine::setReady(unsigned warp, uint32_t lanes) {
  warps[warp].ready |= lanes;
  if (warps[warp].ready)
    readyWarps |= uint32_t(1) << warp;
}

Machine::Thread *Machine::pick() {
  auto choose = [&](uint32_t bits) {
    unsigned shift = shape.seed ? random() % 32 : 0;
    return (std::countr_zero(std::rotr(bits, shift)) + shift) % 32;
  };
  if (!readyWarps)
    return nullptr;
  // A drawn order stays in a warp for a while, but warps also overtake.
  unsigned warp = current ? current->index / kWarpSize : 0;
  if (!current || !warps[warp].ready || (shape.seed && random() % 8 == 0))
    warp = choose(readyWarps);
  return &threads[warp * kWarpSize + choose(warps[warp].ready)];
}

void Machine::switchTo(Thread *next, Fiber &from) {
  Warp &warp = warpOf(*next);
  warp.ready &= ~bitOf(*next);
  if (!warp.ready)
    readyWarps &= ~(uint32_t(1) << next->index / kWarpSize);
  clock.warp = warp.syncTime;
  *module->threadIdx = {next->index, 0, 0};
  current = next;
  if (&next->fiber != &from)
    next->fiber.switchFrom(from);
}

/// Others run until somebody makes the running thread ready.
void Machine::leave() {
  Fiber &self = current->fiber;
  if (Thread *next = pick())
    return switchTo(next, self);
  fail("waits, as all threads of the block do, for what cannot happen");
}

void Machine::leaveForGood() {
  Fiber &self = current->fiber;
  Warp &warp = warpOf(*current);
  if (warp.meeting)
    fail("returns while " + std::to_string(std::popcount(warp.meeting)) +
         " lanes of its warp wait at " + nameOf(warp.kind));
  warp.returned |= bitOf(*current);
  if (--live == 0)
    return mainFiber.switchFrom(self);
  // A barrier is for the threads that have not returned.
  if (arrived == live)
    releaseBarrier();
  leave();
}

void Machine::fail(const std::string &what) {
  LnsEmuIndex block = *module->blockIdx;
  error = std::string("kernel ") + kernel->name + ", block (" +
          std::to_string(block.x) + ", " + std::to_string(block.y) + ", " +
          std::to_string(block.z) + "), thread " +
          std::to_string(current->index) + ": " + what;
  Thread &self = *current;
  current = nullptr;
  mainFiber.switchFrom(self.fiber);
  __builtin_unreachable();
}

//===----------------------------------------------------------------------===//
// Barriers and meetings
//===----------------------------------------------------------------------===//

void Machine::syncThreads() {
  Warp &warp = warpOf(*current);
  if (warp.meeting)
    fail("waits at __syncthreads while " +
         std::to_string(std::popcount(warp.meeting)) +
         " lanes of its warp wait at " + nameOf(warp.kind));
  warp.atBarrier |= bitOf(*current);
  ++arrived;
  if (arrived < live)
    return leave();
  releaseBarrier();
  // The last to come goes on, unless an order is drawn.
  leave();
}

void Machine::releaseBarrier() {
  clock.barrier = clock.warp = ++time;
  arrived = 0;
  for (unsigned i = 0; i < warps.size(); ++i) {
    warps[i].syncTime = time;
    setReady(i, std::exchange(warps[i].atBarrier, 0));
  }
}

void Machine::checkMeetable(LnsEmuMeeting kind) {
  const Warp &warp = warpOf(*current);
  if (warp.lanes == kWarpSize && !warp.returned && !warp.atBarrier &&
      (!warp.meeting || warp.kind == kind))
    return;
  auto others = [](uint32_t lanes) {
    return std::to_string(std::popcount(lanes)) + " lanes of its warp";
  };
  std::string here = std::string("waits at ") + nameOf(kind);
  if (warp.lanes != kWarpSize)
    fail(here + " in a warp of " + std::to_string(warp.lanes) +
         " threads; blocks of such kernels need a multiple of 32");
  if (warp.returned)
    fail(here + " while " + others(warp.returned) + " have returned");
  if (warp.atBarrier)
    fail(here + " while " + others(warp.atBarrier) + " wait at __syncthreads");
  fail(here + " while " + others(warp.meeting) + " wait at " +
       nameOf(warp.kind));
}

void Machine::meet(LnsEmuMeeting kind, Operands &operands) {
  checkMeetable(kind);
  Thread &self = *current;
  Warp &warp = warpOf(self);
  warp.kind = kind;
  warp.operands[self.index % kWarpSize] = &operands;
  warp.meeting |= bitOf(self);
  if (warp.meeting != ~uint32_t(0))
    return leave();
  performMeeting(kind, warp.operands);
  if (kind == LnsEmuSyncWarp)
    warp.syncTime = ++time;
  warp.meeting = 0;
  setReady(self.index / kWarpSize, ~uint32_t(0));
  leave();
}
