//===- interrupt.cpp - Signals that end a run -----------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/base/interrupt.h"

#include <atomic>

namespace lns::tool {

/// The first signal; 0 for none.
static std::atomic<int> received = 0;
static_assert(std::atomic<int>::is_always_lock_free);

extern "C" {
static void onInterrupt(int signal) {
  int none = 0;
  received.compare_exchange_strong(none, signal, std::memory_order_relaxed);
}
}

InterruptGuard::InterruptGuard() {
  received = 0;
  std::signal(SIGPIPE, SIG_IGN);
  struct sigaction action = {};
  action.sa_handler = onInterrupt;
  // What a checkpoint is written with is not to fail with EINTR.
  action.sa_flags = SA_RESTART;
  ::sigaction(SIGINT, &action, &oldInt);
  ::sigaction(SIGTERM, &action, &oldTerm);
  ::sigaction(SIGHUP, nullptr, &oldHup);
  if (oldHup.sa_handler != SIG_IGN)
    ::sigaction(SIGHUP, &action, nullptr);
}

InterruptGuard::~InterruptGuard() {
  ::sigaction(SIGINT, &oldInt, nullptr);
  ::sigaction(SIGTERM, &oldTerm, nullptr);
  ::sigaction(SIGHUP, &oldHup, nullptr);
  received = 0;
}

const char *interruptName() {
  switch (received.load(std::memory_order_relaxed)) {
  case 0:
    return nullptr;
  case SIGTERM:
    return "SIGTERM";
  case SIGHUP:
    return "SIGHUP";
  default:
    return "SIGINT";
  }
}

Status stopIfInterrupted() {
  const char *name = interruptName();
  if (!name)
    return Status::success();
  return Status::ended(Status::Kind::Resumable,
                       std::string("interrupted by ") + name);
}

} // namespace lns::tool
