//===- row_tokens.h - Rows as tokens and targets ----------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOOLS_LNS_DATA_ROW_TOKENS_H
#define LNS_TOOLS_LNS_DATA_ROW_TOKENS_H

#include "tools/lns/base/status.h"
#include "tools/lns/data/chat_template.h"
#include "tools/lns/data/loss_spans.h"
#include "tools/lns/data/row_dataset.h"
#include "tools/lns/tokens/tokenizer_file.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace lns::tool {

struct RowTokens {
  std::vector<uint32_t> ids;
  TokenMask mask;       ///< by token of `ids`
  uint64_t textSum = 0; ///< XXH64 of the text
};

/// Turns rows into text and text into tokens, each text once and as a whole.
class RowTokenizer {
public:
  /// Chooses templates and the end of documents for the forms that `rows` have.
  /// `tokenizer` may be null (bytes), and must outlive it.
  static Expected<RowTokenizer> create(const TrainingRows &rows,
                                       const TokenizerFile *tokenizer,
                                       const RowOptions &options);

  /// An error does not name the row's place.
  Expected<RowTokens> encode(const TrainingRow &row);

  /// What rows are rendered with: for meta.json.
  const RenderOptions &rendering() const { return render; }
  bool usesMessages() const { return hasMessages; }
  bool usesInstructions() const { return hasInstructions; }

private:
  RowTokenizer(const TokenizerFile *tokenizer, SpecialInText special)
      : file(tokenizer), special(special) {
    if (tokenizer)
      encoder.emplace(tokenizer->tokenizer);
  }
  Status chooseTemplates(const RowOptions &options);
  Status chooseEnd(const RowOptions &options, bool isNeeded);
  Expected<RowTokens> encodeBytes(const RenderedRow &row) const;
  Expected<RowTokens> encodeText(const TrainingRow &row,
                                 const RenderedRow &rendered);

  const TokenizerFile *file;
  SpecialInText special;
  std::optional<tokenizer::Encoder> encoder;
  RenderOptions render;
  bool hasMessages = false, hasInstructions = false;
};

} // namespace lns::tool

#endif // LNS_TOOLS_LNS_DATA_ROW_TOKENS_H
