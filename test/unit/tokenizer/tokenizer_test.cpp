//===- tokenizer_test.cpp - What holds for every text ---------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tokenizer/tokenizer.h"

#include "small_file.h"
#include "tokenizer/unicode.h"

#include <chrono>
#include <gtest/gtest.h>
#include <random>
#include <thread>

using namespace lns::tokenizer;
using nlohmann::json;

namespace {
Tokenizer make(const json &file) {
  Result<Tokenizer> tokenizer = Tokenizer::parse(file.dump(), "t.json");
  EXPECT_TRUE(tokenizer) << tokenizer.error().message;
  return std::move(*tokenizer);
}

Tokenizer golden(const std::string &name) {
  Result<Tokenizer> tokenizer = Tokenizer::load(
      LNS_TEST_DIR "/golden/tokenizers/" + name + "/tokenizer.json");
  EXPECT_TRUE(tokenizer) << tokenizer.error().message;
  return std::move(*tokenizer);
}

Encoding encode(const Tokenizer &tokenizer, std::string_view text,
                const EncodeOptions &options = {}) {
  Result<Encoding> encoding = tokenizer.encode(text, options);
  EXPECT_TRUE(encoding) << encoding.error().message;
  return std::move(*encoding);
}

std::string decode(const Tokenizer &tokenizer, const std::vector<uint32_t> &ids,
                   bool skip = false) {
  Result<std::string> text = tokenizer.decode(ids, skip);
  EXPECT_TRUE(text) << text.error().message;
  return *text;
}

/// Some valid UTF-8.
std::string randomText(std::mt19937 &random) {
  auto below = [&](uint32_t limit) {
    return std::uniform_int_distribution<uint32_t>(0, limit - 1)(random);
  };
  std::string text;
  for (uint32_t count = below(60); count != 0; --count) {
    uint32_t code = 0;
    switch (below(6)) {
    case 0:
    case 1:
      code = 'a' + below(26);
      break;
    case 2:
      code = uint32_t(" \n\t'0.<|\xc2"[below(8)]);
      break;
    case 3:
      code = 0x300 + below(0x50);
      break;
    case 4:
      code = below(0xD800);
      break;
    default:
      code = 0xE000 + below(0x110000 - 0xE000);
    }
    appendCharacter(text, code);
  }
  return text;
}
} // namespace

TEST(Tokenizer, MergesByRankAndThenFromTheLeft) {
  Tokenizer tokenizer = make(smallFile());
  // "t h" is before "h e".
  EXPECT_EQ(encode(tokenizer, "thehe").ids, (std::vector<uint32_t>{257, 258}));
  EXPECT_EQ(encode(tokenizer, "he the").ids,
            (std::vector<uint32_t>{258, 255, 257}));
  EXPECT_EQ(tokenizer.vocabularySize(), 259u);
  EXPECT_EQ(tokenizer.kind(), "byte-level BPE");
  // Of a merge that is there twice the last place counts.
  json file = smallFile();
  file["model"]["merges"] = {"t h", "h e", "th e", "t h"};
  EXPECT_EQ(encode(make(file), "the").ids, (std::vector<uint32_t>{83, 258}));
}

TEST(Tokenizer, SpansTileTheTextAndDecodingGivesItBack) {
  std::mt19937 random(1);
  for (const char *name : {"gpt2", "smollm2", "dolma2", "deepseek"}) {
    Tokenizer tokenizer = golden(name);
    for (int i = 0; i < 300; ++i) {
      std::string text = randomText(random);
      Encoding encoding = encode(tokenizer, text);
      ASSERT_EQ(encoding.ids.size(), encoding.spans.size());
      uint32_t at = 0;
      for (Span span : encoding.spans) {
        ASSERT_EQ(span.begin, at);
        ASSERT_LT(span.begin, span.end);
        at = span.end;
      }
      EXPECT_EQ(at, text.size());
      EXPECT_EQ(decode(tokenizer, encoding.ids), text);
    }
  }
}

TEST(Tokenizer, ComposesAndGivesBackTheComposedText) {
  std::mt19937 random(2);
  Tokenizer tokenizer = golden("qwen");
  for (int i = 0; i < 300; ++i) {
    std::string text = randomText(random);
    TextEditor editor(text);
    composeText(editor, text);
    Encoding encoding = encode(tokenizer, text);
    EXPECT_EQ(decode(tokenizer, encoding.ids),
              editor.changed() ? editor.text : text);
    uint32_t at = 0;
    for (Span span : encoding.spans) {
      ASSERT_EQ(span.begin, at);
      at = span.end;
    }
    EXPECT_EQ(at, text.size());
  }
}

