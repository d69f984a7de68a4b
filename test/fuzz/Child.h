//===- Child.h - Work that may crash or never end ---------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TEST_FUZZ_CHILD_H
#define LNS_TEST_FUZZ_CHILD_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include <cstdint>
#include <string>
#include <sys/types.h>

namespace lns::fuzz {

struct Limits {
  unsigned cpuSeconds = 30;     ///< of processor time; over it: timedOut
  unsigned wallSeconds = 300;   ///< a child that waits for something
  uint64_t memory = 4ull << 30; ///< bytes of address space; 0: no limit
};

/// How a child ended.
struct Outcome {
  int exitCode = -1; ///< if it ended by itself
  int signal = 0;    ///< else
  bool timedOut = false;
  uint64_t outputBytes = 0; ///< all that it wrote
  std::string output;       ///< the first 64 KiB of standard output and error

  bool crashed() const { return signal != 0 && !timedOut; }
};

/// A child process at work. Its standard output and error come back together;
/// its standard input is empty. It leads a process group, which ends with it.
class Child {
public:
  /// Forks and runs `body`, whose result is the exit code. The calling process
  /// must have one thread, unless all that `body` does is to execute a program.
  Child(llvm::function_ref<int()> body, const Limits &limits);
  ~Child();
  Child(const Child &) = delete;
  Child &operator=(const Child &) = delete;

  /// Takes what there is, for at most so many milliseconds; true when the child
  /// has ended and `outcome` is complete.
  bool poll(int milliseconds);

  Outcome outcome;

private:
  void reap();

  pid_t pid = -1;
  int pipe = -1;
  double deadline = 0;
};

/// Runs `body` in a child to its end.
Outcome runInChild(llvm::function_ref<int()> body, const Limits &limits);

/// Runs a program to its end.
Outcome runProgram(llvm::ArrayRef<std::string> arguments, const Limits &limits);

/// For messages: "exit code 1", "signal 6 (Aborted)", "no end within its time".
std::string describe(const Outcome &outcome);

} // namespace lns::fuzz

#endif // LNS_TEST_FUZZ_CHILD_H
