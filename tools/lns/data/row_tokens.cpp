//===- row_tokens.cpp - Rows as tokens and targets ------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/data/row_tokens.h"

#include "tools/lns/base/checksum.h"
#include "tools/lns/base/printable.h"
#include "tools/lns/tokens/chat_files.h"

#include <algorithm>
#include <fmt/format.h>

namespace lns::tool {

/// What ends a document of bytes. No text has it.
static const std::string zeroByte(1, '\0');

//===----------------------------------------------------------------------===//
// Choices
//===----------------------------------------------------------------------===//

Status RowTokenizer::chooseTemplates(const RowOptions &options) {
  render.instructions = ChatTemplate::builtIn("alpaca");
  if (!options.templateName.empty()) {
    render.messages = render.instructions =
        ChatTemplate::builtIn(options.templateName);
  } else if (hasMessages && file) {
    Expected<std::optional<ChatTemplate>> own = findChatTemplate(*file);
    if (!own)
      return own.status();
    if (!*own)
      return Status::failure(fmt::format(
          "{}: has no chat template beside it, and there are rows with "
          "'messages'; choose one: --template={}",
          file->path, fmt::join(ChatTemplate::names(), "|")));
    render.messages = **own;
  }
  std::vector<std::string> tokens;
  if (hasMessages)
    tokens = render.messages.tokens();
  if (hasInstructions)
    for (const std::string &token : render.instructions.tokens())
      tokens.push_back(token);
  if (!tokens.empty() && !file)
    return Status::failure(fmt::format(
        "--template={}: consists of tokens such as '{}', which bytes do not "
        "have; give a --tokenizer, or --template=alpaca|plain",
        options.templateName, tokens.front()));
  for (const std::string &token : tokens)
    LNS_RETURN_IF_ERROR(requireToken(*file, token, "the chat template needs it",
                                     "choose another --template"));
  return Status::success();
}

Status RowTokenizer::chooseEnd(const RowOptions &options, bool isNeeded) {
  render.end = zeroByte;
  if (!file)
    return options.end.empty()
               ? Status::success()
               : Status::failure("--eos: without a --tokenizer byte 0 ends a "
                                 "document; leave it away");
  render.end = options.end;
  if (render.end.empty() && isNeeded) {
    Expected<std::string> found = findEndToken(*file);
    if (!found)
      return found.status();
    render.end = std::move(*found);
  }
  if (render.end.empty())
    return Status::success();
  return requireToken(*file, render.end, "it shall end documents",
                      "give one of them with --eos");
}

Expected<RowTokenizer> RowTokenizer::create(const TrainingRows &rows,
                                            const TokenizerFile *tokenizer,
                                            const RowOptions &options) {
  RowTokenizer made(tokenizer, options.special);
  bool hasOthers = false;
  for (const TrainingRow &row : rows.rows) {
    made.hasMessages |= row.kind == TrainingRow::Kind::Messages;
    made.hasInstructions |= row.kind == TrainingRow::Kind::Instruction;
    hasOthers |= row.kind == TrainingRow::Kind::Completion ||
                 row.kind == TrainingRow::Kind::Text;
  }
  LNS_RETURN_IF_ERROR(made.chooseTemplates(options));
  LNS_RETURN_IF_ERROR(made.chooseEnd(
      options,
      hasOthers || (made.hasMessages && made.render.messages.takesEnd()) ||
          (made.hasInstructions && made.render.instructions.takesEnd())));
  made.render.trainOnPrompt = options.trainOnPrompt;
  made.render.lastAnswer = options.lastAnswer;
  return made;
}

//===----------------------------------------------------------------------===//
// Tokens
//===----------------------------------------------------------------------===//

static uint64_t sumText(const std::string &text) {
  Checksum sum;
  sum.add(text.data(), text.size());
  return sum.value();
}

static Status forgedError(const std::string &token) {
  return Status::failure(
      fmt::format("its text spells out the special token '{}', by which it "
                  "could forge a turn; remove it, or say what it shall be: "
                  "--special-in-text=token|text",
                  printable(token, 40)));
}

Expected<RowTokens> RowTokenizer::encodeBytes(const RenderedRow &row) const {
  if (special == SpecialInText::Error)
    for (ByteSpan span : row.contents)
      if (row.text.find('\0', span.begin) < span.end)
        return Status::failure(
            "its text has a byte 0, which ends a document; remove it, or take "
            "it as it is: --special-in-text=text");
  RowTokens made;
  std::vector<ByteSpan> spans;
  spans.reserve(row.text.size());
  for (unsigned char byte : row.text) {
    auto at = static_cast<uint32_t>(spans.size());
    made.ids.push_back(byte);
    spans.push_back({at, at + 1});
  }
  made.mask = maskTokens(spans, row.answers);
  return made;
}

Expected<RowTokens> RowTokenizer::encodeText(const TrainingRow &row,
                                             const RenderedRow &rendered) {
  const tokenizer::Tokenizer &tokenizer = file->tokenizer;
  tokenizer::EncodeOptions options;
  options.withTemplate = false;
  if (special == SpecialInText::Text)
    options.literal = rendered.contents;
  tokenizer::Encoding encoding;
  // A chat template has its own beginning, others have the tokenizer's.
  bool hasOwnBegin = (row.kind == TrainingRow::Kind::Messages &&
                      !render.messages.takesEnd()) ||
                     (row.kind == TrainingRow::Kind::Instruction &&
                      !render.instructions.takesEnd());
  if (!hasOwnBegin)
    for (uint32_t id : tokenizer.around().before) {
      encoding.ids.push_back(id);
      encoding.spans.push_back({0, 0});
    }
  size_t begin = encoding.ids.size();
  if (tokenizer::MaybeError error =
          encoder->encode(rendered.text, options, encoding))
    return toStatus(*error);
  // The template's special tokens and no others: whether a row's text spells
  // one out by itself, with what stands beside it, or when it is normalized.
  if (special != SpecialInText::Token) {
    std::vector<uint32_t> meant, found;
    for (const std::string &token : rendered.tokens)
      if (std::optional<uint32_t> id = tokenizer.idOf(token);
          id && tokenizer.isSpecial(*id))
        meant.push_back(*id);
    for (size_t i = begin; i < encoding.ids.size(); ++i)
      if (tokenizer.isSpecial(encoding.ids[i]))
        found.push_back(encoding.ids[i]);
    for (size_t i = 0; i < found.size(); ++i)
      if (i >= meant.size() || found[i] != meant[i])
        return forgedError(*tokenizer.contentOf(found[i]));
    if (found.size() < meant.size())
      return Status::failure(fmt::format(
          "{} special tokens of its template are {} in its tokens; its text "
          "swallows them: remove what it begins or ends with",
          meant.size(), found.size()));
  }
  RowTokens made;
  made.mask = maskTokens(encoding.spans, rendered.answers);
  // Tokens before a text stand for none of its bytes.
  for (size_t i = 0; i < begin; ++i)
    if (made.mask.targets[i]) {
      made.mask.targets[i] = false;
      --made.mask.count;
    }
  made.ids = std::move(encoding.ids);
  return made;
}

Expected<RowTokens> RowTokenizer::encode(const TrainingRow &row) {
  Expected<RenderedRow> rendered = renderRow(row, render);
  if (!rendered)
    return rendered.status();
  Expected<RowTokens> made =
      file ? encodeText(row, *rendered) : encodeBytes(*rendered);
  if (made)
    made->textSum = sumText(rendered->text);
  return made;
}

} // namespace lns::tool
