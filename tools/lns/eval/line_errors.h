//===- line_errors.h - What is wrong with a file's lines --------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOOLS_LNS_EVAL_LINE_ERRORS_H
#define LNS_TOOLS_LNS_EVAL_LINE_ERRORS_H

#include "tools/lns/base/first_errors.h"
#include "tools/lns/base/status.h"

#include <cstdint>
#include <string>

namespace lns::tool {

/// What is wrong with a file of lines, as one error.
class LineErrors {
public:
  /// `what` is lower case and short: some 20 of them make one message. What it
  /// quotes is printable and bounded already.
  void add(uint64_t line, const std::string &what);

  bool empty() const { return errors.count() == 0; }
  /// Success, or one error with the first 20 and the number of all; `remedy`
  /// ends it.
  Status status(const std::string &path, const std::string &remedy) const;

private:
  FirstErrors errors;
};

} // namespace lns::tool

#endif // LNS_TOOLS_LNS_EVAL_LINE_ERRORS_H
