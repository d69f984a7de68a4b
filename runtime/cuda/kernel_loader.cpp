//===- kernel_loader.cpp - The kernels of a plan, on a device -------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "runtime/cuda/kernel_loader.h"

#include "runtime/base/thread_pool.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <thread>

using namespace lns;
using namespace lns::cuda;

/// What a block may have of dynamic shared memory without asking.
static constexpr unsigned kFreeSharedBytes = 48 << 10;

/// One kernel on its way to machine code.
struct LoadedKernels::Job {
  size_t kernel = 0;
  Digest key = {};
  std::string image;
  std::string log;
  bool wasCached = false;
  Error error;
};

LoadedKernels::~LoadedKernels() {
  for (CuModule module : modules)
    if (module)
      driver->moduleUnload(module);
}

Error LoadedKernels::dump(size_t kernel, const char *suffix,
                          std::string_view content) const {
  if (dumpFolder.empty())
    return nullptr;
  const plan::CudaKernel &what =
      *program->kernels()->Get(flatbuffers::uoffset_t(kernel));
  std::string path =
      concat(dumpFolder, "/", what.symbol()->string_view(), suffix);
  std::FILE *out = std::fopen(path.c_str(), "wb");
  bool good = out && std::fwrite(content.data(), 1, content.size(), out) ==
                         content.size();
  int problem = errno;
  if (out && std::fclose(out) != 0)
    good = false;
  if (good)
    return nullptr;
  return makeError(LNSRT_IO, path,
                   "cannot write what LNSRT_CUDA_DUMP asks "
                   "for: ",
                   std::strerror(problem), "; name a folder with room");
}

Error LoadedKernels::startDump() {
  const char *folder = std::getenv("LNSRT_CUDA_DUMP");
  if (!folder || !*folder)
    return nullptr;
  std::error_code problem;
  std::filesystem::create_directories(folder, problem);
  if (problem)
    return makeError(LNSRT_IO, folder,
                     "cannot make the folder that LNSRT_CUDA_DUMP names: ",
                     problem.message(), "; name another");
  dumpFolder = folder;
  for (const plan::CudaHeader *header : *program->headers()) {
    std::string path = dumpFolder + "/" + header->name()->str();
    std::FILE *out = std::fopen(path.c_str(), "wb");
    if (!out)
      return makeError(LNSRT_IO, path,
                       "cannot write what LNSRT_CUDA_DUMP asks for: ",
                       std::strerror(errno), "; name another folder");
    std::fwrite(header->text()->data(), 1, header->text()->size(), out);
    std::fclose(out);
  }
  for (flatbuffers::uoffset_t i = 0; i < program->kernels()->size(); ++i)
    if (Error error =
            dump(i, ".cu", program->kernels()->Get(i)->text()->string_view()))
      return error;
  return nullptr;
}

Error LoadedKernels::loadModule(size_t kernel, const void *image,
                                CuResult &result) {
  const plan::CudaKernel &what =
      *program->kernels()->Get(flatbuffers::uoffset_t(kernel));
  CuModule module = nullptr;
  result = driver->moduleLoadData(&module, image);
  if (result != kCuSuccess)
    return makeError(LNSRT_UNSUPPORTED, what.symbol()->string_view(), "the ",
                     driver->title(), " does not load kernel '",
                     what.symbol()->string_view(), "' on ", device->title(),
                     ": ", driver->describe(result),
                     nvrtc ? concat("; it is for ", target.arch, ", by nvrtc ",
                                    nvrtc->versionText())
                           : std::string(),
                     "; update the NVIDIA driver");
  modules[kernel] = module;
  result = driver->moduleGetFunction(&functions[kernel], module,
                                     what.symbol()->c_str());
  if (result == kCuSuccess)
    return nullptr;
  driver->moduleUnload(module);
  modules[kernel] = nullptr;
  return makeError(
      LNSRT_INVALID_PLAN, what.symbol()->string_view(),
      "the machine code has no kernel '", what.symbol()->string_view(),
      "': ", driver->describe(result), "; compile the model again");
}

/// Tries the names of the device's architecture, best first. Code that the
/// driver does not take is as good as none: there is the text.
Error LoadedKernels::loadFromPlan(size_t kernel, bool &loaded) {
  loaded = false;
  for (const std::string &name : archNames(device->arch))
    for (const plan::CudaCubin *cubin : *program->cubins()) {
      if (cubin->kernel() != kernel || cubin->arch()->string_view() != name)
        continue;
      CuResult result = kCuSuccess;
      Error error = loadModule(kernel, file + cubin->offset(), result);
      if (error)
        continue;
      ++fromPlan;
      loaded = true;
      return dump(kernel, ".cubin",
                  {reinterpret_cast<const char *>(file + cubin->offset()),
                   size_t(cubin->size())});
    }
  return nullptr;
}

Error LoadedKernels::startCompiler() {
  if (nvrtc)
    return nullptr;
  const Nvrtc *found = nullptr;
  if (Error error = getNvrtc(driver->version, found))
    return error;
  if (Error error = chooseTarget(*found, device->arch, target))
    return error;
  // PTX is finished by the driver, which must know its version.
  if (target.isPtx && found->major * 1000 + found->minor * 10 > driver->version)
    return makeError(LNSRT_UNSUPPORTED, device->title(), "the ",
                     driver->title(), " is older than nvrtc ",
                     found->versionText(), " at ", found->path,
                     ", which does not know the device and makes PTX; update "
                     "the NVIDIA driver, or nvrtc");
  nvrtc = found;
  for (const plan::CudaHeader *header : *program->headers())
    headers.push_back({header->name()->c_str(), header->text()->c_str()});
  return nullptr;
}

