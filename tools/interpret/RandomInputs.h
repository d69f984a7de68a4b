//===- RandomInputs.h - Seeded inputs ---------------------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOOLS_INTERPRET_RANDOMINPUTS_H
#define LNS_TOOLS_INTERPRET_RANDOMINPUTS_H

#include "tools/interpret/Interpreter.h"

namespace lns::interpret {

/// AdamW's values, as `lns.clip_factor` and `lns.adamw` read them.
struct OptimizerValues {
  double lr = 1e-3, beta1 = 0.9, beta2 = 0.95, eps = 1e-8;
  double weightDecay = 0.1, clip = 1.0;
};

/// The tensor of runtime/plan/kernel_abi.h for the 1-based `step`.
TensorRef makeOptimizer(const OptimizerValues &values, int64_t step);

/// Independent standard normal numbers: element i depends on seed, stream and i
/// only, whatever is drawn before or after.
double randomNormal(uint64_t seed, uint64_t stream, uint64_t index);

/// A stream number from a name.
uint64_t streamOf(llvm::StringRef name);

/// Standard normal numbers.
TensorRef makeNormal(llvm::ArrayRef<int64_t> shape, uint64_t seed,
                     uint64_t stream);
/// Tokens uniform in [0, vocabulary).
TensorRef makeRandomTokens(llvm::ArrayRef<int64_t> shape, int64_t vocabulary,
                           uint64_t seed, uint64_t stream);

/// Starts of documents for rows of a shape [batch, time]: every time but the
/// first starts one with a probability of 1/4.
TensorRef makeRandomDocuments(llvm::ArrayRef<int64_t> shape, uint64_t seed);
/// Documents of `length` times, the last one of a row perhaps of fewer; one a
/// row for 0.
TensorRef makeEqualDocuments(llvm::ArrayRef<int64_t> shape, int64_t length);

/// Gives parameters and gradients values without zeros and of a size that
/// keeps activations near one: gains 1 + 0.1 n, biases 0.1 n, embeddings 0.3 n,
/// matrices n / sqrt(columns), gradients 0.1 n, n standard normal. Moments stay
/// zero unless `moments`.
void randomizeParameters(Environment &environment, uint64_t seed, bool moments);

} // namespace lns::interpret

#endif // LNS_TOOLS_INTERPRET_RANDOMINPUTS_H
