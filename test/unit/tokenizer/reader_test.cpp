//===- reader_test.cpp - What a file is refused for -----------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tokenizer/pattern.h"
#include "tokenizer/tokenizer.h"

#include "small_file.h"

#include <gtest/gtest.h>

using namespace lns::tokenizer;
using nlohmann::json;

namespace {
/// The error that a file has after a change; "" if there is none.
std::string errorOf(const json &file) {
  Result<Tokenizer> tokenizer = Tokenizer::parse(file.dump(), "t.json");
  return tokenizer ? "" : tokenizer.error().message;
}
std::string errorOfText(const std::string &text) {
  Result<Tokenizer> tokenizer = Tokenizer::parse(text, "t.json");
  return tokenizer ? "" : tokenizer.error().message;
}

/// The same for one value in its place.
std::string errorWith(const char *pointer, const json &value) {
  json file = smallFile();
  file[json::json_pointer(pointer)] = value;
  return errorOf(file);
}
std::string charactersWith(const char *pointer, const json &value) {
  json file = smallCharacterFile();
  file[json::json_pointer(pointer)] = value;
  return errorOf(file);
}

#define EXPECT_PART(text, part)                                                \
  do {                                                                         \
    std::string actual = (text);                                               \
    EXPECT_NE(actual.find(part), std::string::npos) << actual;                 \
  } while (false)
} // namespace

TEST(Reader, TakesTheSmallFiles) {
  EXPECT_EQ(errorOf(smallFile()), "");
  EXPECT_EQ(errorOf(smallCharacterFile()), "");
}

TEST(Reader, Json) {
  EXPECT_EQ(errorOfText("{\"version\": "),
            "t.json: no JSON at byte 13; is the file whole?");
  EXPECT_EQ(errorOfText(""), "t.json: no JSON at byte 1; is the file whole?");
  EXPECT_PART(errorOfText("{\"a\xff\": 1}"), "no JSON at byte");
  EXPECT_EQ(errorOfText("[]"),
            "t.json: not a JSON object, which a tokenizer is");
  EXPECT_EQ(errorOfText("{}"), "t.json: model: is missing; is this a "
                               "tokenizer.json?");
  EXPECT_PART(
      errorOfText("{\"vocab\": {}}"),
      "t.json: vocab: this key is not known; a tokenizer has version, ");
  EXPECT_EQ(errorOfText("{\"version\": \"1.0\", \"version\": \"1.0\"}"),
            "t.json: version: the key is there twice; remove one of them");
  EXPECT_EQ(errorOfText("{\"model\": {\"vocab\": {}, \"vocab\": {}}}"),
            "t.json: model.vocab: the key is there twice; remove one of them");
  EXPECT_EQ(errorOfText("{\"model\": {\"merges\": [], \"merges\": []}}"),
            "t.json: model.merges: the key is there twice; remove one of them");
  EXPECT_EQ(errorOfText("{\"added_tokens\": [0, {\"id\": 1, \"id\": 1}]}"),
            "t.json: added_tokens[1].id: the key is there twice; remove one of "
            "them");
  EXPECT_PART(errorOfText("{\"decoder\": " + std::string(100000, '[') + "}"),
              "nested deeper than 32");
  std::string many = "{\"added_tokens\": [0";
  for (int i = 0; i < (1 << 20); ++i)
    many += ",0";
  EXPECT_PART(errorOfText(many + "]}"), "more than 1048576 values");
  EXPECT_EQ(errorWith("/version", "2.0"),
            "t.json: version: is \"2.0\", only \"1.0\" is supported");
}

TEST(Reader, SaysWhatItLeavesOut) {
  json file = smallFile();
  file["truncation"] = json::object();
  file["padding"] = 3;
  Result<Tokenizer> tokenizer = Tokenizer::parse(file.dump(), "t.json");
  ASSERT_TRUE(tokenizer);
  EXPECT_EQ(tokenizer->notes(), (std::vector<std::string>{
                                    "t.json: truncation is left out of account",
                                    "t.json: padding is left out of account"}));
}

