//===- file_io.cpp - Checked reads, atomic writes -------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/base/file_io.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

namespace fs = std::filesystem;

namespace lns::tool {

std::string describeErrno(int code) {
  std::string text = std::strerror(code);
  if (!text.empty() && text[0] >= 'A' && text[0] <= 'Z')
    text[0] = static_cast<char>(text[0] - 'A' + 'a');
  switch (code) {
  case ENOSPC:
  case EDQUOT:
    return text + "; free some space or choose another folder";
  case EFBIG:
    return text + "; raise the file size limit (ulimit -f)";
  case EACCES:
  case EPERM:
  case EROFS:
    return text + "; choose a path that you may write to";
  case ENOTDIR:
    return text + "; a part of the path is a file";
  case EMFILE:
  case ENFILE:
    return text + "; raise the limit (ulimit -n) or use fewer, larger files";
  default:
    return text;
  }
}

bool isFolder(const std::string &path) {
  std::error_code ignored;
  return fs::is_directory(path, ignored);
}

bool pathExists(const std::string &path) {
  struct stat info;
  return ::lstat(path.c_str(), &info) == 0;
}

static std::string parentOf(const std::string &path) {
  std::string parent = fs::path(path).parent_path().string();
  return parent.empty() ? "." : parent;
}

static std::string temporaryName(const std::string &path) {
  fs::path p(path);
  fs::path name = fmt::format("{}{}-{}", AtomicFolder::prefix,
                              p.filename().string(), ::getpid());
  return (fs::path(parentOf(path)) / name).string();
}

/// fsync, which a signal may interrupt on a network's file system.
static int flush(int fd) {
  int result = 0;
  do
    result = ::fsync(fd);
  while (result != 0 && errno == EINTR);
  return result;
}

/// Writes everything; false, with errno set, if that fails.
static bool writeAll(int fd, const void *bytes, size_t count) {
  const char *next = static_cast<const char *>(bytes);
  while (count > 0) {
    ssize_t written = ::write(fd, next, count);
    if (written < 0 && errno == EINTR)
      continue;
    if (written <= 0) {
      errno = written < 0 ? errno : ENOSPC;
      return false;
    }
    next += written;
    count -= static_cast<size_t>(written);
  }
  return true;
}

/// Makes a rename inside `folder` survive a power cut.
static Status syncFolder(const std::string &folder) {
  int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0)
    return Status::failure(fmt::format("{}: cannot open the folder: {}", folder,
                                       describeErrno(errno)));
  int result = flush(fd);
  int code = errno;
  ::close(fd);
  // Some file systems have nothing to flush for a folder and say EINVAL.
  if (result != 0 && code != EINVAL)
    return Status::failure(fmt::format("{}: cannot flush the folder: {}",
                                       folder, describeErrno(code)));
  return Status::success();
}

//===----------------------------------------------------------------------===//
// Reading
//===----------------------------------------------------------------------===//

/// A set of data may have more shards than a process has files by default; the
/// limit that it may set for itself is usually far higher.
static bool allowMoreFiles() {
  struct rlimit limit;
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 ||
      limit.rlim_cur >= limit.rlim_max)
    return false;
  limit.rlim_cur = limit.rlim_max;
  return ::setrlimit(RLIMIT_NOFILE, &limit) == 0;
}

Expected<InputFile> InputFile::open(const std::string &path) {
  InputFile file;
  file.name = path;
  // Without O_NONBLOCK a pipe would be waited for.
  constexpr int flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK;
  file.fd = ::open(path.c_str(), flags);
  if (file.fd < 0 && errno == EMFILE && allowMoreFiles())
    file.fd = ::open(path.c_str(), flags);
  if (file.fd < 0)
    return Status::failure(
        fmt::format("{}: cannot open: {}", path, describeErrno(errno)));
  struct stat info;
  if (::fstat(file.fd, &info) != 0 || !S_ISREG(info.st_mode))
    return Status::failure(fmt::format("{}: not a regular file", path));
  file.bytes = static_cast<uint64_t>(info.st_size);
  return file;
}

