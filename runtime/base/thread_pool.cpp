//===- thread_pool.cpp - The session's threads ----------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "runtime/base/thread_pool.h"

#include "runtime/base/cpu_quota.h"

#include <algorithm>
#include <system_error>

using namespace lns;

static constexpr uint32_t kActiveMask = 0xfff;
static constexpr uint32_t kEpochStep = 0x1000;

/// Pauses before a thread goes to sleep: tens of microseconds, more than the
/// gap between two commands of a step.
static constexpr unsigned kSpins = 2000;

static bool isOpen(uint32_t state) { return state & kEpochStep; }

static void relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

unsigned ThreadPool::defaultThreads() {
  return std::min<unsigned>(usableProcessors(), kMaxThreads);
}

Error ThreadPool::choose(uint32_t &threads, std::string_view place) {
  if (threads > kMaxThreads)
    return makeError(LNSRT_INVALID_ARGUMENT, place, threads,
                     " threads, at most ", kMaxThreads, " are possible");
  if (threads == 0)
    threads = defaultThreads();
  return nullptr;
}

Error ThreadPool::start(unsigned threads) {
  // With more threads than processors, a spinning thread takes the time of one
  // that has work.
  spins = threads <= defaultThreads() ? kSpins : 0;
  workers.reserve(threads - 1);
  try {
    for (unsigned i = 1; i < threads; ++i)
      workers.emplace_back([this, i] { workerMain(i); });
  } catch (const std::system_error &error) {
    return makeError(LNSRT_OUT_OF_MEMORY, "threads", "cannot start thread ",
                     workers.size() + 1, " of ", threads, ": ", error.what(),
                     "; use fewer threads");
  }
  count = threads;
  return nullptr;
}

ThreadPool::~ThreadPool() {
  stopping.store(true);
  // Any change of the state wakes the sleepers.
  state.fetch_add(2 * kEpochStep);
  state.notify_all();
  for (std::thread &worker : workers)
    worker.join();
}

void ThreadPool::work(unsigned worker) {
  for (;;) {
    int64_t begin = next.fetch_add(jobGrain, std::memory_order_relaxed);
    if (begin >= jobItems)
      return;
    jobBody(jobContext, begin, std::min(begin + jobGrain, jobItems), worker);
  }
}

void ThreadPool::runErased(int64_t items, int64_t grain, ErasedBody body,
                           const void *context) {
  if (items <= 0)
    return;
  grain = std::max<int64_t>(grain, 1);
  if (count == 1 || items <= grain) {
    for (int64_t begin = 0; begin < items; begin += grain)
      body(context, begin, std::min(begin + grain, items), 0);
    return;
  }
  jobBody = body;
  jobContext = context;
  jobItems = items;
  jobGrain = grain;
  next.store(0, std::memory_order_relaxed);
  state.fetch_add(kEpochStep, std::memory_order_release);
  state.notify_all();
  work(0);
  // Close the job, then wait for those who are inside.
  uint32_t now = state.fetch_add(kEpochStep, std::memory_order_acq_rel);
  now += kEpochStep;
  for (unsigned spin = 0; (now & kActiveMask) != 0; ++spin) {
    if (spin < spins)
      relax();
    else
      state.wait(now, std::memory_order_acquire);
    now = state.load(std::memory_order_acquire);
  }
}

void ThreadPool::workerMain(unsigned worker) {
  uint32_t done = 0; // Epoch of the last job that this worker has joined.
  unsigned spin = 0;
  uint32_t now = state.load(std::memory_order_acquire);
  while (!stopping.load(std::memory_order_relaxed)) {
    uint32_t epoch = now & ~kActiveMask;
    if (isOpen(now) && epoch != done) {
      if (!state.compare_exchange_weak(now, now + 1, std::memory_order_acq_rel,
                                       std::memory_order_acquire))
        continue;
      done = epoch;
      work(worker);
      now = state.fetch_sub(1, std::memory_order_acq_rel) - 1;
      // The caller may sleep until the last one leaves.
      if (!isOpen(now) && (now & kActiveMask) == 0)
        state.notify_all();
      spin = 0;
      continue;
    }
    if (spin < spins) {
      ++spin;
      relax();
    } else {
      state.wait(now, std::memory_order_acquire);
      spin = 0;
    }
    now = state.load(std::memory_order_acquire);
  }
}
