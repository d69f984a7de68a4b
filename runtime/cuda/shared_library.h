//===- shared_library.h - Libraries that may not be there --------- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// The driver, NVRTC and cuBLASLt are looked for when a session wants them,
// never linked: the same runtime works where there are none, and says so.
//
//===----------------------------------------------------------------------===//

#ifndef LNS_RUNTIME_CUDA_SHARED_LIBRARY_H
#define LNS_RUNTIME_CUDA_SHARED_LIBRARY_H

#include "runtime/base/error.h"

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace lns::cuda {

/// Where a library may be.
struct LibraryPlaces {
  const char *title;    ///< "the CUDA driver"
  const char *variable; ///< a path, or "none", in the environment
  std::vector<std::string> names;
  const char *remedy; ///< "install the NVIDIA driver"
};

class SharedLibrary {
public:
  /// Opens what the environment variable names, else the first of the names
  /// that opens.
  Error open(const LibraryPlaces &places);
  /// Null when it is not there; `finish` then says so.
  void *symbol(const char *name);
  /// An error that names the symbols that were asked for in vain.
  Error finish(const LibraryPlaces &places) const;
  const std::string &path() const { return opened; }

private:
  void *handle = nullptr;
  std::string opened;
  std::string absent;
};

/// The tables of functions made so far, by the file that they came from. A
/// table is never freed and its library never closed: NVIDIA's libraries do not
/// all survive that. What could not be opened or started is tried again.
template <typename Table> class Tables {
public:
  Error get(const LibraryPlaces &places, const Table *&table) {
    std::lock_guard<std::mutex> guard(mutex);
    SharedLibrary library;
    if (Error error = library.open(places))
      return error;
    std::unique_ptr<Table> &slot = made[library.path()];
    if (!slot) {
      auto fresh = std::make_unique<Table>();
      fresh->resolve(library);
      fresh->path = library.path();
      Error error = library.finish(places);
      if (!error)
        error = fresh->start();
      if (error) {
        made.erase(library.path());
        return error;
      }
      slot = std::move(fresh);
    }
    table = slot.get();
    return nullptr;
  }

private:
  std::mutex mutex;
  std::map<std::string, std::unique_ptr<Table>> made;
};

/// "13.0" for 13000, which is how the driver and cuBLAS write versions.
std::string versionText(int version);

/// `name`, then `name` where CUDA is commonly installed.
void addToolkitPlaces(std::vector<std::string> &names, const std::string &name);

} // namespace lns::cuda

#endif // LNS_RUNTIME_CUDA_SHARED_LIBRARY_H
