//===- MemoryFile.h - Files for parsers that take a path --------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TEST_UNIT_LIBFUZZER_MEMORYFILE_H
#define LNS_TEST_UNIT_LIBFUZZER_MEMORYFILE_H

#include <string>
#include <string_view>

namespace lns::fuzz {

/// A file in memory that is written again and again.
class MemoryFile {
public:
  MemoryFile();
  ~MemoryFile();
  MemoryFile(const MemoryFile &) = delete;
  MemoryFile &operator=(const MemoryFile &) = delete;

  const std::string &write(std::string_view bytes);
  const std::string &path() const { return name; }

private:
  int descriptor;
  std::string name;
};

/// A folder in memory if the system has one, else among temporary files; goes
/// away with the program.
class ScratchFolder {
public:
  ScratchFolder();
  ~ScratchFolder();
  ScratchFolder(const ScratchFolder &) = delete;
  ScratchFolder &operator=(const ScratchFolder &) = delete;

  void write(const char *file, std::string_view bytes) const;
  const std::string &path() const { return name; }

private:
  std::string name;
};

} // namespace lns::fuzz

#endif // LNS_TEST_UNIT_LIBFUZZER_MEMORYFILE_H
