//===- Child.cpp - Work that may crash or never end -----------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "test/fuzz/Child.h"

#include "llvm/ADT/SmallVector.h"
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace lns::fuzz;

static constexpr size_t kKeptOutput = 64 << 10;

static double now() {
  timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return double(time.tv_sec) + 1e-9 * double(time.tv_nsec);
}

static void limit(int resource, uint64_t value) {
  rlimit both = {value, value};
  setrlimit(resource, &both);
}

Child::Child(llvm::function_ref<int()> body, const Limits &limits) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) {
    std::perror("lns-fuzz: pipe");
    std::exit(2);
  }
  std::fflush(nullptr);
  pid = fork();
  if (pid < 0) {
    std::perror("lns-fuzz: fork");
    std::exit(2);
  }
  if (pid == 0) {
    setpgid(0, 0);
    int empty = open("/dev/null", O_RDONLY);
    dup2(empty, 0);
    dup2(ends[1], 1);
    dup2(ends[1], 2);
    // A soft limit below the hard one: SIGXCPU says what happened.
    rlimit cpu = {limits.cpuSeconds, limits.cpuSeconds + 2};
    setrlimit(RLIMIT_CPU, &cpu);
    limit(RLIMIT_CORE, 0);
    if (limits.memory)
      limit(RLIMIT_AS, limits.memory);
    int code = body();
    std::fflush(nullptr);
    _exit(code);
  }
  setpgid(pid, pid); // in both, whoever comes first
  close(ends[1]);
  pipe = ends[0];
  deadline = now() + limits.wallSeconds;
}

Child::~Child() {
  if (pid > 0) {
    kill(-pid, SIGKILL);
    waitpid(pid, nullptr, 0);
  }
  if (pipe >= 0)
    close(pipe);
}

void Child::reap() {
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
    ;
  // What it may have left behind.
  kill(-pid, SIGKILL);
  pid = -1;
  if (WIFEXITED(status))
    outcome.exitCode = WEXITSTATUS(status);
  else if (WIFSIGNALED(status))
    outcome.signal = WTERMSIG(status);
  if (outcome.signal == SIGXCPU)
    outcome.timedOut = true;
}

bool Child::poll(int milliseconds) {
  if (pid < 0)
    return true;
  double end = now() + 1e-3 * milliseconds;
  do {
    if (now() > deadline) {
      kill(-pid, SIGKILL);
      reap();
      outcome.timedOut = true;
      return true;
    }
    pollfd waiting = {pipe, POLLIN, 0};
    int left = std::max(0, int(1e3 * (end - now())));
    if (::poll(&waiting, 1, left) <= 0)
      continue;
    char buffer[4096];
    ssize_t count = read(pipe, buffer, sizeof(buffer));
    if (count <= 0) {
      reap();
      return true;
    }
    outcome.outputBytes += uint64_t(count);
    if (outcome.output.size() < kKeptOutput)
      outcome.output.append(buffer, size_t(count));
  } while (now() < end);
  return false;
}

Outcome lns::fuzz::runInChild(llvm::function_ref<int()> body,
                              const Limits &limits) {
  Child child(body, limits);
  while (!child.poll(1000))
    ;
  return std::move(child.outcome);
}

Outcome lns::fuzz::runProgram(llvm::ArrayRef<std::string> arguments,
                              const Limits &limits) {
  llvm::SmallVector<char *> argv;
  for (const std::string &argument : arguments)
    argv.push_back(const_cast<char *>(argument.c_str()));
  argv.push_back(nullptr);
  return runInChild(
      [&]() -> int {
        execv(argv[0], argv.data());
        std::perror(argv[0]);
        return 127;
      },
      limits);
}

std::string lns::fuzz::describe(const Outcome &outcome) {
  if (outcome.timedOut)
    return "no end within its time";
  if (outcome.signal)
    return "signal " + std::to_string(outcome.signal) + " (" +
           strsignal(outcome.signal) + ")";
  return "exit code " + std::to_string(outcome.exitCode);
}
