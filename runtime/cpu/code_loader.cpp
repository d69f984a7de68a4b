//===- code_loader.cpp - Machine code out of a plan -----------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "runtime/cpu/code_loader.h"

#include "runtime/cpu/cpu_features.h"

#include <cerrno>
#include <cstring>
#include <dlfcn.h>
#include <sys/mman.h>
#include <unistd.h>

using namespace lns;

LoadedCode::~LoadedCode() {
  if (library)
    dlclose(library);
  if (descriptor >= 0)
    close(descriptor);
}

/// True when the processor can run the blob. Otherwise `why` says what is
/// missing.
static bool processorRuns(const plan::CodeBlob &blob, std::string &why) {
  std::string_view level = blob.level()->string_view();
  bool native = level.substr(0, 7) == "native:";
  if (!native && !cpuHasLevel(level)) {
    why = cpuLevelRank(level) == 0 ? "unknown level" : "not this processor's";
    return false;
  }
  if (native && blob.features()->size() == 0) {
    why = "lists no features";
    return false;
  }
  for (const flatbuffers::String *feature : *blob.features())
    if (!cpuHasFeature(feature->string_view())) {
      why = concat("needs ", feature->string_view());
      return false;
    }
  return true;
}

Error LoadedCode::load(const lnsrt_plan &plan, const char *level) {
  const plan::CodeBlob *best = nullptr;
  std::string refused;
  for (const plan::CodeBlob *blob : *plan.table->code()) {
    std::string why;
    std::string_view name = blob->level()->string_view();
    if (level && name != level)
      why = "not asked for";
    else if (processorRuns(*blob, why) &&
             (!best ||
              cpuLevelRank(name) > cpuLevelRank(best->level()->string_view())))
      best = blob;
    if (!why.empty())
      refused += concat(refused.empty() ? "" : ", ", name, " (", why, ")");
  }
  if (best)
    return open(plan, *best);
  if (plan.table->code()->size() == 0 && !level)
    return nullptr;
  if (refused.empty())
    refused = "nothing";
  if (level)
    return makeError(LNSRT_UNSUPPORTED, plan.path, "no code for level '", level,
                     "' that this processor runs; the plan has ", refused,
                     ": choose another level, or compile with --cpu=native");
  return makeError(LNSRT_UNSUPPORTED, plan.path,
                   "no code that this processor runs; the plan has ", refused,
                   ": compile it here with --cpu=native");
}

Error LoadedCode::open(const lnsrt_plan &plan, const plan::CodeBlob &blob) {
  auto failed = [&](const char *what, const char *why) {
    return makeError(LNSRT_UNSUPPORTED, plan.path, what, " for level '",
                     blob.level()->string_view(), "': ", why);
  };
  // The descriptor stays open as long as the library: the dynamic linker knows
  // libraries by name, so the same number again would be the old library.
  descriptor = memfd_create("lns-kernels", MFD_CLOEXEC);
  if (descriptor < 0)
    return failed("cannot make a memory file for the code",
                  std::strerror(errno));
  const unsigned char *bytes = plan.bytes.data() + blob.offset();
  for (uint64_t left = blob.size(); left != 0;) {
    ssize_t done = write(descriptor, bytes, left);
    if (done < 0 && errno == EINTR)
      continue;
    if (done <= 0)
      return failed("cannot copy the code", std::strerror(errno));
    bytes += done;
    left -= uint64_t(done);
  }
  std::string path = concat("/proc/self/fd/", descriptor);
  errno = 0;
  library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library && errno == ENOMEM)
    return makeError(LNSRT_OUT_OF_MEMORY, plan.path,
                     "cannot load the code for level '",
                     blob.level()->string_view(),
                     "': out of memory; use a smaller batch or model");
  if (!library)
    return failed("cannot load the code", dlerror());

  auto *version = static_cast<const uint32_t *>(
      dlsym(library, LNS_KERNEL_ABI_VERSION_SYMBOL));
  if (!version)
    return makeError(LNSRT_INVALID_PLAN, plan.path, "code for level '",
                     blob.level()->string_view(), "' does not export '",
                     LNS_KERNEL_ABI_VERSION_SYMBOL,
                     "'; compile the model again");
  if (*version != LNS_KERNEL_ABI_VERSION)
    return makeError(LNSRT_INVALID_PLAN, plan.path, "code for level '",
                     blob.level()->string_view(), "' has kernel ABI version ",
                     *version, ", this runtime calls ", LNS_KERNEL_ABI_VERSION,
                     "; compile the model again");
  kernels.reserve(plan.table->kernels()->size());
  for (const plan::Kernel *kernel : *plan.table->kernels()) {
    void *symbol = dlsym(library, kernel->symbol()->c_str());
    if (!symbol)
      return makeError(LNSRT_INVALID_PLAN, plan.path, "code for level '",
                       blob.level()->string_view(), "' lacks kernel '",
                       kernel->symbol()->string_view(),
                       "'; compile the model again");
    kernels.push_back(reinterpret_cast<lns_kernel_fn>(symbol));
  }
  levelName = blob.level()->c_str();
  return nullptr;
}
