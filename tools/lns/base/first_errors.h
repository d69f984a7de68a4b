//===- first_errors.h - What is wrong with a file, all of it ----*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOOLS_LNS_BASE_FIRST_ERRORS_H
#define LNS_TOOLS_LNS_BASE_FIRST_ERRORS_H

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace lns::tool {

/// Collects what is wrong with a file, so that it can be mended at once: the
/// first messages, and the number of all.
class FirstErrors {
public:
  static constexpr size_t mostTold = 20;

  /// `message` names the place.
  void add(std::string message) {
    if (first.size() < mostTold)
      first.push_back(std::move(message));
    ++all;
  }
  uint64_t count() const { return all; }
  const std::vector<std::string> &told() const { return first; }

private:
  std::vector<std::string> first;
  uint64_t all = 0;
};

} // namespace lns::tool

#endif // LNS_TOOLS_LNS_BASE_FIRST_ERRORS_H
