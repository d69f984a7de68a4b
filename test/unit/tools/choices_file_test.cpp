//===- choices_file_test.cpp - Questions with answers to choose from ------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/eval/choices_file.h"

#include "test_files.h"

using namespace lns::tool;

static Status parseStatus(const std::string &text) {
  return parseChoices(text, "q.jsonl", "task").status();
}

TEST(ChoicesFile, BothForms) {
  auto questions = parseChoices(
      R"({"context": "a", "choices": ["b", "c", "d"], "gold": 2})"
      "\n \r\n"
      R"({"contexts": ["x", ""], "continuation": "y", "gold": [1, 0, 1],)"
      R"( "task": "two", "id": 17, "delimiter": ""})",
      "q.jsonl", "one");
  ASSERT_TRUE(questions) << questions.status().message();
  ASSERT_EQ(questions->size(), 2u);
  const ChoiceQuestion &first = (*questions)[0], &second = (*questions)[1];
  EXPECT_EQ(first.task, "one");
  EXPECT_EQ(first.id, "1");
  EXPECT_EQ(first.delimiter, " ");
  EXPECT_TRUE(first.hasChoices());
  ASSERT_EQ(first.answers(), 3u);
  EXPECT_EQ(first.context(2), "a");
  EXPECT_EQ(first.continuation(2), "d");
  EXPECT_TRUE(first.isGold(2));
  EXPECT_FALSE(first.isGold(0));
  EXPECT_EQ(second.line, 3u);
  EXPECT_EQ(second.task, "two");
  EXPECT_EQ(second.id, "17");
  EXPECT_EQ(second.delimiter, "");
  EXPECT_FALSE(second.hasChoices());
  EXPECT_EQ(second.context(1), "");
  EXPECT_EQ(second.continuation(1), "y");
  EXPECT_EQ(second.gold, (std::vector<uint32_t>{0, 1}));
}

TEST(ChoicesFile, WhatIsWrongWithALine) {
  struct Case {
    std::string line, message;
  };
  const Case cases[] = {
      {"{", "no JSON, or not UTF-8, at byte 2"},
      {"[1]", "a JSON array, not an object"},
      {R"({"context": "a", "choices": ["b", "\ud800"], "gold": 0})",
       "no JSON, or not UTF-8, at byte 42"},
      {"{\"context\": \"\xff\", \"choices\": [\"b\", \"c\"], \"gold\": 0}",
       "no JSON, or not UTF-8, at byte 14"},
      {std::string(40, '[') + std::string(40, ']'), "nested deeper than 32"},
      {R"({"context": "a", "choices": ["b", "c"], "gold": 0, "gold": 1})",
       "the key 'gold' is there twice; remove one of them"},
      {R"({"context": "a", "choices": ["b", "c"], "gold": 0, "delimeter": ""})",
       "unknown key 'delimeter'"},
      {R"({"context": "a", "gold": 0})", "no 'context' with 'choices'"},
      {R"({"gold": 0})", "no 'context' with 'choices'"},
      {R"({"contexts": ["a", "b"], "gold": 0})",
       "no 'contexts' with 'continuation'"},
      {R"({"contexts": ["a", "b"], "choices": ["a"], "gold": 0})",
       "keys of both forms"},
      {R"({"context": 1, "choices": ["b", "c"], "gold": 0})",
       "'context' is not a string"},
      {R"({"context": "a", "choices": "b", "gold": 0})",
       "'choices' is not a list"},
      {R"({"context": "a", "choices": ["b"], "gold": 0})",
       "1 choices, 2 to 1024 are possible"},
      {R"({"context": "a", "choices": ["b", 2], "gold": 0})",
       "'choices' holds what is not a string"},
      {R"({"context": "a", "choices": ["b", ""], "gold": 0})",
       "choice 1 is empty"},
      {R"({"contexts": ["a", "b"], "continuation": "", "gold": 0})",
       "'continuation' is empty"},
      {R"({"context": "a", "choices": ["b", "c"]})", "no 'gold'"},
      {R"({"context": "a", "choices": ["b", "c"], "gold": []})",
       "'gold' is empty"},
      {R"({"context": "a", "choices": ["b", "c"], "gold": 2})",
       "gold 2, answers are 0 to 1"},
      {R"({"context": "a", "choices": ["b", "c"], "gold": -1})",
       "gold -1, answers are 0 to 1"},
      {R"({"context": "a", "choices": ["b", "c"], "gold": 0.5})",
       "gold 0.5, answers are 0 to 1"},
      {R"({"context": "a", "choices": ["b", "c"], "gold": [0, "b"]})",
       "gold \"b\", answers are 0 to 1"},
      {R"({"context": "a", "choices": ["b", "c"], "gold": 0, "id": 1.5})",
       "'id' is neither a string nor a whole number"},
      {R"({"context": "a", "choices": ["b", "c"], "gold": 0, "task": 1})",
       "'task' is not a string"},
      {R"({"context": "a", "choices": ["b", "c"], "gold": 0, "delimiter": 1})",
       "'delimiter' is not a string"},
  };
  for (const Case &one : cases)
    EXPECT_TRUE(failsWith(parseStatus(one.line),
                          std::string("q.jsonl: line 1: ") + one.message +
                              "; mend it (docs/evaluation.md says what a line "
                              "holds)"));
  std::string many = R"({"context": "a", "gold": 0, "choices": ["b")";
  for (int i = 0; i < 1024; ++i)
    many += ",\"c\"";
  EXPECT_TRUE(failsWith(parseStatus(many + "]}"),
                        "1025 choices, 2 to 1024 are possible"));
}

TEST(ChoicesFile, AllBrokenLinesUpToTwenty) {
  std::string text;
  for (int i = 0; i < 25; ++i)
    text += i == 3 ? "{\"context\": \"a\", \"choices\": [\"b\", \"c\"], "
                     "\"gold\": 1}\n"
                   : "x\n";
  Status status = parseStatus(text);
  EXPECT_TRUE(failsWith(status, "q.jsonl: 24 errors: line 1: no JSON, or not "
                                "UTF-8, at byte 1; line 2: no JSON"));
  EXPECT_TRUE(
      failsWith(status, "; line 21: no JSON, or not UTF-8, at byte 1; ...; "));
  EXPECT_EQ(status.message().find("line 4:"), std::string::npos);
  EXPECT_EQ(status.message().find("line 22:"), std::string::npos);
}

TEST(ChoicesFile, OfOtherKinds) {
  TempFolder folder;
  EXPECT_TRUE(failsWith(parseStatus("\n\n"), "q.jsonl: holds no question"));
  writeBytes(folder / "lfs.jsonl", "version https://git-lfs.github.com/spec\n");
  EXPECT_TRUE(failsWith(readChoices(folder / "lfs.jsonl").status(),
                        "lfs.jsonl: not a file of questions: is a git-lfs "
                        "pointer"));
  EXPECT_TRUE(failsWith(readChoices(folder / "none.jsonl").status(),
                        "none.jsonl: cannot open"));
  writeBytes(folder / "arc.easy.jsonl",
             "\n{\"context\":\"\",\"choices\":[\"b\",\"c\"],\"gold\":0}");
  auto questions = readChoices(folder / "arc.easy.jsonl");
  ASSERT_TRUE(questions) << questions.status().message();
  EXPECT_EQ((*questions)[0].task, "arc.easy");
  EXPECT_EQ((*questions)[0].id, "2");
}
