//===- ReadFiles.cpp - Seeds from files of this repository ----------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "ReadFiles.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace fs = std::filesystem;

std::vector<std::string>
lns::fuzz::readFiles(const std::vector<std::string> &folders,
                     const std::string &suffix) {
  std::vector<fs::path> paths;
  for (const std::string &folder : folders)
    for (const auto &entry : fs::recursive_directory_iterator(folder))
      if (entry.path().filename().string().ends_with(suffix))
        paths.push_back(entry.path());
  // A folder has no order of its own, and replayed mutations are to be the same
  // everywhere.
  std::sort(paths.begin(), paths.end());
  const std::string cut = "// -----";
  std::vector<std::string> inputs;
  for (const fs::path &path : paths) {
    std::ifstream file(path, std::ios::binary);
    std::string text(std::istreambuf_iterator<char>(file), {});
    for (size_t at = 0; at != std::string::npos;) {
      size_t end = text.find(cut, at);
      inputs.push_back(text.substr(at, end - at));
      at = end == std::string::npos ? end : end + cut.size();
    }
  }
  return inputs;
}
