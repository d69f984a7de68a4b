//===- chat_template.cpp - Rows as text, with the answers marked ----------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/data/chat_template.h"

#include "tools/lns/base/checksum.h"
#include "tools/lns/base/python_text.h"

#include <array>
#include <fmt/format.h>
#include <limits>

namespace lns::tool {

using Kind = ChatTemplate::Kind;
using Role = Message::Role;

static constexpr std::array<const char *, 4> kindNames = {"chatml", "llama3",
                                                          "alpaca", "plain"};

std::vector<std::string> ChatTemplate::names() {
  return {kindNames.begin(), kindNames.end()};
}

std::string ChatTemplate::name() const {
  return kindNames[static_cast<size_t>(kind)];
}

ChatTemplate ChatTemplate::builtIn(const std::string &name) {
  for (size_t i = 0; i < kindNames.size(); ++i)
    if (name == kindNames[i])
      return {static_cast<Kind>(i), ""};
  return {};
}

std::vector<std::string> ChatTemplate::tokens() const {
  switch (kind) {
  case Kind::ChatMl:
    return {"<|im_start|>", "<|im_end|>"};
  case Kind::Llama3:
    return {"<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>",
            "<|eot_id|>"};
  case Kind::Alpaca:
  case Kind::Plain:
    break;
  }
  return {};
}

//===----------------------------------------------------------------------===//
// Published templates
//===----------------------------------------------------------------------===//

namespace {
/// A template as files have it, with line breaks that are no escapes: its size
/// and XXH64, and what it is.
struct KnownTemplate {
  size_t bytes;
  uint64_t digest;
  Kind kind;
  const char *defaultSystem;
};
} // namespace

// Printed by test/golden/templates/make_goldens.py, which has their texts.
static constexpr KnownTemplate knownTemplates[] = {
    // chatml
    {196, 0x408946D744BA89EE, Kind::ChatMl, ""},
    // chatml, with a default
    {291, 0xB885985D8B9A5A01, Kind::ChatMl, ""},
    // Qwen2-Instruct
    {328, 0x301E91D166CF9B9F, Kind::ChatMl, "You are a helpful assistant."},
    // SmolLM2-Instruct
    {368, 0x406244E5F006A13A, Kind::ChatMl,
     "You are a helpful AI assistant named SmolLM, trained by Hugging Face"},
    // Meta-Llama-3-Instruct, first
    {348, 0xFAADB0599D3F8825, Kind::Llama3, ""},
    // Meta-Llama-3-Instruct
    {389, 0xDCDC8F0C69CD885E, Kind::Llama3, ""},
    // Meta-Llama-3-Instruct, with a default
    {484, 0xE666DA33C6767762, Kind::Llama3, ""},
};

std::optional<ChatTemplate> recognizeTemplate(std::string_view jinja) {
  // Jinja drops one line break at a template's end.
  if (jinja.ends_with('\n'))
    jinja.remove_suffix(1);
  // Files have the line breaks of string literals, which all of these are in,
  // as they are, or as an escape.
  std::string text;
  for (size_t i = 0; i < jinja.size(); ++i) {
    bool isEscape = jinja.substr(i, 2) == "\\n";
    text += isEscape ? '\n' : jinja[i];
    i += isEscape;
  }
  Checksum sum;
  sum.add(text.data(), text.size());
  for (const KnownTemplate &known : knownTemplates)
    if (text.size() == known.bytes && sum.value() == known.digest)
      return ChatTemplate{known.kind, known.defaultSystem};
  return std::nullopt;
}

//===----------------------------------------------------------------------===//
// Rendering
//===----------------------------------------------------------------------===//

namespace {
/// Writes a text, and notes where its parts come from.
class Renderer {
public:
  explicit Renderer(const RenderOptions &options) : options(options) {}

  void conversation(const std::vector<Message> &messages);
  void instruction(const TrainingRow &row);
  void completion(const TrainingRow &row) {
    content(row.prompt);
    answer(row.answer, options.end);
  }

  RenderedRow row;
  bool hasEmptyAnswer = false;

private:
  void markup(std::string_view text) { row.text += text; }
  void token(const std::string &text) {
    row.text += text;
    row.tokens.push_back(text);
  }
  void content(std::string_view text) {
    size_t begin = row.text.size();
    row.text += text;
    add(row.contents, begin);
  }
  /// An answer and the token that ends it; the loss is on both.
  void answer(std::string_view text, const std::string &end) {
    size_t begin = row.text.size();
    hasEmptyAnswer |= text.empty();
    content(text);
    token(end);
    add(row.answers, begin);
  }
  /// Everything from `begin` on; what touches the span before joins it.
  void add(std::vector<ByteSpan> &spans, size_t begin) {
    auto first = static_cast<uint32_t>(begin);
    auto last = static_cast<uint32_t>(row.text.size());
    if (first == last)
      return;
    if (!spans.empty() && spans.back().end == first)
      spans.back().end = last;
    else
      spans.push_back({first, last});
  }

  void chatMl(const std::vector<Message> &messages, const std::string &system);
  void llama3(const std::vector<Message> &messages);
  void alpaca(const std::vector<Message> &messages);
  void plain(const std::vector<Message> &messages);

