//===- Case.h - A model and how it is compiled ------------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TEST_FUZZ_CASE_H
#define LNS_TEST_FUZZ_CASE_H

#include "llvm/ADT/StringRef.h"
#include <cstdint>
#include <string>
#include <vector>

namespace lns::fuzz {

/// What one run of the oracle is about: everything that a failure needs to be
/// seen again.
struct Case {
  std::string model; ///< text in model form
  int64_t batch = 2, sequence = 8;
  int64_t microBatch = 0; ///< divides batch; 0: none
  bool padding = true, elimination = true;
  bool productFusion = true, keptWeights = true; ///< only for CUDA
  /// Percent of the bytes that a session takes without a budget; 0: no budget.
  int64_t budget = 0;
  /// Also in bf16 with norms where they stand, to compare elimination with.
  bool norms = true;
  int64_t ignored = 0; ///< percent of targets, but never all of them
  bool native = false; ///< code for this processor, not for x86-64-v3
  bool cuda = false;   ///< on the emulated device, too
  bool decode = false; ///< also token by token; all attention is causal
  /// Parameters from the model's initializers, as a run starts, and not random
  /// ones of a healthy size.
  bool initialized = false;
  uint64_t data = 1; ///< seed of parameters and tokens

  /// lnsc's options without element type, target, budget and output.
  std::vector<std::string> options() const;
};

/// Optimizer steps that are done when a plan computes: ramps are on their way.
inline constexpr uint64_t kStepsDone = 3;

/// A file that holds the whole case: a comment with the options, and the model.
std::string printCase(const Case &test);

/// Reads such a file; a model without the comment has the defaults. False, and
/// `error` is set, where the comment says something else.
bool parseCase(llvm::StringRef text, Case &test, std::string &error);

/// A random legal model with random options.
Case generateCase(uint64_t seed);

} // namespace lns::fuzz

#endif // LNS_TEST_FUZZ_CASE_H
