//===- line_errors.cpp - What is wrong with a file's lines ----------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/eval/line_errors.h"

#include <fmt/format.h>

namespace lns::tool {

void LineErrors::add(uint64_t line, const std::string &what) {
  if (++count <= mostShown)
    shown.push_back(fmt::format("line {}: {}", line, what));
}

Status LineErrors::status(const std::string &path,
                          const std::string &remedy) const {
  if (empty())
    return Status::success();
  std::string text = path + ": ";
  if (count > 1)
    text += fmt::format("{} errors: ", count);
  for (size_t i = 0; i < shown.size(); ++i)
    text += (i == 0 ? "" : "; ") + shown[i];
  if (count > shown.size())
    text += "; ...";
  return Status::failure(text + "; " + remedy);
}

} // namespace lns::tool
