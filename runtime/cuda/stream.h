//===- stream.h - Streams, events and graphs ---------------------- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_RUNTIME_CUDA_STREAM_H
#define LNS_RUNTIME_CUDA_STREAM_H

#include "runtime/cuda/driver.h"

#include <utility>
#include <vector>

namespace lns::cuda {

/// Owns a stream that does not wait for the legacy default stream.
class Stream {
public:
  Stream() = default;
  Stream(const Stream &) = delete;
  Stream &operator=(const Stream &) = delete;
  ~Stream();

  Error create(const Driver &driver);
  CuStream get() const { return stream; }

private:
  const Driver *driver = nullptr;
  CuStream stream = nullptr;
};

/// Owns events. They are made in advance: recording allocates nothing.
class Events {
public:
  Events() = default;
  Events(const Events &) = delete;
  Events &operator=(const Events &) = delete;
  ~Events();

  /// So many events from here on.
  Error reserve(const Driver &driver, size_t count);
  Error record(size_t event, CuStream stream) const;
  Error synchronize(size_t event) const;
  /// Both have happened.
  Error seconds(size_t begin, size_t end, double &seconds) const;

private:
  const Driver *driver = nullptr;
  std::vector<CuEvent> events;
};

/// Owns what a stream has captured, ready to run again.
class Graph {
public:
  Graph() = default;
  Graph(Graph &&other) noexcept { *this = std::move(other); }
  Graph &operator=(Graph &&other) noexcept {
    std::swap(driver, other.driver);
    std::swap(exec, other.exec);
    return *this;
  }
  ~Graph();

  /// Captures what `work` puts on `stream`, which runs nothing of it.
  template <typename Work>
  static Error capture(const Driver &driver, CuStream stream,
                       std::string_view place, Work work, Graph &out) {
    if (Error error = driver.check(
            driver.streamBeginCapture(stream, kCuCaptureThreadLocal), place,
            "cannot begin to capture commands"))
      return error;
    Error error = work();
    CuGraph graph = nullptr;
    CuResult result = driver.streamEndCapture(stream, &graph);
    // What went wrong first says more.
    if (!error)
      error = driver.check(result, place, "cannot capture commands");
    if (!error)
      error = out.instantiate(driver, graph, place);
    if (graph)
      driver.graphDestroy(graph);
    return error;
  }

  bool isThere() const { return exec != nullptr; }
  Error launch(CuStream stream, std::string_view place) const;

private:
  Error instantiate(const Driver &driver, CuGraph graph,
                    std::string_view place);

  const Driver *driver = nullptr;
  CuGraphExec exec = nullptr;
};

} // namespace lns::cuda

#endif // LNS_RUNTIME_CUDA_STREAM_H
