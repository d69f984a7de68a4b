//===- post_processor.h - Tokens around a text ------------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOKENIZER_POST_PROCESSOR_H
#define LNS_TOKENIZER_POST_PROCESSOR_H

#include "tokenizer/json_file.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
#include <vector>

namespace lns::tokenizer {

/// Ids that a template puts before and behind a text: its beginning and its
/// end, where a tokenizer has such.
struct PostProcessor {
  /// `idOf` finds a token's id, to compare with the template's own.
  static Result<PostProcessor>
  read(const Node &node,
       const std::function<std::optional<uint32_t>(std::string_view)> &idOf);

  std::vector<uint32_t> before, behind;
};

} // namespace lns::tokenizer

#endif // LNS_TOKENIZER_POST_PROCESSOR_H