TEST(Reader, Model) {
  EXPECT_EQ(errorWith("/model/type", "WordPiece"),
            "t.json: model.type: the model 'WordPiece' is not supported, only "
            "BPE");
  EXPECT_PART(errorWith("/model/dropout", 0.1), "model.dropout: is not "
                                                "supported");
  EXPECT_EQ(errorWith("/model/dropout", 0.0), "");
  EXPECT_EQ(errorWith("/model/continuing_subword_prefix", ""), "");
  EXPECT_PART(errorWith("/model/continuing_subword_prefix", "##"),
              "model.continuing_subword_prefix: is not supported");
  EXPECT_PART(errorWith("/model/end_of_word_suffix", "</w>"),
              "model.end_of_word_suffix: is not supported");
  EXPECT_EQ(errorWith("/model/fuse_unk", 1),
            "t.json: model.fuse_unk: is number, expected true or false");
  EXPECT_PART(errorWith("/model/colour", 1),
              "t.json: model: the key 'colour' is not known, only type, ");
  EXPECT_EQ(errorWith("/model/unk_token", "<none>"),
            "t.json: model.unk_token: '<none>' is not in the vocabulary");
  json file = smallFile();
  file["model"].erase("type");
  EXPECT_EQ(errorOf(file), "");
  file["model"].erase("merges");
  EXPECT_EQ(errorOf(file), "t.json: model.merges: is missing");
  file["model"].erase("vocab");
  EXPECT_EQ(errorOf(file), "t.json: model.vocab: is missing");
}

TEST(Reader, Vocabulary) {
  EXPECT_PART(errorWith("/model/vocab/xy", -1),
              "t.json: model.vocab['xy']: not an id");
  EXPECT_PART(errorWith("/model/vocab/xy", "1"), "not an id");
  EXPECT_PART(errorWith("/model/vocab/xy", 4294967296),
              "the id 4294967296 does not fit into 31 bits");
  EXPECT_PART(errorWith("/model/vocab/xy", 0), "have the same id, 0");
  EXPECT_PART(errorWith("/model/vocab/xy", 100000),
              "the id 100000; an id of more than 8 times their number is not "
              "supported");
  EXPECT_EQ(errorWith("/model/vocab/xy", 1000), "");
  EXPECT_EQ(errorWith("/model/vocab", json::object()),
            "t.json: model.vocab: is empty");
  std::string text = smallFile().dump();
  size_t at = text.find("\"vocab\":{") + 9;
  text.insert(at, "\"a\":900,");
  EXPECT_PART(errorOfText(text),
              "model.vocab: 'a' is there twice, with the ids");
}

TEST(Reader, Alphabet) {
  json file = smallFile();
  file["model"]["vocab"].erase("A");
  file["model"]["vocab"].erase("B");
  EXPECT_EQ(errorOf(file),
            "t.json: model.vocab: the symbols of 2 bytes are missing, the "
            "first is 'A', and there is no unk_token; add one of these");
  file["model"]["unk_token"] = "a";
  EXPECT_EQ(errorOf(file), "");
  // Bytes that no UTF-8 has.
  file = smallFile();
  file["model"]["vocab"].erase("\u00c0");
  file["model"]["vocab"].erase("\u00ff");
  EXPECT_EQ(errorOf(file), "");

  file = smallCharacterFile();
  file["model"]["vocab"].erase("<0x41>");
  EXPECT_EQ(errorOf(file),
            "t.json: model.byte_fallback: 1 of the 256 bytes are not in the "
            "vocabulary, the first is '<0x41>'; add them");
  file["model"]["byte_fallback"] = false;
  EXPECT_EQ(errorOf(file), "");
  file["model"]["unk_token"] = nullptr;
  EXPECT_PART(errorOf(file),
              "model.vocab: not every text has tokens: there is neither "
              "byte_fallback nor an unk_token");
}

