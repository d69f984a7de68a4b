//===- disk_cache.cpp - Results that are worth keeping --------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "runtime/cuda/disk_cache.h"

#include "runtime/base/error.h"

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <sys/file.h>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>

using namespace lns;
using namespace lns::cuda;

namespace {

/// What an entry's file starts with.
struct EntryHeader {
  char magic[8];
  uint64_t size;
  Digest key;     ///< a file that was renamed is not its new name's entry
  Digest content; ///< digest of the content
};
static_assert(sizeof(EntryHeader) == 80);

class File {
public:
  File(const std::string &path, int flags)
      : descriptor(::open(path.c_str(), flags | O_CLOEXEC)) {}
  explicit File(int descriptor) : descriptor(descriptor) {}
  File(const File &) = delete;
  File &operator=(const File &) = delete;
  ~File() {
    if (descriptor >= 0)
      ::close(descriptor);
  }

  bool isOpen() const { return descriptor >= 0; }

  bool write(const void *data, size_t size) {
    const auto *bytes = static_cast<const char *>(data);
    while (size != 0) {
      ssize_t some = ::write(descriptor, bytes, size);
      if (some < 0 && errno == EINTR)
        continue;
      if (some <= 0)
        return false;
      bytes += some;
      size -= size_t(some);
    }
    return true;
  }

  /// The number of bytes that were there, at most `size`.
  size_t read(void *data, size_t size) {
    auto *bytes = static_cast<char *>(data);
    size_t done = 0;
    while (done < size) {
      ssize_t some = ::read(descriptor, bytes + done, size - done);
      if (some < 0 && errno == EINTR)
        continue;
      if (some <= 0)
        break;
      done += size_t(some);
    }
    return done;
  }

  bool sync() { return ::fsync(descriptor) == 0; }

  /// 0 for what is not a plain file.
  uint64_t size() const {
    struct stat status;
    return ::fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode)
               ? uint64_t(status.st_size)
               : 0;
  }

private:
  int descriptor;
};

} // namespace

static constexpr char kMagic[8] = {'L', 'N', 'S', 'C', 'A', 'C', 'H', '1'};

DiskCache::DiskCache(std::string folder) : path(std::move(folder)) {
  std::error_code problem;
  std::filesystem::create_directories(path, problem);
  if (!std::filesystem::is_directory(path, problem))
    path.clear();
}

DiskCache DiskCache::fromEnvironment() {
  auto get = [](const char *name) {
    const char *value = std::getenv(name);
    return std::string(value ? value : "");
  };
  std::string chosen = get("LNSRT_CACHE_DIR");
  if (chosen == "none")
    return DiskCache();
  if (!chosen.empty())
    return DiskCache(chosen);
  if (std::string root = get("XDG_CACHE_HOME"); !root.empty())
    return DiskCache(root + "/lnsc");
  if (std::string home = get("HOME"); !home.empty())
    return DiskCache(home + "/.cache/lnsc");
  return DiskCache();
}

std::string DiskCache::entry(const Digest &key) const {
  return path + "/" + toHex(key);
}

std::optional<std::string> DiskCache::find(const Digest &key) const {
  if (path.empty())
    return std::nullopt;
  File file(entry(key), O_RDONLY);
  if (!file.isOpen())
    return std::nullopt;
  EntryHeader header;
  uint64_t size = file.size();
  if (size >= sizeof(header) &&
      file.read(&header, sizeof(header)) == sizeof(header) &&
      std::memcmp(header.magic, kMagic, sizeof(kMagic)) == 0 &&
      header.key == key && header.size == size - sizeof(header)) {
    std::string content(header.size, '\0');
    if (file.read(content.data(), content.size()) == content.size() &&
        sha256(content.data(), content.size()) == header.content)
      return content;
  }
  remove(key);
  return std::nullopt;
}

bool DiskCache::store(const Digest &key, std::string_view content) const {
  if (path.empty())
    return false;
  // Unique in this process by the counter, on this machine by the process.
  static std::atomic<unsigned> counter = 0;
  std::string temporary =
      concat(entry(key), ".", ::getpid(), ".", ++counter, ".new");
  // Others may read, as far as the user's mask allows.
  int descriptor =
      ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (descriptor < 0)
    return false;
  EntryHeader header = {};
  std::memcpy(header.magic, kMagic, sizeof(kMagic));
  header.size = content.size();
  header.key = key;
  header.content = sha256(content.data(), content.size());
  bool good = false;
  {
    File file(descriptor);
    good = file.write(&header, sizeof(header)) &&
           file.write(content.data(), content.size()) && file.sync();
  }
  // Whoever was first wrote the same: renaming over it changes nothing.
  good = good && std::rename(temporary.c_str(), entry(key).c_str()) == 0;
  if (!good)
    ::unlink(temporary.c_str());
  return good;
}

void DiskCache::remove(const Digest &key) const {
  if (path.empty())
    return;
  std::error_code problem;
  // Whatever is in the entry's place, even a folder.
  std::filesystem::remove_all(entry(key), problem);
}

/// Somebody who takes longer than this to make an entry has stopped.
static constexpr auto kLongestWait = std::chrono::minutes(2);

DiskCache::Lock::Lock(const DiskCache &cache, const Digest &key) {
  if (cache.folder().empty())
    return;
  file = cache.entry(key) + ".lock";
  auto deadline = std::chrono::steady_clock::now() + kLongestWait;
  while (std::chrono::steady_clock::now() < deadline) {
    int opened = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (opened < 0)
      return;
    if (::flock(opened, LOCK_EX | LOCK_NB) != 0) {
      bool busy = errno == EWOULDBLOCK || errno == EINTR;
      ::close(opened);
      if (!busy)
        return; // No locks on this file system: work without.
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
      continue;
    }
    // The last holder deleted the file: then this lock is on nothing.
    struct stat here, there;
    if (::fstat(opened, &here) == 0 && ::stat(file.c_str(), &there) == 0 &&
        here.st_ino == there.st_ino && here.st_dev == there.st_dev) {
      descriptor = opened;
      return;
    }
    ::close(opened);
  }
}

DiskCache::Lock::~Lock() {
  if (descriptor < 0)
    return;
  ::unlink(file.c_str());
  ::close(descriptor);
}