InputFile::InputFile(InputFile &&other) noexcept
    : fd(std::exchange(other.fd, -1)), bytes(std::exchange(other.bytes, 0)),
      name(std::move(other.name)) {}

InputFile &InputFile::operator=(InputFile &&other) noexcept {
  std::swap(fd, other.fd);
  std::swap(bytes, other.bytes);
  std::swap(name, other.name);
  return *this;
}

InputFile::~InputFile() {
  if (fd >= 0)
    ::close(fd);
}

Status InputFile::read(uint64_t offset, std::span<std::byte> out) const {
  size_t done = 0;
  while (done < out.size()) {
    ssize_t got = ::pread(fd, out.data() + done, out.size() - done,
                          static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0)
      return Status::failure(
          fmt::format("{}: cannot read: {}", name, describeErrno(errno)));
    if (got == 0)
      break;
    done += static_cast<size_t>(got);
  }
  // What is cut and written anew can have its bytes back, but not yet all.
  struct stat info;
  if (::fstat(fd, &info) != 0)
    return Status::failure(
        fmt::format("{}: cannot read: {}", name, describeErrno(errno)));
  if (done < out.size() || static_cast<uint64_t>(info.st_size) != bytes)
    return Status::failure(fmt::format(
        "{}: had {} bytes when it was opened, now it has {}; it was changed "
        "while it was in use: restore it and start again",
        name, bytes, info.st_size));
  return Status::success();
}

Expected<std::vector<std::byte>> readWholeFile(const std::string &path,
                                               size_t maxBytes) {
  Expected<InputFile> file = InputFile::open(path);
  if (!file)
    return file.status();
  if (file->size() > maxBytes)
    return Status::failure(fmt::format("{}: {} bytes, at most {} are expected",
                                       path, file->size(), maxBytes));
  std::vector<std::byte> bytes(file->size());
  LNS_RETURN_IF_ERROR(file->read(0, bytes));
  return bytes;
}

Expected<std::string> readTextFile(const std::string &path, size_t maxBytes) {
  Expected<std::vector<std::byte>> bytes = readWholeFile(path, maxBytes);
  if (!bytes)
    return bytes.status();
  return std::string(reinterpret_cast<const char *>(bytes->data()),
                     bytes->size());
}

Expected<std::string> readTextStream(const std::string &path, size_t maxBytes) {
  struct stat info;
  bool isInput = path == "-";
  if (!isInput && (::stat(path.c_str(), &info) != 0 || S_ISREG(info.st_mode) ||
                   S_ISDIR(info.st_mode)))
    return readTextFile(path, maxBytes);
  std::string name = isInput ? "standard input" : path;
  int fd = isInput ? ::dup(STDIN_FILENO)
                   : ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return Status::failure(
        fmt::format("{}: cannot open: {}", name, describeErrno(errno)));
  std::string text;
  std::vector<char> part(1 << 16);
  ssize_t got = 0;
  do {
    got = ::read(fd, part.data(), part.size());
    if (got > 0)
      text.append(part.data(), static_cast<size_t>(got));
  } while ((got > 0 && text.size() <= maxBytes) || (got < 0 && errno == EINTR));
  int code = errno;
  ::close(fd);
  if (got < 0)
    return Status::failure(
        fmt::format("{}: cannot read: {}", name, describeErrno(code)));
  if (text.size() > maxBytes)
    return Status::failure(fmt::format(
        "{}: more than the {} bytes that are expected", name, maxBytes));
  return text;
}

Expected<FileSummary> summarizeFile(const std::string &path) {
  Expected<InputFile> file = InputFile::open(path);
  if (!file)
    return file.status();
  Checksum sum;
  std::vector<std::byte> buffer(std::min<uint64_t>(1 << 20, file->size()));
  for (uint64_t done = 0; done < file->size();) {
    std::span<std::byte> part(
        buffer.data(), std::min<uint64_t>(buffer.size(), file->size() - done));
    LNS_RETURN_IF_ERROR(file->read(done, part));
    sum.add(part.data(), part.size());
    done += part.size();
  }
  return FileSummary{file->size(), sum.value()};
}

