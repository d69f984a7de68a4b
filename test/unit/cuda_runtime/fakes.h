//===- fakes.h - Tests with the fake libraries -------------------- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TEST_UNIT_CUDA_RUNTIME_FAKES_H
#define LNS_TEST_UNIT_CUDA_RUNTIME_FAKES_H

#include "runtime/base/error.h"

#include <gtest/gtest.h>
#include <map>
#include <optional>
#include <string>

namespace lns::test {

/// A folder of this test's own, gone with it.
class TemporaryFolder {
public:
  TemporaryFolder();
  TemporaryFolder(const TemporaryFolder &) = delete;
  TemporaryFolder &operator=(const TemporaryFolder &) = delete;
  ~TemporaryFolder();
  const std::string &path() const { return folder; }
  std::string operator/(const std::string &name) const {
    return folder + "/" + name;
  }

private:
  std::string folder;
};

/// The environment names the fake libraries, each at a path that no other test
/// of the process has used, so that none finds a table that is made already.
/// The cache is an empty folder.
class FakeCuda : public testing::Test {
protected:
  FakeCuda();
  ~FakeCuda() override;

  /// Until the test ends.
  void set(const char *variable, const std::string &value);
  void unset(const char *variable);

  std::string cacheFolder() const { return folder / "cache"; }
  /// Files of the cache that are entries.
  std::vector<std::string> cacheEntries() const;
  /// Lines of a file, 0 when it is not there.
  static size_t countLines(const std::string &path);
  /// A function of the fake driver for tests.
  template <typename Function> Function *driverFunction(const char *name) {
    return reinterpret_cast<Function *>(driverSymbol(name));
  }

  TemporaryFolder folder;

private:
  void *driverSymbol(const char *name);
  std::map<std::string, std::optional<std::string>> before;
};

/// Both of an error, to compare.
std::string messageOf(const Error &error);

} // namespace lns::test

#endif // LNS_TEST_UNIT_CUDA_RUNTIME_FAKES_H
