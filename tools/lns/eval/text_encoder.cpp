//===- text_encoder.cpp - Texts to a plan's tokens ------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/eval/text_encoder.h"

#include "tools/lns/base/printable.h"

#include <fmt/format.h>

namespace lns::tool {

TextEncoder TextEncoder::ofBytes(uint32_t prefix) {
  return TextEncoder(prefix);
}

TextEncoder::TextEncoder(const TokenizerFile &file, uint32_t prefix)
    : file(&file),
      encoder(std::make_unique<tokenizer::Encoder>(file.tokenizer)),
      prefix(prefix) {
  uint32_t ids[] = {prefix};
  if (tokenizer::Result<std::string> text = file.tokenizer.decode(ids))
    prefixText = *text;
}

Expected<std::vector<int32_t>> TextEncoder::encode(std::string_view text,
                                                   bool whole) {
  if (!file) {
    std::vector<int32_t> bytes(text.size());
    for (size_t i = 0; i < text.size(); ++i)
      bytes[i] = static_cast<unsigned char>(text[i]);
    return bytes;
  }
  const std::vector<uint32_t> &before = file->tokenizer.around().before;
  std::vector<int32_t> ids;
  if (whole && (prefixText.empty() || !text.starts_with(prefixText)))
    ids.assign(before.begin(), before.end());
  tokenizer::Encoding encoding;
  if (tokenizer::MaybeError error =
          encoder->encode(text, {.withTemplate = false}, encoding))
    return toStatus(*error);
  ids.insert(ids.end(), encoding.ids.begin(), encoding.ids.end());
  return ids;
}

std::string TextEncoder::prefixName() const {
  return file ? fmt::format("token {} ({})", prefix, printable(prefixText, 40))
              : fmt::format("byte {}", prefix);
}

} // namespace lns::tool