  const RenderOptions &options;
};
} // namespace

static constexpr std::string_view alpacaStart =
    "Below is an instruction that describes a task. Write a response that "
    "appropriately completes the request.\n\n";
static constexpr std::string_view alpacaStartWithInput =
    "Below is an instruction that describes a task, paired with an input that "
    "provides further context. Write a response that appropriately completes "
    "the request.\n\n";

void Renderer::chatMl(const std::vector<Message> &messages,
                      const std::string &system) {
  auto begin = [&](Role role) {
    token("<|im_start|>");
    markup(roleName(role));
    markup("\n");
  };
  if (!system.empty() && messages.front().role != Role::System) {
    begin(Role::System);
    markup(system);
    token("<|im_end|>");
    markup("\n");
  }
  for (const Message &message : messages) {
    begin(message.role);
    if (message.role == Role::Assistant) {
      answer(message.content, "<|im_end|>");
    } else {
      content(message.content);
      token("<|im_end|>");
    }
    markup("\n");
  }
}

void Renderer::llama3(const std::vector<Message> &messages) {
  token("<|begin_of_text|>");
  for (const Message &message : messages) {
    token("<|start_header_id|>");
    markup(roleName(message.role));
    token("<|end_header_id|>");
    markup("\n\n");
    std::string_view text = trim(message.content);
    if (message.role == Role::Assistant) {
      answer(text, "<|eot_id|>");
    } else {
      content(text);
      token("<|eot_id|>");
    }
  }
}

void Renderer::alpaca(const std::vector<Message> &messages) {
  bool isFirst = true;
  for (const Message &message : messages) {
    if (message.role == Role::System) {
      content(message.content);
      markup("\n\n");
      isFirst = false;
      continue;
    }
    if (isFirst)
      markup(alpacaStart);
    isFirst = false;
    if (message.role == Role::User) {
      markup("### Instruction:\n");
      content(message.content);
    } else {
      markup("### Response:\n");
      answer(message.content, options.end);
    }
    if (&message != &messages.back())
      markup("\n\n");
  }
}

void Renderer::plain(const std::vector<Message> &messages) {
  for (const Message &message : messages) {
    if (&message != messages.data())
      markup("\n");
    markup(roleName(message.role));
    markup(": ");
    if (message.role == Role::Assistant)
      answer(message.content, options.end);
    else
      content(message.content);
  }
}

void Renderer::conversation(const std::vector<Message> &messages) {
  switch (options.messages.kind) {
  case Kind::ChatMl:
    return chatMl(messages, options.messages.defaultSystem);
  case Kind::Llama3:
    return llama3(messages);
  case Kind::Alpaca:
    return alpaca(messages);
  case Kind::Plain:
    return plain(messages);
  }
}

void Renderer::instruction(const TrainingRow &example) {
  switch (options.instructions.kind) {
  case Kind::ChatMl:
  case Kind::Llama3: {
    std::string question = example.prompt;
    if (!example.input.empty())
      question += "\n\n" + example.input;
    std::vector<Message> messages = {{Role::User, std::move(question)},
                                     {Role::Assistant, example.answer}};
    if (options.instructions.kind == Kind::Llama3)
      return llama3(messages);
    return chatMl(messages, options.instructions.defaultSystem);
  }
  case Kind::Alpaca:
    markup(example.input.empty() ? alpacaStart : alpacaStartWithInput);
    markup("### Instruction:\n");
    content(example.prompt);
    if (!example.input.empty()) {
      markup("\n\n### Input:\n");
      content(example.input);
    }
    markup("\n\n### Response:\n");
    return answer(example.answer, options.end);
  case Kind::Plain:
    content(example.prompt);
    if (!example.input.empty()) {
      markup("\n");
      content(example.input);
    }
    markup("\n");
    return answer(example.answer, options.end);
  }
}

Expected<RenderedRow> renderRow(const TrainingRow &row,
                                const RenderOptions &options) {
  // Positions have 32 bits; a template adds less than a kilobyte a message.
  size_t bytes = row.prompt.size() + row.input.size() + row.answer.size();
  for (const Message &message : row.messages)
    bytes += message.content.size() + 1024;
  if (bytes > std::numeric_limits<uint32_t>::max() - 4096)
    return Status::failure(
        "is longer than 4 GiB, which no tokenizer takes; cut the row");
  Renderer renderer(options);
  switch (row.kind) {
  case TrainingRow::Kind::Messages:
    renderer.conversation(row.messages);
    break;
  case TrainingRow::Kind::Instruction:
    renderer.instruction(row);
    break;
  case TrainingRow::Kind::Completion:
  case TrainingRow::Kind::Text:
    renderer.completion(row);
    break;
  }
  if (renderer.hasEmptyAnswer)
    return Status::failure("an answer is empty; remove the row");
  RenderedRow &made = renderer.row;
  if (options.trainOnPrompt)
    made.answers = {{0, static_cast<uint32_t>(made.text.size())}};
  else if (options.lastAnswer)
    made.answers.erase(made.answers.begin(), made.answers.end() - 1);
  return std::move(made);
}

} // namespace lns::tool