Error LoadedKernels::make(Job &job) const {
  const plan::CudaKernel &what =
      *program->kernels()->Get(flatbuffers::uoffset_t(job.kernel));
  KernelText text{what.symbol()->c_str(), what.text()->c_str()};
  job.key = kernelKey(*nvrtc, target, text, headers);
  auto fromCache = [&] {
    std::optional<std::string> found = cache->find(job.key);
    job.wasCached = found.has_value();
    if (found)
      job.image = std::move(*found);
    return job.wasCached;
  };
  if (fromCache())
    return nullptr;
  DiskCache::Lock lock(*cache, job.key);
  if (fromCache())
    return nullptr;
  Error error =
      compileKernel(*nvrtc, target, text, headers, job.image, job.log);
  if (!job.log.empty())
    if (Error problem = dump(job.kernel, ".log", job.log))
      return problem;
  if (error) {
    // With what makes a report complete.
    error->message += concat(" (", driver->title(), "; made from ",
                             what.source() ? what.source()->string_view()
                                           : std::string_view("nothing named"),
                             ")");
    return error;
  }
  cache->store(job.key, job.image);
  return nullptr;
}

Error LoadedKernels::makeAll(std::vector<Job> &jobs) {
  std::atomic<size_t> next = 0;
  auto work = [&] {
    for (size_t i = next++; i < jobs.size(); i = next++)
      jobs[i].error = Error(guarded([&] { return make(jobs[i]); }));
  };
  size_t count = std::min<size_t>(ThreadPool::defaultThreads(), jobs.size());
  std::vector<std::thread> threads;
  for (size_t i = 1; i < count; ++i) {
    try {
      threads.emplace_back(work);
    } catch (const std::system_error &) {
      break; // Fewer threads do the same work.
    }
  }
  work();
  for (std::thread &thread : threads)
    thread.join();
  for (Job &job : jobs)
    if (job.error)
      return std::move(job.error);
  return nullptr;
}

/// What a launch relies on.
Error LoadedKernels::finish(size_t kernel) {
  const plan::CudaKernel &what =
      *program->kernels()->Get(flatbuffers::uoffset_t(kernel));
  std::string_view symbol = what.symbol()->string_view();
  if (what.shared_bytes() > device->sharedBytes)
    return makeError(LNSRT_UNSUPPORTED, symbol, "kernel '", symbol, "' needs ",
                     what.shared_bytes(),
                     " bytes of shared memory, a block on ", device->title(),
                     " may have ", device->sharedBytes,
                     "; compile the model for a smaller head or block size");
  if (what.shared_bytes() > kFreeSharedBytes)
    if (Error error =
            driver->check(driver->funcSetAttribute(functions[kernel],
                                                   kCuMaxDynamicSharedSizeBytes,
                                                   int(what.shared_bytes())),
                          symbol, "cannot give kernel '", symbol, "' ",
                          what.shared_bytes(), " bytes of shared memory"))
      return error;
  const char *strict = std::getenv("LNSRT_CUDA_STRICT");
  if (!strict || std::string_view(strict) != "1" || !what.no_spills())
    return nullptr;
  int local = 0;
  if (Error error = driver->check(
          driver->funcGetAttribute(&local, kCuLocalSizeBytes,
                                   functions[kernel]),
          symbol, "cannot ask kernel '", symbol, "' for its local memory"))
    return error;
  if (local == 0)
    return nullptr;
  return makeError(LNSRT_UNSUPPORTED, symbol, "kernel '", symbol, "' spills ",
                   local, " bytes of registers on ", device->title(),
                   ", and promises not to; unset LNSRT_CUDA_STRICT to run it");
}

Error LoadedKernels::load(const lnsrt_plan &plan, const Driver &onDriver,
                          const DeviceFacts &onDevice,
                          const DiskCache &withCache) {
  program = plan.cuda();
  file = plan.bytes.data();
  driver = &onDriver;
  device = &onDevice;
  cache = &withCache;
  if (Error error = startDump())
    return error;
  size_t count = program->kernels()->size();
  modules.resize(count);
  functions.resize(count);
  std::vector<Job> jobs;
  for (size_t i = 0; i < count; ++i) {
    bool loaded = false;
    if (Error error = loadFromPlan(i, loaded))
      return error;
    if (!loaded) {
      jobs.emplace_back();
      jobs.back().kernel = i;
    }
  }
  if (!jobs.empty())
    if (Error error = startCompiler())
      return error;
  if (Error error = makeAll(jobs))
    return error;
  for (Job &job : jobs) {
    CuResult result = kCuSuccess;
    Error error = loadModule(job.kernel, job.image.data(), result);
    if (error && job.wasCached) {
      // Whole, but not what this driver takes: once more, from the text.
      cache->remove(job.key);
      if (Error problem = make(job))
        return problem;
      error = loadModule(job.kernel, job.image.data(), result);
    }
    if (error) {
      cache->remove(job.key);
      return error;
    }
    ++(job.wasCached ? fromCache : compiled);
    if (Error problem =
            dump(job.kernel, target.isPtx ? ".ptx" : ".cubin", job.image))
      return problem;
  }
  for (size_t i = 0; i < count; ++i)
    if (Error error = finish(i))
      return error;
  return nullptr;
}
