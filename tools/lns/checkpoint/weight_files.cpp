//===- weight_files.cpp - The files of a checkpoint -----------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/checkpoint/weight_files.h"

#include "tools/lns/base/file_io.h"
#include "tools/lns/base/printable.h"
#include "tools/lns/checkpoint/manifest.h"
#include "tools/lns/checkpoint/run_folder.h"

#include <algorithm>
#include <filesystem>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <set>

namespace fs = std::filesystem;
using nlohmann::json;

namespace lns::tool {

static constexpr const char *modelFile = "/model.safetensors";
static constexpr const char *indexFile = "/model.safetensors.index.json";

/// The largest published models have indices of less than 10 MB.
static constexpr size_t maxIndexBytes = size_t{1} << 25;

std::vector<std::string> WeightFiles::filePaths() const {
  std::vector<std::string> paths;
  for (const SafetensorsFile &file : files)
    paths.push_back(file.path());
  return paths;
}

std::optional<std::string> WeightFiles::metadata(const std::string &key) const {
  for (const SafetensorsFile &file : files)
    if (auto it = file.metadata().find(key); it != file.metadata().end())
      return it->second;
  return {};
}

Status WeightFiles::add(const std::string &path) {
  LNS_RETURN_IF_ERROR(verifyWithManifest(path));
  Expected<SafetensorsFile> opened = SafetensorsFile::open(path);
  if (!opened)
    return opened.status();
  files.push_back(std::move(*opened));
  for (const SafetensorsEntry &entry : files.back().tensors()) {
    auto [it, isNew] = byName.insert({entry.name, {files.size() - 1, &entry}});
    if (!isNew)
      return Status::failure(fmt::format(
          "{}: tensor '{}' is in {}, too; remove one of the files", path,
          printable(entry.name), files[it->second.file].path()));
  }
  return Status::success();
}

//===----------------------------------------------------------------------===//
// Index
//===----------------------------------------------------------------------===//

/// Tensor to file.
using WeightMap = std::map<std::string, std::string>;

static Expected<WeightMap> readIndex(const std::string &path) {
  Expected<std::string> text = readTextFile(path, maxIndexBytes);
  if (!text)
    return text.status();
  std::set<std::string> keys;
  std::string twice;
  // Keeps two levels of objects, whatever else stands there.
  auto watch = [&](int depth, json::parse_event_t event, json &value) {
    if (event == json::parse_event_t::key && depth == 2) {
      const std::string &key = value.get_ref<const std::string &>();
      if (!keys.insert(key).second && twice.empty())
        twice = key;
    } else if (event == json::parse_event_t::object_end && depth == 1) {
      keys.clear();
    }
    return !(event == json::parse_event_t::array_start ||
             (event == json::parse_event_t::object_start && depth > 1));
  };
  json index = json::parse(*text, watch, false);
  if (!index.is_object() || !index.contains("weight_map") ||
      !index["weight_map"].is_object())
    return Status::failure(
        fmt::format("{}: not an index of safetensors files: has no "
                    "\"weight_map\"; give the "
                    "folder, the index or a safetensors file",
                    path));
  if (!twice.empty())
    return Status::failure(
        fmt::format("{}: '{}' stands twice", path, printable(twice)));
  WeightMap map;
  for (const auto &[tensor, file] : index["weight_map"].items()) {
    if (!file.is_string())
      return Status::failure(
          fmt::format("{}: the file of tensor '{}' is not a string", path,
                      printable(tensor)));
    const std::string &name = file.get_ref<const std::string &>();
    if (name.empty() || name == "." || name == ".." ||
        name.find('/') != std::string::npos ||
        name.find('\0') != std::string::npos)
      return Status::failure(fmt::format(
          "{}: tensor '{}' shall be in '{}', which is no name of a file beside "
          "the index",
          path, printable(tensor), printable(name)));
    map[tensor] = name;
  }
  if (map.empty())
    return Status::failure(fmt::format("{}: the index is empty", path));
  return map;
}

Expected<WeightFiles> WeightFiles::openIndex(const std::string &path) {
  Expected<WeightMap> map = readIndex(path);
  if (!map)
    return map.status();
  const fs::path folder = fs::path(path).parent_path();
  std::set<std::string> names, absent;
  for (const auto &[tensor, file] : *map) {
    names.insert(file);
    if (!pathExists((folder / file).string()))
      absent.insert(file);
  }
  if (!absent.empty())
    return Status::failure(fmt::format(
        "{}: {} of its {} files are not there, the first is '{}'; download "
        "them, too",
        path, absent.size(), names.size(), printable(*absent.begin())));
  WeightFiles result;
  result.name = path;
  // Entries are referred to by address, files by number.
  result.files.reserve(names.size());
  for (const std::string &file : names)
    LNS_RETURN_IF_ERROR(result.add((folder / file).string()));
  for (const auto &[tensor, file] : *map) {
    auto it = result.byName.find(tensor);
    if (it == result.byName.end() ||
        fs::path(result.files[it->second.file].path()).filename() != file)
      return Status::failure(fmt::format(
          "{}: tensor '{}' shall be in '{}', which does not have it; the files "
          "and the index do not belong together",
          path, printable(tensor), printable(file)));
  }
  return result;
}

//===----------------------------------------------------------------------===//
// Paths
//===----------------------------------------------------------------------===//

/// Files of weights that a folder has and that cannot be taken.
static std::string otherWeights(const std::string &folder) {
  std::vector<std::string> names;
  std::error_code error;
  fs::directory_iterator it(folder, error), end;
  for (; !error && it != end; it.increment(error)) {
    std::string extension = it->path().extension().string();
    for (const char *known :
         {".safetensors", ".bin", ".pt", ".pth", ".ckpt", ".gguf"})
      if (extension == known)
        names.push_back(it->path().filename().string());
  }
  if (names.empty())
    return "";
  std::sort(names.begin(), names.end());
  return fmt::format(
      "; it has {}{}: give the path of a safetensors file", printable(names[0]),
      names.size() == 1 ? std::string()
                        : fmt::format(" and {} more", names.size() - 1));
}

Expected<WeightFiles> WeightFiles::openFile(const std::string &path) {
  WeightFiles result;
  result.name = path;
  LNS_RETURN_IF_ERROR(result.add(path));
  return result;
}

Expected<WeightFiles> WeightFiles::open(const std::string &path) {
  std::string folder = path;
  if (!isFolder(folder))
    return path.ends_with(".json") ? openIndex(path) : openFile(path);
  auto hasWeights = [](const std::string &candidate) {
    return pathExists(candidate + modelFile) ||
           pathExists(candidate + indexFile);
  };
  if (!hasWeights(folder)) {
    std::optional<std::string> latest = latestCheckpoint(folder);
    if (!latest)
      return Status::failure(fmt::format(
          "{}: holds neither model.safetensors, nor its index, nor a "
          "checkpoint step-*{}",
          path, otherWeights(path)));
    folder = *latest;
  }
  // Of both, transformers takes the single file, too.
  return pathExists(folder + modelFile) || !pathExists(folder + indexFile)
             ? openFile(folder + modelFile)
             : openIndex(folder + indexFile);
}

} // namespace lns::tool
