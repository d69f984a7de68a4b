//===- Inputs.h - Inputs that depend on a seed and names --------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

//
// Every random tensor is a function of the seed and of its name only. A pass
// that renumbers, reorders or drops something therefore changes no other input,
// and what is computed before and after it can be compared.
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOOLS_INTERPRET_INPUTS_H
#define LNS_TOOLS_INTERPRET_INPUTS_H

#include "tools/interpret/Interpreter.h"

namespace lns::interpret {

/// A sequence of random numbers (splitmix64), started from a seed and a name.
class RandomStream {
public:
  RandomStream(uint64_t seed, llvm::StringRef name);

  uint64_t next();
  /// Uniform in (0, 1).
  double uniform();
  /// Mean 0, standard deviation 1.
  double normal();
  /// Uniform in [0, bound); bound >= 1.
  int64_t below(int64_t bound);

private:
  explicit RandomStream(uint64_t state) : state(state) {}

  uint64_t state;
};

/// A tensor of `shape` with mean + deviation * normal in every element.
std::shared_ptr<Tensor> makeNormal(llvm::ArrayRef<int64_t> shape, uint64_t seed,
                                   llvm::StringRef name, double mean = 0.0,
                                   double deviation = 1.0);

/// Tokens of `shape`, uniform in [0, vocabulary).
std::shared_ptr<Tensor> makeRandomTokens(llvm::ArrayRef<int64_t> shape,
                                         int64_t vocabulary, uint64_t seed,
                                         llvm::StringRef name);

/// Values of the `optimizer` argument in the layout of runtime/kernel_abi.h:
/// the first step with lr 1e-2, betas 0.9 and 0.95, eps 1e-8, weight decay 0.1
/// and clip 1.
TensorRef makeOptimizer();

/// How many token values are valid for `value`: the smallest vocabulary of the
/// ops that read it, else of the module attribute `lns.model`, else 8.
int64_t vocabularyOf(mlir::Value value);

/// One random tensor for every argument of `function`: tokens for integers,
/// makeOptimizer() for the optimizer's settings, else standard normal. Fails,
/// with an error at the function, on a type that the interpreter cannot hold.
llvm::FailureOr<llvm::SmallVector<TensorRef>>
makeArguments(mlir::func::FuncOp function, uint64_t seed);

/// Tokens [batch, sequence] for a model.
llvm::FailureOr<TensorRef> makeModelTokens(ModelOp model, int64_t batch,
                                           int64_t sequence, uint64_t seed);

/// Gives every parameter a random value: gains 1 + 0.1 n, biases 0.1 n, others
/// with deviation 0.5/sqrt(columns). Gradients and moments are random too, so
/// that an optimizer step reads no zeros.
void randomizeParameters(Environment &environment, uint64_t seed);

} // namespace lns::interpret

#endif // LNS_TOOLS_INTERPRET_INPUTS_H
