//===- end_tokens.cpp - Tokens that end a text ----------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/tokens/end_tokens.h"

#include "tools/lns/base/file_io.h"
#include "tools/lns/base/json_text.h"
#include "tools/lns/checkpoint/run_folder.h"

#include <filesystem>
#include <fmt/format.h>

namespace lns::tool {

/// Where weights lie: a folder, a run's newest checkpoint, or a file's folder.
static std::string folderOf(const std::string &checkpoint) {
  if (isFolder(checkpoint))
    return latestCheckpoint(checkpoint).value_or(checkpoint);
  std::string folder = std::filesystem::path(checkpoint).parent_path().string();
  return folder.empty() ? "." : folder;
}

/// Adds what `text` says; `place` is for messages.
static Status readTokens(const char *key, const std::string &text,
                         const std::string &place, std::vector<uint32_t> &ids) {
  nlohmann::json json = parseJson(text);
  if (!json.is_object())
    return Status::failure(place + ": not a JSON object; restore it");
  auto found = json.find(key);
  if (found == json.end() || found->is_null())
    return Status::success();
  nlohmann::json list = *found;
  if (!list.is_array())
    list = nlohmann::json::array({list});
  for (const nlohmann::json &id : list) {
    if (!id.is_number_unsigned() || id.get<uint64_t>() > INT32_MAX)
      return Status::failure(
          fmt::format("{}: {} is {}, expected a token's id or a list of ids",
                      place, key, found->dump().substr(0, 80)));
    ids.push_back(id.get<uint32_t>());
  }
  return Status::success();
}

Expected<std::vector<uint32_t>> findEndTokens(const std::string &checkpoint,
                                              const std::string &planPath,
                                              const std::string &planConfig) {
  return findConfigTokens("eos_token_id", checkpoint, planPath, planConfig);
}

Expected<std::vector<uint32_t>>
findConfigTokens(const char *key, const std::string &checkpoint,
                 const std::string &planPath, const std::string &planConfig) {
  std::vector<uint32_t> ids;
  for (const char *name : {"generation_config.json", "config.json"}) {
    std::string path = folderOf(checkpoint) + "/" + name;
    if (!pathExists(path))
      continue;
    Expected<std::string> text = readTextFile(path, size_t{1} << 24);
    if (!text)
      return text.status();
    LNS_RETURN_IF_ERROR(readTokens(key, *text, path, ids));
    if (!ids.empty())
      return ids;
  }
  if (!planConfig.empty())
    LNS_RETURN_IF_ERROR(
        readTokens(key, planConfig, planPath + ": its config.json", ids));
  return ids;
}

} // namespace lns::tool
