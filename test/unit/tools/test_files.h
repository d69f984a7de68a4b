//===- test_files.h - Temporary folders for tests ---------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TEST_UNIT_TOOLS_TEST_FILES_H
#define LNS_TEST_UNIT_TOOLS_TEST_FILES_H

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <sstream>
#include <string>
#include <sys/resource.h>
#include <vector>

/// A fresh folder that goes away with the test.
class TempFolder {
public:
  TempFolder() {
    std::string pattern =
        (std::filesystem::temp_directory_path() / "lns-test-XXXXXX").string();
    if (char *made = ::mkdtemp(pattern.data()))
      path = made;
  }
  ~TempFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
  std::string operator/(const std::string &name) const {
    return path + "/" + name;
  }
  /// Names in the folder or one below it, hidden ones too, sorted.
  std::vector<std::string> list(const std::string &below = "") const {
    std::vector<std::string> names;
    for (const auto &entry :
         std::filesystem::directory_iterator(path + "/" + below))
      names.push_back(entry.path().filename().string());
    std::sort(names.begin(), names.end());
    return names;
  }
  std::string path;
};

/// Lets writes fail beyond `bytes`, as a full disk does.
class FileSizeLimit {
public:
  explicit FileSizeLimit(rlim_t bytes) {
    oldHandler = std::signal(SIGXFSZ, SIG_IGN);
    ::getrlimit(RLIMIT_FSIZE, &old);
    rlimit limit = old;
    limit.rlim_cur = bytes;
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &old);
    std::signal(SIGXFSZ, oldHandler);
  }

private:
  rlimit old;
  void (*oldHandler)(int);
};

inline void writeBytes(const std::string &path, const std::string &bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

inline std::string readBytes(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

/// The error's text contains `part`; prints it otherwise.
template <typename T>
::testing::AssertionResult failsWith(const T &result, const std::string &part) {
  const std::string &message = result.message();
  if (!result.ok() && message.find(part) != std::string::npos)
    return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure()
         << "expected '" << part << "', got '" << message << "'";
}

#endif // LNS_TEST_UNIT_TOOLS_TEST_FILES_H
