//===- Target.h - What hostile bytes are given to ---------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// One target is one way for bytes from outside into the programs. libFuzzer
// drives it with mutations for hours (LibFuzzerMain.cpp), the tests with its
// seeds, a few mutations of them and what was once found (replay_test.cpp).
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TEST_UNIT_LIBFUZZER_TARGET_H
#define LNS_TEST_UNIT_LIBFUZZER_TARGET_H

#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

namespace lns::fuzz {

struct Target {
  const char *name;
  /// Small valid inputs to start from.
  std::vector<std::string> (*seeds)();
  /// Must return whatever the bytes are; aborts when a promise is broken.
  void (*run)(std::string_view bytes);
};

/// A target by its name.
struct RegisterTarget {
  explicit RegisterTarget(Target target);
};
const std::vector<Target> &allTargets();

/// A promise of the code under test; stays on without assertions.
inline void require(bool promise) {
  if (!promise)
    std::abort();
}

} // namespace lns::fuzz

#endif // LNS_TEST_UNIT_LIBFUZZER_TARGET_H
