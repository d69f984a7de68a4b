//===- timer.h - How long something takes on a device ------------- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_RUNTIME_CUDA_TIMER_H
#define LNS_RUNTIME_CUDA_TIMER_H

#include "runtime/cuda/stream.h"

#include <algorithm>

namespace lns::cuda {

/// What a later candidate must be faster by: among equals the first wins, so
/// that noise does not choose.
inline constexpr double kClearlyFaster = 0.98;

class Timer {
public:
  Error create(const Driver &driver, CuStream on) {
    stream = on;
    return events.reserve(driver, 2);
  }

  /// The best of some runs of `work`, which gets a stream, after one that does
  /// not count.
  template <typename Work> Error time(Work work, double &seconds) const {
    double once = 0;
    if (Error error = measure(work, 1, once))
      return error;
    if (Error error = measure(work, 1, once))
      return error;
    // Enough runs to hide what recording an event costs.
    int runs = int(std::clamp(kSample / std::max(once, 1e-9), 1.0, 20.0));
    seconds = once;
    for (int sample = 0; sample < kSamples; ++sample) {
      double all = 0;
      if (Error error = measure(work, runs, all))
        return error;
      seconds = std::min(seconds, all / runs);
    }
    return nullptr;
  }

  /// Runs it once, to see whether it works.
  template <typename Work> Error once(Work work) const {
    double seconds = 0;
    return measure(work, 1, seconds);
  }

  /// The time of so many runs together.
  template <typename Work>
  Error measure(Work work, int runs, double &seconds) const {
    if (Error error = events.record(0, stream))
      return error;
    for (int i = 0; i < runs; ++i)
      if (Error error = work(stream))
        return error;
    if (Error error = events.record(1, stream))
      return error;
    if (Error error = events.synchronize(1))
      return error;
    return events.seconds(0, 1, seconds);
  }

private:
  static constexpr double kSample = 1e-3;
  static constexpr int kSamples = 3;

  CuStream stream = nullptr;
  Events events;
};

} // namespace lns::cuda

#endif // LNS_RUNTIME_CUDA_TIMER_H
