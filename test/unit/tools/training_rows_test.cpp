//===- training_rows_test.cpp - Rows of JSON for fine-tuning --------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/data/training_rows.h"

#include "tools/lns/base/python_text.h"

#include "test_files.h"

using namespace lns::tool;
using Kind = TrainingRow::Kind;

namespace {
struct Parsed {
  TrainingRows rows;
  FirstErrors errors;
  Status status;
};

Parsed parse(const std::string &text) {
  Parsed parsed;
  parsed.status = parseTrainingRows(text, "f", parsed.rows, parsed.errors);
  return parsed;
}

/// The error of a single row.
std::string errorOf(const std::string &row) {
  Parsed parsed = parse(row);
  EXPECT_TRUE(parsed.status.ok()) << parsed.status.message();
  EXPECT_EQ(parsed.errors.count(), 1u) << row;
  EXPECT_TRUE(parsed.rows.rows.empty()) << row;
  return parsed.errors.count() == 1 ? parsed.errors.told()[0] : "";
}
} // namespace

TEST(TrainingRows, KeysTellWhatARowIs) {
  Parsed parsed = parse(
      R"({"messages": [{"role": "system", "content": "s"}, {"role": "user",)"
      R"( "content": "u"}, {"content": "a", "role": "assistant"}]})"
      "\n\n  \n"
      R"({"instruction": "i", "input": "", "output": "o"})"
      "\r\n"
      R"({"instruction": "i", "output": "o", "id": 7})"
      "\n"
      R"({"prompt": "p", "completion": " c"})"
      "\n"
      R"({"text": "t"})");
  ASSERT_TRUE(parsed.status.ok()) << parsed.status.message();
  ASSERT_EQ(parsed.errors.count(), 0u) << parsed.errors.told()[0];
  const std::vector<TrainingRow> &rows = parsed.rows.rows;
  ASSERT_EQ(rows.size(), 5u);
  EXPECT_EQ(rows[0].kind, Kind::Messages);
  ASSERT_EQ(rows[0].messages.size(), 3u);
  EXPECT_EQ(rows[0].messages[0].role, Message::Role::System);
  EXPECT_EQ(rows[0].messages[1].content, "u");
  EXPECT_EQ(rows[0].messages[2].role, Message::Role::Assistant);
  EXPECT_EQ(rows[1].kind, Kind::Instruction);
  EXPECT_EQ(rows[2].kind, Kind::Instruction);
  EXPECT_EQ(rows[2].prompt, "i");
  EXPECT_EQ(rows[2].input, "");
  EXPECT_EQ(rows[2].answer, "o");
  EXPECT_EQ(rows[3].kind, Kind::Completion);
  EXPECT_EQ(rows[3].answer, " c");
  EXPECT_EQ(rows[4].kind, Kind::Text);
  EXPECT_EQ(rows[4].answer, "t");
  EXPECT_EQ(rows[1].place, "f:4");
  EXPECT_EQ(rows[4].place, "f:7");
  EXPECT_EQ(parsed.rows.unused, std::set<std::string>{"id"});
}

// Commonsense170K is one array. Brackets in strings are no brackets.
TEST(TrainingRows, AnArrayIsReadElementByElement) {
  Parsed parsed = parse("\xef\xbb\xbf\n[\n {\"text\": \"a]\\\"},\"},\n\n"
                        " {\n  \"text\": \"b\"}, 5\n]\n");
  ASSERT_TRUE(parsed.status.ok()) << parsed.status.message();
  ASSERT_EQ(parsed.rows.rows.size(), 2u);
  EXPECT_EQ(parsed.rows.rows[0].answer, "a]\"},");
  EXPECT_EQ(parsed.rows.rows[0].place, "f:3");
  EXPECT_EQ(parsed.rows.rows[1].place, "f:5");
  ASSERT_EQ(parsed.errors.count(), 1u);
  EXPECT_EQ(parsed.errors.told()[0],
            "f:6: is of type number, expected an object with 'messages', "
            "'instruction' and 'output', 'prompt' and 'completion', or 'text'");
}

TEST(TrainingRows, ABrokenArrayIsAnError) {
  EXPECT_TRUE(failsWith(parse("[{\"text\": \"a\"}").status,
                        "f:1: the array of rows has no end"));
  EXPECT_TRUE(failsWith(parse("[{\"text\": \"a\"}\n").status,
                        "f:2: expected a comma or the end of the array"));
  EXPECT_TRUE(failsWith(parse("[{\"text\": \"a\"").status,
                        "f:1: the array of rows has no end; is the file "
                        "whole?"));
  EXPECT_TRUE(failsWith(parse("[\n{\"text\": \"a\"} {\"text\": \"b\"}]").status,
                        "f:2: expected a comma or the end of the array"));
  EXPECT_TRUE(failsWith(parse("[{\"text\": \"a\"}]\nx").status,
                        "f:2: something stands behind the array of rows"));
  for (const char *empty : {"", " \n ", "[]", "[ ]"})
    EXPECT_TRUE(failsWith(parse(empty).status, "f: holds no rows")) << empty;
  EXPECT_EQ(parse("[{\"text\": \"a\"},]").errors.count(), 1u);
}

