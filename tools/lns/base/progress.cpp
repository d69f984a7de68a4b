//===- progress.cpp - Lines about a running job ---------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/base/progress.h"

#include "tools/lns/base/interrupt.h"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cmath>
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

namespace lns::tool {

Progress::Progress(std::FILE *stream)
    : stream(stream), fd(::fileno(stream)), terminal(::isatty(fd) == 1) {}

Progress::~Progress() { clear(); }

/// Waits until a pipe or terminal takes more; false when it does not, and a
/// signal asks for the end.
static bool waitUntilWritable(int fd) {
  constexpr int patience = 200; // ms
  for (;;) {
    bool isLast = interruptName() != nullptr;
    struct pollfd entry = {fd, POLLOUT, 0};
    int ready = ::poll(&entry, 1, patience);
    if (ready > 0)
      return true;
    if (ready == 0 && isLast)
      return false;
    if (ready < 0 && errno != EINTR)
      return false;
  }
}

void Progress::write(std::string_view text) {
  // Past the stream's buffer, which a failed line would stay in.
  std::fflush(stream);
  while (!text.empty() && !closed) {
    // A pipe that is ready takes so many bytes without waiting.
    size_t part = std::min<size_t>(text.size(), PIPE_BUF);
    if (!waitUntilWritable(fd))
      return;
    ssize_t written = ::write(fd, text.data(), part);
    if (written < 0 && errno == EINTR)
      continue;
    if (written <= 0) {
      closed = written < 0 && errno == EPIPE;
      return;
    }
    text.remove_prefix(static_cast<size_t>(written));
  }
}

void Progress::clear() {
  if (drawn)
    write("\r\x1b[K");
  drawn = false;
}

void Progress::line(const std::string &text) {
  clear();
  write(text + "\n");
}

void Progress::bar(double fraction, const std::string &text) {
  if (!terminal)
    return;
  constexpr int cells = 30;
  double share = std::isfinite(fraction) ? std::clamp(fraction, 0.0, 1.0) : 0;
  int full = static_cast<int>(share * cells);
  std::string bar(static_cast<size_t>(full), '#');
  bar.resize(cells, '.');
  write(fmt::format("\r\x1b[K[{}] {:3.0f}% {}", bar, share * 100, text));
  drawn = true;
}

std::string formatDuration(double seconds) {
  if (!std::isfinite(seconds) || seconds < 0 || seconds > 1e9)
    return "?";
  uint64_t s = static_cast<uint64_t>(std::llround(seconds));
  if (s >= 3600)
    return fmt::format("{}h{:02}m", s / 3600, s % 3600 / 60);
  if (s >= 60)
    return fmt::format("{}m{:02}s", s / 60, s % 60);
  return fmt::format("{}s", s);
}

std::string formatCount(double count) {
  if (count < 1e3)
    return fmt::format("{:.0f}", count);
  if (count < 1e6)
    return fmt::format("{:.1f}k", count / 1e3);
  if (count < 1e9)
    return fmt::format("{:.2f}M", count / 1e6);
  return fmt::format("{:.2f}G", count / 1e9);
}

std::string formatBytes(double bytes) {
  if (bytes < 1024)
    return fmt::format("{:.0f} B", bytes);
  const char *units[] = {"KiB", "MiB", "GiB", "TiB"};
  size_t unit = 0;
  for (bytes /= 1024; bytes >= 1024 && unit < 3; ++unit)
    bytes /= 1024;
  return fmt::format("{:.1f} {}", bytes, units[unit]);
}

} // namespace lns::tool
