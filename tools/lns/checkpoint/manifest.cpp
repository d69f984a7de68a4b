//===- manifest.cpp - What a checkpoint's files were when written ---------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/checkpoint/manifest.h"

#include "tools/lns/base/json_text.h"

#include <charconv>
#include <filesystem>
#include <fmt/format.h>

namespace lns::tool {

static Status damaged(const std::string &path) {
  return Status::failure(fmt::format(
      "{}: damaged: it is not the list of files that lns writes; take another "
      "checkpoint",
      path));
}

/// 16 hexadecimal digits.
static bool parseChecksum(const std::string &text, uint64_t &value) {
  const char *end = text.data() + text.size();
  auto [stop, error] = std::from_chars(text.data(), end, value, 16);
  return text.size() == 16 && error == std::errc() && stop == end;
}

Expected<std::optional<Manifest>> Manifest::read(const std::string &folder) {
  std::string path = folder + "/" + fileName;
  if (!pathExists(path))
    return std::optional<Manifest>();
  Expected<std::string> text = readTextFile(path, 1 << 20);
  if (!text)
    return text.status();
  nlohmann::json json = parseJson(*text);
  if (!json.is_object() || json.value("format", nlohmann::json()) != 1 ||
      !json.contains("files") || !json["files"].is_object())
    return damaged(path);
  Manifest manifest;
  for (const auto &[name, entry] : json["files"].items()) {
    FileSummary summary;
    // A name leads nowhere else than into this folder.
    if (name.empty() || name.find('/') != std::string::npos || name == ".." ||
        !entry.is_object() || !entry.contains("bytes") ||
        !entry["bytes"].is_number_unsigned() || !entry.contains("xxh64") ||
        !entry["xxh64"].is_string() ||
        !parseChecksum(entry["xxh64"].get<std::string>(), summary.checksum))
      return damaged(path);
    summary.bytes = entry["bytes"].get<uint64_t>();
    manifest.add(name, summary);
  }
  return std::optional<Manifest>(std::move(manifest));
}

Status Manifest::write(const std::string &folder) const {
  nlohmann::ordered_json entries = nlohmann::ordered_json::object();
  for (const auto &[name, summary] : files)
    entries[name] = {{"bytes", summary.bytes},
                     {"xxh64", checksumText(summary.checksum)}};
  nlohmann::ordered_json json = {{"format", 1}, {"files", entries}};
  Expected<AtomicFile> file = AtomicFile::create(folder + "/" + fileName);
  if (!file)
    return file.status();
  LNS_RETURN_IF_ERROR(file->write(json.dump(2) + "\n"));
  return file->commit();
}

Status Manifest::verify(const std::string &folder,
                        const std::string &name) const {
  std::string path = folder + "/" + name;
  auto entry = files.find(name);
  if (entry == files.end())
    return Status::failure(
        fmt::format("{}: damaged: {} does not name it; take another checkpoint",
                    path, fileName));
  if (!pathExists(path))
    return Status::failure(fmt::format(
        "{}: missing, but {} names it; copy the checkpoint again or take "
        "another one",
        path, fileName));
  Expected<FileSummary> found = summarizeFile(path);
  if (!found)
    return found.status();
  const FileSummary &expected = entry->second;
  if (found->bytes != expected.bytes)
    return Status::failure(fmt::format(
        "{}: damaged: {} bytes, {} were written; copy the checkpoint again or "
        "take another one",
        path, found->bytes, expected.bytes));
  if (found->checksum != expected.checksum)
    return Status::failure(fmt::format(
        "{}: damaged: checksum {}, {} was written; take another checkpoint, or "
        "remove {} if the file was changed on purpose",
        path, checksumText(found->checksum), checksumText(expected.checksum),
        fileName));
  return Status::success();
}

Status verifyWithManifest(const std::string &path) {
  std::filesystem::path file(path);
  std::string folder = file.parent_path().string();
  if (folder.empty())
    folder = ".";
  Expected<std::optional<Manifest>> manifest = Manifest::read(folder);
  if (!manifest)
    return manifest.status();
  std::string name = file.filename().string();
  if (!*manifest || !(*manifest)->entries().contains(name))
    return Status::success();
  return (*manifest)->verify(folder, name);
}

} // namespace lns::tool
