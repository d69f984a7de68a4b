//===- TokenizerTarget.cpp - tokenizer.json, and a text for it ------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// A file, and behind a zero byte a text, which is encoded with the tokenizer
// that the file is, if it is one. Behind an empty file the text goes to one of
// this tree's. The text's tokens lie in it, in order, and decode to UTF-8.
//
//===----------------------------------------------------------------------===//

#include "ReadFiles.h"
#include "TinyStore.h"

#include "tokenizer/tokenizer.h"
#include "tokenizer/unicode.h"

#include <nlohmann/json.hpp>

using namespace lns;
using namespace lns::tokenizer;

static std::vector<std::string> files() {
  return fuzz::readFiles({LNS_TEST_DIR "/golden/tokenizers"}, "tokenizer.json");
}

/// A file as small as it can be: mutations shall hit its structure, not names.
static std::string shrink(const std::string &text) {
  nlohmann::json file = nlohmann::json::parse(text, nullptr, false);
  nlohmann::json &model = file["model"];
  model["merges"] = nlohmann::json::array();
  nlohmann::json vocab = {{"<unk>", 0}, {"a", 1}, {"b", 2}, {"ab", 3}};
  model["merges"].push_back("a b");
  model["vocab"] = vocab;
  model["unk_token"] = "<unk>";
  model["byte_fallback"] = false;
  file["post_processor"] = nullptr;
  unsigned next = 4;
  nlohmann::json tokens = nlohmann::json::array();
  for (nlohmann::json token : file["added_tokens"]) {
    if (tokens.size() == 3)
      break;
    if (token["content"] == "<unk>")
      continue;
    token["id"] = next++;
    tokens.push_back(token);
  }
  file["added_tokens"] = tokens;
  return file.dump();
}

static std::vector<std::string> seeds() {
  std::vector<std::string> seeds;
  for (const std::string &file : files())
    seeds.push_back(shrink(file) + '\0' + "ab abba  caf\xc3\xa9 1234\n's");
  seeds.push_back(std::string(1, '\0') + "The License\n\n 12 \xe4\xbd\xa0");
  return seeds;
}

static void encode(const Tokenizer &tokenizer, std::string_view text) {
  Result<Encoding> encoding = tokenizer.encode(text);
  if (!encoding)
    return fuzz::requireError(tool::Status::failure(encoding.error().message));
  fuzz::require(encoding->ids.size() == encoding->spans.size());
  uint32_t at = 0;
  for (Span span : encoding->spans) {
    fuzz::require(at <= span.begin && span.begin <= span.end &&
                  span.end <= text.size());
    at = span.end;
  }
  for (uint32_t id : encoding->ids)
    fuzz::require(id < tokenizer.vocabularySize());
  Result<std::string> decoded = tokenizer.decode(encoding->ids);
  fuzz::require(bool(decoded) && !findBrokenUtf8(*decoded));
}

static void run(std::string_view bytes) {
  size_t end = bytes.find('\0');
  std::string_view text =
      end == std::string_view::npos ? "" : bytes.substr(end + 1);
  if (end == 0) {
    static const std::vector<std::string> known = files();
    static const size_t which = known.size() / 2;
    static const Result<Tokenizer> tokenizer =
        Tokenizer::parse(known[which], "known");
    fuzz::require(bool(tokenizer));
    return encode(*tokenizer, text);
  }
  Result<Tokenizer> tokenizer = Tokenizer::parse(bytes.substr(0, end), "file");
  if (!tokenizer)
    return fuzz::requireError(tool::Status::failure(tokenizer.error().message));
  encode(*tokenizer, text);
}

static const fuzz::RegisterTarget registered({"tokenizer", seeds, run});
