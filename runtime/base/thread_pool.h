//===- thread_pool.h - The session's threads ---------------------- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// One pool per session. The caller of `run` is worker 0. Work items are handed
// out by a shared counter, so which thread computes an item is not fixed, but
// what it computes is: work must not depend on how the items are cut.
//
// A job is closed as soon as no item is left; only threads that joined it are
// waited for. So a worker that the system has not scheduled delays nobody.
//
//===----------------------------------------------------------------------===//

#ifndef LNS_RUNTIME_BASE_THREAD_POOL_H
#define LNS_RUNTIME_BASE_THREAD_POOL_H

#include "runtime/base/error.h"
#include "runtime/base/session_memory.h"

#include <atomic>
#include <cstdint>
#include <thread>
#include <type_traits>
#include <vector>

namespace lns {

class ThreadPool {
public:
  /// As many as the process may use: its processor mask, and the CPU time that
  /// its container allows, rounded up.
  static unsigned defaultThreads();

  /// Puts that number in the place of 0; an error at `place` for more than
  /// kMaxThreads.
  static Error choose(uint32_t &threads, std::string_view place);

  ThreadPool() = default;
  ThreadPool(const ThreadPool &) = delete;
  ThreadPool &operator=(const ThreadPool &) = delete;
  ~ThreadPool();

  /// Starts `threads` - 1 threads (1 <= threads <= kMaxThreads). Once only.
  Error start(unsigned threads);

  unsigned threads() const { return count; }

  /// Calls body(begin, end, worker) on disjoint ranges of at most `grain` items
  /// that together are [0, items), and returns when all are done. `worker` is
  /// below threads(). Allocates nothing. The body must not throw.
  template <typename Body> void run(int64_t items, int64_t grain, Body &&body) {
    using Plain = std::remove_reference_t<Body>;
    runErased(
        items, grain,
        [](const void *context, int64_t begin, int64_t end, unsigned worker) {
          (*static_cast<Plain *>(const_cast<void *>(context)))(begin, end,
                                                               worker);
        },
        &body);
  }

private:
  using ErasedBody = void (*)(const void *context, int64_t begin, int64_t end,
                              unsigned worker);

  void runErased(int64_t items, int64_t grain, ErasedBody body,
                 const void *context);
  void work(unsigned worker);
  void workerMain(unsigned worker);

  // The job; written only while no worker is inside one.
  ErasedBody jobBody = nullptr;
  const void *jobContext = nullptr;
  int64_t jobItems = 0;
  int64_t jobGrain = 1;

  /// First item that nobody has taken.
  alignas(64) std::atomic<int64_t> next = 0;
  /// Bits 0-11: workers inside the job. Bits 12-31: a counter that is odd while
  /// a job is open. It may wrap: joining is optional, and a worker that
  /// mistakes a job for the one it saw last does nothing wrong by staying away.
  alignas(64) std::atomic<uint32_t> state = 0;
  alignas(64) std::atomic<bool> stopping = false;

  unsigned count = 1;
  unsigned spins = 0;
  std::vector<std::thread> workers;
};

} // namespace lns

#endif // LNS_RUNTIME_BASE_THREAD_POOL_H