// A literal sign becomes a blank, and of leading blanks one may go.
TEST(Tokenizer, SentencePieceStyleLosesWhatIsKnown) {
  Tokenizer llama = golden("llama2"), mistral = golden("mistral");
  EncodeOptions bare{.withTemplate = false};
  for (const char *text : {"Some text.", "  two", "\n\tx\u00e9\U0001f600"})
    for (const Tokenizer *tokenizer : {&llama, &mistral}) {
      std::string back = decode(*tokenizer, encode(*tokenizer, text, bare).ids);
      bool loses = tokenizer == &mistral && text[0] == ' ';
      EXPECT_EQ(back, loses ? std::string(text).substr(1) : text);
    }
  EXPECT_EQ(decode(llama, encode(llama,
                                 "a\u2581"
                                 "b",
                                 bare)
                              .ids),
            "a b");
  EXPECT_EQ(decode(llama, encode(llama, "a<s>b").ids), "<s> a<s> b");
  EXPECT_EQ(decode(llama, encode(llama, "a<s>b").ids, true), "a b");
}

TEST(Tokenizer, SpecialTokensInTextAreTextIfAsked) {
  Tokenizer tokenizer = golden("llama3");
  std::string text = "a<|eot_id|>b";
  Encoding found = encode(tokenizer, text);
  EXPECT_EQ(decode(tokenizer, found.ids, true), "ab");
  EXPECT_TRUE(tokenizer.isSpecial(found.ids[0]));
  Encoding spelt =
      encode(tokenizer, text, {.withTemplate = false, .specialInText = false});
  for (uint32_t id : spelt.ids)
    EXPECT_FALSE(tokenizer.isSpecial(id));
  EXPECT_EQ(decode(tokenizer, spelt.ids, true), text);
}

TEST(Tokenizer, StreamsNeverBreakACharacter) {
  std::mt19937 random(3);
  for (const char *name : {"gpt2", "mistral", "neox"}) {
    Tokenizer tokenizer = golden(name);
    for (int i = 0; i < 200; ++i) {
      // Tokens at random: as a model may draw them.
      std::vector<uint32_t> ids = encode(tokenizer, randomText(random)).ids;
      std::shuffle(ids.begin(), ids.end(), random);
      TokenStream stream(tokenizer, true);
      std::string all;
      for (uint32_t id : ids) {
        std::string part = *stream.push(id);
        EXPECT_FALSE(findBrokenUtf8(part));
        all += part;
      }
      std::string end = stream.finish();
      EXPECT_FALSE(findBrokenUtf8(end));
      EXPECT_EQ(all + end, decode(tokenizer, ids, true));
    }
  }
  Tokenizer tokenizer = golden("gpt2");
  TokenStream stream(tokenizer, false);
  Result<std::string> none = stream.push(5000);
  ASSERT_FALSE(none);
  EXPECT_NE(none.error().message.find("there is no token 5000, ids are below"),
            std::string::npos);
}

TEST(Tokenizer, RefusesWhatIsNoUtf8) {
  Tokenizer tokenizer = make(smallFile());
  for (const char *text :
       {"ab\xff", "ab\xc3", "ab\xed\xa0\x80", "ab\xc0\x80"}) {
    Result<Encoding> encoding = tokenizer.encode(text);
    ASSERT_FALSE(encoding);
    EXPECT_EQ(encoding.error().message,
              "the text is not UTF-8 at byte 2; convert it, e.g. with iconv");
  }
}

// What an encoder remembers, and long pieces that it does not, must not show.
TEST(Tokenizer, ThePartsOfALongPieceAreThoseOfShortOnes) {
  std::mt19937 random(4);
  // No merge of "mistral" joins a letter and a sign: there it cuts, and with a
  // merge that does it must not.
  json file = smallCharacterFile();
  json whole = file;
  whole["model"]["vocab"]["\u2581\u2581\u2581a"] = 263;
  whole["model"]["merges"].push_back("\u2581\u2581 \u2581a");
  for (const json &some : {file, whole}) {
    Tokenizer tokenizer = make(some);
    Encoder warm(tokenizer);
    for (int i = 0; i < 200; ++i) {
      std::string text;
      for (int k = 0; k < 200; ++k)
        text += "a b  "[random() % 5];
      Encoding encoding;
      ASSERT_FALSE(warm.encode(text, {}, encoding));
      EXPECT_EQ(encoding.ids, encode(tokenizer, text).ids);
      // The textbook's way: the best pair of the whole text, again and again.
      std::vector<std::string> parts = {"\u2581"};
      if (text[0] == ' ')
        parts.clear();
      for (char c : text)
        parts.push_back(c == ' ' ? "\u2581" : std::string(1, c));
      auto merges = some["model"]["merges"].get<std::vector<std::string>>();
      for (bool found = true; found;) {
        found = false;
        for (const std::string &merge : merges) {
          for (size_t k = 0; k + 1 < parts.size() && !found; ++k)
            if (parts[k] + " " + parts[k + 1] == merge) {
              parts[k] += parts[k + 1];
              parts.erase(parts.begin() + ptrdiff_t(k) + 1);
              found = true;
            }
          if (found)
            break;
        }
      }
      std::vector<uint32_t> expected;
      for (const std::string &part : parts)
        expected.push_back(some["model"]["vocab"][part].get<uint32_t>());
      EXPECT_EQ(encoding.ids, expected);
    }
  }
}

