//===- interrupt.h - Signals that end a run ---------------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOOLS_LNS_BASE_INTERRUPT_H
#define LNS_TOOLS_LNS_BASE_INTERRUPT_H

#include "tools/lns/base/status.h"

#include <csignal>

namespace lns::tool {

/// While one lives, SIGINT, SIGTERM and SIGHUP only ask for the end, however
/// often they come, so that nothing cuts the saving of a checkpoint short;
/// afterwards they have their usual effect again. A SIGHUP that the process was
/// started to ignore (nohup) stays ignored. From the first one on SIGPIPE is
/// ignored to the end of the process, because its exit code has to say what
/// happened to the run. At most one lives at a time.
class InterruptGuard {
public:
  InterruptGuard();
  ~InterruptGuard();
  InterruptGuard(const InterruptGuard &) = delete;
  InterruptGuard &operator=(const InterruptGuard &) = delete;

private:
  struct sigaction oldInt, oldTerm, oldHup;
};

/// The name of the first signal that the guard has received, e.g. "SIGTERM";
/// null when there was none, or there is no guard. Cheap: long work asks
/// between its parts.
const char *interruptName();

/// The same as an error of kind Resumable.
Status stopIfInterrupted();

} // namespace lns::tool

#endif // LNS_TOOLS_LNS_BASE_INTERRUPT_H
