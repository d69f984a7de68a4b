//===- chat_template.h - Rows as text, with the answers marked --*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOOLS_LNS_DATA_CHAT_TEMPLATE_H
#define LNS_TOOLS_LNS_DATA_CHAT_TEMPLATE_H

#include "tools/lns/base/status.h"
#include "tools/lns/data/training_rows.h"

#include "tokenizer/tokenizer.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace lns::tool {

/// How conversations and instructions become text.
struct ChatTemplate {
  enum class Kind {
    ChatMl, ///< <|im_start|>ROLE, a line break, content, <|im_end|>
    Llama3, ///< <|start_header_id|>ROLE<|end_header_id|>, content, <|eot_id|>
    Alpaca, ///< "### Instruction:", "### Input:", "### Response:"
    Plain   ///< "ROLE: content" lines; instruction, input, output on lines
  };
  Kind kind = Kind::Plain;
  /// Content of the system's turn where a conversation has none; empty: no
  /// such turn.
  std::string defaultSystem;

  /// chatml, llama3, alpaca, plain.
  static std::vector<std::string> names();
  /// `name` is one of them.
  static ChatTemplate builtIn(const std::string &name);
  std::string name() const;
  /// Whether the end of a document is a token of its own beside the template,
  /// as it is for rows without one.
  bool takesEnd() const { return kind == Kind::Alpaca || kind == Kind::Plain; }
  /// Tokens that a tokenizer must have.
  std::vector<std::string> tokens() const;
};

/// The built-in that a published template in Jinja is the same as, told by its
/// digest; none if it is not known.
std::optional<ChatTemplate> recognizeTemplate(std::string_view jinja);

/// What a row is rendered with.
struct RenderOptions {
  ChatTemplate messages;      ///< of conversations
  ChatTemplate instructions;  ///< of instruction, input, output
  std::string end;            ///< behind each document without a template's own
  bool trainOnPrompt = false; ///< the loss is on all of it
  bool lastAnswer = false;    ///< on a conversation's last answer only
};

/// Bytes of a text, as tokenizers tell them.
using ByteSpan = tokenizer::Span;

struct RenderedRow {
  std::string text;
  /// Bytes that the loss is on, in order and apart: answers with the end behind
  /// each, not what the template puts before them or after that.
  std::vector<ByteSpan> answers;
  /// Bytes that came from the row, in order and apart. The rest is the
  /// template's.
  std::vector<ByteSpan> contents;
  /// The template's tokens, in order.
  std::vector<std::string> tokens;
};

/// An error for a row of 4 GiB, or whose answers a template trims to nothing.
Expected<RenderedRow> renderRow(const TrainingRow &row,
                                const RenderOptions &options);

} // namespace lns::tool

#endif // LNS_TOOLS_LNS_DATA_CHAT_TEMPLATE_H
