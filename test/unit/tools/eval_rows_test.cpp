//===- eval_rows_test.cpp - Texts that are scored, and their rows ---------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/base/python_text.h"
#include "tools/lns/eval/choice_rows.h"
#include "tools/lns/eval/prefix_token.h"
#include "tools/lns/eval/rolling.h"
#include "tools/lns/eval/row_layout.h"

#include "test_files.h"

#include <nlohmann/json.hpp>
#include <numeric>

using namespace lns::tool;

namespace {
using Tokens = std::vector<int32_t>;

TokenizerFile openTokenizer(const std::string &path) {
  auto file = TokenizerFile::open(path);
  EXPECT_TRUE(file) << file.status().message();
  return std::move(*file);
}
std::string goldenTokenizer(const std::string &name) {
  return LNS_TEST_DIR "/golden/tokenizers/" + name;
}

Tokens inputsOf(const ScoredText &text) {
  Tokens all;
  for (size_t i = 0; i < text.inputs(); ++i)
    all.push_back(text.input(i));
  return all;
}
Tokens bytesOf(const std::string &text) {
  return Tokens(text.begin(), text.end());
}
ScoredText scored(Tokens context, Tokens continuation, uint32_t sequence) {
  return ScoredText(std::make_shared<const Tokens>(std::move(context)),
                    std::move(continuation), sequence);
}
} // namespace

TEST(TextCounts, AsPythonCounts) {
  EXPECT_EQ(countCharacters(""), 0u);
  EXPECT_EQ(countCharacters("a\xc3\xa9\xe4\xbd\xa0\xf0\x9f\x98\x80"), 4u);
  EXPECT_EQ(countCharacters("e\xcc\x81"), 2u);
  EXPECT_EQ(countCharacters("\xff\xc3"), 2u);

  EXPECT_EQ(countWords(""), 1u);
  EXPECT_EQ(countWords("a b\t\n c"), 3u);
  EXPECT_EQ(countWords(" a "), 3u);
  EXPECT_EQ(countWords("a\xc2\xa0\x62\xe3\x80\x80\x63\x1c\x64"), 4u);
  EXPECT_EQ(countWords("a\xe2\x80\x8b\x62"), 1u); // ZERO WIDTH SPACE

  EXPECT_EQ(trailingSpaceBytes(""), 0u);
  EXPECT_EQ(trailingSpaceBytes("a"), 0u);
  EXPECT_EQ(trailingSpaceBytes(" \t\n"), 3u);
  EXPECT_EQ(trailingSpaceBytes("a \xc2\xa0\xe2\x80\x83"), 6u);
  EXPECT_EQ(trailingSpaceBytes("\xe3\x80\x80"), 3u);
  EXPECT_EQ(trailingSpaceBytes("a\x1f"), 1u);
  EXPECT_EQ(trailingSpaceBytes("\xc3\xa9"), 0u);
  EXPECT_EQ(trailingSpaceBytes("a\xa0"), 0u); // not UTF-8
  EXPECT_EQ(trailingSpaceBytes("\xf0\x9f\x98\x80"), 0u);
}

TEST(ScoredText, KeepsTheLastTokens) {
  ScoredText whole = scored({1, 2, 3}, {4, 5}, 4);
  EXPECT_FALSE(whole.isCut());
  EXPECT_EQ(inputsOf(whole), (Tokens{1, 2, 3, 4}));
  ScoredText cut = scored({1, 2, 3}, {4, 5}, 3);
  EXPECT_TRUE(cut.isCut());
  EXPECT_EQ(inputsOf(cut), (Tokens{2, 3, 4}));
  // As long as the model's context: one token before it is left.
  ScoredText full = scored({1, 2, 3}, {4, 5, 6}, 3);
  EXPECT_EQ(inputsOf(full), (Tokens{3, 4, 5}));
}

