//===- file_io.h - Checked reads, atomic writes -----------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOOLS_LNS_BASE_FILE_IO_H
#define LNS_TOOLS_LNS_BASE_FILE_IO_H

#include "tools/lns/base/checksum.h"
#include "tools/lns/base/status.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace lns::tool {

/// A regular file open for reading. Bytes are untrusted, and they are copied,
/// not mapped: of a file that shrinks while it is in use a mapping would end
/// the process (SIGBUS), where read() returns an error.
class InputFile {
public:
  static Expected<InputFile> open(const std::string &path);

  InputFile() = default;
  InputFile(InputFile &&other) noexcept;
  InputFile &operator=(InputFile &&other) noexcept;
  ~InputFile();

  const std::string &path() const { return name; }
  /// Bytes, when it was opened.
  uint64_t size() const { return bytes; }

  /// Fills `out` from byte `offset` on. An error if the file does not hold all
  /// of it, or no longer has the size that it had. Any number of threads.
  Status read(uint64_t offset, std::span<std::byte> out) const;

private:
  int fd = -1;
  uint64_t bytes = 0;
  std::string name;
};

/// All of a file; an error if it is larger than `maxBytes`.
Expected<std::vector<std::byte>> readWholeFile(const std::string &path,
                                               size_t maxBytes);

/// The same as text.
Expected<std::string> readTextFile(const std::string &path, size_t maxBytes);

/// Text that need not be a file: "-" is the standard input, and what is no
/// regular file (a pipe, /dev/stdin) is read up to its end.
Expected<std::string> readTextStream(const std::string &path, size_t maxBytes);

/// Size and checksum of a file, as it was written.
struct FileSummary {
  uint64_t bytes = 0;
  uint64_t checksum = 0; ///< XXH64
};

/// That of a file as it is now.
Expected<FileSummary> summarizeFile(const std::string &path);

/// A file that appears under its name only when it is complete: bytes go to a
/// hidden neighbour, which commit() flushes to the disk and renames. Without a
/// successful commit() the destructor removes the neighbour and whatever stood
/// at `path` before is untouched.
class AtomicFile {
public:
  static Expected<AtomicFile> create(const std::string &path);

  AtomicFile(AtomicFile &&other) noexcept;
  AtomicFile &operator=(AtomicFile &&) = delete;
  ~AtomicFile();

  Status write(const void *bytes, size_t count);
  Status write(std::string_view text) {
    return write(text.data(), text.size());
  }
  Status commit();
  /// Of what was given to write().
  FileSummary summary() const { return {bytes, sum.value()}; }

private:
  AtomicFile() = default;
  int fd = -1;
  uint64_t bytes = 0;
  Checksum sum;
  std::string target;
  std::string temporary;
};

/// The same for a folder of several files. commit() fails, and leaves
/// everything as it was, if something stands at `path` already.
class AtomicFolder {
public:
  static Expected<AtomicFolder> create(const std::string &path);

  AtomicFolder(AtomicFolder &&other) noexcept;
  AtomicFolder &operator=(AtomicFolder &&) = delete;
  ~AtomicFolder();

  /// Where to create the files before commit().
  const std::string &workPath() const { return temporary; }
  Status commit();

  /// Every temporary folder's name starts with this.
  static constexpr std::string_view prefix = ".tmp-";

private:
  AtomicFolder() = default;
  std::string target;
  std::string temporary;
};

/// A file that grows by whole records, each handed to the system at once, so
/// that a killed process leaves all that were added. What a failing write left
/// of a record is cut off again.
class AppendFile {
public:
  /// The file must exist.
  static Expected<AppendFile> open(const std::string &path);

  AppendFile(AppendFile &&other) noexcept;
  AppendFile &operator=(AppendFile &&) = delete;
  ~AppendFile();

  Status append(std::string_view record);
  /// Flushes everything to the disk.
  Status sync();

private:
  AppendFile() = default;
  int fd = -1;
  int64_t length = 0; ///< of the file, in whole records
  std::string name;
};

/// Keeps other processes out of a folder while it lives; leaves no file behind,
/// and ends with its process however that ends.
class FolderLock {
public:
  /// An error if another process holds the lock of the folder `path`.
  static Expected<FolderLock> acquire(const std::string &path);

  FolderLock(FolderLock &&other) noexcept;
  FolderLock &operator=(FolderLock &&) = delete;
  ~FolderLock();

private:
  FolderLock() = default;
  int fd = -1;
};

/// Creates `path` and its parents, each flushed to the disk before the next
/// one. `*created` tells whether the last folder was not there before.
Status makeFolder(const std::string &path, bool *created = nullptr);

/// Removes a folder with all that is in it. It loses its name first, so that no
/// half of it is ever taken for the whole.
Status removeFolder(const std::string &path);

/// Gives a file or folder another name in the same folder, which must be free.
Status moveAside(const std::string &path, const std::string &to);

/// Removes what interrupted runs left of AtomicFolders inside `folder`.
void removeStaleFolders(const std::string &folder);

bool isFolder(const std::string &path);
bool pathExists(const std::string &path);

/// "No space left on device" -> what to do about it.
std::string describeErrno(int code);

} // namespace lns::tool

#endif // LNS_TOOLS_LNS_BASE_FILE_IO_H