TEST(TrainingRows, WhatIsNoRowIsAnErrorWithItsLine) {
  EXPECT_EQ(errorOf("{\"text\": \"a\"}x"),
            "f:1: no JSON, or not UTF-8, at byte 14");
  EXPECT_EQ(errorOf(R"({"text": "a", "text": "b"})"),
            "f:1: the key 'text' is there twice; remove one of them");
  EXPECT_EQ(errorOf(R"({"query": "a"})"),
            "f:1: has none of the keys of a row: 'messages', 'instruction' and "
            "'output', 'prompt' and 'completion', or 'text'");
  EXPECT_EQ(errorOf(R"({"text": "a", "prompt": "b", "completion": "c"})"),
            "f:1: has 'prompt' and 'completion' and also 'text', which are two "
            "forms of a row; remove one");
  EXPECT_EQ(errorOf(R"({"prompt": "b", "answer": "c"})"),
            "f:1: has 'prompt' but no 'completion'; add it");
  EXPECT_EQ(errorOf(R"({"instruction": "b", "input": "c"})"),
            "f:1: has 'instruction' but no 'output'; add it");
  EXPECT_EQ(errorOf(R"({"text": 5})"),
            "f:1: 'text' is of type number, expected a string");
  EXPECT_EQ(errorOf(R"({"instruction": "i", "input": null, "output": "o"})"),
            "f:1: 'input' is null, expected a string");
  EXPECT_EQ(errorOf(R"({"prompt": "p", "completion": " \u3000\n"})"),
            "f:1: 'completion' is empty; remove the row");
  std::string deep = std::string(40, '[') + std::string(40, ']');
  EXPECT_EQ(errorOf("{\"text\": " + deep + "}"), "f:1: nested deeper than 32");
  // A byte that is no UTF-8, and half a pair.
  EXPECT_NE(errorOf("{\"text\": \"\xff\"}").find("no JSON"), std::string::npos);
  EXPECT_NE(errorOf(R"({"text": "\ud800"})").find("no JSON"),
            std::string::npos);
}

TEST(TrainingRows, MessagesAreThoseThatTemplatesCanShow) {
  auto error = [](const std::string &messages) {
    return errorOf("{\"messages\": " + messages + "}").substr(5);
  };
  EXPECT_EQ(error("{}"), "'messages' is of type object, expected a list");
  EXPECT_EQ(error("[]"), "'messages' has no message of the assistant, so there "
                         "is nothing to learn; remove the row");
  EXPECT_EQ(error(R"([{"role": "user", "content": "a"}])"),
            "'messages' has no message of the assistant, so there is nothing "
            "to learn; remove the row");
  EXPECT_EQ(error("[\"a\"]"), "messages[0] is of type string, expected an "
                              "object with 'role' and 'content'");
  EXPECT_EQ(error(R"([{"role": "user"}])"),
            "messages[0] has no 'content'; add it");
  EXPECT_EQ(error(R"([{"role": "tool", "content": "a"}])"),
            "messages[0].role is 'tool'; roles are system, user and assistant");
  EXPECT_EQ(error(R"([{"role": "user", "content": [{"type": "text"}]}])"),
            "messages[0].content is of type array, expected a string");
  EXPECT_EQ(error(R"([{"role": "assistant", "content": null}])"),
            "messages[0].content is null, expected a string");
  EXPECT_EQ(error(R"([{"role": "assistant", "content": ""}])"),
            "messages[0]: the answer is empty; remove the row");
  EXPECT_EQ(error(R"([{"role": "user", "content": "", "name": "x"}])"),
            "messages[0] has the key 'name', which no template here can show; "
            "remove it");
  EXPECT_EQ(error(R"([{"role": "user", "content": ""},)"
                  R"( {"role": "system", "content": ""}])"),
            "messages[1] is of the role 'system', which only the first message "
            "may have");
}

// All rows are looked through; twenty are told.
TEST(TrainingRows, ErrorsAreCounted) {
  std::string text;
  for (int i = 0; i < 50; ++i)
    text += i % 2 ? "{}\n" : "{\"text\": \"a\"}\n";
  Parsed parsed = parse(text);
  EXPECT_EQ(parsed.errors.count(), 25u);
  EXPECT_EQ(parsed.errors.told().size(), FirstErrors::mostTold);
  EXPECT_EQ(parsed.errors.told().back().substr(0, 5), "f:40:");
  EXPECT_EQ(parsed.rows.seen, 50u);
  EXPECT_EQ(parsed.rows.rows.size(), 25u);
}

TEST(TrainingRows, TrimIsPythonsStrip) {
  EXPECT_EQ(trim(" \t\n\v\f\r\x1c\x1d\x1e\x1f\u0085\u00a0\u1680\u2000\u200a"
                 "\u2028\u2029\u202f\u205f\u3000a b\u3000"),
            "a b");
  // No-break characters that are no space.
  EXPECT_EQ(trim("\u200b\ufeff"), "\u200b\ufeff");
  EXPECT_TRUE(isBlank(" \u2003 "));
  EXPECT_FALSE(isBlank("."));
}
