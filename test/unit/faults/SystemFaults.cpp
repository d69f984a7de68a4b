//===- SystemFaults.cpp - System calls on files that fail when told to ----===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// Defines the C library's functions over the kernel's, so that whoever calls
// them in this program, or in one that preloads this, comes here first.
//
// Preloaded, the fault is in the environment:
//   LNS_FAULT_FOLDER  folder of the calls that count
//   LNS_FAULT_AFTER   counting starts at the first call on a path that contains
//                     this text
//   LNS_FAULT_AT      which call
//   LNS_FAULT_ACTION  kill, short, ENOSPC, EIO or EINTR
//   LNS_FAULT_CALL    open, mkdir, rename, write, read, fsync, or any
//   LNS_FAULT_COUNT   file that gets a dot for every call that counts
//
//===----------------------------------------------------------------------===//

#include "SystemFaults.h"

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

using namespace lns::faults;

namespace {
/// No allocation, and no library call that comes back here.
struct State {
  std::atomic<bool> armed = false;
  char folder[4096] = {};
  char after[256] = {};
  Call call = Call::Any;
  Action action = Action::Count;
  int error = 0;
  long at = 0;
  std::atomic<long> seen = 0;
  int counter = -1;
};
State state;
} // namespace

static bool concerns(Call call, const char *path) {
  if (!state.armed || !path ||
      std::strncmp(path, state.folder, std::strlen(state.folder)) != 0)
    return false;
  if (state.after[0] != '\0') {
    if (!std::strstr(path, state.after))
      return false;
    state.after[0] = '\0';
  }
  return state.call == Call::Any || state.call == call;
}

/// What shall happen to this call.
static Action decide(Call call, const char *path) {
  if (!concerns(call, path))
    return Action::Count;
  long number = ++state.seen;
  if (state.counter >= 0)
    syscall(SYS_write, state.counter, ".", 1);
  if (state.at != 0 && number != state.at)
    return Action::Count;
  if (state.action == Action::Kill && call != Call::Write)
    syscall(SYS_kill, syscall(SYS_getpid), SIGKILL);
  return state.action;
}

static Action decide(Call call, int file) {
  if (!state.armed)
    return Action::Count;
  char link[64], path[4096];
  std::snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  long length = syscall(SYS_readlinkat, AT_FDCWD, link, path, sizeof path - 1);
  path[length < 0 ? 0 : length] = '\0';
  return decide(call, path);
}

static int failed() {
  errno = state.error;
  return -1;
}

extern "C" {
int open(const char *path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;
  va_end(rest);
  if (decide(Call::Open, path) == Action::Fail)
    return failed();
  return int(syscall(SYS_openat, AT_FDCWD, path, flags, mode));
}
int mkdir(const char *path, mode_t mode) noexcept {
  if (decide(Call::Mkdir, path) == Action::Fail)
    return failed();
  return int(syscall(SYS_mkdirat, AT_FDCWD, path, mode));
}
int rename(const char *from, const char *to) noexcept {
  if (decide(Call::Rename, to) == Action::Fail)
    return failed();
  return int(syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0));
}
int unlink(const char *path) noexcept {
  if (decide(Call::Unlink, path) == Action::Fail)
    return failed();
  return int(syscall(SYS_unlinkat, AT_FDCWD, path, 0));
}

static size_t half(size_t size) { return size < 2 ? size : size / 2; }

ssize_t write(int file, const void *data, size_t size) {
  switch (decide(Call::Write, file)) {
  case Action::Fail:
    return failed();
  case Action::Kill:
    syscall(SYS_write, file, data, half(size));
    syscall(SYS_kill, syscall(SYS_getpid), SIGKILL);
    break;
  case Action::Short:
    size = half(size);
    break;
  case Action::Count:
    break;
  }
  return syscall(SYS_write, file, data, size);
}
ssize_t pwrite(int file, const void *data, size_t size, off_t offset) {
  switch (decide(Call::Write, file)) {
  case Action::Fail:
    return failed();
  case Action::Kill:
    syscall(SYS_pwrite64, file, data, half(size), offset);
    syscall(SYS_kill, syscall(SYS_getpid), SIGKILL);
    break;
  case Action::Short:
    size = half(size);
    break;
  case Action::Count:
    break;
  }
  return syscall(SYS_pwrite64, file, data, size, offset);
}
ssize_t read(int file, void *data, size_t size) {
  Action action = decide(Call::Read, file);
  if (action == Action::Fail)
    return failed();
  return syscall(SYS_read, file, data,
                 action == Action::Short ? half(size) : size);
}
ssize_t pread(int file, void *data, size_t size, off_t offset) {
  Action action = decide(Call::Read, file);
  if (action == Action::Fail)
    return failed();
  return syscall(SYS_pread64, file, data,
                 action == Action::Short ? half(size) : size, offset);
}
int fsync(int file) {
  if (decide(Call::Sync, file) == Action::Fail)
    return failed();
  return int(syscall(SYS_fsync, file));
}
int fdatasync(int file) {
  if (decide(Call::Sync, file) == Action::Fail)
    return failed();
  return int(syscall(SYS_fdatasync, file));
}
int ftruncate(int file, off_t size) noexcept {
  if (decide(Call::Truncate, file) == Action::Fail)
    return failed();
  return int(syscall(SYS_ftruncate, file, size));
}
int close(int file) {
  // The descriptor is gone in any case, as in Linux.
  bool fails = decide(Call::Close, file) == Action::Fail;
  int result = int(syscall(SYS_close, file));
  return fails ? failed() : result;
}
}

void lns::faults::arm(const Fault &fault) {
  std::snprintf(state.folder, sizeof state.folder, "%s", fault.folder.c_str());
  state.call = fault.call;
  state.action = fault.action;
  state.error = fault.error;
  state.at = fault.at;
  state.seen = 0;
  state.armed = true;
}

long lns::faults::disarm() {
  state.armed = false;
  return state.seen;
}

#ifdef LNS_FAULTS_FROM_ENVIRONMENT
static const char *variable(const char *name) {
  const char *value = std::getenv(name);
  return value ? value : "";
}

__attribute__((constructor)) static void readEnvironment() {
  const char *folder = variable("LNS_FAULT_FOLDER");
  if (folder[0] == '\0')
    return;
  Fault fault;
  fault.folder = folder;
  fault.at = std::atol(variable("LNS_FAULT_AT"));
  std::string action = variable("LNS_FAULT_ACTION");
  fault.action = action == "kill"    ? Action::Kill
                 : action == "short" ? Action::Short
                 : action.empty()    ? Action::Count
                                     : Action::Fail;
  fault.error = action == "ENOSPC" ? ENOSPC : action == "EINTR" ? EINTR : EIO;
  static constexpr const char *names[] = {
      "any",  "open",  "mkdir",     "rename", "write",
      "read", "fsync", "ftruncate", "unlink", "close"};
  for (size_t i = 0; i < std::size(names); ++i)
    if (std::strcmp(variable("LNS_FAULT_CALL"), names[i]) == 0)
      fault.call = Call(i);
  const char *count = variable("LNS_FAULT_COUNT");
  if (count[0] != '\0')
    state.counter = int(syscall(SYS_openat, AT_FDCWD, count,
                                O_WRONLY | O_CREAT | O_APPEND, 0644));
  std::snprintf(state.after, sizeof state.after, "%s",
                variable("LNS_FAULT_AFTER"));
  arm(fault);
}
#endif
