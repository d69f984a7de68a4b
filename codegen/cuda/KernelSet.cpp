//===- KernelSet.cpp - CUDA kernels, shared by structure ------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "codegen/cuda/KernelSet.h"

#include "llvm/Support/MathExtras.h"
#include <algorithm>

using namespace mlir;
using namespace lns;
using namespace lns::cuda;

/// Every part of the workspace begins on a multiple of this.
static constexpr uint64_t kScratchAlignment = 256;

static void printParameters(llvm::raw_ostream &os, const KernelSpec &spec) {
  llvm::ListSeparator separator(",\n    ");
  for (const BufferSpec &buffer : spec.buffers)
    os << separator << (buffer.isWritten ? "" : "const ")
       << getTypeName(buffer.element) << " *"
       << (buffer.isAlone ? "__restrict__ " : "") << buffer.name;
  for (const std::string &name : spec.floats)
    os << separator << "float " << name;
  for (const std::string &name : spec.ints)
    os << separator << "long long " << name;
}

namespace {

/// A kernel's text but for its name: what stands before it, and behind it.
struct KernelText {
  std::string before, behind;

  KernelText(const KernelSpec &spec, KernelSet::Printer print) {
    std::string declarations, body;
    llvm::raw_string_ostream declarationStream(declarations), bodyStream(body);
    print(declarationStream, bodyStream);
    llvm::raw_string_ostream first(before), last(behind);
    for (const std::string &include : spec.includes)
      first << "#include \"" << include << "\"\n";
    first << "\n" << declarations;
    if (!declarations.empty())
      first << "\n";
    first << "extern \"C\" __global__ void __launch_bounds__(" << spec.threads;
    if (spec.minBlocks != 0)
      first << ", " << spec.minBlocks;
    first << ")\n";
    last << "(\n    ";
    printParameters(last, spec);
    last << ") {\n" << body << "}\n";
  }
};

} // namespace

unsigned KernelSet::getKernel(const KernelSpec &spec, Printer print) {
  // The text itself tells kernels apart: whatever an op says of its code is in
  // it, or makes no difference.
  KernelText text(spec, print);
  std::string key;
  llvm::raw_string_ostream(key) << spec.kind << " " << spec.sharedBytes << " "
                                << spec.isNorm << spec.noSpills << "\n"
                                << text.before << text.behind;
  auto [entry, isNew] = kernelByKey.try_emplace(key, kernels.size());
  if (!isNew)
    return entry->second;

  KernelInfo info;
  info.symbol = spec.kind + "_" + std::to_string(kernels.size());
  if (!spec.hint.empty())
    info.symbol += "_" + spec.hint;
  info.kind = spec.kind;
  info.source = spec.source;
  info.buffers = spec.buffers.size();
  info.floats = spec.floats.size();
  info.ints = spec.ints.size();
  info.threads = spec.threads;
  info.sharedBytes = spec.sharedBytes;
  info.isNorm = spec.isNorm;
  info.noSpills = spec.noSpills;
  info.text =
      "// " + spec.source + "\n" + text.before + info.symbol + text.behind;
  kernels.push_back(std::move(info));
  return entry->second;
}

unsigned KernelSet::getConstant(StringRef key,
                                llvm::function_ref<std::vector<float>()> make) {
  auto [entry, isNew] = constantByKey.try_emplace(key, constants.size());
  if (isNew) {
    constants.push_back(make());
    constants.back().resize(llvm::alignTo(constants.back().size(), 16));
  }
  return entry->second;
}

KernelArgument KernelSet::getScratch(uint64_t bytes) {
  KernelArgument argument;
  argument.kind = KernelArgument::Kind::Scratch;
  argument.offset = scratchUsed;
  argument.size = bytes;
  scratchUsed = llvm::alignTo(scratchUsed + bytes, kScratchAlignment);
  scratchBytes = std::max(scratchBytes, scratchUsed);
  return argument;
}

StringRef cuda::getTypeName(Type element) {
  if (element.isBF16())
    return "lns::bf16";
  if (element.isF64())
    return "double";
  return element.isF32() ? "float" : "int";
}
