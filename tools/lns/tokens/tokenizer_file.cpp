//===- tokenizer_file.cpp - A tokenizer as commands take it ---------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/tokens/tokenizer_file.h"

#include "tools/lns/base/checksum.h"
#include "tools/lns/base/file_io.h"
#include "tools/lns/base/file_kind.h"
#include "tools/lns/base/printable.h"

#include <algorithm>
#include <charconv>
#include <fmt/format.h>
#include <limits>

namespace lns::tool {

Expected<TokenizerFile> TokenizerFile::open(const std::string &path) {
  std::string name = isFolder(path) ? path + "/tokenizer.json" : path;
  Expected<std::string> text =
      readTextFile(name, tokenizer::Tokenizer::maxFileBytes);
  if (!text)
    return text.status();
  // JSON is what is expected here.
  std::span<const std::byte> bytes =
      std::as_bytes(std::span(text->data(), text->size()));
  if (std::string kind =
          foreignKind(bytes.first(std::min(bytes.size(), kindBytes)));
      !kind.empty() && !text->starts_with('{'))
    return Status::failure(
        fmt::format("{}: not a tokenizer.json: {}", name, kind));
  tokenizer::Result<tokenizer::Tokenizer> parsed =
      tokenizer::Tokenizer::parse(*text, name);
  if (!parsed)
    return toStatus(parsed.error());
  Checksum sum;
  sum.add(text->data(), text->size());
  return TokenizerFile{name, sum.value(), std::move(*parsed)};
}

Status compareVocabularies(const TokenizerFile &file,
                           const std::string &planPath, uint32_t vocabulary) {
  if (file.tokenizer.vocabularySize() <= vocabulary)
    return Status::success();
  return Status::failure(fmt::format(
      "{}: has a vocabulary of {}, {} has one of {}; give the tokenizer that "
      "the model was trained with",
      file.path, file.tokenizer.vocabularySize(), planPath, vocabulary));
}

static bool isBlank(char c) {
  return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

Expected<std::vector<uint32_t>> parseTokenIds(const std::string &text,
                                              const std::string &place) {
  // An array is numbers between commas, in brackets.
  auto skipBlanks = [&](size_t at) {
    while (at < text.size() && isBlank(text[at]))
      ++at;
    return at;
  };
  size_t at = skipBlanks(0);
  bool array = at < text.size() && text[at] == '[';
  if (array)
    at = skipBlanks(at + 1);
  std::vector<uint32_t> ids;
  bool closed = !array;
  while (at < text.size()) {
    if (array && text[at] == ']' && (ids.empty() || text[at - 1] != ',')) {
      closed = skipBlanks(at + 1) == text.size();
      break;
    }
    uint32_t id = 0;
    const char *begin = text.data() + at;
    auto [stop, error] = std::from_chars(begin, text.data() + text.size(), id);
    size_t end = static_cast<size_t>(stop - text.data());
    bool separated = end == text.size() || isBlank(text[end]) ||
                     (array && (text[end] == ',' || text[end] == ']'));
    if (error != std::errc() || !separated) {
      std::string word =
          text.substr(at, text.find_first_of(" \n\t\r,]", at) - at);
      return Status::failure(fmt::format(
          "{}: '{}' at byte {} is not a token's id; give numbers from 0 to {}, "
          "between blanks or as a JSON array",
          place, printable(word, 20), at,
          std::numeric_limits<uint32_t>::max()));
    }
    ids.push_back(id);
    at = skipBlanks(end);
    if (array && at < text.size() && text[at] == ',')
      at = skipBlanks(at + 1);
    else if (array && at < text.size() && text[at] != ']')
      break;
  }
  if (!closed)
    return Status::failure(fmt::format(
        "{}: the JSON array of ids is broken at byte {}", place, at));
  return ids;
}

} // namespace lns::tool
