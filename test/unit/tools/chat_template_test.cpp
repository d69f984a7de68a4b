//===- chat_template_test.cpp - Rows as text, with the answers marked -----===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/data/chat_template.h"

#include "test_files.h"

#include <nlohmann/json.hpp>

using namespace lns::tool;
using nlohmann::json;

namespace {
/// What transformers makes of rows; see make_goldens.py beside it.
const json &golden() {
  static const json file = json::parse(
      readBytes(LNS_TEST_DIR "/golden/templates/golden.json"), nullptr, false);
  return file;
}

TrainingRow parseRow(const json &row) {
  TrainingRows rows;
  FirstErrors errors;
  Status status = parseTrainingRows(row.dump(), "golden", rows, errors);
  EXPECT_TRUE(status.ok()) << status.message();
  EXPECT_EQ(errors.count(), 0u) << (errors.count() > 0 ? errors.told()[0] : "");
  return rows.rows.empty() ? TrainingRow() : rows.rows[0];
}

RenderedRow render(const json &row, const RenderOptions &options) {
  Expected<RenderedRow> rendered = renderRow(parseRow(row), options);
  EXPECT_TRUE(rendered) << rendered.status().message();
  return rendered ? *rendered : RenderedRow();
}

std::vector<std::string> textsOf(const RenderedRow &row,
                                 const std::vector<ByteSpan> &spans) {
  std::vector<std::string> texts;
  for (ByteSpan span : spans)
    texts.push_back(row.text.substr(span.begin, span.end - span.begin));
  return texts;
}
using Texts = std::vector<std::string>;
} // namespace

TEST(ChatTemplate, RendersAsTransformersDoes) {
  ASSERT_TRUE(golden().is_object());
  size_t count = 0;
  for (const json &one : golden()["cases"]) {
    std::string name = one["template"].get<std::string>();
    RenderOptions options;
    options.end = one["end"].get<std::string>();
    if (auto known = recognizeTemplate(name))
      options.messages = *known;
    else
      options.messages = options.instructions = ChatTemplate::builtIn(name);
    RenderedRow row = render(one["row"], options);
    EXPECT_EQ(row.text, one["text"].get<std::string>()) << name;
    json answers = json::array();
    for (ByteSpan span : row.answers)
      answers.push_back({span.begin, span.end});
    EXPECT_EQ(answers, one["answers"]) << row.text;
    ++count;
  }
  EXPECT_GT(count, 60u);
}

TEST(ChatTemplate, PublishedOnesAreRecognized) {
  size_t count = 0;
  for (const json &one : golden()["known"]) {
    std::string jinja = one["template"].get<std::string>();
    for (const std::string &text : {jinja, jinja + "\n"}) {
      auto known = recognizeTemplate(text);
      ASSERT_TRUE(known) << one["name"];
      EXPECT_EQ(known->name(), one["is"].get<std::string>());
      EXPECT_EQ(known->defaultSystem, one["system"].get<std::string>());
    }
    std::string other = jinja;
    other[other.size() / 2] ^= 1;
    EXPECT_FALSE(recognizeTemplate(other));
    EXPECT_FALSE(recognizeTemplate(jinja + " "));
    ++count;
  }
  EXPECT_EQ(count, 14u);
  EXPECT_FALSE(recognizeTemplate(""));
}

// The template's words are nobody's content, and tokens come in their order.
TEST(ChatTemplate, ContentsAreWhatCameFromTheRow) {
  RenderOptions options;
  options.messages = ChatTemplate::builtIn("chatml");
  RenderedRow row = render({{"messages",
                             {{{"role", "user"}, {"content", "hi"}},
                              {{"role", "assistant"}, {"content", "ho"}}}}},
                           options);
  EXPECT_EQ(textsOf(row, row.contents), (Texts{"hi", "ho"}));
  EXPECT_EQ(textsOf(row, row.answers), (Texts{"ho<|im_end|>"}));
  EXPECT_EQ(row.tokens, (Texts{"<|im_start|>", "<|im_end|>", "<|im_start|>",
                               "<|im_end|>"}));
}

// Prompt and completion touch: what they spell out together is content.
TEST(ChatTemplate, CompletionsAreJoinedWithNothingBetween) {
  RenderOptions options;
  options.messages = options.instructions = ChatTemplate::builtIn("llama3");
  options.end = "</s>";
  RenderedRow row =
      render({{"prompt", "2 + 2 ="}, {"completion", " 4"}}, options);
  EXPECT_EQ(row.text, "2 + 2 = 4</s>");
  EXPECT_EQ(textsOf(row, row.answers), (Texts{" 4</s>"}));
  EXPECT_EQ(textsOf(row, row.contents), (Texts{"2 + 2 = 4"}));
  row = render({{"text", "all of it"}}, options);
  EXPECT_EQ(textsOf(row, row.answers), (Texts{"all of it</s>"}));
}

// An instruction is a conversation of one question in a chat template.
TEST(ChatTemplate, InstructionsFitChatTemplates) {
  RenderOptions options;
  options.instructions = ChatTemplate::builtIn("chatml");
  RenderedRow row = render(
      {{"instruction", "sum"}, {"input", "1 2"}, {"output", "3"}}, options);
  EXPECT_EQ(row.text, "<|im_start|>user\nsum\n\n1 2<|im_end|>\n"
                      "<|im_start|>assistant\n3<|im_end|>\n");
  EXPECT_EQ(textsOf(row, row.answers), (Texts{"3<|im_end|>"}));
}

TEST(ChatTemplate, TheLossIsOnWhatIsAskedFor) {
  json row = {{"messages",
               {{{"role", "user"}, {"content", "a"}},
                {{"role", "assistant"}, {"content", "b"}},
                {{"role", "user"}, {"content", "c"}},
                {{"role", "assistant"}, {"content", "d"}}}}};
  RenderOptions options;
  options.end = "$";
  RenderedRow both = render(row, options);
  EXPECT_EQ(textsOf(both, both.answers), (Texts{"b$", "d$"}));
  options.lastAnswer = true;
  RenderedRow last = render(row, options);
  EXPECT_EQ(textsOf(last, last.answers), (Texts{"d$"}));
  options.lastAnswer = false;
  options.trainOnPrompt = true;
  RenderedRow all = render(row, options);
  EXPECT_EQ(textsOf(all, all.answers), (Texts{all.text}));
}
