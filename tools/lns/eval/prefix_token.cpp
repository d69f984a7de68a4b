//===- prefix_token.cpp - The token before a text's first -----------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/eval/prefix_token.h"

#include "tools/lns/base/file_io.h"
#include "tools/lns/base/json_text.h"
#include "tools/lns/base/printable.h"
#include "tools/lns/tokens/end_tokens.h"

#include <filesystem>
#include <fmt/format.h>

namespace lns::tool {

/// What tokenizer_config.json beside the tokenizer says; nothing if there is no
/// such file, or if it names neither token.
static Expected<std::optional<uint32_t>>
readTokenizerConfig(const TokenizerFile &file) {
  std::filesystem::path folder = std::filesystem::path(file.path).parent_path();
  std::string path = (folder / "tokenizer_config.json").string();
  if (!pathExists(path))
    return std::optional<uint32_t>();
  Expected<std::string> text = readTextFile(path, size_t{1} << 24);
  if (!text)
    return text.status();
  nlohmann::json json = parseJson(*text);
  if (!json.is_object())
    return Status::failure(path + ": not a JSON object; restore it");
  for (const char *key : {"bos_token", "eos_token"}) {
    nlohmann::json token = json.value(key, nlohmann::json());
    // Older files keep the token's flags beside its text.
    if (token.is_object())
      token = token.value("content", nlohmann::json());
    if (token.is_null())
      continue;
    if (!token.is_string())
      return Status::failure(
          fmt::format("{}: {} is {}, expected a token's text", path, key,
                      printable(token.dump(), 40)));
    std::string content = token.get<std::string>();
    std::optional<uint32_t> id = file.tokenizer.idOf(content);
    if (!id)
      return Status::failure(fmt::format(
          "{}: {} is '{}', which is no token of {}; give the right one with "
          "--prefix-token ID",
          path, key, printable(content, 40), file.path));
    return id;
  }
  return std::optional<uint32_t>();
}

Expected<uint32_t> findPrefixToken(const TokenizerFile &file,
                                   std::optional<uint32_t> given,
                                   const std::string &checkpoint,
                                   const std::string &planPath,
                                   const std::string &planConfig) {
  const tokenizer::Tokenizer &tokenizer = file.tokenizer;
  auto check = [&](uint32_t id, const std::string &who) -> Expected<uint32_t> {
    if (tokenizer.has(id))
      return id;
    return Status::failure(fmt::format(
        "{}: {} is no token of {}, whose ids are below {}; give one with "
        "--prefix-token ID",
        who, id, file.path, tokenizer.vocabularySize()));
  };
  if (given)
    return check(*given, "--prefix-token");
  Expected<std::optional<uint32_t>> named = readTokenizerConfig(file);
  if (!named)
    return named.status();
  if (*named)
    return **named;
  if (!tokenizer.around().before.empty())
    return tokenizer.around().before.front();
  for (const char *key : {"bos_token_id", "eos_token_id"}) {
    Expected<std::vector<uint32_t>> ids =
        findConfigTokens(key, checkpoint, planPath, planConfig);
    if (!ids)
      return ids.status();
    if (!ids->empty())
      return check(ids->front(), fmt::format("{} of {}", key, checkpoint));
  }
  return Status::failure(fmt::format(
      "{}: nothing says which token begins a text: neither a "
      "tokenizer_config.json beside it (bos_token, eos_token) nor the config "
      "of "
      "the model (bos_token_id, eos_token_id); give --prefix-token ID",
      file.path));
}

} // namespace lns::tool
