//===- MemoryFile.cpp - Files for parsers that take a path ----------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "MemoryFile.h"

#include "Target.h"

#include <fcntl.h>
#include <filesystem>
#include <sys/mman.h>
#include <unistd.h>

using namespace lns::fuzz;

static void writeAll(int descriptor, std::string_view bytes) {
  require(ftruncate(descriptor, 0) == 0);
  require(pwrite(descriptor, bytes.data(), bytes.size(), 0) ==
          ssize_t(bytes.size()));
}

MemoryFile::MemoryFile()
    : descriptor(memfd_create("input", MFD_CLOEXEC)),
      name("/proc/self/fd/" + std::to_string(descriptor)) {
  require(descriptor >= 0);
}

MemoryFile::~MemoryFile() { close(descriptor); }

const std::string &MemoryFile::write(std::string_view bytes) {
  writeAll(descriptor, bytes);
  return name;
}

ScratchFolder::ScratchFolder() {
  std::string parent = "/dev/shm";
  if (access(parent.c_str(), W_OK) != 0)
    parent = std::filesystem::temp_directory_path();
  name = parent + "/lns-fuzz-XXXXXX";
  require(mkdtemp(name.data()));
}

ScratchFolder::~ScratchFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(name, ignored);
}

void ScratchFolder::write(const char *file, std::string_view bytes) const {
  int descriptor =
      open((name + "/" + file).c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  require(descriptor >= 0);
  writeAll(descriptor, bytes);
  close(descriptor);
}