TEST(Reader, Merges) {
  EXPECT_PART(errorWith("/model/merges", json::array({"a b", "c"})),
              "model.merges[1]: the merge 'c' does not have exactly one space");
  EXPECT_PART(errorWith("/model/merges", json::array({"a b c"})),
              "model.merges[0]: the merge 'a b c' does not have exactly one");
  EXPECT_PART(
      errorWith("/model/merges", json::array({"t h", json::array({"t", "h"})})),
      "model.merges[1]: a pair among merges that are strings");
  EXPECT_PART(
      errorWith("/model/merges", json::array({json::array({"t", "h"}), "t h"})),
      "a string among merges that are pairs");
  EXPECT_PART(errorWith("/model/merges", json::array({json::array({"t"})})),
              "model.merges[0]: a merge of 1 parts, expected 2");
  EXPECT_PART(
      errorWith("/model/merges", json::array({json::array({"t", "h", "e"})})),
      "a merge of more than two parts");
  EXPECT_PART(errorWith("/model/merges", json::array({3})), "not a merge");
  EXPECT_EQ(errorWith("/model/merges", json::array({"t h", "q z"})),
            "t.json: model.merges: merge 1 ('q' and 'z'): 'qz' is not in the "
            "vocabulary");
  EXPECT_PART(errorWith("/model/merges", json::array({"xyz h"})),
              "merge 0 ('xyz' and 'h'): 'xyz' is not in the vocabulary");
}

TEST(Reader, AddedTokens) {
  json token = {{"id", 259},       {"content", "<end>"}, {"single_word", false},
                {"lstrip", false}, {"rstrip", false},    {"normalized", false},
                {"special", true}};
  auto with = [&](const char *key, const json &value) {
    json changed = token;
    changed[key] = value;
    return errorWith("/added_tokens", json::array({changed}));
  };
  EXPECT_EQ(with("id", 259), "");
  EXPECT_EQ(with("id", 300),
            "t.json: added_tokens[0].id: '<end>' has the id 300, and the next "
            "one behind the vocabulary is 259; put it into model.vocab, or "
            "give it this id");
  EXPECT_EQ(with("content", "a"),
            "t.json: added_tokens[0].id: 'a' has the id 259 here and 64 in "
            "model.vocab; make them the same");
  EXPECT_PART(with("content", ""), "has 0 bytes, from 1 to 256 are supported");
  EXPECT_PART(with("content", std::string(300, 'a')), "has 300 bytes");
  EXPECT_PART(with("id", -1), "added_tokens[0].id: is not a number from 0 on");
  EXPECT_PART(with("id", 4294967296), "does not fit into 31 bits");
  EXPECT_PART(with("lstrip", 1), "expected true or false");
  EXPECT_PART(with("more", 1), "the key 'more' is not known");
  EXPECT_PART(errorWith("/added_tokens", json::array({token, token})),
              "added_tokens[1].content: '<end>' is there twice");
  EXPECT_PART(errorWith("/added_tokens", 1), "added_tokens: is not a list");
  token.erase("special");
  EXPECT_PART(errorWith("/added_tokens", json::array({token})),
              "added_tokens[0].special: is missing");
}

TEST(Reader, Normalizers) {
  auto with = [](const json &value) { return errorWith("/normalizer", value); };
  EXPECT_EQ(with({{"type", "NFC"}}), "");
  EXPECT_EQ(with({{"type", "Sequence"}, {"normalizers", json::array()}}), "");
  EXPECT_PART(with({{"type", "Lowercase"}}),
              "normalizer.type: the normalizer 'Lowercase' is not supported, "
              "only NFC, Prepend");
  EXPECT_PART(
      with({{"type", "Sequence"},
            {"normalizers",
             {{{"type", "Sequence"}, {"normalizers", json::array()}}}}}),
      "normalizer.normalizers[0].type: the normalizer 'Sequence' is "
      "not supported in a Sequence");
  EXPECT_PART(with({{"type", "Replace"},
                    {"pattern", {{"Regex", "a+"}}},
                    {"content", ""}}),
              "normalizer.pattern: a normalizer's Replace of a regular "
              "expression is not supported");
  EXPECT_PART(with({{"type", "Replace"},
                    {"pattern", {{"String", ""}}},
                    {"content", ""}}),
              "the empty String is everywhere");
  EXPECT_PART(with({{"type", "Prepend"}}), "normalizer.prepend: is null");
  EXPECT_PART(with({{"type", "Sequence"}, {"normalizers", 1}}),
              "is not a list");
  EXPECT_PART(with(3), "normalizer: is number, expected an object");
}

