//===- run_record.cpp - What shapes a run ---------------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/checkpoint/run_record.h"

#include "tools/lns/base/checksum.h"
#include "tools/lns/base/file_io.h"

#include <algorithm>
#include <filesystem>
#include <fmt/format.h>

namespace lns::tool {

/// Size and checksum of the parts of a file that are read.
static Expected<ShardFingerprint> fingerprint(const std::string &path) {
  constexpr uint64_t block = 4096, blocks = 64, edge = 65536;
  Expected<InputFile> file = InputFile::open(path);
  if (!file)
    return file.status();
  Checksum sum;
  std::vector<std::byte> buffer;
  auto add = [&](uint64_t first, uint64_t count) {
    buffer.resize(count);
    LNS_RETURN_IF_ERROR(file->read(first, buffer));
    sum.add(buffer.data(), buffer.size());
    return Status::success();
  };
  uint64_t bytes = file->size();
  if (bytes <= 2 * edge + blocks * block) {
    LNS_RETURN_IF_ERROR(add(0, bytes));
  } else {
    LNS_RETURN_IF_ERROR(add(0, edge));
    uint64_t stride = (bytes - 2 * edge) / blocks;
    for (uint64_t i = 0; i < blocks; ++i)
      LNS_RETURN_IF_ERROR(add(edge + i * stride, block));
    LNS_RETURN_IF_ERROR(add(bytes - edge, edge));
  }
  return ShardFingerprint{std::filesystem::path(path).filename().string(),
                          bytes, checksumText(sum.value())};
}

Expected<std::vector<ShardFingerprint>>
fingerprintShards(const std::vector<std::string> &paths) {
  std::vector<ShardFingerprint> shards;
  for (const std::string &path : paths) {
    Expected<ShardFingerprint> shard = fingerprint(path);
    if (!shard)
      return shard.status();
    shards.push_back(std::move(*shard));
  }
  return shards;
}

/// The first difference between two sets of shards; empty for none.
static std::string describeShards(const std::vector<ShardFingerprint> &before,
                                  const std::vector<ShardFingerprint> &now) {
  size_t common = std::min(before.size(), now.size());
  for (size_t i = 0; i < common; ++i) {
    const ShardFingerprint &old = before[i], &own = now[i];
    if (old.name != own.name)
      return fmt::format("{} is in the place of {}", own.name, old.name);
    if (old.bytes != own.bytes)
      return fmt::format("{} has {} bytes, it had {}", own.name, own.bytes,
                         old.bytes);
    if (old.digest != own.digest)
      return fmt::format("{} has other tokens", own.name);
  }
  if (before.size() != now.size())
    return fmt::format("{} shards, there were {}", now.size(), before.size());
  return "";
}

std::vector<std::string> describeChanges(const RunRecord &before,
                                         const RunRecord &now) {
  std::vector<std::string> changes;
  for (const auto &[name, value] : now.options) {
    auto old = before.options.find(name);
    if (old != before.options.end() && old->second != value)
      changes.push_back(
          fmt::format("{} is {}, it was {}", name, value, old->second));
  }
  auto compare = [&](const char *what, const std::vector<ShardFingerprint> &old,
                     const std::vector<ShardFingerprint> &own) {
    std::string difference = describeShards(old, own);
    if (!old.empty() && !difference.empty())
      changes.push_back(fmt::format("other {} data: {}", what, difference));
  };
  compare("training", before.data, now.data);
  compare("held-out", before.heldOut, now.heldOut);
  return changes;
}

static nlohmann::ordered_json
shardsToJson(const std::vector<ShardFingerprint> &shards) {
  nlohmann::ordered_json json = nlohmann::ordered_json::array();
  for (const ShardFingerprint &shard : shards)
    json.push_back({{"name", shard.name},
                    {"bytes", shard.bytes},
                    {"digest", shard.digest}});
  return json;
}

void writeRecord(const RunRecord &record, nlohmann::ordered_json &json) {
  json["options"] = record.options;
  json["data"] = shardsToJson(record.data);
  json["held_out"] = shardsToJson(record.heldOut);
}

static bool shardsFromJson(const nlohmann::json &json, const char *key,
                           std::vector<ShardFingerprint> &shards) {
  if (!json.contains(key))
    return true;
  if (!json[key].is_array())
    return false;
  for (const nlohmann::json &entry : json[key]) {
    if (!entry.is_object() || !entry.contains("name") ||
        !entry["name"].is_string() || !entry.contains("bytes") ||
        !entry["bytes"].is_number_unsigned() || !entry.contains("digest") ||
        !entry["digest"].is_string())
      return false;
    shards.push_back({entry["name"].get<std::string>(),
                      entry["bytes"].get<uint64_t>(),
                      entry["digest"].get<std::string>()});
  }
  return true;
}

bool readRecord(const nlohmann::json &json, RunRecord &record) {
  if (json.contains("options")) {
    if (!json["options"].is_object())
      return false;
    for (const auto &[name, value] : json["options"].items()) {
      if (!value.is_string())
        return false;
      record.options[name] = value.get<std::string>();
    }
  }
  return shardsFromJson(json, "data", record.data) &&
         shardsFromJson(json, "held_out", record.heldOut);
}

} // namespace lns::tool
