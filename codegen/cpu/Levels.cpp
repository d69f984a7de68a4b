//===- Levels.cpp - Instruction-set levels --------------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "codegen/cpu/CpuKernels.h"
#include "runtime/cpu/cpu_features.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/TargetParser/Host.h"

using namespace lns::cpu;

/// What each x86-64 level asks for beyond the one below (psABI).
static const std::vector<std::string> kLevel2 = {
    "cx16", "popcnt", "sahf", "sse3", "sse4.1", "sse4.2", "ssse3"};
static const std::vector<std::string> kLevel3 = {
    "avx", "avx2", "bmi", "bmi2", "f16c", "fma", "lzcnt", "movbe", "xsave"};
static const std::vector<std::string> kLevel4 = {
    "avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"};

bool lns::cpu::parseCodeLevel(llvm::StringRef name, CodeLevel &level,
                              std::string &error) {
  level = CodeLevel();
  if (name == "native") {
    level.cpu = llvm::sys::getHostCPUName().str();
    level.name = "native:" + level.cpu;
    for (auto &entry : llvm::sys::getHostCPUFeatures())
      (entry.getValue() && cpuHasFeature(entry.getKey()) ? level.features
                                                         : level.absent)
          .push_back(entry.getKey().str());
    llvm::sort(level.features);
    return true;
  }
  level.name = level.cpu = name.str();
  const std::vector<std::string> *parts[] = {&kLevel2, &kLevel3, &kLevel4};
  for (auto [i, part] : llvm::enumerate(parts)) {
    llvm::append_range(level.features, *part);
    if (name == "x86-64-v" + std::to_string(i + 2))
      return true;
  }
  level = CodeLevel();
  error = "unknown instruction-set level '" + name.str() +
          "'; known are x86-64-v2, x86-64-v3, x86-64-v4 and native";
  return false;
}

bool lns::cpu::hasBf16Products(const CodeLevel &level) {
  return llvm::is_contained(level.features, "avx512bf16") ||
         llvm::is_contained(level.features, "amx-bf16");
}
