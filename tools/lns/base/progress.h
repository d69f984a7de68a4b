//===- progress.h - Lines about a running job -------------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOOLS_LNS_BASE_PROGRESS_H
#define LNS_TOOLS_LNS_BASE_PROGRESS_H

#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>

namespace lns::tool {

/// Prints finished lines, and on a terminal keeps a bar below them. What cannot
/// be printed is dropped: a full disk or a terminal that is gone is no reason
/// to end a run. Once an interrupt has come (interrupt.h), no line waits for a
/// reader for long.
class Progress {
public:
  explicit Progress(std::FILE *stream);
  ~Progress();

  /// A line that stays.
  void line(const std::string &text);
  /// Redraws the bar; does nothing when the stream is no terminal.
  void bar(double fraction, const std::string &text);
  /// Removes the bar, for output by others.
  void clear();

  /// Whether the reader of a pipe has gone, as far as writing has shown.
  bool isClosed() const { return closed; }

private:
  void write(std::string_view text);

  std::FILE *stream;
  int fd;
  bool terminal;
  bool drawn = false;
  bool closed = false;
};

/// "1h02m", "3m07s", "12s".
std::string formatDuration(double seconds);
/// "12.3k", "4.56M".
std::string formatCount(double count);
/// "1.4 MiB".
std::string formatBytes(double bytes);

} // namespace lns::tool

#endif // LNS_TOOLS_LNS_BASE_PROGRESS_H
