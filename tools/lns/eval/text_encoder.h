//===- text_encoder.h - Texts to a plan's tokens ----------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOOLS_LNS_EVAL_TEXT_ENCODER_H
#define LNS_TOOLS_LNS_EVAL_TEXT_ENCODER_H

#include "tools/lns/base/status.h"
#include "tools/lns/tokens/tokenizer_file.h"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace lns::tool {

/// Makes tokens of texts that are scored, as lm-evaluation-harness does; or of
/// bytes, where a model has no tokenizer.
class TextEncoder {
public:
  /// One byte, one token. What stands before a text's first byte is a line
  /// break, or `prefix`, which is below 256.
  static TextEncoder ofBytes(uint32_t prefix = '\n');
  /// `file` must outlive it; `prefix` is one of its tokens.
  TextEncoder(const TokenizerFile &file, uint32_t prefix);

  /// The tokens of a text. `whole`: with what the tokenizer's template puts
  /// before a text, unless the text itself begins with the prefix token's text.
  /// What a template puts behind a text would end it, and is never there.
  /// An error if the text is not UTF-8 and there is a tokenizer.
  Expected<std::vector<int32_t>> encode(std::string_view text, bool whole);

  /// Stands where a text has nothing before it.
  int32_t prefixToken() const { return static_cast<int32_t>(prefix); }
  /// "token 600 (<|endoftext|>)", "byte 10".
  std::string prefixName() const;

private:
  explicit TextEncoder(uint32_t prefix) : prefix(prefix) {}

  const TokenizerFile *file = nullptr; ///< null: bytes
  std::unique_ptr<tokenizer::Encoder> encoder;
  uint32_t prefix;
  std::string prefixText; ///< of a tokenizer's
};

} // namespace lns::tool

#endif // LNS_TOOLS_LNS_EVAL_TEXT_ENCODER_H