TEST(Reader, PreTokenizers) {
  auto with = [](const json &value) {
    return errorWith("/pre_tokenizer", value);
  };
  json byteLevel = smallFile()["pre_tokenizer"];
  json digits = {{"type", "Digits"}, {"individual_digits", true}};
  EXPECT_PART(with({{"type", "Whitespace"}}),
              "pre_tokenizer.type: the pre-tokenizer 'Whitespace' is not "
              "supported, only ByteLevel");
  EXPECT_PART(
      with({{"type", "Sequence"}, {"pretokenizers", {byteLevel, digits}}}),
      "pre_tokenizer.pretokenizers[1]: 'Digits' behind ByteLevel");
  EXPECT_EQ(
      with({{"type", "Sequence"}, {"pretokenizers", {digits, byteLevel}}}), "");
  EXPECT_PART(with({{"type", "ByteLevel"}}),
              "pre_tokenizer.add_prefix_space: is missing");
  auto split = [&](const json &pattern, const char *behavior, bool invert) {
    json step = {{"type", "Split"},
                 {"pattern", pattern},
                 {"behavior", behavior},
                 {"invert", invert}};
    return with({{"type", "Sequence"}, {"pretokenizers", {step, byteLevel}}});
  };
  EXPECT_EQ(split({{"String", "a"}}, "Isolated", false), "");
  EXPECT_EQ(split({{"Regex", "[a-z]+"}}, "Removed", true), "");
  EXPECT_PART(split({{"String", "a"}}, "Removed", false),
              ".behavior: 'Removed' without invert is not supported");
  EXPECT_PART(split({{"String", "a"}}, "MergedWithNext", true),
              ".behavior: 'MergedWithNext' is not supported");
  EXPECT_PART(split({{"String", ""}}, "Isolated", false),
              "the empty text splits nothing off");
  EXPECT_PART(split(json::object(), "Isolated", false),
              "needs one of String and Regex");
  EXPECT_PART(split({{"Regex", "("}}, "Isolated", false),
              "pattern.Regex: '(' is no regular expression: ");
  EXPECT_PART(split({{"Regex", "a*"}}, "Isolated", false),
              "'a*' can match the empty text");
  auto metaspace = [&](const char *key, const json &value) {
    json step = {{"type", "Metaspace"}, {"replacement", "\u2581"}};
    step[key] = value;
    return charactersWith("/pre_tokenizer", step);
  };
  EXPECT_EQ(metaspace("prepend_scheme", "first"), "");
  EXPECT_EQ(metaspace("add_prefix_space", false), "");
  EXPECT_PART(metaspace("prepend_scheme", "last"),
              "pre_tokenizer.prepend_scheme: 'last' is none of always, first, "
              "never");
  EXPECT_PART(metaspace("replacement", "__"), "'__' is not one character");
  json both = {{"type", "Metaspace"},
               {"replacement", "_"},
               {"add_prefix_space", false},
               {"prepend_scheme", "first"}};
  EXPECT_PART(charactersWith("/pre_tokenizer", both),
              "add_prefix_space is false, and prepend_scheme is not 'never'");
  json steps = json::array();
  for (int i = 0; i < 17; ++i)
    steps.push_back(digits);
  EXPECT_PART(with({{"type", "Sequence"}, {"pretokenizers", steps}}),
              "holds 17 pre-tokenizers, at most 16 are supported");
}

TEST(Reader, PostProcessors) {
  auto with = [](const json &value) {
    return errorWith("/post_processor", value);
  };
  json text = {{"Sequence", {{"id", "A"}, {"type_id", 0}}}};
  json begin = {{"SpecialToken", {{"id", "BOS"}, {"type_id", 0}}}};
  auto made = [&](const json &single, const json &tokens) {
    return with({{"type", "TemplateProcessing"},
                 {"single", single},
                 {"pair", json::array()},
                 {"special_tokens", {{"BOS", tokens}}}});
  };
  json bos = {{"id", "BOS"}, {"ids", {64}}, {"tokens", {"a"}}};
  EXPECT_EQ(made({begin, text}, bos), "");
  EXPECT_PART(with({{"type", "BertProcessing"}}),
              "post_processor.type: the post-processor 'BertProcessing' is not "
              "supported");
  EXPECT_PART(made(json::array({begin}), bos),
              "the text, Sequence A, is not there");
  EXPECT_PART(made({text, text}, bos), "must be there once");
  EXPECT_PART(made({begin, text}, nullptr), "is not among special_tokens");
  bos["ids"] = {65};
  EXPECT_PART(made({begin, text}, bos),
              "'a' has the id 65 here and 64 in the vocabulary");
  bos["ids"] = {65, 66};
  EXPECT_PART(made({begin, text}, bos), "needs as many ids as tokens");
}

