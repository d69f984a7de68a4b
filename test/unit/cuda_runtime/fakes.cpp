//===- fakes.cpp - Tests with the fake libraries --------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "fakes.h"

#include <algorithm>
#include <cstdlib>
#include <dlfcn.h>
#include <filesystem>
#include <fstream>

using namespace lns;
using namespace lns::test;

TemporaryFolder::TemporaryFolder() {
  folder = testing::TempDir() + "/lns-cuda-XXXXXX";
  if (!mkdtemp(folder.data()))
    std::abort();
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code problem;
  std::filesystem::remove_all(folder, problem);
}

FakeCuda::FakeCuda() {
  struct Library {
    const char *variable, *file, *name;
  };
  for (Library library :
       {Library{"LNSRT_CUDA_DRIVER", LNS_FAKE_DRIVER, "driver.so"},
        Library{"LNSRT_NVRTC", LNS_FAKE_NVRTC, "nvrtc.so"},
        Library{"LNSRT_CUBLASLT", LNS_FAKE_CUBLASLT, "cublaslt.so"}}) {
    std::filesystem::create_symlink(library.file, folder / library.name);
    set(library.variable, folder / library.name);
  }
  set("LNSRT_CACHE_DIR", cacheFolder());
  for (const char *variable : {"LNSRT_CUDA_PRODUCTS", "LNSRT_CUDA_CHECK",
                               "LNSRT_CUDA_STRICT", "LNSRT_CUDA_DUMP"})
    unset(variable);
}

FakeCuda::~FakeCuda() {
  for (const auto &[name, value] : before) {
    if (value)
      setenv(name.c_str(), value->c_str(), 1);
    else
      unsetenv(name.c_str());
  }
}

void FakeCuda::set(const char *variable, const std::string &value) {
  const char *old = std::getenv(variable);
  before.emplace(variable,
                 old ? std::optional<std::string>(old) : std::nullopt);
  setenv(variable, value.c_str(), 1);
}

void FakeCuda::unset(const char *variable) {
  set(variable, "");
  unsetenv(variable);
}

std::vector<std::string> FakeCuda::cacheEntries() const {
  std::vector<std::string> names;
  std::error_code problem;
  for (const auto &entry :
       std::filesystem::directory_iterator(cacheFolder(), problem))
    names.push_back(entry.path().string());
  std::sort(names.begin(), names.end());
  return names;
}

size_t FakeCuda::countLines(const std::string &path) {
  std::ifstream file(path);
  return size_t(std::count(std::istreambuf_iterator<char>(file), {}, '\n'));
}

void *FakeCuda::driverSymbol(const char *name) {
  void *library = dlopen(LNS_FAKE_DRIVER, RTLD_NOW | RTLD_LOCAL);
  void *symbol = library ? dlsym(library, name) : nullptr;
  if (!symbol)
    std::abort();
  return symbol;
}

std::string lns::test::messageOf(const Error &error) {
  return error ? error->message : "";
}
