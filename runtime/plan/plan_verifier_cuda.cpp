//===- plan_verifier_cuda.cpp - The check of a program for CUDA -----------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "runtime/plan/plan_limits.h"
#include "runtime/plan/plan_verifier_impl.h"

#include <algorithm>

using namespace lns;

// What every device of compute capability 8.0 or more allows, at most.
static constexpr uint32_t kMaxThreads = 1024;
static constexpr uint32_t kWarp = 32;
static constexpr uint32_t kMaxSharedBytes = 227 << 10;

/// A kernel's workspace that is more than this is surely damage.
static constexpr uint64_t kMaxScratchBytes = uint64_t(1) << 40;

static constexpr size_t kMaxNameLength = 200;

static bool isLetterOrDigit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         (c >= '0' && c <= '9') || c == '_';
}

/// Names of C++ functions, and of files when kernels are dumped.
static bool isIdentifier(std::string_view name) {
  return !name.empty() && name.size() <= kMaxNameLength &&
         !(name[0] >= '0' && name[0] <= '9') &&
         std::all_of(name.begin(), name.end(), isLetterOrDigit);
}

static bool isPlainFileName(std::string_view name) {
  return !name.empty() && name.size() <= kMaxNameLength && name[0] != '.' &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return isLetterOrDigit(c) || c == '.' || c == '-';
         });
}

/// "sm_90", "sm_90a": what a device's name may be.
static bool isArch(std::string_view arch) {
  if (!arch.starts_with("sm_"))
    return false;
  arch.remove_prefix(3);
  if (arch.ends_with('a'))
    arch.remove_suffix(1);
  return arch.size() >= 2 && arch.size() <= 4 && arch[0] != '0' &&
         std::all_of(arch.begin(), arch.end(),
                     [](char c) { return c >= '0' && c <= '9'; });
}

/// A text ends at its first zero for those who compile it.
static bool hasZero(const flatbuffers::String &text) {
  return text.string_view().find('\0') != std::string_view::npos;
}

Error PlanVerifier::addCudaBlobs(std::vector<Blob> &blobs) {
  const plan::CudaProgram *cuda = table.cuda();
  if (!cuda)
    return nullptr;
  if (cuda->constants_size() != 0)
    blobs.push_back({cuda->constants_offset(), cuda->constants_size(),
                     "constants for cuda"});
  std::vector<std::string> names;
  for (const plan::CudaCubin *cubin : *cuda->cubins()) {
    if (cubin->kernel() >= cuda->kernels()->size())
      return bad("a cubin is of kernel ", cubin->kernel(), ", the plan has ",
                 cuda->kernels()->size());
    std::string_view symbol =
        cuda->kernels()->Get(cubin->kernel())->symbol()->string_view();
    std::string_view arch = cubin->arch()->string_view();
    if (Error error = checkName("kernel", symbol))
      return error;
    if (!isArch(arch))
      return bad("a cubin of kernel '", symbol,
                 "' is for the impossible architecture '", arch, "'");
    std::string name =
        concat("cubin of kernel '", symbol, "' for '", arch, "'");
    if (cubin->size() == 0)
      return bad(name, " is empty");
    names.push_back(name);
    blobs.push_back({cubin->offset(), cubin->size(), std::move(name)});
  }
  std::sort(names.begin(), names.end());
  auto twin = std::adjacent_find(names.begin(), names.end());
  if (twin != names.end())
    return bad("there are two: ", *twin);
  return nullptr;
}

Error PlanVerifier::checkCudaSizes() {
  const plan::CudaProgram &cuda = *table.cuda();
  auto parameters = checkedProduct({4, table.parameter_bytes()});
  if (!parameters ||
      !checkedSum({*parameters, cuda.arena_bytes(), cuda.scratch_bytes(),
                   cuda.compute_bytes(), cacheBytes(table), table.io_bytes(),
                   uint64_t(1) << 62}))
    return bad("four segments of ", table.parameter_bytes(),
               " bytes, an arena for cuda of ", cuda.arena_bytes(),
               ", scratch of ", cuda.scratch_bytes(), ", compute weights of ",
               cuda.compute_bytes(), ", a cache of ", cacheBytes(table),
               " and io of ", table.io_bytes(), " overflow");
  if (cuda.scratch_bytes() > kMaxScratchBytes)
    return bad("the program for cuda wants ", cuda.scratch_bytes(),
               " bytes of scratch, at most ", kMaxScratchBytes,
               " are possible");
  return nullptr;
}

Error PlanVerifier::checkCudaKernels() {
  std::vector<std::string_view> symbols;
  for (const plan::CudaKernel *kernel : *table.cuda()->kernels()) {
    std::string_view symbol = kernel->symbol()->string_view();
    if (!isIdentifier(symbol))
      return bad("kernel ", symbols.size(),
                 " for cuda has the impossible symbol '", symbol, "'");
    if (kernel->text()->size() == 0 || hasZero(*kernel->text()))
      return bad("kernel '", symbol, "' has ",
                 kernel->text()->size() == 0 ? "no text"
                                             : "a zero in its text");
    if (kernel->threads() == 0 || kernel->threads() > kMaxThreads ||
        kernel->threads() % kWarp != 0)
      return bad("kernel '", symbol, "' has blocks of ", kernel->threads(),
                 " threads, expected a multiple of ", kWarp, " up to ",
                 kMaxThreads);
    if (kernel->shared_bytes() > kMaxSharedBytes)
      return bad("kernel '", symbol, "' has ", kernel->shared_bytes(),
                 " bytes of shared memory, at most ", kMaxSharedBytes,
                 " are possible");
    uint64_t bytes = getCudaArgumentBytes(kernel->buffers(), kernel->floats(),
                                          kernel->ints());
    if (bytes > kMaxCudaArgumentBytes)
      return bad("kernel '", symbol, "' takes ", bytes,
                 " bytes of parameters, at most ", kMaxCudaArgumentBytes,
                 " are possible");
    symbols.push_back(symbol);
  }
  if (std::string_view twin = findTwin(symbols); !twin.empty())
    return bad("two kernels for cuda are named '", twin, "'");
  return nullptr;
}