TEST(Reader, Decoders) {
  auto with = [](const json &value) {
    return charactersWith("/decoder", value);
  };
  auto chain = [&](const json &steps) {
    return with({{"type", "Sequence"}, {"decoders", steps}});
  };
  json fuse = {{"type", "Fuse"}}, bytes = {{"type", "ByteFallback"}};
  json strip = {{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}};
  json replace = {
      {"type", "Replace"}, {"pattern", {{"String", "_"}}}, {"content", " "}};
  EXPECT_EQ(chain({replace, bytes, fuse, strip}), "");
  EXPECT_PART(with(nullptr), "decoder: is missing; without one the library "
                             "puts a space between tokens");
  EXPECT_PART(with({{"type", "CTC"}}),
              "decoder.type: the decoder 'CTC' is not supported");
  EXPECT_PART(chain({fuse, replace}), "'Replace' behind Fuse is not supported");
  EXPECT_PART(chain({bytes, bytes}), "behind another one is not supported");
  EXPECT_PART(chain({fuse, smallFile()["decoder"]}),
              "ByteLevel behind another decoder");
  EXPECT_PART(chain({smallFile()["decoder"], fuse}),
              "'Fuse' behind ByteLevel is not supported");
  strip["stop"] = 1;
  EXPECT_PART(chain({fuse, strip}), ".stop: is 1, only 0 is supported");
  EXPECT_PART(chain(json::array()), "is not a list of decoders");
}

TEST(Patterns, WhatBothEnginesReadAlike) {
  for (const char *pattern :
       {"a|b", "(?i:'s|'re)", "[^\\s\\p{L}]+", "\\p{Lu}?\\p{^N}", "x{1,3}",
        "a++b*+c?+", "(?=a)b(?!c)(?<=d)(?<!e)(?>f)", "\\x{4e00}-\\d\\S",
        "[\\]\\[\\-]", "\\.\\(\\b"})
    EXPECT_EQ(findForeignSyntax(pattern), "") << pattern;
}

TEST(Patterns, WhatTheyReadDifferently) {
  for (const char *pattern : {"x{1,3}+",
                              "x{2}?",
                              "x{,3}",
                              "x{",
                              "^a",
                              "a$",
                              "(?m)a",
                              "(?s:a)",
                              "(?i)a",
                              "(?<n>a)",
                              "(*F)",
                              "[a&&b]",
                              "[[:alpha:]]",
                              "[]a]",
                              "[^]a]",
                              "\\h",
                              "\\w",
                              "\\Z",
                              "\\u0041",
                              "\\x41",
                              "\\1",
                              "\\K",
                              "\\Qa\\E",
                              "\\p{Greek}",
                              "\\pL",
                              "\\p{L",
                              "(?i:ss)",
                              "(?i:\u00df)",
                              "(?i:[\u00df])",
                              "a\\"})
    EXPECT_NE(findForeignSyntax(pattern), "") << pattern;
  Result<Pattern> pattern = Pattern::compile("a\\w");
  ASSERT_FALSE(pattern);
  EXPECT_EQ(pattern.error().message,
            "has '\\w' at byte 1, an escape that differs or is not known; only "
            "patterns that mean the same to Oniguruma and PCRE2 are read");
  EXPECT_FALSE(Pattern::compile(std::string(5000, 'a')));
}

// Known as a whole: Oniguruma repeats the group where PCRE2 would not go back.
TEST(Patterns, KnownOnesAreTranslated) {
  Result<Pattern> pattern = Pattern::compile(
      R"('(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|\s+(?!\S)|\s)");
  ASSERT_TRUE(pattern) << pattern.error().message;
  MatchState state;
  Pattern::Match match;
  ASSERT_EQ(pattern->find("1234567 ", 0, state, match), Pattern::Found::Yes);
  EXPECT_EQ(match.end, 7u);
  ASSERT_EQ(pattern->find("a \n", 1, state, match), Pattern::Found::Yes);
  EXPECT_EQ(match.end, 3u);
}
