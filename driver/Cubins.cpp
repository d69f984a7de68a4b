//===- Cubins.cpp - CUDA kernels to machine code, ahead of time -*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "driver/Cubins.h"

#include "runtime/cuda/compile.h"

#include "llvm/Object/ELF.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/ThreadPool.h"
#include "llvm/Support/raw_ostream.h"

using namespace lns;

static std::string describe(const Error &error) { return error->message; }

/// "sm_90a" names architecture 90.
static bool parseArch(llvm::StringRef name, int &number) {
  llvm::StringRef digits = name;
  if (!digits.consume_front("sm_"))
    return false;
  if (!digits.empty() && (digits.back() == 'a' || digits.back() == 'f'))
    digits = digits.drop_back();
  return !digits.getAsInteger(10, number);
}

bool lns::addCubins(PlanCuda &program, llvm::ArrayRef<std::string> archs,
                    std::string &error) {
  auto fail = [&](const std::string &message) {
    error = message;
    return false;
  };
  const cuda::Nvrtc *nvrtc = nullptr;
  if (Error missing = cuda::getNvrtc(/*driverVersion=*/0, nvrtc))
    return fail(describe(missing));
  for (const std::string &arch : archs) {
    int number = 0;
    if (parseArch(arch, number) && nvrtc->supports(number))
      continue;
    std::string known;
    for (int other : nvrtc->supported)
      known += (known.empty() ? "sm_" : ", sm_") + std::to_string(other);
    return fail("nvrtc at " + nvrtc->path + " does not know '" + arch +
                "'; it knows " + known +
                " (an 'a' behind one of 90 and later brings what only that "
                "one has)");
  }

  std::vector<cuda::HeaderText> headers;
  for (const cuda::Header &header : program.headers)
    headers.push_back({header.name.c_str(), header.text.c_str()});
  program.cubins.clear();
  for (const std::string &arch : archs)
    for (unsigned kernel = 0; kernel < program.kernels.size(); ++kernel)
      program.cubins.push_back({kernel, arch, {}});
  std::vector<std::string> errors(program.cubins.size());
  llvm::DefaultThreadPool pool;
  for (auto [cubin, message] : llvm::zip(program.cubins, errors))
    pool.async([&cubin, &message, &program, &headers, nvrtc] {
      const cuda::KernelInfo &kernel = program.kernels[cubin.kernel];
      std::string image, log;
      if (Error refused =
              cuda::compileKernel(*nvrtc, {cubin.arch},
                                  {kernel.symbol.c_str(), kernel.text.c_str()},
                                  headers, image, log))
        message = describe(refused);
      cubin.bytes.assign(image.begin(), image.end());
    });
  pool.wait();
  for (const std::string &message : errors)
    if (!message.empty())
      return fail(message);
  return true;
}

namespace {
struct Resources {
  unsigned registers = 0, stack = 0;
};
} // namespace

/// From the section ".nv.info", a list of (format, attribute, size, value):
/// attributes 0x2f and 0x11 are pairs of a symbol and its registers or the size
/// of its stack frame. A kernel's file has one function.
static std::optional<Resources> readResources(llvm::ArrayRef<char> cubin) {
  constexpr unsigned kSizedFormat = 4, kRegisters = 0x2f, kFrame = 0x11;
  using ELF = llvm::object::ELF64LE;
  auto file = llvm::object::ELFFile<ELF>::create(
      llvm::StringRef(cubin.data(), cubin.size()));
  if (!file) {
    llvm::consumeError(file.takeError());
    return std::nullopt;
  }
  auto sections = file->sections();
  if (!sections) {
    llvm::consumeError(sections.takeError());
    return std::nullopt;
  }
  for (const auto &section : *sections) {
    auto name = file->getSectionName(section);
    auto content = file->getSectionContents(section);
    if (!name || !content || *name != ".nv.info") {
      llvm::consumeError(name.takeError());
      llvm::consumeError(content.takeError());
      continue;
    }
    Resources resources;
    llvm::ArrayRef<uint8_t> rest = *content;
    while (rest.size() >= 4) {
      unsigned format = rest[0], attribute = rest[1];
      size_t size = llvm::support::endian::read16le(rest.data() + 2);
      rest = rest.drop_front(4);
      if (format != kSizedFormat)
        continue;
      if (size > rest.size())
        return std::nullopt;
      if (size >= 8 && (attribute == kRegisters || attribute == kFrame)) {
        unsigned value = llvm::support::endian::read32le(rest.data() + 4);
        (attribute == kRegisters ? resources.registers : resources.stack) =
            value;
      }
      rest = rest.drop_front(size);
    }
    return resources;
  }
  return std::nullopt;
}

void lns::printResources(llvm::raw_ostream &os, const PlanCuda &program) {
  os << "kernel arch registers stack shared\n";
  for (const PlanCubin &cubin : program.cubins) {
    const cuda::KernelInfo &kernel = program.kernels[cubin.kernel];
    os << kernel.symbol << " " << cubin.arch << " ";
    if (std::optional<Resources> resources = readResources(cubin.bytes))
      os << resources->registers << " " << resources->stack;
    else
      os << "? ?";
    os << " " << kernel.sharedBytes << (kernel.noSpills ? "" : " may-spill")
       << "\n";
  }
}
