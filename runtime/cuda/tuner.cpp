//===- tuner.cpp - Which of the alternatives is run -----------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "runtime/cuda/tuner.h"

#include <algorithm>
#include <cstdlib>

using namespace lns;
using namespace lns::cuda;

Error lns::cuda::productChoice(ProductChoice &choice) {
  const char *text = std::getenv("LNSRT_CUDA_PRODUCTS");
  std::string_view value = text ? text : "";
  if (value.empty() || value == "auto")
    choice = ProductChoice::Auto;
  else if (value == "generated")
    choice = ProductChoice::Generated;
  else if (value == "library")
    choice = ProductChoice::Library;
  else
    return makeError(LNSRT_INVALID_ARGUMENT, "LNSRT_CUDA_PRODUCTS",
                     "LNSRT_CUDA_PRODUCTS is '", value,
                     "'; there are auto, generated and library");
  return nullptr;
}

static bool usesLibrary(const plan::Alternative &option) {
  return std::any_of(option.commands()->begin(), option.commands()->end(),
                     [](const plan::Command *command) {
                       return command->body_as_Matmul() != nullptr;
                     });
}

bool lns::cuda::wantsLibraryProducts(const plan::CudaProgram &program) {
  ProductChoice choice = ProductChoice::Auto;
  // A session with a value that makes no sense will not be.
  if (productChoice(choice) || choice == ProductChoice::Generated)
    return false;
  for (const plan::EntryPoint *entry : *program.entry_points())
    for (const plan::Command *command : *entry->commands()) {
      if (command->body_as_Matmul())
        return true;
      if (const plan::Alternatives *ways = command->body_as_Alternatives())
        for (const plan::Alternative *option : *ways->options())
          if (usesLibrary(*option))
            return true;
    }
  return false;
}

Error Tuner::create(const lnsrt_plan &plan, CommandContext &in,
                    const DeviceFacts &onDevice, const DiskCache &withCache,
                    const Timer &withTimer, ProductChoice which,
                    Error noLibrary) {
  context = &in;
  device = &onDevice;
  cache = &withCache;
  timer = &withTimer;
  choice = which;
  libraryError = std::move(noLibrary);
  const plan::CudaProgram &program = *plan.cuda();
  Sha256 hash;
  hash.field("lns cuda alternatives");
  hash.field(device->name);
  for (uint64_t value :
       {uint64_t(device->arch), uint64_t(in.driver.version),
        in.products.isOpen() ? in.products.library()->version : 0})
    hash.field(value);
  hash.field(in.kernels.compiler() ? in.kernels.compiler()->versionText()
                                   : std::string());
  for (const plan::CudaHeader *header : *program.headers())
    hash.field(header->text()->string_view());
  programDigest = hash.finish();
  for (const plan::CudaKernel *kernel : *program.kernels())
    kernelDigests.push_back(
        sha256(kernel->text()->data(), kernel->text()->size()));
  return nullptr;
}

/// All that decides how long the options take: kernels, sizes and shapes, but
/// neither addresses nor the scales that differ between layers.
Digest Tuner::signature(const Options &options) const {
  Sha256 hash;
  hash.add(programDigest.data(), programDigest.size());
  hash.field(uint64_t(choice));
  for (const plan::Alternative *option : options) {
    hash.field(option->name()->string_view());
    for (const plan::Command *command : *option->commands()) {
      hash.field(uint64_t(command->body_type()));
      if (const plan::Launch *launch = command->body_as_Launch()) {
        const Digest &kernel = kernelDigests[launch->kernel()];
        hash.add(kernel.data(), kernel.size());
        for (uint64_t extent :
             {launch->grid_x(), launch->grid_y(), launch->grid_z()})
          hash.field(extent);
        if (launch->ints())
          for (int64_t value : *launch->ints())
            hash.field(uint64_t(value));
        for (const plan::BufferRef *buffer : *launch->buffers())
          hash.field(buffer->size());
      } else if (const plan::Matmul *matmul = command->body_as_Matmul()) {
        ProductShape(*matmul).addTo(hash);
      } else if (const plan::Fill *fill = command->body_as_Fill()) {
        hash.field(fill->target()->size());
      } else if (const plan::Copy *copy = command->body_as_Copy()) {
        hash.field(copy->target()->size());
      }
    }
  }
  return hash.finish();
}