Error PlanVerifier::checkCudaHeaders() {
  std::vector<std::string_view> names;
  for (const plan::CudaHeader *header : *table.cuda()->headers()) {
    std::string_view name = header->name()->string_view();
    if (!isPlainFileName(name))
      return bad("header ", names.size(), " has the impossible name '", name,
                 "'");
    if (hasZero(*header->text()))
      return bad("header '", name, "' has a zero in its text");
    names.push_back(name);
  }
  if (std::string_view twin = findTwin(names); !twin.empty())
    return bad("two headers are named '", twin, "'");
  return nullptr;
}

Error PlanVerifier::checkGrid(const plan::Launch &launch, std::string_view name,
                              std::string_view entry) {
  if (launch.items() != 0)
    return bad("'", name, "' in '", entry, "' has ", launch.items(),
               " work items, which only the CPU has");
  if (!isCudaGrid(launch.grid_x(), launch.grid_y(), launch.grid_z()))
    return bad("'", name, "' in '", entry, "' has a grid of ", launch.grid_x(),
               " x ", launch.grid_y(), " x ", launch.grid_z(),
               " blocks, expected at least 1 and at most ", kMaxGridX, " x ",
               kMaxGridYZ, " x ", kMaxGridYZ);
  return nullptr;
}

Error PlanVerifier::checkCudaMatmul(const plan::Matmul &matmul,
                                    std::string_view name,
                                    std::string_view entry) {
  if (matmul.gain())
    return bad("'", name, "' in '", entry,
               "' has a gain, which products for cuda have not");
  if (matmul.dtype_a() != matmul.dtype_b())
    return bad("'", name, "' in '", entry,
               "' multiplies operands of element types ", int(matmul.dtype_a()),
               " and ", int(matmul.dtype_b()),
               ", products for cuda want two of one type");
  for (uint64_t extent : {matmul.m(), matmul.n(), matmul.k()})
    if (extent > kMaxCudaProductExtent)
      return bad("'", name, "' in '", entry, "' has an extent of ", extent,
                 ", products for cuda have at most ", kMaxCudaProductExtent);
  return nullptr;
}

Error PlanVerifier::checkAlternatives(const Program &program,
                                      const plan::Alternatives &alternatives,
                                      std::string_view name,
                                      std::string_view entry) {
  if (!program.cuda)
    return bad("'", name, "' in '", entry,
               "' has alternatives, which only CUDA has");
  if (alternatives.options()->size() == 0)
    return bad("'", name, "' in '", entry, "' has no alternative");
  std::vector<std::string_view> names;
  for (const plan::Alternative *option : *alternatives.options()) {
    names.push_back(option->name()->string_view());
    if (names.back().empty() || option->commands()->size() == 0)
      return bad("'", name, "' in '", entry, "' has an alternative without ",
                 names.back().empty() ? "a name" : "commands");
    for (const plan::Command *command : *option->commands()) {
      if (command->body_as_Alternatives() || command->body_as_Repeat())
        return bad("'", name, "' in '", entry, "' has a ",
                   plan::EnumNameCommandBody(command->body_type()),
                   " in an alternative");
      if (Error error = checkCommand(program, *command, entry))
        return error;
    }
  }
  if (std::string_view twin = findTwin(names); !twin.empty())
    return bad("'", name, "' in '", entry, "' has two alternatives named '",
               twin, "'");
  return nullptr;
}

/// Who writes a parameter from outside needs a way to compute what is made of
/// it; and "refresh" is there for nothing else.
Error PlanVerifier::checkRefresh() {
  const plan::CudaProgram &cuda = *table.cuda();
  auto isRefresh = [](const plan::EntryPoint *entry) {
    return entry->name()->string_view() == "refresh";
  };
  bool isThere = std::any_of(cuda.entry_points()->begin(),
                             cuda.entry_points()->end(), isRefresh);
  if (isThere == (cuda.compute_bytes() != 0))
    return nullptr;
  return bad("the program for cuda has ", cuda.compute_bytes(),
             " bytes of compute weights and ", isThere ? "an" : "no",
             " entry point 'refresh'");
}

/// The sum of the parts' losses is formed on the host, which writes it to where
/// the output is.
Error PlanVerifier::checkCudaRepeats(const plan::EntryPoint &entry) {
  std::string_view name = entry.name()->string_view();
  const plan::Repeat *repeat = nullptr;
  for (const plan::Command *command : *entry.commands())
    if (const plan::Repeat *one = command->body_as_Repeat()) {
      if (repeat)
        return bad("'", name, "' for cuda has two repeats, expected one");
      repeat = one;
    }
  if (!repeat)
    return nullptr;
  bool isOutput = std::any_of(
      entry.outputs()->begin(), entry.outputs()->end(),
      [&](const plan::Binding *binding) {
        return binding->name()->string_view() == "loss" &&
               binding->buffer()->segment() == repeat->loss()->segment() &&
               binding->buffer()->offset() == repeat->loss()->offset();
      });
  if (!isOutput)
    return bad("'", name,
               "' for cuda has a repeat whose loss is not its output 'loss'");
  return nullptr;
}
