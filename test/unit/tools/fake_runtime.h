//===- fake_runtime.h - A runtime for tests of the trainer ------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TEST_UNIT_TOOLS_FAKE_RUNTIME_H
#define LNS_TEST_UNIT_TOOLS_FAKE_RUNTIME_H

#include <cstdint>
#include <string>

/// The C ABI over a bigram model: logits(t) = W[token t]. A "plan" is a text
/// file with batch, sequence and vocabulary. AdamW is exact enough that a run
/// depends on every option, and the state is what a real one would have.
struct FakeRuntime {
  /// train_step number (1-based) whose loss is not a number; 0: none.
  static inline uint64_t divergeAt = 0;
  /// train_step number that raises SIGINT; 0: none.
  static inline uint64_t interruptAt = 0;
  static inline uint64_t trainSteps = 0;

  static void reset() { divergeAt = interruptAt = trainSteps = 0; }
  /// The text of a plan.
  static std::string plan(unsigned batch, unsigned sequence,
                          unsigned vocabulary) {
    return std::to_string(batch) + " " + std::to_string(sequence) + " " +
           std::to_string(vocabulary) + "\n";
  }
};

#endif // LNS_TEST_UNIT_TOOLS_FAKE_RUNTIME_H
