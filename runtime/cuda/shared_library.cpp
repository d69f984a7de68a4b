//===- shared_library.cpp - Libraries that may not be there ---------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "runtime/cuda/shared_library.h"

#include <cstdlib>
#include <dlfcn.h>

using namespace lns;
using namespace lns::cuda;

Error SharedLibrary::open(const LibraryPlaces &places) {
  const char *chosen = std::getenv(places.variable);
  if (chosen && *chosen) {
    if (std::string_view(chosen) == "none")
      return makeError(LNSRT_UNSUPPORTED, "cuda", places.title,
                       " is not used: ", places.variable,
                       " is 'none'; unset it");
    handle = dlopen(chosen, RTLD_NOW | RTLD_LOCAL);
    if (!handle) {
      const char *why = dlerror();
      return makeError(LNSRT_UNSUPPORTED, "cuda", "cannot open ", places.title,
                       " that ", places.variable,
                       " names: ", why ? why : chosen,
                       "; set it to the library's path, or unset it");
    }
    opened = chosen;
    return nullptr;
  }
  std::string tried;
  for (const std::string &name : places.names) {
    handle = dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (handle) {
      opened = name;
      return nullptr;
    }
    // Of no use to anybody, but it must not be somebody else's news.
    dlerror();
    tried += concat(tried.empty() ? "" : ", ", name);
  }
  return makeError(LNSRT_UNSUPPORTED, "cuda", places.title,
                   " is not there (tried ", tried, "); ", places.remedy,
                   ", or set ", places.variable, " to its path");
}

void *SharedLibrary::symbol(const char *name) {
  void *address = dlsym(handle, name);
  if (!address)
    absent += concat(absent.empty() ? "" : ", ", name);
  return address;
}

Error SharedLibrary::finish(const LibraryPlaces &places) const {
  if (absent.empty())
    return nullptr;
  return makeError(LNSRT_UNSUPPORTED, "cuda", places.title, " at ", opened,
                   " has no ", absent,
                   "; it must be of CUDA 12.0 or newer: ", places.remedy);
}

std::string lns::cuda::versionText(int version) {
  return concat(version / 1000, ".", version % 1000 / 10);
}

void lns::cuda::addToolkitPlaces(std::vector<std::string> &names,
                                 const std::string &name) {
  names.push_back(name);
  for (const char *variable : {"CUDA_PATH", "CUDA_HOME"})
    if (const char *root = std::getenv(variable); root && *root)
      names.push_back(concat(root, "/lib64/", name));
  names.push_back("/usr/local/cuda/lib64/" + name);
}
