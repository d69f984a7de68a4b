//===- chat_files.cpp - What lies beside a tokenizer ----------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/tokens/chat_files.h"

#include "tools/lns/base/checksum.h"
#include "tools/lns/base/file_io.h"
#include "tools/lns/base/json_text.h"
#include "tools/lns/base/printable.h"
#include "tools/lns/tokens/end_tokens.h"

#include <algorithm>
#include <filesystem>
#include <fmt/format.h>

using nlohmann::json;

namespace lns::tool {

static constexpr size_t maxConfigBytes = size_t{1} << 24;

static std::string folderOf(const TokenizerFile &tokenizer) {
  std::string folder =
      std::filesystem::path(tokenizer.path).parent_path().string();
  return folder.empty() ? "." : folder;
}

/// tokenizer_config.json; a null value if there is none.
static Expected<json> readConfig(const std::string &path) {
  if (!pathExists(path))
    return json();
  Expected<std::string> text = readTextFile(path, maxConfigBytes);
  if (!text)
    return text.status();
  Expected<json> config = parseStrictJson(*text);
  if (!config)
    return Status::failure(path + ": " + config.status().message());
  if (!config->is_object())
    return Status::failure(path + ": not a JSON object; restore it");
  return config;
}

static Expected<std::optional<ChatTemplate>>
recognize(const std::string &jinja, const std::string &place) {
  if (std::optional<ChatTemplate> found = recognizeTemplate(jinja))
    return found;
  Checksum sum;
  sum.add(jinja.data(), jinja.size());
  return Status::failure(fmt::format(
      "{}: this chat template is not a known one ({} bytes, XXH64 {}), and "
      "Jinja is not run; choose one that is built in: --template={}",
      place, jinja.size(), checksumText(sum.value()),
      fmt::join(ChatTemplate::names(), "|")));
}

Expected<std::optional<ChatTemplate>>
findChatTemplate(const TokenizerFile &tokenizer) {
  std::string path = folderOf(tokenizer) + "/chat_template.jinja";
  if (pathExists(path)) {
    Expected<std::string> text = readTextFile(path, maxConfigBytes);
    if (!text)
      return text.status();
    return recognize(*text, path);
  }
  path = folderOf(tokenizer) + "/tokenizer_config.json";
  Expected<json> config = readConfig(path);
  if (!config)
    return config.status();
  auto found = config->find("chat_template");
  if (found == config->end() || found->is_null())
    return std::optional<ChatTemplate>();
  if (found->is_string())
    return recognize(found->get<std::string>(), path);
  // Several by name, of which "default" is the one that is meant.
  if (found->is_array())
    for (const json &entry : *found)
      if (entry.is_object() && entry.value("name", json()) == "default" &&
          entry.value("template", json()).is_string())
        return recognize(entry["template"].get<std::string>(), path);
  return Status::failure(fmt::format(
      "{}: chat_template is neither a text nor a list with one that is named "
      "'default'; choose one that is built in: --template={}",
      path, fmt::join(ChatTemplate::names(), "|")));
}

Expected<std::string> findEndToken(const TokenizerFile &tokenizer) {
  std::string path = folderOf(tokenizer) + "/tokenizer_config.json";
  Expected<json> config = readConfig(path);
  if (!config)
    return config.status();
  if (auto found = config->find("eos_token"); found != config->end()) {
    // A string, or an object that says how the token is cut out.
    if (found->is_string())
      return found->get<std::string>();
    if (found->is_object() && found->value("content", json()).is_string())
      return (*found)["content"].get<std::string>();
    if (!found->is_null())
      return Status::failure(
          fmt::format("{}: eos_token is neither a text nor an object with "
                      "'content'; give the token with --eos",
                      path));
  }
  Expected<std::vector<uint32_t>> ids =
      findEndTokens(folderOf(tokenizer), "", "");
  if (!ids)
    return ids.status();
  if (ids->empty() && tokenizer.tokenizer.around().behind.size() == 1)
    ids->push_back(tokenizer.tokenizer.around().behind[0]);
  if (ids->empty())
    return Status::failure(fmt::format(
        "{}: which token ends a document is said neither by it nor by "
        "tokenizer_config.json or config.json beside it; give it with --eos",
        tokenizer.path));
  const std::string *content = tokenizer.tokenizer.contentOf(ids->front());
  if (!content)
    return Status::failure(fmt::format(
        "{}: has no token {}, which is the eos_token_id of the config beside "
        "it; give the token that ends a document with --eos",
        tokenizer.path, ids->front()));
  return *content;
}

Status requireToken(const TokenizerFile &tokenizer, const std::string &token,
                    const std::string &why, const std::string &remedy) {
  const std::vector<tokenizer::AddedToken> &added =
      tokenizer.tokenizer.addedTokens();
  if (std::any_of(added.begin(), added.end(),
                  [&](const auto &entry) { return entry.content == token; }))
    return Status::success();
  return Status::failure(
      fmt::format("{}: '{}' is none of its added tokens, and {}; {}",
                  tokenizer.path, printable(token, 80), why, remedy));
}

} // namespace lns::tool
