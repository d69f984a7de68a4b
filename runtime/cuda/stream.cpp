//===- stream.cpp - Streams, events and graphs ----------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "runtime/cuda/stream.h"

using namespace lns;
using namespace lns::cuda;

Stream::~Stream() {
  if (stream)
    driver->streamDestroy(stream);
}

Error Stream::create(const Driver &from) {
  if (Error error = from.check(from.streamCreate(&stream, kCuStreamNonBlocking),
                               "cuda", "cannot create a stream"))
    return error;
  driver = &from;
  return nullptr;
}

Events::~Events() {
  for (CuEvent event : events)
    driver->eventDestroy(event);
}

Error Events::reserve(const Driver &from, size_t count) {
  driver = &from;
  events.reserve(count);
  while (events.size() < count) {
    CuEvent event = nullptr;
    if (Error error = from.check(from.eventCreate(&event, kCuEventDefault),
                                 "cuda", "cannot create an event"))
      return error;
    events.push_back(event);
  }
  return nullptr;
}

Error Events::record(size_t event, CuStream stream) const {
  return driver->check(driver->eventRecord(events[event], stream), "cuda",
                       "cannot record an event");
}

Error Events::synchronize(size_t event) const {
  return driver->check(driver->eventSynchronize(events[event]), "cuda",
                       "the device's work failed");
}

Error Events::seconds(size_t begin, size_t end, double &seconds) const {
  float milliseconds = 0;
  if (Error error = driver->check(
          driver->eventElapsedTime(&milliseconds, events[begin], events[end]),
          "cuda", "cannot read an event's time"))
    return error;
  seconds = double(milliseconds) * 1e-3;
  return nullptr;
}

Graph::~Graph() {
  if (exec)
    driver->graphExecDestroy(exec);
}

Error Graph::instantiate(const Driver &from, CuGraph graph,
                         std::string_view place) {
  Graph made;
  if (Error error =
          from.check(from.graphInstantiate(&made.exec, graph, 0), place,
                     "cannot instantiate the graph of the captured commands"))
    return error;
  made.driver = &from;
  *this = std::move(made);
  return nullptr;
}

Error Graph::launch(CuStream stream, std::string_view place) const {
  return driver->check(driver->graphLaunch(exec, stream), place,
                       "cannot launch the graph");
}
