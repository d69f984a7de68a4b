//===- progress.h - Lines about a running job -------------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOOLS_LNS_PROGRESS_H
#define LNS_TOOLS_LNS_PROGRESS_H

#include <cstdint>
#include <cstdio>
#include <string>

namespace lns::tool {

/// Prints finished lines, and on a terminal keeps a bar below them.
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

private:
  std::FILE *stream;
  bool terminal;
  bool drawn = false;
};

/// "1h02m", "3m07s", "12s".
std::string formatDuration(double seconds);
/// "12.3k", "4.56M".
std::string formatCount(double count);
/// "1.4 MiB".
std::string formatBytes(double bytes);

} // namespace lns::tool

#endif // LNS_TOOLS_LNS_PROGRESS_H
