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

unsigned KernelSet::getKernel(const KernelSpec &spec, Printer print) {
  std::string key = spec.kind + "|" + spec.key + "|";
  llvm::raw_string_ostream stream(key);
  for (const BufferSpec &buffer : spec.buffers)
    stream << buffer.element << (buffer.isWritten ? "w" : "r")
           << (buffer.isAlone ? "a " : " ");
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

  std::string declarations, body;
  llvm::raw_string_ostream declarationStream(declarations), bodyStream(body);
  print(declarationStream, bodyStream);
  llvm::raw_string_ostream text(info.text);
  text << "// " << spec.source << "\n";
  for (const std::string &include : spec.includes)
    text << "#include \"" << include << "\"\n";
  text << "\n" << declarations;
  if (!declarations.empty())
    text << "\n";
  text << "extern \"C\" __global__ void __launch_bounds__(" << spec.threads;
  if (spec.minBlocks != 0)
    text << ", " << spec.minBlocks;
  text << ")\n" << info.symbol << "(\n    ";
  printParameters(text, spec);
  text << ") {\n" << body << "}\n";
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
