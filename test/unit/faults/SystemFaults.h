//===- SystemFaults.h - System calls on files that fail when told to ------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// Linked into a test, or preloaded into any program (libSystemFaults.so, which
// reads its fault from the environment; see SystemFaults.cpp).
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TEST_UNIT_FAULTS_SYSTEMFAULTS_H
#define LNS_TEST_UNIT_FAULTS_SYSTEMFAULTS_H

#include <string>

namespace lns::faults {

enum class Call {
  Any,
  Open,
  Mkdir,
  Rename,
  Write,
  Read,
  Sync,
  Truncate,
  Unlink,
  Close
};

enum class Action {
  Count, ///< nothing, only counts
  Fail,  ///< returns -1 with `error`, and does nothing
  Short, ///< reads or writes half of what was asked for, at least a byte
  Kill   ///< SIGKILL instead of the call; of a write, half is done
};

struct Fault {
  std::string folder; ///< only calls on files in or below it
  Call call = Call::Any;
  Action action = Action::Count;
  int error = 0;
  long at = 0; ///< which of those calls, from 1 on; 0: every one
};

/// Not for several threads at once.
void arm(const Fault &fault);
/// Ends it; tells how many calls there were.
long disarm();

} // namespace lns::faults

#endif // LNS_TEST_UNIT_FAULTS_SYSTEMFAULTS_H
