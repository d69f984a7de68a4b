//===- run_folder.cpp - The checkpoints of a run --------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/checkpoint/run_folder.h"

#include "tools/lns/base/file_io.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fmt/format.h>

namespace fs = std::filesystem;

namespace lns::tool {

std::string checkpointPath(const std::string &runFolder, uint64_t step) {
  return fmt::format("{}/step-{:06}", runFolder, step);
}

std::vector<CheckpointEntry> listCheckpoints(const std::string &runFolder) {
  constexpr std::string_view prefix = "step-";
  std::vector<CheckpointEntry> entries;
  std::error_code error;
  fs::directory_iterator it(runFolder, error), end;
  for (; !error && it != end; it.increment(error)) {
    std::string name = it->path().filename().string();
    if (!name.starts_with(prefix))
      continue;
    uint64_t step = 0;
    const char *last = name.data() + name.size();
    auto [stop, code] =
        std::from_chars(name.data() + prefix.size(), last, step);
    if (code == std::errc() && stop == last)
      entries.push_back({it->path().string(), step});
  }
  std::sort(entries.begin(), entries.end(),
            [](const CheckpointEntry &a, const CheckpointEntry &b) {
              return a.step != b.step ? a.step > b.step : a.path > b.path;
            });
  return entries;
}

std::optional<std::string> latestCheckpoint(const std::string &runFolder) {
  std::vector<CheckpointEntry> entries = listCheckpoints(runFolder);
  if (entries.empty())
    return std::nullopt;
  return entries.front().path;
}

Status clearCheckpointPath(const std::string &path, std::string &movedTo) {
  if (!pathExists(path))
    return Status::success();
  std::string to = path + ".damaged";
  for (unsigned number = 2; pathExists(to); ++number)
    to = fmt::format("{}.damaged-{}", path, number);
  LNS_RETURN_IF_ERROR(moveAside(path, to));
  movedTo = to;
  return Status::success();
}

} // namespace lns::tool
