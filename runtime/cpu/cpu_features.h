//===- cpu_features.h - What the processor can do ----------------- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_RUNTIME_CPU_CPU_FEATURES_H
#define LNS_RUNTIME_CPU_CPU_FEATURES_H

#include <string_view>

namespace lns {

/// True when the processor has the feature of this LLVM name ("avx512f") and
/// the operating system saves its registers. An unknown name is not supported.
bool cpuHasFeature(std::string_view name);

/// True for "x86-64", "x86-64-v2", "-v3" and "-v4" when the processor has all
/// that the psABI lists for the level. False for every other name.
bool cpuHasLevel(std::string_view level);

/// How good a level is: larger is better, 0 is unknown. Code made for one
/// processor ("native:...") ranks above the levels.
int cpuLevelRank(std::string_view level);

} // namespace lns

#endif // LNS_RUNTIME_CPU_CPU_FEATURES_H
