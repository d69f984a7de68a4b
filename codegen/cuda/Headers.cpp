//===- Headers.cpp - The building blocks of CUDA kernels ------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "codegen/cuda/CudaKernels.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringSet.h"

using namespace lns;

llvm::ArrayRef<cuda::Header> cuda::getAllHeaders() {
  static const std::vector<Header> headers = {
#include "codegen/cuda/EmbeddedHeaders.inc"
  };
  return headers;
}

/// The names in the text's `#include "name"` lines.
static llvm::SmallVector<llvm::StringRef> findIncludes(llvm::StringRef text) {
  llvm::SmallVector<llvm::StringRef> names;
  while (!text.empty()) {
    auto [line, rest] = text.split('\n');
    text = rest;
    if (line.consume_front("#include \""))
      names.push_back(line.split('"').first);
  }
  return names;
}

std::vector<cuda::Header>
cuda::getIncludedHeaders(llvm::ArrayRef<KernelInfo> kernels) {
  llvm::StringSet<> wanted;
  llvm::SmallVector<llvm::StringRef> open;
  auto want = [&](llvm::StringRef text) {
    for (llvm::StringRef name : findIncludes(text))
      if (wanted.insert(name).second)
        open.push_back(name);
  };
  for (const KernelInfo &kernel : kernels)
    want(kernel.text);
  while (!open.empty()) {
    llvm::StringRef name = open.pop_back_val();
    for (const Header &header : getAllHeaders())
      if (header.name == name)
        want(header.text);
  }
  std::vector<Header> result;
  llvm::copy_if(
      getAllHeaders(), std::back_inserter(result),
      [&](const Header &header) { return wanted.contains(header.name); });
  return result;
}
