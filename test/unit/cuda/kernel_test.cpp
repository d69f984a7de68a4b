//===- kernel_test.cpp - Runs CUDA kernels of parsed ops ------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "kernel_test.h"

#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringRef.h"
#include <cstring>

using namespace lns;
using namespace lns::test;

KernelTarget &KernelTest::startLowering() {
  lowering = std::make_unique<cuda::KernelLowering>(&context);
  return *lowering;
}

void KernelTest::build() {
  std::string text;
  for (const cuda::KernelInfo &kernel : lowering->getKernels())
    text += kernel.text;
  std::vector<emulation::SourceFile> headers;
  for (const cuda::Header &header :
       cuda::getIncludedHeaders(lowering->getKernels()))
    headers.push_back({header.name, header.text});
  program = std::make_unique<emulation::EmulatedProgram>(text, headers);
  ASSERT_TRUE(*program) << program->log() << text;
}

/// Which of a kernel's parameters it may write to: pointers without `const`.
static std::vector<bool> getWritten(const cuda::KernelInfo &kernel) {
  llvm::StringRef text = kernel.text;
  text = text.substr(text.find(kernel.symbol + "("));
  text = text.drop_front(kernel.symbol.size() + 1).split(')').first;
  std::vector<bool> written;
  while (!text.empty() && written.size() < kernel.buffers) {
    auto [parameter, rest] = text.split(',');
    written.push_back(!parameter.trim().starts_with("const "));
    text = rest;
  }
  return written;
}

void KernelTest::execute(const KernelLaunch &launch, RunResult &buffers,
                         uint64_t order) {
  const cuda::KernelInfo &kernel = lowering->getKernels()[launch.kernel];
  ASSERT_EQ(kernel.buffers, launch.buffers.size());
  ASSERT_EQ(kernel.floats, launch.floats.size());
  ASSERT_EQ(kernel.ints, launch.ints.size());
  std::vector<bool> written = getWritten(kernel);
  ASSERT_EQ(written.size(), kernel.buffers);

  // One argument that is written makes its buffer so for all that name it.
  std::vector<std::string> names;
  llvm::StringMap<bool> isWritten;
  for (auto [argument, writes] : llvm::zip(launch.buffers, written)) {
    std::string name = nameOf(argument);
    if (name.empty()) {
      // A part of the workspace, which the op's launches share.
      name = "scratch" + std::to_string(argument.offset);
      std::shared_ptr<Buffer> &part = buffers[name];
      if (!part || part->size() != argument.size)
        part = std::make_shared<Buffer>(argument.size);
    }
    ASSERT_TRUE(buffers.count(name)) << kernel.symbol;
    names.push_back(name);
    isWritten[name] |= writes;
  }
  emulation::EmulatedLaunch emulated;
  emulated.grid(launch.grid[0], launch.grid[1], launch.grid[2]);
  emulated.threads(kernel.threads).shared(kernel.sharedBytes).seed(order);
  std::vector<std::unique_ptr<std::vector<char>>> contents;
  llvm::StringMap<size_t> first;
  for (auto [i, name] : llvm::enumerate(names)) {
    auto [place, isNew] = first.try_emplace(name, i);
    contents.emplace_back();
    if (!isNew) {
      emulated.alias(place->second);
      continue;
    }
    Buffer &buffer = *buffers[name];
    contents.back() = std::make_unique<std::vector<char>>(
        buffer.data(), buffer.data() + buffer.size());
    if (isWritten[name])
      emulated.inOut(*contents.back());
    else
      emulated.input(*contents.back());
  }
  for (float value : launch.floats)
    emulated.number(value);
  for (int64_t value : launch.ints)
    emulated.integer(value);
  ASSERT_EQ(emulated.run(*program, kernel.symbol), "") << kernel.text;
  for (auto [i, name] : llvm::enumerate(names))
    if (contents[i] && isWritten[name])
      std::memcpy(buffers[name]->data(), contents[i]->data(),
                  contents[i]->size());
}

RunResult KernelTest::run(uint64_t order) {
  RunResult buffers = makeBuffers();
  for (const KernelLaunch &one : launches)
    execute(one, buffers, order);
  return buffers;
}

void KernelTest::check(const std::string &arguments, const std::string &body,
                       double tolerance, double bf16Tolerance) {
  ASSERT_NO_FATAL_FAILURE(parse(arguments, body));
  makeInputs();
  ASSERT_NO_FATAL_FAILURE(makeExpected());
  ASSERT_NO_FATAL_FAILURE(build());
  RunResult ordered = run(0);
  compare(ordered, tolerance, bf16Tolerance);
  for (uint64_t order : {1, 2})
    compareBits(run(order), ordered, "bits depend on the order of threads");
}
