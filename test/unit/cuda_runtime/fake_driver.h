//===- fake_driver.h - What the fake libraries share -------------- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TEST_UNIT_CUDA_RUNTIME_FAKE_DRIVER_H
#define LNS_TEST_UNIT_CUDA_RUNTIME_FAKE_DRIVER_H

#include "runtime/cuda/api_types.h"

#include <functional>

namespace lns::fake {

/// Puts `work` into the graph that the stream captures.
__attribute__((visibility("default"))) void
addToGraph(cuda::CuStream stream, double milliseconds,
           std::function<void()> work);
__attribute__((visibility("default"))) bool isCapturing(cuda::CuStream stream);
__attribute__((visibility("default"))) void advanceClock(double milliseconds);

/// Runs `work`, or puts it into the graph that the stream captures. It takes
/// `milliseconds` by the fake clock. Only a graph allocates memory.
template <typename Work>
void enqueue(cuda::CuStream stream, double milliseconds, Work work) {
  if (isCapturing(stream))
    return addToGraph(stream, milliseconds, std::move(work));
  advanceClock(milliseconds);
  work();
}

/// Ends the process unless these bytes lie in one allocation.
__attribute__((visibility("default"))) void mustBeAllocated(const void *start,
                                                            size_t size);

} // namespace lns::fake

#endif // LNS_TEST_UNIT_CUDA_RUNTIME_FAKE_DRIVER_H
