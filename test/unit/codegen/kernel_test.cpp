//===- kernel_test.cpp - Compiles and runs kernels of parsed ops --------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "kernel_test.h"

#include "runtime/cpu/cpu_features.h"

#include <chrono>
#include <cmath>
#include <cstdlib>
#include <dlfcn.h>
#include <unistd.h>

using namespace mlir;
using namespace lns;
using namespace lns::test;

LoadedCode::LoadedCode(const std::vector<char> &sharedObject) {
  std::string path = testing::TempDir() + "lns-kernel-XXXXXX";
  int file = mkstemp(path.data());
  EXPECT_GE(file, 0);
  EXPECT_EQ(write(file, sharedObject.data(), sharedObject.size()),
            ssize_t(sharedObject.size()));
  close(file);
  handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  EXPECT_TRUE(handle) << dlerror();
  unlink(path.c_str());
}
LoadedCode::~LoadedCode() {
  if (handle)
    dlclose(handle);
}
void *LoadedCode::find(const std::string &symbol) const {
  return handle ? dlsym(handle, symbol.c_str()) : nullptr;
}

bool lns::test::hostHas(const std::string &level) {
  cpu::CodeLevel parsed;
  std::string error;
  if (!cpu::parseCodeLevel(level, parsed, error))
    return false;
  return llvm::all_of(parsed.features, cpuHasFeature);
}

KernelTarget &KernelTest::startLowering() {
  lowering = std::make_unique<cpu::KernelLowering>(&context);
  return *lowering;
}

void KernelTest::compile(const std::vector<std::string> &names) {
  std::vector<cpu::CodeLevel> levels(names.size());
  std::string error;
  for (auto [name, level] : llvm::zip(names, levels))
    ASSERT_TRUE(cpu::parseCodeLevel(name, level, error)) << error;
  std::vector<std::vector<char>> objects;
  ASSERT_TRUE(
      succeeded(cpu::compileKernels(lowering->getModule(), levels, objects)))
      << errors;
  ASSERT_EQ(objects.size(), levels.size());
  codes.clear();
  for (const std::vector<char> &object : objects) {
    // A kernel needs no library.
    EXPECT_EQ(std::string(object.begin(), object.end()).find(".so."),
              std::string::npos);
    codes.push_back(std::make_unique<LoadedCode>(object));
    auto *version = static_cast<uint32_t *>(
        codes.back()->find(LNS_KERNEL_ABI_VERSION_SYMBOL));
    ASSERT_TRUE(version);
    EXPECT_EQ(*version, uint32_t(LNS_KERNEL_ABI_VERSION));
  }
}

void KernelTest::launch(const KernelLaunch &launch, Split split,
                        RunResult &buffers) {
  const cpu::KernelInfo &kernel = lowering->getKernels()[launch.kernel];
  auto *function = reinterpret_cast<lns_kernel_fn>(code->find(kernel.symbol));
  ASSERT_TRUE(function) << kernel.symbol;
  EXPECT_EQ(kernel.buffers, launch.buffers.size());
  EXPECT_EQ(kernel.floats, launch.floats.size());
  EXPECT_EQ(kernel.ints, launch.ints.size());
  std::vector<void *> pointers;
  for (const KernelArgument &argument : launch.buffers) {
    std::string name = nameOf(argument);
    ASSERT_TRUE(buffers.count(name)) << kernel.symbol;
    pointers.push_back(buffers[name]->data());
  }
  int64_t items = launch.items;
  Buffer scratch(kernel.scratchBytes);
  auto call = [&](int64_t begin, int64_t end) {
    function(pointers.data(), launch.floats.data(), launch.ints.data(), begin,
             end, scratch.data());
  };
  if (split == Split::Whole)
    call(0, items);
  else if (split == Split::EachBackwards)
    for (int64_t item = items; item-- > 0;)
      call(item, item + 1);
  else
    for (int64_t item = 0; item < items; item += 3)
      call(item, std::min(item + 3, items));
  EXPECT_TRUE(scratch.guardIsIntact()) << kernel.symbol;
}

RunResult KernelTest::run(Split split) {
  RunResult buffers = makeBuffers();
  for (const KernelLaunch &one : launches)
    launch(one, split, buffers);
  for (auto &[name, buffer] : buffers)
    EXPECT_TRUE(buffer->guardIsIntact()) << "written beyond its end";
  return buffers;
}

void KernelTest::build() {
  compile({"native"});
  if (!codes.empty())
    code = codes[0].get();
}

void KernelTest::execute(const KernelLaunch &one, RunResult &buffers) {
  launch(one, Split::Whole, buffers);
}

void KernelTest::check(const std::string &arguments, const std::string &body,
                       double tolerance, double bf16Tolerance) {
  ASSERT_NO_FATAL_FAILURE(parse(arguments, body));
  makeInputs();
  ASSERT_NO_FATAL_FAILURE(makeExpected());
  std::vector<std::string> levels;
  for (const char *level : {"native", "x86-64-v3", "x86-64-v2"})
    if (hostHas(level))
      levels.push_back(level);
  ASSERT_NO_FATAL_FAILURE(compile(levels));
  for (auto [level, loaded] : llvm::zip(levels, codes)) {
    SCOPED_TRACE(level);
    code = loaded.get();
    RunResult whole = run(Split::Whole);
    compare(whole, tolerance, bf16Tolerance);
    for (Split split : {Split::EachBackwards, Split::Threes})
      compareBits(run(split), whole, "bits depend on how items are cut");
  }
}

double KernelTest::measure(size_t number) {
  RunResult buffers = makeBuffers();
  double best = INFINITY;
  for (int i = 0; i < 20; ++i) {
    auto start = std::chrono::steady_clock::now();
    launch(launches[number], Split::Whole, buffers);
    std::chrono::duration<double> time =
        std::chrono::steady_clock::now() - start;
    best = std::min(best, time.count());
  }
  return best;
}