TEST(ChoiceRows, PairsOfBytes) {
  TextEncoder encoder = TextEncoder::ofBytes();
  EXPECT_EQ(encoder.prefixName(), "byte 10");
  auto pair = [&](const char *context, const char *continuation) {
    auto text = encodePair(encoder, context, continuation, 8);
    EXPECT_TRUE(text) << text.status().message();
    return std::move(*text);
  };
  ScoredText text = pair("ab \n", " cd");
  EXPECT_EQ(text.continuation(), bytesOf(" \n cd"));
  EXPECT_EQ(inputsOf(text), bytesOf("ab \n c"));
  // Without a context, and with one that is all white space.
  EXPECT_EQ(inputsOf(pair("", " cd")), bytesOf("\n c"));
  EXPECT_EQ(inputsOf(pair(" ", " cd")), bytesOf("\n  c"));
  // A beginning that is there already is not scored.
  text = pair("", "\ncd");
  EXPECT_EQ(inputsOf(text), bytesOf("\nc"));
  EXPECT_EQ(text.continuation(), bytesOf("cd"));
  EXPECT_EQ(inputsOf(pair("0123456789", "ab")), bytesOf("3456789a"));
  EXPECT_TRUE(failsWith(encodePair(encoder, "a", "123456789", 8).status(),
                        "9 tokens, T is 8"));
  EXPECT_TRUE(failsWith(encodePair(encoder, "", "\n", 8).status(),
                        "no token of its own behind the context"));
}

// A tokenizer that adds BOS, of which there is only one, and one that does not.
TEST(ChoiceRows, PairsOfTokens) {
  TokenizerFile file = openTokenizer(goldenTokenizer("llama3"));
  uint32_t begin = file.tokenizer.around().before.at(0);
  TextEncoder encoder(file, begin);
  EXPECT_EQ(encoder.prefixName(), "token 602 (<|begin_of_text|>)");
  auto pair = [&](const char *context, const char *continuation) {
    auto text = encodePair(encoder, context, continuation, 32);
    EXPECT_TRUE(text) << text.status().message();
    return std::move(*text);
  };
  auto begins = [&](const ScoredText &text) {
    Tokens all = inputsOf(text);
    return std::count(all.begin(), all.end(), static_cast<int32_t>(begin));
  };
  EXPECT_EQ(begins(pair("The Work", " shall")), 1);
  EXPECT_EQ(begins(pair("<|begin_of_text|>The Work", " shall")), 1);
  EXPECT_EQ(begins(pair("", " shall")), 1);
  EXPECT_EQ(begins(pair(" ", " shall")), 1);
  ScoredText text = pair("", "<|begin_of_text|> shall");
  EXPECT_EQ(begins(text), 1);
  EXPECT_EQ(text.continuation(), pair("", " shall").continuation());
  // Whole words have fewer tokens than their parts.
  EXPECT_TRUE(failsWith(encodePair(encoder, "Contribut", "ed", 32).status(),
                        "no token of its own behind the context"));

  TokenizerFile other = openTokenizer(goldenTokenizer("gpt2"));
  TextEncoder bare(other, 600);
  auto blank = encodePair(bare, " ", "The", 32);
  ASSERT_TRUE(blank) << blank.status().message();
  EXPECT_EQ(blank->input(0), 600);
}

TEST(ChoiceRows, QuestionsAndTheirErrors) {
  auto questions = parseChoices(
      R"({"context": "a ", "choices": ["bc", "d"], "gold": 0})"
      "\n"
      R"({"contexts": ["x", "yz"], "continuation": "w", "gold": 0})",
      "q.jsonl", "t");
  ASSERT_TRUE(questions);
  TextEncoder encoder = TextEncoder::ofBytes();
  auto all = encodeChoices(*questions, encoder, 8, true, "q.jsonl");
  ASSERT_TRUE(all) << all.status().message();
  ASSERT_EQ(all->texts.size(), 6u);
  EXPECT_EQ(all->questions[0].first, 0u);
  EXPECT_TRUE(all->questions[0].hasAlone);
  EXPECT_EQ(inputsOf(all->texts[0]), bytesOf("a  b"));
  EXPECT_EQ(inputsOf(all->texts[all->questions[0].alone]), bytesOf("\n b"));
  EXPECT_FALSE(all->questions[1].hasAlone);
  EXPECT_EQ(inputsOf(all->texts[all->questions[1].first + 1]), bytesOf("yz "));
  EXPECT_EQ(encodeChoices(*questions, encoder, 8, false, "q")->texts.size(),
            4u);

  std::string text;
  for (int i = 0; i < 22; ++i)
    text += R"({"context": "a", "choices": ["long text", "d"], "gold": 0})"
            "\n";
  questions = parseChoices(text, "q.jsonl", "t");
  ASSERT_TRUE(questions);
  Status status = encodeChoices(*questions, encoder, 8, true, "q").status();
  EXPECT_TRUE(failsWith(status, "q: 22 errors: line 1: answer 0: 10 tokens, T "
                                "is 8; line 2: answer 0: 10 tokens, T is 8; "));
  EXPECT_TRUE(failsWith(status, "line 20: answer 0: 10 tokens, T is 8; ...; "
                                "shorten or change it, or compile a plan with "
                                "a larger --seq"));
}

