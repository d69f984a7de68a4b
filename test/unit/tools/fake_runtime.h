//===- fake_runtime.h - A runtime for tests of the trainer ------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TEST_UNIT_TOOLS_FAKE_RUNTIME_H
#define LNS_TEST_UNIT_TOOLS_FAKE_RUNTIME_H

#include <csignal>
#include <cstdint>
#include <functional>
#include <set>
#include <string>

/// The C ABI over a bigram model: logits(t) = W[token t]. A "plan" is a text
/// file with batch, sequence and vocabulary, and a 1 if it takes starts. AdamW
/// is exact enough that a run depends on every option, and the state is what a
/// real one would have.
struct FakeRuntime {
  // Calls of train_step and eval, counted from 1; 0: none.

  /// Calls whose loss is not a number; whose gradients are infinite.
  static inline std::set<uint64_t> badLosses, badNorms;
  /// The call that raises `signal`, that fails, that throws std::bad_alloc, and
  /// that leaves a parameter that is not a number.
  static inline uint64_t interruptAt = 0, failAt = 0, throwAt = 0, poisonAt = 0;
  static inline uint64_t trainSteps = 0;
  /// The same for eval; it raises the signal in so many calls.
  static inline uint64_t interruptEvalAt = 0, evalSignals = 1, failEvalAt = 0;
  static inline uint64_t evals = 0;
  static inline uint64_t interruptLogitsAt = 0, logits = 0;
  static inline bool badLogits = false; ///< they are not numbers
  static inline int signal = SIGINT;
  /// Batches with starts.
  static inline uint64_t packedBatches = 0;
  /// Called at the beginning of every step with its number.
  static inline std::function<void(uint64_t)> onStep;

  static void reset() {
    badLosses.clear();
    badNorms.clear();
    interruptAt = failAt = throwAt = poisonAt = trainSteps = 0;
    interruptEvalAt = failEvalAt = evals = 0;
    interruptLogitsAt = logits = 0;
    badLogits = false;
    packedBatches = 0;
    evalSignals = 1;
    signal = SIGINT;
    onStep = nullptr;
  }
  /// The text of a plan; with `documents` it takes starts.
  static std::string plan(unsigned batch, unsigned sequence,
                          unsigned vocabulary, bool documents = false) {
    return std::to_string(batch) + " " + std::to_string(sequence) + " " +
           std::to_string(vocabulary) + (documents ? " 1\n" : "\n");
  }
};

#endif // LNS_TEST_UNIT_TOOLS_FAKE_RUNTIME_H