// A megabyte of anything takes no longer than a megabyte of text.
TEST(Tokenizer, NoTextTakesTheSquareOfItsLength) {
  using Clock = std::chrono::steady_clock;
  constexpr size_t size = 1 << 20;
  std::string blanks(size, ' '), letters(size, 'a'), mixed, marks = "a", lines;
  while (mixed.size() < size)
    mixed += "the";
  while (marks.size() < size)
    marks += "\u0301\u0323";
  while (lines.size() < size)
    lines += " \n";
  for (const char *name : {"gpt2", "neox", "qwen", "llama3", "dolma2",
                           "deepseek", "smollm2", "llama2", "mistral"}) {
    Tokenizer tokenizer = golden(name);
    for (const std::string *text :
         {&blanks, &letters, &mixed, &marks, &lines}) {
      Clock::time_point begin = Clock::now();
      Encoding encoding = encode(tokenizer, *text);
      std::chrono::duration<double> taken = Clock::now() - begin;
      EXPECT_LT(taken.count(), 20) << name << " " << text->substr(0, 4);
    }
  }
}

TEST(Tokenizer, IsUsedByThreadsAtOnce) {
  Tokenizer tokenizer = golden("qwen");
  std::vector<std::string> texts;
  std::vector<std::vector<uint32_t>> expected;
  std::mt19937 random(5);
  for (int i = 0; i < 50; ++i) {
    texts.push_back(randomText(random));
    expected.push_back(encode(tokenizer, texts.back()).ids);
  }
  std::vector<std::thread> threads;
  std::vector<char> same(4, 1);
  for (size_t t = 0; t < same.size(); ++t)
    threads.emplace_back([&, t] {
      Encoder encoder(tokenizer);
      for (size_t i = 0; i < texts.size(); ++i) {
        Encoding encoding;
        if (encoder.encode(texts[i], {}, encoding) ||
            encoding.ids != expected[i])
          same[t] = 0;
      }
    });
  for (std::thread &thread : threads)
    thread.join();
  for (char good : same)
    EXPECT_TRUE(good);
}

// Special tokens are text in the parts that are named, and tokens elsewhere.
TEST(Tokenizer, LiteralPartsHaveNoSpecialTokens) {
  Tokenizer tokenizer = golden("qwen");
  std::string text = "<|im_start|>a<|im_start|>b<|im_end|>c<|im_end|>";
  uint32_t begin = *tokenizer.idOf("<|im_start|>");
  uint32_t end = *tokenizer.idOf("<|im_end|>");
  size_t first = text.find(">a") + 1, last = text.rfind("<|im_end|>");
  std::vector<Span> literal = {{uint32_t(first), uint32_t(text.find('b'))},
                               {uint32_t(text.find('b')), uint32_t(last)}};
  Encoding encoding = encode(tokenizer, text, {.literal = std::span(literal)});
  EXPECT_EQ(encoding.ids.front(), begin);
  EXPECT_EQ(encoding.ids.back(), end);
  for (size_t i = 1; i + 1 < encoding.ids.size(); ++i)
    EXPECT_FALSE(tokenizer.isSpecial(encoding.ids[i])) << i;
  EXPECT_EQ(decode(tokenizer, encoding.ids), text);
  // Between them, the tokens of the part as text alone.
  Encoding inner = encode(tokenizer, text.substr(first, last - first),
                          {.specialInText = false});
  EXPECT_EQ(
      std::vector<uint32_t>(encoding.ids.begin() + 1, encoding.ids.end() - 1),
      inner.ids);
  EXPECT_EQ(encode(tokenizer, text, {.literal = {}}).ids,
            encode(tokenizer, text).ids);
}

// Of a token that is looked for in normalized text, too.
TEST(Tokenizer, LiteralPartsHoldForNormalizedTokens) {
  json file = smallFile();
  file["normalizer"] = {{"type", "NFC"}};
  file["added_tokens"].push_back({{"id", 259},
                                  {"content", "<caf\u00e9>"},
                                  {"single_word", false},
                                  {"lstrip", false},
                                  {"rstrip", false},
                                  {"normalized", true},
                                  {"special", true}});
  Tokenizer tokenizer = make(file);
  // Both spelt with a combining mark, which NFC composes.
  std::string one = "<cafe\u0301>", text = one + "x" + one;
  std::vector<Span> literal = {{0, uint32_t(one.size())}};
  Encoding encoding = encode(tokenizer, text, {.literal = std::span(literal)});
  EXPECT_EQ(std::count(encoding.ids.begin(), encoding.ids.end(), 259u), 1);
  EXPECT_EQ(encoding.ids.back(), 259u);
  EXPECT_EQ(encoding.spans.back(),
            (Span{uint32_t(one.size() + 1), uint32_t(text.size())}));
}
