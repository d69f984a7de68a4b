//===- line_errors.cpp - What is wrong with a file's lines ----------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/eval/line_errors.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace lns::tool {

void LineErrors::add(uint64_t line, const std::string &what) {
  errors.add(fmt::format("line {}: {}", line, what));
}

Status LineErrors::status(const std::string &path,
                          const std::string &remedy) const {
  if (empty())
    return Status::success();
  std::string text = path + ": ";
  if (errors.count() > 1)
    text += fmt::format("{} errors: ", errors.count());
  text += fmt::format("{}", fmt::join(errors.told(), "; "));
  if (errors.count() > errors.told().size())
    text += "; ...";
  return Status::failure(text + "; " + remedy);
}

} // namespace lns::tool
