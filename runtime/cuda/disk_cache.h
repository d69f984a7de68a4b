//===- disk_cache.h - Results that are worth keeping -------------- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// Compiled kernels and the tuner's choices, each in a file named by the digest
// of all that it depends on. An entry appears whole (written beside, synced,
// renamed) and is never changed; one that is damaged is deleted and made again.
// A folder that cannot be used costs time, nothing else.
//
//===----------------------------------------------------------------------===//

#ifndef LNS_RUNTIME_CUDA_DISK_CACHE_H
#define LNS_RUNTIME_CUDA_DISK_CACHE_H

#include "runtime/base/sha256.h"

#include <optional>
#include <string>
#include <vector>

namespace lns::cuda {

class DiskCache {
public:
  /// Every call does nothing.
  DiskCache() = default;
  /// Makes the folder when it is not there.
  explicit DiskCache(std::string folder);
  /// LNSRT_CACHE_DIR, else lnsc in XDG_CACHE_HOME or in $HOME/.cache; none when
  /// LNSRT_CACHE_DIR is "none".
  static DiskCache fromEnvironment();

  /// "" when there is none.
  const std::string &folder() const { return path; }

  std::optional<std::string> find(const Digest &key) const;
  /// Whether it could be written; an existing entry counts.
  bool store(const Digest &key, std::string_view content) const;
  void remove(const Digest &key) const;

  /// Held by one process, and one thread of it, at a time for each key: of many
  /// that want an entry, one makes it and the others find it.
  class Lock {
  public:
    Lock(const DiskCache &cache, const Digest &key);
    Lock(const Lock &) = delete;
    Lock &operator=(const Lock &) = delete;
    ~Lock();

  private:
    std::string file;
    int descriptor = -1;
  };

private:
  std::string entry(const Digest &key) const;

  std::string path;
};

} // namespace lns::cuda

#endif // LNS_RUNTIME_CUDA_DISK_CACHE_H