Error Tuner::resolve(const plan::Alternative &option, CommandList &list) {
  for (const plan::Command *command : *option.commands())
    if (Error error = list.add(*command, *context))
      return error;
  return nullptr;
}

Error Tuner::measure(const plan::Alternative &option, double &seconds) {
  CommandList list;
  if (Error error = resolve(option, list))
    return error;
  return timer->time(
      [&](CuStream stream) -> Error {
        for (const Command &command : list.all())
          if (Error error = execute(command, *context, stream))
            return error;
        return nullptr;
      },
      seconds);
}

/// Whether the option can run here, and why not. Finds its products'
/// algorithms.
bool Tuner::isPossible(const plan::Alternative &option, std::string &why) {
  if (!usesLibrary(option))
    return true;
  if (choice == ProductChoice::Generated) {
    why = "LNSRT_CUDA_PRODUCTS is 'generated'";
    return false;
  }
  if (libraryError) {
    why = libraryError->message;
    return false;
  }
  CommandList trial;
  Error error = resolve(option, trial);
  if (error)
    why = std::move(error->message);
  return !error;
}

/// The option that the cache names, if it can run.
bool Tuner::recall(const Options &options, const Digest &key, size_t &chosen) {
  std::optional<std::string> last = cache->find(key);
  if (!last)
    return false;
  for (flatbuffers::uoffset_t i = 0; i < options.size(); ++i) {
    std::string why;
    if (options.Get(i)->name()->string_view() == *last &&
        isPossible(*options.Get(i), why)) {
      chosen = i;
      ++remembered;
      return true;
    }
  }
  return false;
}

Error Tuner::choose(std::string_view name, const Options &options,
                    const Digest &key, size_t &chosen) {
  DiskCache::Lock lock(*cache, key);
  if (recall(options, key, chosen))
    return nullptr;
  std::vector<const plan::Alternative *> possible;
  std::string reasons;
  bool hasLibrary = false;
  for (const plan::Alternative *option : options) {
    std::string why;
    if (isPossible(*option, why)) {
      possible.push_back(option);
      hasLibrary |= usesLibrary(*option);
    } else {
      reasons +=
          concat(reasons.empty() ? "" : "; ", "'",
                 option->name()->string_view(), "' is not possible: ", why);
    }
  }
  if (choice == ProductChoice::Library && hasLibrary)
    std::erase_if(possible, [](const plan::Alternative *option) {
      return !usesLibrary(*option);
    });
  if (possible.empty())
    return makeError(LNSRT_UNSUPPORTED, name, "no way to compute '", name,
                     "' is left: ", reasons);
  const plan::Alternative *best = possible.front();
  if (possible.size() > 1) {
    double shortest = 0;
    for (const plan::Alternative *option : possible) {
      double seconds = 0;
      if (Error error = measure(*option, seconds))
        return error;
      if (option == possible.front() || seconds < shortest * kClearlyFaster) {
        shortest = seconds;
        best = option;
      }
    }
    ++timed;
    cache->store(key, best->name()->string_view());
  }
  while (options.Get(flatbuffers::uoffset_t(chosen)) != best)
    ++chosen;
  return nullptr;
}

Error Tuner::add(const plan::Command &command, CommandList &list) {
  const plan::Alternatives *ways = command.body_as_Alternatives();
  if (!ways) {
    if (command.body_as_Matmul() && !context->products.isOpen())
      return makeError(
          LNSRT_UNSUPPORTED, command.name()->string_view(), "'",
          command.name()->string_view(), "' is a product of cuBLASLt: ",
          libraryError
              ? std::string_view(libraryError->message)
              : std::string_view("LNSRT_CUDA_PRODUCTS is 'generated'; unset "
                                 "it"));
    return list.add(command, *context);
  }
  const Options &options = *ways->options();
  Digest key = signature(options);
  auto found = known.find(key);
  if (found == known.end()) {
    size_t chosen = 0;
    if (Error error =
            choose(command.name()->string_view(), options, key, chosen))
      return error;
    found = known.emplace(key, chosen).first;
  }
  const plan::Alternative &option =
      *options.Get(flatbuffers::uoffset_t(found->second));
  ++counts[option.name()->str()];
  size_t first = list.all().size();
  if (Error error = resolve(option, list))
    return error;
  // The op's cost is beside its alternatives.
  list.setCost(first, {command.bytes(), command.flops()});
  return nullptr;
}