TEST(RowLayout, SameInputsAreSeenOnce) {
  std::vector<ScoredText> texts = {
      scored({1, 2}, {3}, 8), scored({1, 2}, {4}, 8), scored({1}, {2, 5}, 8),
      scored({1, 2, 3}, {4}, 8), scored({1, 2}, {3, 4}, 8)};
  RowLayout layout = layOutRows(texts);
  ASSERT_EQ(layout.rows.size(), 2u);
  std::vector<size_t> rows;
  for (const RowLayout::Place &place : layout.places) {
    rows.push_back(place.row);
    EXPECT_EQ(place.begin, 0u);
  }
  EXPECT_EQ(rows, (std::vector<size_t>{0, 0, 0, 1, 1}));
  EXPECT_EQ(layout.rows[1].at(0).text, 3u);
}

static ScoredText numbered(size_t length, int32_t id, uint32_t sequence) {
  return scored(Tokens(length, id), {id}, sequence);
}

TEST(RowLayout, PackedRowsHoldEveryTextWhole) {
  constexpr uint32_t sequence = 10;
  std::vector<ScoredText> texts;
  for (size_t length : {3, 10, 7, 1, 6, 4, 2, 10, 5})
    texts.push_back(
        numbered(length, static_cast<int32_t>(texts.size()), sequence));
  texts.push_back(texts[2]);
  RowLayout layout = packRows(texts, sequence, 1);
  // 48 places in all: no fewer rows are possible.
  EXPECT_EQ(layout.rows.size(), 5u);
  std::vector<std::vector<int32_t>> rows(layout.rows.size(),
                                         Tokens(sequence, -1));
  for (size_t row = 0; row < rows.size(); ++row)
    for (const RowPart &part : layout.rows[row])
      for (size_t i = 0; i < texts[part.text].inputs(); ++i) {
        int32_t &place = rows[row].at(part.begin + i);
        EXPECT_EQ(place, -1);
        place = texts[part.text].input(i);
      }
  for (size_t i = 0; i < texts.size(); ++i)
    for (size_t at = 0; at < texts[i].inputs(); ++at)
      EXPECT_EQ(rows[layout.places[i].row][layout.places[i].begin + at],
                texts[i].input(at));
  for (const RowLayout::Place &place : packRows(texts, sequence, 4).places)
    EXPECT_EQ(place.begin % 4, 0u);
}

// The example of lm-evaluation-harness, and lengths around a window's.
TEST(Rolling, EveryTokenIsPredictedOnce) {
  Tokens tokens(10);
  std::iota(tokens.begin(), tokens.end(), 0);
  RollingWindows windows(tokens, 99, 4);
  ASSERT_EQ(windows.size(), 3u);
  EXPECT_EQ(inputsOf(windows[0]), (Tokens{99, 0, 1, 2}));
  EXPECT_EQ(windows[0].continuation(), (Tokens{0, 1, 2, 3}));
  EXPECT_EQ(inputsOf(windows[1]), (Tokens{3, 4, 5, 6}));
  EXPECT_EQ(windows[1].continuation(), (Tokens{4, 5, 6, 7}));
  EXPECT_EQ(inputsOf(windows[2]), (Tokens{5, 6, 7, 8}));
  EXPECT_EQ(windows[2].continuation(), (Tokens{8, 9}));
  for (size_t count = 1; count <= 13; ++count) {
    tokens.resize(count, 7);
    RollingWindows some(tokens, 99, 4);
    Tokens all;
    for (size_t i = 0; i < some.size(); ++i) {
      ScoredText window = some[i];
      EXPECT_FALSE(window.isCut());
      EXPECT_LE(window.inputs(), 4u);
      for (int32_t token : window.continuation())
        all.push_back(token);
    }
    EXPECT_EQ(all, tokens);
  }
}

