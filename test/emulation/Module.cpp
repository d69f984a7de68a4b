//===- Module.cpp - Images of kernels, loaded --------------------- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "test/emulation/Module.h"

#include "test/emulation/Compile.h"

#include <algorithm>
#include <cstring>
#include <dlfcn.h>
#include <link.h>
#include <sys/mman.h>
#include <unistd.h>

using namespace lns::emulation;

namespace {

bool writeAll(int file, const char *bytes, size_t count) {
  while (count != 0) {
    ssize_t written = write(file, bytes, count);
    if (written <= 0)
      return false;
    bytes += written;
    count -= static_cast<size_t>(written);
  }
  return true;
}

struct RangeSearch {
  const unsigned char *inside;
  ImageRange found;
};

int findRange(dl_phdr_info *info, size_t, void *data) {
  auto *search = static_cast<RangeSearch *>(data);
  uintptr_t begin = UINTPTR_MAX, end = 0;
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    const ElfW(Phdr) &part = info->dlpi_phdr[i];
    if (part.p_type != PT_LOAD)
      continue;
    uintptr_t address = info->dlpi_addr + part.p_vaddr;
    begin = std::min(begin, address);
    end = std::max(end, address + part.p_memsz);
  }
  ImageRange range = {reinterpret_cast<const unsigned char *>(begin),
                      reinterpret_cast<const unsigned char *>(end)};
  if (search->inside < range.begin || search->inside >= range.end)
    return 0;
  search->found = range;
  return 1;
}

} // namespace

std::unique_ptr<Module> Module::load(const void *image, std::string &error) {
  auto fail = [&](std::string what) {
    error = std::move(what);
    return nullptr;
  };
  std::unique_ptr<Module> module(new Module());
  ImageHeader &header = module->imageHeader;
  if (std::memcmp(image, ImageHeader::kMagic, sizeof(header.magic)) != 0)
    return fail("is no image of the emulator's nvrtc");
  std::memcpy(&header, image, sizeof(header));
  if (header.emulatorHash != emulatorHash())
    return fail("was compiled by another version of the emulator");

  // The descriptor stays open: its number is in the name by which the loader
  // tells objects apart.
  module->file = memfd_create("lns-emulated-kernel", MFD_CLOEXEC);
  const char *object = static_cast<const char *>(image) + sizeof(header);
  if (module->file < 0 || !writeAll(module->file, object, header.objectBytes))
    return fail("cannot be written to memory");
  std::string name = "/proc/self/fd/" + std::to_string(module->file);
  module->handle = dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!module->handle)
    return fail(std::string("does not load: ") + dlerror());
  module->module =
      static_cast<const LnsEmuModule *>(dlsym(module->handle, "lnsEmuModule"));
  if (!module->module || module->module->abi != LNS_EMU_ABI)
    return fail("has another layout");
  RangeSearch search = {reinterpret_cast<const unsigned char *>(module->module),
                        {}};
  dl_iterate_phdr(findRange, &search);
  module->imageRange = search.found;
  return module;
}

Module::~Module() {
  if (handle)
    dlclose(handle);
  if (file >= 0)
    close(file);
}

const LnsEmuKernel *Module::find(const std::string &name) const {
  const LnsEmuKernel *end = module->kernels + module->numKernels;
  const LnsEmuKernel *found =
      std::find_if(module->kernels, end, [&](const LnsEmuKernel &kernel) {
        return name == kernel.name;
      });
  return found == end ? nullptr : found;
}