//===----------------------------------------------------------------------===//
// Writing
//===----------------------------------------------------------------------===//

Expected<AtomicFile> AtomicFile::create(const std::string &path) {
  // The rename would replace a device or a pipe by a plain file.
  struct stat info;
  if (::stat(path.c_str(), &info) == 0 && !S_ISREG(info.st_mode))
    return Status::failure(fmt::format(
        "{}: is not a regular file; give the name of a file", path));
  AtomicFile file;
  file.target = path;
  file.temporary = temporaryName(path);
  file.fd = ::open(file.temporary.c_str(),
                   O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (file.fd < 0)
    return Status::failure(
        fmt::format("{}: cannot create: {}", path, describeErrno(errno)));
  return file;
}

AtomicFile::AtomicFile(AtomicFile &&other) noexcept
    : fd(std::exchange(other.fd, -1)), bytes(other.bytes), sum(other.sum),
      target(std::move(other.target)),
      temporary(std::exchange(other.temporary, {})) {}

AtomicFile::~AtomicFile() {
  if (fd >= 0)
    ::close(fd);
  if (!temporary.empty())
    ::unlink(temporary.c_str());
}

Status AtomicFile::write(const void *data, size_t count) {
  if (!writeAll(fd, data, count))
    return Status::failure(
        fmt::format("{}: cannot write: {}", target, describeErrno(errno)));
  bytes += count;
  sum.add(data, count);
  return Status::success();
}

Status AtomicFile::commit() {
  // Delayed allocation may report a full disk only here, so both results count.
  bool flushed = flush(fd) == 0;
  int code = errno;
  if (::close(std::exchange(fd, -1)) != 0 && flushed) {
    flushed = false;
    code = errno;
  }
  if (!flushed)
    return Status::failure(
        fmt::format("{}: cannot write: {}", target, describeErrno(code)));
  if (::rename(temporary.c_str(), target.c_str()) != 0)
    return Status::failure(fmt::format("{}: cannot move into place: {}", target,
                                       describeErrno(errno)));
  temporary.clear();
  return syncFolder(parentOf(target));
}

Expected<AtomicFolder> AtomicFolder::create(const std::string &path) {
  if (pathExists(path))
    return Status::failure(fmt::format(
        "{}: already exists; remove it or choose another name", path));
  AtomicFolder folder;
  folder.target = path;
  std::string temporary = temporaryName(path);
  std::error_code ignored;
  fs::remove_all(temporary, ignored);
  if (::mkdir(temporary.c_str(), 0755) != 0)
    return Status::failure(fmt::format("{}: cannot create the folder: {}", path,
                                       describeErrno(errno)));
  folder.temporary = temporary;
  return folder;
}

AtomicFolder::AtomicFolder(AtomicFolder &&other) noexcept
    : target(std::move(other.target)),
      temporary(std::exchange(other.temporary, {})) {}

AtomicFolder::~AtomicFolder() {
  if (temporary.empty())
    return;
  std::error_code ignored;
  fs::remove_all(temporary, ignored);
}

Status AtomicFolder::commit() {
  LNS_RETURN_IF_ERROR(syncFolder(temporary));
  // rename(2) would replace an empty folder silently; one that appeared since
  // create() is somebody else's.
  if (pathExists(target))
    return Status::failure(fmt::format(
        "{}: already exists; remove it or choose another name", target));
  if (::rename(temporary.c_str(), target.c_str()) != 0)
    return Status::failure(fmt::format("{}: cannot move into place: {}", target,
                                       describeErrno(errno)));
  temporary.clear();
  return syncFolder(parentOf(target));
}

Expected<AppendFile> AppendFile::open(const std::string &path) {
  AppendFile file;
  file.name = path;
  file.fd = ::open(path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
  if (file.fd < 0 || (file.length = ::lseek(file.fd, 0, SEEK_END)) < 0)
    return Status::failure(
        fmt::format("{}: cannot open: {}", path, describeErrno(errno)));
  return file;
}

AppendFile::AppendFile(AppendFile &&other) noexcept
    : fd(std::exchange(other.fd, -1)), length(other.length),
      name(std::move(other.name)) {}

AppendFile::~AppendFile() {
  if (fd >= 0)
    ::close(fd);
}

Status AppendFile::append(std::string_view record) {
  if (!writeAll(fd, record.data(), record.size())) {
    int code = errno;
    // If this fails as well, readers meet half a record, which they skip.
    [[maybe_unused]] int ignored = ::ftruncate(fd, length);
    return Status::failure(
        fmt::format("{}: cannot write: {}", name, describeErrno(code)));
  }
  length += static_cast<int64_t>(record.size());
  return Status::success();
}

Status AppendFile::sync() {
  if (flush(fd) != 0)
    return Status::failure(
        fmt::format("{}: cannot write: {}", name, describeErrno(errno)));
  return Status::success();
}

Expected<FolderLock> FolderLock::acquire(const std::string &path) {
  FolderLock lock;
  lock.fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (lock.fd < 0)
    return Status::failure(fmt::format("{}: cannot open the folder: {}", path,
                                       describeErrno(errno)));
  // File systems without locks say something else; they cannot protect a run.
  if (::flock(lock.fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
    return Status::failure(fmt::format(
        "{}: another process is writing to this folder; wait for its end or "
        "choose another --out",
        path));
  return lock;
}

FolderLock::FolderLock(FolderLock &&other) noexcept
    : fd(std::exchange(other.fd, -1)) {}

FolderLock::~FolderLock() {
  if (fd >= 0)
    ::close(fd);
}

Status makeFolder(const std::string &path, bool *created) {
  // From the first one that is missing down, and each into its parent's entry
  // on the disk: a checkpoint is lost with a folder above it.
  std::vector<fs::path> missing;
  fs::path next = fs::path(path).lexically_normal();
  while (!next.empty() && !pathExists(next.string())) {
    if (next.has_filename())
      missing.push_back(next);
    next = next.parent_path();
  }
  for (auto folder = missing.rbegin(); folder != missing.rend(); ++folder) {
    if (::mkdir(folder->c_str(), 0755) != 0 && errno != EEXIST)
      return Status::failure(fmt::format("{}: cannot create the folder: {}",
                                         path, describeErrno(errno)));
    LNS_RETURN_IF_ERROR(syncFolder(parentOf(folder->string())));
  }
  if (!isFolder(path))
    return Status::failure(fmt::format("{}: not a folder", path));
  if (created)
    *created = !missing.empty();
  return Status::success();
}

Status removeFolder(const std::string &path) {
  std::string temporary = temporaryName(path);
  std::error_code error;
  fs::remove_all(temporary, error);
  LNS_RETURN_IF_ERROR(moveAside(path, temporary));
  fs::remove_all(temporary, error);
  if (error)
    return Status::failure(fmt::format("{}: cannot remove: {}", path,
                                       describeErrno(error.value())));
  return Status::success();
}

Status moveAside(const std::string &path, const std::string &to) {
  if (pathExists(to))
    return Status::failure(fmt::format(
        "{}: already exists; remove it or choose another name", to));
  if (::rename(path.c_str(), to.c_str()) != 0)
    return Status::failure(fmt::format("{}: cannot rename to {}: {}", path, to,
                                       describeErrno(errno)));
  return syncFolder(parentOf(path));
}

void removeStaleFolders(const std::string &folder) {
  std::error_code error;
  fs::directory_iterator it(folder, error), end;
  for (; !error && it != end; it.increment(error)) {
    std::string name = it->path().filename().string();
    std::error_code ignored;
    if (name.starts_with(AtomicFolder::prefix))
      fs::remove_all(it->path(), ignored);
  }
}

} // namespace lns::tool