//===----------------------------------------------------------------------===//
// The token before a text's first
//===----------------------------------------------------------------------===//

namespace {
class PrefixToken : public ::testing::Test {
protected:
  void SetUp() override { use("gpt2"); }
  void use(const std::string &name) {
    std::filesystem::copy_file(
        goldenTokenizer(name) + "/tokenizer.json", folder / "tokenizer.json",
        std::filesystem::copy_options::overwrite_existing);
  }
  Expected<uint32_t> find(std::optional<uint32_t> given = {},
                          const std::string &planConfig = "") {
    TokenizerFile file = openTokenizer(folder.path);
    return findPrefixToken(file, given, folder / "model/model.safetensors",
                           "p.plan", planConfig);
  }
  TempFolder folder;
};
} // namespace

TEST_F(PrefixToken, FromTheFirstThatNamesOne) {
  Expected<uint32_t> none = find();
  ASSERT_FALSE(none);
  EXPECT_TRUE(failsWith(
      none.status(),
      "tokenizer.json: nothing says which token begins a text: neither a "
      "tokenizer_config.json beside it (bos_token, eos_token) nor the config "
      "of the model (bos_token_id, eos_token_id); give --prefix-token ID"));
  EXPECT_EQ(*find({}, R"({"eos_token_id": [7, 8]})"), 7u);
  EXPECT_EQ(*find({}, R"({"eos_token_id": 7, "bos_token_id": 9})"), 9u);
  std::filesystem::create_directory(folder / "model");
  writeBytes(folder / "model/config.json", R"({"bos_token_id": 11})");
  EXPECT_EQ(*find({}, R"({"bos_token_id": 9})"), 11u);
  std::string config = folder / "tokenizer_config.json";
  writeBytes(config, R"({"bos_token": null})");
  EXPECT_EQ(*find(), 11u);
  writeBytes(config, R"({"eos_token": "<|endoftext|>"})");
  EXPECT_EQ(*find(), 600u);
  EXPECT_EQ(*find(3), 3u);
  // Before what the template says, as before the model's config.
  use("llama3");
  writeBytes(config, R"({"bos_token": {"content": "<|eot_id|>"}})");
  EXPECT_EQ(*find(), 603u);
  std::filesystem::remove(config);
  EXPECT_EQ(*find(), 602u);
}

TEST_F(PrefixToken, WhatIsNoToken) {
  EXPECT_TRUE(
      failsWith(find(601).status(), "--prefix-token: 601 is no token of "));
  EXPECT_TRUE(failsWith(find({}, R"({"bos_token_id": 50256})").status(),
                        "bos_token_id of " + (folder / "model/") +
                            "model.safetensors: 50256 is no token of " +
                            (folder / "tokenizer.json") +
                            ", whose ids are below 601; give one with "
                            "--prefix-token ID"));
  std::string config = folder / "tokenizer_config.json";
  writeBytes(config, R"({"bos_token": "<s>"})");
  EXPECT_TRUE(failsWith(find().status(),
                        "tokenizer_config.json: bos_token is '<s>', which is "
                        "no token of "));
  writeBytes(config, R"({"bos_token": 3})");
  EXPECT_TRUE(
      failsWith(find().status(), "bos_token is 3, expected a token's text"));
  writeBytes(config, "{");
  EXPECT_TRUE(failsWith(find().status(),
                        "tokenizer_config.json: not a JSON object; restore "
                        "it"));
}
