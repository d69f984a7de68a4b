//===- ShortLines.cpp - Messages of bounded length ------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lnsc/ShortLines.h"

#include "llvm/ADT/StringRef.h"

using namespace lns::driver;

void ShortLines::write_impl(const char *text, size_t size) {
  position += size;
  for (llvm::StringRef rest(text, size); !rest.empty();) {
    auto [line, after] = rest.split('\n');
    bool ends = line.size() < rest.size();
    size_t room = kLongest - std::min(column, kLongest);
    os << line.take_front(room);
    if (column <= kLongest && column + line.size() > kLongest)
      os << " ...";
    column += line.size();
    if (ends) {
      os << '\n';
      column = 0;
    }
    rest = after;
  }
}
