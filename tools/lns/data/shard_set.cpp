//===- shard_set.cpp - The shards that a path names -----------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/data/shard_set.h"

#include "tools/lns/base/file_io.h"
#include "tools/lns/base/printable.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fmt/format.h>
#include <glob.h>
#include <nlohmann/json.hpp>

namespace fs = std::filesystem;

namespace lns::tool {

bool isHeldOutName(std::string_view fileName) {
  std::string part;
  auto isHeldOut = [&] {
    return part == "val" || part == "valid" || part == "validation" ||
           part == "test" || part == "heldout";
  };
  for (char c : fileName) {
    if (c == '_' || c == '-' || c == '.' || (c >= '0' && c <= '9')) {
      if (isHeldOut())
        return true;
      part.clear();
      continue;
    }
    part += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  }
  return isHeldOut();
}

/// The *.bin files of a folder; hidden ones are work in progress.
static std::vector<std::string> listFolder(const std::string &folder) {
  std::vector<std::string> paths;
  std::error_code error;
  fs::directory_iterator it(folder, error), end;
  for (; !error && it != end; it.increment(error)) {
    std::string name = it->path().filename().string();
    if (name.ends_with(".bin") && !name.starts_with('.') &&
        !isFolder(it->path().string()))
      paths.push_back((fs::path(folder) / name).string());
  }
  return paths;
}

static std::vector<std::string> listPattern(const std::string &pattern) {
  std::vector<std::string> paths;
  glob_t found = {};
  if (::glob(pattern.c_str(), 0, nullptr, &found) == 0)
    paths.assign(found.gl_pathv, found.gl_pathv + found.gl_pathc);
  ::globfree(&found);
  return paths;
}

/// Other programs have files of this name, too: what is not understood says
/// nothing.
static std::optional<DataFacts> readFacts(const std::string &path) {
  if (!pathExists(path))
    return {};
  Expected<std::string> text = readTextFile(path, 1 << 26);
  if (!text)
    return {};
  nlohmann::json json = nlohmann::json::parse(*text, nullptr, false);
  if (!json.is_object())
    return {};
  auto vocabulary = json.find("vocabulary");
  auto tokenizer = json.find("tokenizer");
  if (vocabulary == json.end() || !vocabulary->is_number_unsigned())
    return {};
  DataFacts facts{path, vocabulary->get<uint64_t>(),
                  tokenizer != json.end() && *tokenizer == "byte"};
  for (auto [key, value] : {std::pair{"val_tokens", &facts.valTokens},
                            std::pair{"val_bytes", &facts.valBytes}})
    if (auto found = json.find(key);
        found != json.end() && found->is_number_unsigned())
      *value = found->get<uint64_t>();
  return facts;
}

Expected<ShardSet> findShards(const std::string &folderOrPattern) {
  std::vector<std::string> paths;
  if (isFolder(folderOrPattern))
    paths = listFolder(folderOrPattern);
  else if (pathExists(folderOrPattern))
    paths = {folderOrPattern};
  else
    paths = listPattern(folderOrPattern);
  if (paths.empty())
    return Status::failure(fmt::format(
        "{}: no token shard found{}; make some with 'lns data prepare'",
        folderOrPattern, isFolder(folderOrPattern) ? " (*.bin)" : ""));
  std::sort(paths.begin(), paths.end());
  ShardSet set;
  set.facts =
      readFacts((fs::path(paths[0]).parent_path() / "meta.json").string());
  for (std::string &path : paths) {
    bool heldOut = isHeldOutName(fs::path(path).filename().string());
    (heldOut ? set.val : set.train).push_back(std::move(path));
  }
  return set;
}

bool tokensAreBytes(const std::optional<DataFacts> &facts,
                    uint32_t vocabulary) {
  return facts ? facts->bytes : vocabulary == 256;
}

std::optional<double> bytesPerToken(const std::optional<DataFacts> &facts,
                                    uint32_t vocabulary, uint64_t targets) {
  if (tokensAreBytes(facts, vocabulary))
    return 1;
  if (!facts || facts->valBytes == 0 || facts->valTokens == 0 ||
      facts->valTokens - 1 != targets)
    return std::nullopt;
  return static_cast<double>(facts->valBytes) /
         static_cast<double>(facts->valTokens);
}

void compareVocabulary(const std::optional<DataFacts> &facts,
                       uint32_t vocabulary, std::vector<std::string> &notes) {
  if (facts && facts->vocabulary < vocabulary)
    notes.push_back(fmt::format(
        "{}: the data has a vocabulary of {}, the plan one of {}: tokens from "
        "{} on never occur; is this the data for this model?",
        facts->path, facts->vocabulary, vocabulary, facts->vocabulary));
}

void dropEmptyShards(std::vector<std::string> &paths,
                     std::optional<TokenType> headerless,
                     std::vector<std::string> &notes) {
  std::erase_if(paths, [&](const std::string &path) {
    std::error_code error;
    // Of larger ones the checksum is compared once, when they are used.
    constexpr size_t most = Shard::headerBytes + sizeof(uint32_t);
    if (fs::file_size(path, error) > most || error)
      return false;
    Expected<Shard> shard = Shard::open(path, headerless);
    if (!shard || shard->size() > 1)
      return false;
    notes.push_back(
        fmt::format("{}: holds {} and is left out", path,
                    shard->size() == 0 ? "no tokens" : "a single token"));
    return true;
  });
}

Expected<std::vector<Shard>> openShards(const std::vector<std::string> &paths,
                                        std::optional<TokenType> headerless,
                                        std::vector<std::string> &notes) {
  using Clock = std::chrono::steady_clock;
  Clock::time_point begin = Clock::now();
  std::vector<Shard> shards;
  uint64_t verified = 0;
  for (const std::string &path : paths) {
    Expected<Shard> shard = Shard::open(path, headerless);
    if (!shard)
      return shard.status();
    if (shard->checksum())
      ++verified;
    shards.push_back(std::move(*shard));
  }
  std::chrono::duration<double> taken = Clock::now() - begin;
  if (verified > 0 && taken.count() > 2)
    notes.push_back(fmt::format("verified the checksums of {} shards in {:.1f} "
                                "s",
                                verified, taken.count()));
  return shards;
}

} // namespace lns::tool
