//===- tokens_command.cpp - lns tokens encode, decode, info ---------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/base/arg_parser.h"
#include "tools/lns/base/checksum.h"
#include "tools/lns/base/file_io.h"
#include "tools/lns/base/printable.h"
#include "tools/lns/commands/commands.h"
#include "tools/lns/commands/session_options.h"
#include "tools/lns/tokens/tokenizer_file.h"

#include <cstdio>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace lns::tool {

/// As of `lns data prepare`.
static constexpr size_t maxTextBytes = size_t{1} << 31;

static Expected<TokenizerFile> openWithNotes(const std::string &path) {
  Expected<TokenizerFile> file = TokenizerFile::open(path);
  if (file)
    printNotes(file->tokenizer.notes());
  return file;
}

namespace {
/// A tokenizer, and what it shall turn into something else.
struct TokensInput {
  TokenizerFile file;
  std::string text, place; ///< `place` is for messages
};
} // namespace

static Expected<TokensInput> openInput(const std::string &tokenizerPath,
                                       const std::string &textPath) {
  Expected<TokenizerFile> file = openWithNotes(tokenizerPath);
  if (!file)
    return file.status();
  Expected<std::string> text = readTextStream(textPath, maxTextBytes);
  if (!text)
    return text.status();
  return TokensInput{std::move(*file), std::move(*text),
                     textPath == "-" ? "standard input" : textPath};
}

static void printJson(const nlohmann::ordered_json &json) {
  fmt::print("{}\n",
             json.dump(-1, ' ', false,
                       nlohmann::ordered_json::error_handler_t::replace));
}

Status runTokensEncode(Arguments arguments) {
  std::string tokenizerPath, textPath, special = "token";
  bool json = false, bare = false;
  ArgParser parser("lns tokens encode",
                   "Turns text into tokens, one id a line.");
  parser.positional("TOKENIZER", &tokenizerPath,
                    "tokenizer.json, or a folder that has it");
  parser.positional("FILE", &textPath, "text; '-' is the standard input");
  parser.flag("--json", &json,
              "print JSON: ids, and spans, the bytes of the text [begin, end) "
              "that each stands for");
  parser.flag("--no-template", &bare,
              "leave out what the tokenizer puts around a text (BOS, EOS)");
  parser.choice("--special-in-text", &special, {"token", "text"},
                "what special tokens are that the text spells out");
  LNS_RETURN_IF_ERROR(parser.parse(arguments));
  if (parser.helpRequested()) {
    std::fputs(parser.help().c_str(), stdout);
    return Status::success();
  }
  Expected<TokensInput> input = openInput(tokenizerPath, textPath);
  if (!input)
    return input.status();
  tokenizer::Result<tokenizer::Encoding> encoding =
      input->file.tokenizer.encode(
          input->text,
          {.withTemplate = !bare, .specialInText = special == "token"});
  if (!encoding)
    return Status::failure(input->place + ": " + encoding.error().message);
  if (json) {
    nlohmann::ordered_json spans = nlohmann::ordered_json::array();
    for (tokenizer::Span span : encoding->spans)
      spans.push_back({span.begin, span.end});
    printJson({{"ids", encoding->ids}, {"spans", std::move(spans)}});
    return Status::success();
  }
  std::string lines;
  for (uint32_t id : encoding->ids)
    lines += std::to_string(id) + "\n";
  std::fputs(lines.c_str(), stdout);
  return Status::success();
}

Status runTokensDecode(Arguments arguments) {
  std::string tokenizerPath, idsPath;
  bool skip = false;
  ArgParser parser("lns tokens decode",
                   "Turns tokens into text, which is printed as it is, "
                   "without a line break at its end.");
  parser.positional("TOKENIZER", &tokenizerPath,
                    "tokenizer.json, or a folder that has it");
  parser.positional("FILE", &idsPath,
                    "ids, between blanks or as a JSON array; '-' is the "
                    "standard input");
  parser.flag("--skip-special", &skip, "leave special tokens out");
  LNS_RETURN_IF_ERROR(parser.parse(arguments));
  if (parser.helpRequested()) {
    std::fputs(parser.help().c_str(), stdout);
    return Status::success();
  }
  Expected<TokensInput> input = openInput(tokenizerPath, idsPath);
  if (!input)
    return input.status();
  Expected<std::vector<uint32_t>> ids =
      parseTokenIds(input->text, input->place);
  if (!ids)
    return ids.status();
  tokenizer::Result<std::string> decoded =
      input->file.tokenizer.decode(*ids, skip);
  if (!decoded)
    return toStatus(decoded.error());
  std::fwrite(decoded->data(), 1, decoded->size(), stdout);
  return Status::success();
}

Status runTokensInfo(Arguments arguments) {
  std::string path;
  bool json = false;
  ArgParser parser("lns tokens info", "Says what a tokenizer is.");
  parser.positional("TOKENIZER", &path,
                    "tokenizer.json, or a folder that has it");
  parser.flag("--json", &json, "print JSON");
  LNS_RETURN_IF_ERROR(parser.parse(arguments));
  if (parser.helpRequested()) {
    std::fputs(parser.help().c_str(), stdout);
    return Status::success();
  }
  Expected<TokenizerFile> file = openWithNotes(path);
  if (!file)
    return file.status();
  const tokenizer::Tokenizer &tokenizer = file->tokenizer;
  nlohmann::ordered_json special = nlohmann::ordered_json::array();
  std::string lines;
  for (const tokenizer::AddedToken &token : tokenizer.addedTokens())
    if (token.special) {
      special.push_back({{"id", token.id}, {"content", token.content}});
      lines +=
          fmt::format("  {:>7}  {}\n", token.id, printable(token.content, 80));
    }
  const tokenizer::PostProcessor &around = tokenizer.around();
  if (json) {
    printJson({{"kind", tokenizer.kind()},
               {"vocabulary", tokenizer.vocabularySize()},
               {"merges", tokenizer.model().mergeCount()},
               {"added_tokens", tokenizer.addedTokens().size()},
               {"before_text", around.before},
               {"behind_text", around.behind},
               {"special_tokens", std::move(special)},
               {"xxh64", checksumText(file->checksum)}});
    return Status::success();
  }
  auto names = [&](const std::vector<uint32_t> &ids) {
    std::string text;
    for (uint32_t id : ids)
      text += fmt::format("{}{} ({})", text.empty() ? "" : ", ", id,
                          printable(*tokenizer.contentOf(id), 80));
    return text.empty() ? "nothing" : text;
  };
  fmt::print("{}: {}\nvocabulary: {} (ids from 0 to {})\nmerges: {}\n"
             "before a text: {}\nbehind a text: {}\nadded tokens: {}, of which "
             "{} are special:\n{}",
             file->path, tokenizer.kind(), tokenizer.vocabularySize(),
             tokenizer.vocabularySize() - 1, tokenizer.model().mergeCount(),
             names(around.before), names(around.behind),
             tokenizer.addedTokens().size(), special.size(), lines);
  return Status::success();
}

} // namespace lns::tool
